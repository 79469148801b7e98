//! What commands read from people.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use amphi_chassis::Secret;
use anyhow::{Context as _, bail};

/// Reads a secret from a file, or from standard input for `-`. One line end at the end is not part of it.
pub fn read_secret(file: &Path) -> anyhow::Result<Secret<String>> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(4096)
            .read_to_string(&mut text)
            .context("cannot read the password from standard input")?;
    } else {
        text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the password from {}", file.display()))?;
    }
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        bail!("the password is empty");
    }
    Ok(Secret::new(text.to_owned()))
}

/// Asks for a new password, or reads it from a pipe.
pub fn ask_password() -> anyhow::Result<Secret<String>> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return read_secret(Path::new("-"));
    }
    eprint!("Password (it will be shown as you type): ");
    std::io::stderr().flush().ok();
    let mut line = String::new();
    stdin.lock().read_line(&mut line)?;
    let line = line.trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        bail!("the password is empty");
    }
    Ok(Secret::new(line.to_owned()))
}
