use super::Violation;

const TITLE_CHARS_MAX: usize = 200;
const DESCRIPTION_CHARS_MAX: usize = 10_000;

/// One line that names a video, a series or an episode: 1 to 200 characters, trimmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title(String);

/// Some paragraphs of plain text, at most 10,000 characters; may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description(String);

impl Title {
    /// # Errors
    /// A violation at `/title`.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        let text = text.trim();
        let refuse = |code, detail| Violation::new("/title", code, detail);
        if !text.chars().any(is_visible) {
            return Err(refuse("required", "Give a title.".to_owned()));
        }
        if let Some(character) = text.chars().find(|c| c.is_control() || disguises(*c)) {
            return Err(refuse("forbidden_character", one_line(character)));
        }
        if text.chars().count() > TITLE_CHARS_MAX {
            let detail = format!("A title has at most {TITLE_CHARS_MAX} characters.");
            return Err(refuse("too_long", detail));
        }
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Description {
    /// Takes any line ending and keeps `\n`.
    ///
    /// # Errors
    /// A violation at `/description`.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        let text = text.trim().replace("\r\n", "\n").replace('\r', "\n");
        let refuse = |code, detail| Violation::new("/description", code, detail);
        let forbidden = |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || disguises(c);
        if let Some(character) = text.chars().find(|c| forbidden(*c)) {
            return Err(refuse("forbidden_character", plain_text(character)));
        }
        if text.chars().count() > DESCRIPTION_CHARS_MAX {
            let detail = format!("A description has at most {DESCRIPTION_CHARS_MAX} characters.");
            return Err(refuse("too_long", detail));
        }
        Ok(Self(text))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn one_line(character: char) -> String {
    format!(
        "A title is one line of plain text; the character U+{:04X} cannot stand in it. Remove it.",
        u32::from(character)
    )
}

fn plain_text(character: char) -> String {
    format!(
        "A description is plain text; the character U+{:04X} cannot stand in it. Remove it.",
        u32::from(character)
    )
}

fn is_visible(c: char) -> bool {
    !c.is_whitespace()
        && !c.is_control()
        && !matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}')
}

/// Line separators, and the embeddings, overrides and isolates that turn around the order of what follows (Unicode
/// TR 36 §2.8): `movie\u{202E}4pm.exe` would be shown as `movieexe.mp4`. Refused and not removed, so that what was sent
/// is what is kept. The plain marks of direction (U+200E, U+200F) belong to Arabic and Hebrew and stay.
fn disguises(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_title_of_any_script_is_kept_trimmed() {
        let longest = "가".repeat(200);
        for (typed, kept) in [
            ("  Pilot ", "Pilot"),
            ("첫 만남 – \"1화\" 🎬", "첫 만남 – \"1화\" 🎬"),
            ("../../etc/passwd", "../../etc/passwd"),
            ("<script>alert(1)</script>", "<script>alert(1)</script>"),
            ("שלום\u{200F}", "שלום\u{200F}"),
            (longest.as_str(), longest.as_str()),
        ] {
            assert_eq!(Title::parse(typed).unwrap().as_str(), kept);
        }
    }

    #[test]
    fn a_title_that_is_empty_long_or_disguised_is_refused() {
        let long = "x".repeat(201);
        for (typed, code) in [
            ("", "required"),
            (" \t ", "required"),
            ("\u{200B}\u{FEFF}", "required"),
            (long.as_str(), "too_long"),
            ("one\ntwo", "forbidden_character"),
            ("a\0b", "forbidden_character"),
            ("a\u{1B}[31mb", "forbidden_character"),
            ("movie\u{202E}4pm.exe", "forbidden_character"),
            ("a\u{2066}b", "forbidden_character"),
            ("a\u{2028}b", "forbidden_character"),
        ] {
            let violation = Title::parse(typed).unwrap_err();
            assert_eq!(
                (violation.pointer, violation.code),
                ("/title", code),
                "{typed:?}"
            );
        }
    }

    #[test]
    fn a_refusal_names_the_character() {
        let violation = Title::parse("movie\u{202E}4pm.exe").unwrap_err();
        assert!(violation.detail.contains("U+202E"), "{}", violation.detail);
    }

    #[test]
    fn a_description_keeps_its_paragraphs_with_one_sort_of_line_ending() {
        for (typed, kept) in [
            ("", ""),
            (
                " one\r\n\r\ntwo\rthree\n\tfour ",
                "one\n\ntwo\nthree\n\tfour",
            ),
        ] {
            assert_eq!(Description::parse(typed).unwrap().as_str(), kept);
        }
        assert!(Description::parse(&"가".repeat(10_000)).is_ok());
    }

    #[test]
    fn a_description_that_is_long_or_disguised_is_refused() {
        let long = "x".repeat(10_001);
        for (typed, code) in [
            (long.as_str(), "too_long"),
            ("a\0b", "forbidden_character"),
            ("a\u{202E}b", "forbidden_character"),
            ("a\u{2029}b", "forbidden_character"),
        ] {
            let violation = Description::parse(typed).unwrap_err();
            assert_eq!((violation.pointer, violation.code), ("/description", code));
        }
    }
}
