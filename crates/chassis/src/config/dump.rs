//! Shows a configuration with the place where each value was said, and no secret.

use std::fmt::Write as _;

use toml::Value;

use super::error::Origin;
use super::layers::{Layers, Setting};

const REDACTED: &str = "[redacted]";

pub(super) fn dump(layers: &Layers, only_differing: bool) -> String {
    let mut settings: Vec<(&String, &Setting)> = layers
        .settings
        .iter()
        .filter(|(_, setting)| !only_differing || setting.value != setting.default)
        .collect();
    settings.sort_by_key(|(_, setting)| setting.position);

    let mut text = String::new();
    let mut section = "";
    for (key, setting) in settings {
        let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
        if table != section {
            let separator = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{separator}[{table}]");
            section = table;
        }
        let value = shown(key, &setting.value);
        match &setting.origin {
            Origin::Default => {
                let _ = writeln!(text, "{name} = {value}");
            }
            origin => {
                let _ = writeln!(text, "{name} = {value} # {origin}");
            }
        }
    }
    text
}

fn shown(key: &str, value: &Value) -> Value {
    match value {
        Value::String(text) if text.is_empty() => value.clone(),
        _ if is_secret(key) => Value::String(REDACTED.to_owned()),
        Value::String(text) => Value::String(without_password(text)),
        _ => value.clone(),
    }
}

/// Whether the value of a key must never be shown.
pub(super) fn is_secret(key: &str) -> bool {
    let name = key.rsplit('.').next().unwrap_or(key);
    ["secret", "password", "token", "private_key"]
        .iter()
        .any(|word| {
            name.strip_suffix(word)
                .is_some_and(|before| before.is_empty() || before.ends_with('_'))
        })
}

/// `postgres://user:password@host/db` with the password taken out; other text as it is.
#[must_use]
pub fn without_password(text: &str) -> String {
    let hidden = || {
        let (scheme, rest) = text.split_once("://")?;
        let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        // A password may hold an unescaped `/` or `@`: everything up to the last `@` is taken for credentials.
        let at = rest
            .rfind('@')
            .filter(|at| *at < authority_end.max(*at + 1))?;
        let (user, _password) = rest.get(..at)?.split_once(':')?;
        Some(format!("{scheme}://{user}:{REDACTED}{}", rest.get(at..)?))
    };
    hidden().unwrap_or_else(|| text.to_owned())
}
