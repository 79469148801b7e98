use super::Violation;

/// RFC 5321 §4.5.3.1.3: a path is at most 256 octets, two of them the angle brackets.
const BYTES_MAX: usize = 254;
const LOCAL_BYTES_MAX: usize = 64;
const LABEL_BYTES_MAX: usize = 63;

/// An email address in the one spelling that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Trims, lower-cases the domain and checks the form that HTML's `<input type=email>` accepts.
    ///
    /// ASCII alone: two addresses that look the same must not be two accounts, and mail servers that carry other
    /// letters in the local part are rare. International domains have an ASCII form (`xn--…`).
    ///
    /// # Errors
    /// A violation at `/email`.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        let text = text.trim();
        if text.is_empty() {
            return Err(violation("required", "Give an email address."));
        }
        if text.len() > BYTES_MAX {
            return Err(violation(
                "too_long",
                format!("An email address has at most {BYTES_MAX} characters."),
            ));
        }
        if !text.is_ascii() {
            return Err(violation(
                "invalid",
                "Write the address in ASCII letters; an international domain in its `xn--` form.",
            ));
        }
        let malformed = || {
            violation(
                "invalid",
                "This is not an email address: something like name@example.org is expected.",
            )
        };
        let (local, domain) = text.rsplit_once('@').ok_or_else(malformed)?;
        if !is_local_part(local) || !is_domain(domain) {
            return Err(malformed());
        }
        Ok(Self(format!("{local}@{}", domain.to_ascii_lowercase())))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two spellings of one address have in common: the key of the unique index.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// The part before the `@`.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }
}

fn violation(code: &'static str, detail: impl Into<String>) -> Violation {
    Violation::new("/email", code, detail)
}

fn is_local_part(local: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c);
    !local.is_empty() && local.len() <= LOCAL_BYTES_MAX && local.chars().all(allowed)
}

fn is_domain(domain: &str) -> bool {
    !domain.is_empty() && domain.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= LABEL_BYTES_MAX
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_keeps_its_local_part_and_lowers_its_domain() {
        let table = [
            ("ada@example.org", "ada@example.org"),
            (
                "  Ada.Lovelace+tag@EXAMPLE.org\n",
                "Ada.Lovelace+tag@example.org",
            ),
            ("o'neil@xn--9n2bp8q.kr", "o'neil@xn--9n2bp8q.kr"),
            ("admin@localhost", "admin@localhost"),
        ];
        for (typed, kept) in table {
            assert_eq!(Email::parse(typed).unwrap().as_str(), kept);
        }
    }

    #[test]
    fn spellings_of_one_address_share_a_key() {
        let one = Email::parse("Ada@Example.ORG").unwrap();
        let other = Email::parse(" ada@example.org ").unwrap();
        assert_eq!(one.key(), other.key());
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        let long_local = format!("{}@example.org", "a".repeat(65));
        let long = format!("a@{}.org", "b.".repeat(130));
        let table = [
            ("", "required"),
            ("   ", "required"),
            ("ada", "invalid"),
            ("@example.org", "invalid"),
            ("ada@", "invalid"),
            ("ada@.org", "invalid"),
            ("ada@example..org", "invalid"),
            ("ada@-example.org", "invalid"),
            ("ada lovelace@example.org", "invalid"),
            ("ada@exam ple.org", "invalid"),
            ("\"ada\"@example.org", "invalid"),
            ("ada@@example.org", "invalid"),
            ("ada\r\nBcc: all@example.org", "invalid"),
            ("아다@example.org", "invalid"),
            (long_local.as_str(), "invalid"),
            (long.as_str(), "too_long"),
        ];
        for (typed, code) in table {
            let violation = Email::parse(typed).unwrap_err();
            assert_eq!(
                (violation.pointer, violation.code),
                ("/email", code),
                "{typed:?}"
            );
        }
    }
}
