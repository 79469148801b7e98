use super::Violation;

const CHARS_MAX: usize = 80;

/// The name others see, trimmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(String);

impl DisplayName {
    /// # Errors
    /// A violation at `/name`: empty, longer than 80 characters, or with characters that disguise a text.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        let text = text.trim();
        if !text.chars().any(is_visible) {
            return Err(Violation::new("/name", "required", "Give a name."));
        }
        if text.chars().count() > CHARS_MAX {
            return Err(Violation::new(
                "/name",
                "too_long",
                format!("A name has at most {CHARS_MAX} characters."),
            ));
        }
        if let Some(character) = text.chars().find(|c| disguises(*c)) {
            return Err(Violation::new(
                "/name",
                "forbidden_character",
                format!(
                    "A name is one line of visible text; the character U+{:04X} cannot stand in it.",
                    u32::from(character)
                ),
            ));
        }
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_visible(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}')
}

/// Control characters, line separators and the marks that reverse the order of what follows (Unicode TR 36 §2.8).
fn disguises(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_of_any_script_is_kept_trimmed() {
        let eighty = "가".repeat(80);
        for (typed, kept) in [
            ("  Ada Lovelace ", "Ada Lovelace"),
            ("정은", "정은"),
            ("عمر", "عمر"),
            (eighty.as_str(), eighty.as_str()),
        ] {
            assert_eq!(DisplayName::parse(typed).unwrap().as_str(), kept);
        }
    }

    #[test]
    fn a_name_that_is_empty_long_or_disguised_is_refused() {
        let long = "가".repeat(81);
        for (typed, code) in [
            ("", "required"),
            (" \u{200B} ", "required"),
            (long.as_str(), "too_long"),
            ("a\nb", "forbidden_character"),
            ("a\0b", "forbidden_character"),
            ("admin\u{202E}nimda", "forbidden_character"),
        ] {
            let violation = DisplayName::parse(typed).unwrap_err();
            assert_eq!(
                (violation.pointer, violation.code),
                ("/name", code),
                "{typed:?}"
            );
        }
    }
}
