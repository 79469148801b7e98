//! The rules of accounts, passwords, sessions and keys: pure functions over plain types.

pub mod account;
pub mod common_passwords;
pub mod email;
pub mod error;
pub mod name;
pub mod password;
pub mod refresh_token;
pub mod session;
pub mod signing_key;
pub mod throttle;

pub use account::{Account, ClientOrigin, LoginOutcome};
pub use email::Email;
pub use error::{Error, Violation};
pub use name::DisplayName;
pub use password::Password;
pub use refresh_token::RefreshToken;

/// Runs every check of a request and answers all violations at once, so that a form shows them together.
#[derive(Debug, Default)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// The value, or `None` after the violation is noted.
    pub fn note<T>(&mut self, checked: Result<T, Violation>) -> Option<T> {
        checked.map_err(|violation| self.0.push(violation)).ok()
    }

    #[must_use]
    pub fn into_error(self) -> Error {
        Error::Invalid(self.0)
    }
}
