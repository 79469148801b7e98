use amphi_chassis::Secret;

use super::common_passwords::is_common;
use super::{DisplayName, Email, Violation};

const CHARS_MIN: usize = 8;
const CHARS_MAX: usize = 256;

/// A password that somebody chooses: long enough and not the first that others would guess.
///
/// NIST SP 800-63B §3.1.1.2: length and a list of known passwords, no rules of composition.
#[derive(Debug, Clone)]
pub struct Password(Secret<String>);

impl Password {
    /// `email` and `name` are those of the account it is for, as far as they could be read.
    ///
    /// # Errors
    /// A violation at `/password`.
    pub fn choose(
        text: Secret<String>,
        email: Option<&Email>,
        name: Option<&DisplayName>,
    ) -> Result<Self, Violation> {
        let chosen = text.expose();
        let length = chosen.chars().count();
        if length < CHARS_MIN {
            return Err(violation(
                "too_short",
                format!("A password has at least {CHARS_MIN} characters."),
            ));
        }
        if length > CHARS_MAX {
            return Err(violation(
                "too_long",
                format!("A password has at most {CHARS_MAX} characters."),
            ));
        }
        let folded = chosen.trim().to_lowercase();
        if is_common(&folded) {
            return Err(violation(
                "too_common",
                "This is one of the passwords that are tried first. Choose another.",
            ));
        }
        let repeats_email = email.is_some_and(|email| {
            folded == email.key() || folded == email.local_part().to_lowercase()
        });
        if repeats_email || name.is_some_and(|name| folded == name.as_str().to_lowercase()) {
            return Err(violation(
                "same_as_account",
                "A password must differ from the name and the email address.",
            ));
        }
        Ok(Self(text))
    }

    #[must_use]
    pub fn into_secret(self) -> Secret<String> {
        self.0
    }
}

/// Whether a text can be anybody's password; longer ones are not worth a hash.
#[must_use]
pub fn is_plausible(text: &Secret<String>) -> bool {
    let text = text.expose();
    // A character has at most four bytes, so the first test bounds the cost of the second.
    text.len() <= 4 * CHARS_MAX && text.chars().count() <= CHARS_MAX
}

fn violation(code: &'static str, detail: impl Into<String>) -> Violation {
    Violation::new("/password", code, detail)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn choose(text: &str) -> Result<Password, Violation> {
        let email = Email::parse("grace.hopper@example.org").unwrap();
        let name = DisplayName::parse("Grace Brewster Hopper").unwrap();
        Password::choose(Secret::new(text.to_owned()), Some(&email), Some(&name))
    }

    #[test]
    fn any_eight_to_256_characters_will_do() {
        for text in [
            "kettle-9".to_owned(),
            "correct horse battery staple".to_owned(),
            "오래된나무의자".to_owned() + "!",
            "x".repeat(255) + "y",
        ] {
            assert!(choose(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn short_long_common_and_personal_passwords_are_refused() {
        let long = "x".repeat(257);
        for (text, code) in [
            ("", "too_short"),
            ("seven77", "too_short"),
            (long.as_str(), "too_long"),
            ("password", "too_common"),
            ("PassWord1", "too_common"),
            ("1234567890", "too_common"),
            ("Grace.Hopper@example.org", "same_as_account"),
            ("grace.hopper", "same_as_account"),
            ("grace brewster hopper", "same_as_account"),
        ] {
            let violation = choose(text).unwrap_err();
            assert_eq!(
                (violation.pointer, violation.code),
                ("/password", code),
                "{text}"
            );
        }
    }

    #[test]
    fn a_password_does_not_print() {
        let password = choose("kettle-9 whistle").unwrap();
        assert!(!format!("{password:?}").contains("kettle"));
    }
}
