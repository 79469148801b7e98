//! What an S3 store answers, in words that say what to mend.

use std::error::Error as _;
use std::io;

use object_store::Error;

use crate::blob::BlobError;

/// What went wrong, as far as a caller or an operator does something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    NotFound,
    NoBucket,
    /// It exists already, or is no longer what it was.
    Condition,
    WrongKey,
    WrongSecret,
    Denied,
    WrongRegion,
    Clock,
    Full,
    /// No credentials were found where the usual chain looks.
    NoCredentials,
    /// No answer, or one that may be better next time.
    Away,
    Other,
}

pub(super) fn fault(error: &Error) -> Fault {
    let text = all_of(error);
    match code(&text) {
        Some("NoSuchBucket") => return Fault::NoBucket,
        Some("InvalidAccessKeyId" | "NotSignedUp") => return Fault::WrongKey,
        Some("SignatureDoesNotMatch") => return Fault::WrongSecret,
        Some(
            "AuthorizationHeaderMalformed"
            | "PermanentRedirect"
            | "IllegalLocationConstraintException",
        ) => {
            return Fault::WrongRegion;
        }
        Some("RequestTimeTooSkewed") => return Fault::Clock,
        Some("QuotaExceeded" | "XMinioStorageFull") => return Fault::Full,
        _ => {}
    }
    match error {
        Error::NotFound { .. } => Fault::NotFound,
        Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotModified { .. } => {
            Fault::Condition
        }
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Fault::Denied,
        _ if text.contains("169.254.") => Fault::NoCredentials,
        _ if text.contains("status code: 507") => Fault::Full,
        _ if text.contains("incorrectly configured region") => Fault::WrongRegion,
        _ if text.contains("HTTP error") || text.contains("status code: 5") => Fault::Away,
        _ => Fault::Other,
    }
}

/// For operations on one blob or partial.
pub(super) fn told(operation: &'static str, key: &str, error: Error) -> BlobError {
    let key = key.to_owned();
    match fault(&error) {
        Fault::NotFound => BlobError::NotFound { key },
        Fault::Full => BlobError::StorageFull,
        Fault::Condition => BlobError::Busy { key },
        fault => BlobError::Away {
            operation,
            key,
            reason: reason(fault, &error),
        },
    }
}

/// Within a stream of bytes, where only its own error can be told.
pub(super) fn as_io(error: Error) -> io::Error {
    match fault(&error) {
        Fault::NotFound => io::Error::from(io::ErrorKind::NotFound),
        _ => io::Error::other(error),
    }
}

/// One sentence for an operator, with the setting that it is about.
pub(super) fn reason(fault: Fault, error: &Error) -> String {
    let sentence = match fault {
        Fault::NoBucket => "the bucket does not exist; make it, or see `blobs.s3.bucket`",
        Fault::WrongKey => "the access key id is not known there; see `blobs.s3.access_key_id`",
        Fault::WrongSecret => {
            "the signature is refused: the secret does not belong to the access key; see `blobs.s3.access_key_secret`"
        }
        Fault::Denied => {
            "access is denied; let the key or the role list, read, write and delete in this bucket below `blobs.s3.prefix`"
        }
        Fault::WrongRegion => "the bucket is in another region; see `blobs.s3.region`",
        Fault::Clock => {
            "the clock of this machine is too far off from the store's; switch on time synchronisation"
        }
        Fault::NoCredentials => {
            "no credentials were found: neither settings, nor AWS_* variables, nor a web identity, nor a machine's role; see `blobs.s3.access_key_id`"
        }
        Fault::Away => "no answer; is the store reachable from here? See `blobs.s3.endpoint`",
        Fault::NotFound | Fault::Condition | Fault::Full | Fault::Other => {
            return brief(&all_of(error));
        }
    };
    match fault {
        Fault::Away => format!("{sentence} ({})", brief(&all_of(error))),
        _ => sentence.to_owned(),
    }
}

/// The error with its causes: the answer of the server is in the last of them.
fn all_of(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// The code in the answer's document.
fn code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<Code>")?;
    Some(rest.split_once("</Code>")?.0)
}

fn brief(text: &str) -> String {
    const CHARS_MAX: usize = 300;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
