use std::time::Duration;

use amphi_chassis::Problem;
use sea_orm::DbErr;

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON Pointer (RFC 6901) into the request body.
    pub pointer: &'static str,
    pub code: &'static str,
    /// What was wrong and what to do, a sentence for people.
    pub detail: String,
}

impl Violation {
    #[must_use]
    pub fn new(pointer: &'static str, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            pointer,
            code,
            detail: detail.into(),
        }
    }
}

/// Why the service of accounts refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the request breaks {} rule(s)", .0.len())]
    Invalid(Vec<Violation>),
    #[error("the address has an account already")]
    EmailTaken,
    #[error("registration is closed")]
    RegistrationClosed,
    #[error("wrong email or password")]
    InvalidCredentials,
    #[error("too many failed attempts")]
    TooManyAttempts { retry_after: Duration },
    #[error("the refresh token is unknown, expired or revoked")]
    InvalidRefreshToken,
    #[error("the refresh token was used before; its session is revoked")]
    RefreshTokenReused,
    #[error("no such account")]
    AccountNotFound,
    #[error("only the account itself or an administrator may do this")]
    NotYours,
    #[error("only an administrator may do this")]
    AdministratorsOnly,
    #[error("malformed request: {0}")]
    Malformed(String),
    #[error("too many passwords are being checked")]
    Busy,
    #[error(transparent)]
    Storage(#[from] DbErr),
    #[error("{0}")]
    Corrupt(String),
    #[error("cryptography failed: {0}")]
    Crypto(String),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(violations) => violations.into_iter().fold(
                Self::unprocessable(
                    "validation_failed",
                    "Some of what was sent cannot be accepted; see `errors`.",
                ),
                |problem, violation| {
                    problem.with_field(violation.pointer, violation.code, violation.detail)
                },
            ),
            Error::EmailTaken => Self::conflict(
                "email_taken",
                "This email address has an account already. Sign in, or use another address.",
            )
            .with_field("/email", "taken", "This address has an account already."),
            Error::RegistrationClosed => Self::forbidden(
                "registration_closed",
                "New accounts are opened by the operator of this server alone.",
            ),
            Error::InvalidCredentials => Self::unauthenticated(
                "invalid_credentials",
                "The email address or the password is wrong.",
            ),
            Error::TooManyAttempts { retry_after } => Self::rate_limited(
                "too_many_attempts",
                "There were too many failed attempts to sign in. Wait, then try again.",
            )
            .with_retry_after(retry_after),
            Error::InvalidRefreshToken => Self::unauthenticated(
                "invalid_refresh_token",
                "This sign-in has ended. Sign in again.",
            ),
            Error::RefreshTokenReused => Self::unauthenticated(
                "refresh_token_reused",
                "This sign-in was ended because its refresh token was used twice: somebody else may hold a copy. Sign in again.",
            ),
            Error::AccountNotFound => {
                Self::not_found("account_not_found", "There is no account with this id.")
            }
            Error::NotYours => Self::forbidden(
                "not_your_account",
                "Only the account itself or an administrator may do this.",
            ),
            Error::AdministratorsOnly => {
                Self::forbidden("administrators_only", "Only an administrator may do this.")
            }
            Error::Malformed(detail) => Self::invalid("invalid_request", detail),
            Error::Busy => Self::unavailable(
                "busy",
                "Too many people are signing in at this moment. Try again in a second.",
            )
            .with_retry_after(Duration::from_secs(1)),
            Error::Storage(error) => error.into(),
            error @ (Error::Corrupt(_) | Error::Crypto(_)) => Self::internal(error),
        }
    }
}
