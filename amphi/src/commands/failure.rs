//! How a command that failed says so, to people and to scripts.

use std::process::ExitCode;

use super::Exit;
use crate::client::ClientError;

/// As the parser of the command line ends the process.
const WRONG_USAGE: u8 = 2;

/// Context of an error after which the same command goes on where it stopped.
#[derive(Debug)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "the upload did not finish; run the same command again to go on where it stopped",
        )
    }
}

/// The command line does not say enough, or contradicts itself, in a way that its parser cannot see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongUsage(pub String);

/// The error and its causes, but for what was said already: some errors quote the cause that they also name as such.
fn in_words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if words.is_empty() {
            words = cause;
        } else if !words.ends_with(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    words
}

/// Writes the error to standard error, as text or as one JSON object, and returns the code to exit with.
pub fn report(error: &anyhow::Error, as_json: bool) -> ExitCode {
    let client_error = error.downcast_ref::<ClientError>();
    if as_json {
        let code = client_error.map_or("failed", ClientError::code);
        let object = serde_json::json!({ "error": in_words(error), "code": code });
        eprintln!("{object}");
    } else {
        eprintln!("amphi: {}", in_words(error));
    }
    if error.is::<Interrupted>() {
        return Exit::Interrupted.into();
    }
    if error.is::<WrongUsage>() {
        return ExitCode::from(WRONG_USAGE);
    }
    match client_error {
        Some(ClientError::VideoFailed { .. }) => Exit::FoundProblems.into(),
        _ => ExitCode::FAILURE,
    }
}
