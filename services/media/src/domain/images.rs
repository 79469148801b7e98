//! Pictures of a video: which there are, and under which paths they are given out.
//!
//! Who knows an asset's images token may see its pictures: the token is 128 random bits and stands in the path.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub const POSTER: &str = "poster.jpg";
pub const STORYBOARD: &str = "storyboard.vtt";
const SHEETS_MAX: u32 = 1_000;
/// Pictures and storyboard of one video.
pub const FILES_MAX: usize = SHEETS_MAX as usize + 2;
const TOKEN_BYTES: usize = 16;

/// A new token.
///
/// # Errors
/// When the system gives no randomness.
pub fn new_token() -> Result<String, aws_lc_rs::error::Unspecified> {
    let mut bytes = [0_u8; TOKEN_BYTES];
    SystemRandom::new().fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Whether the text has the form of a token.
#[must_use]
pub fn is_token(text: &str) -> bool {
    URL_SAFE_NO_PAD
        .decode(text)
        .is_ok_and(|bytes| bytes.len() == TOKEN_BYTES)
}

#[must_use]
pub fn poster_path(token: &str) -> String {
    format!("/images/{token}/{POSTER}")
}

#[must_use]
pub fn storyboard_path(token: &str) -> String {
    format!("/images/{token}/{STORYBOARD}")
}

/// The content type of a file that may be handed in and given out, by its name; no other name is let through.
#[must_use]
pub fn content_type(file: &str) -> Option<&'static str> {
    match file {
        POSTER => Some("image/jpeg"),
        STORYBOARD => Some("text/vtt; charset=utf-8"),
        _ => {
            let sheet = file.strip_prefix("storyboard-")?.strip_suffix(".jpg")?;
            super::plain_number(sheet)
                .filter(|number| *number < SHEETS_MAX)
                .map(|_| "image/jpeg")
        }
    }
}

#[must_use]
pub fn is_poster(file: &str) -> bool {
    file == POSTER
}

#[must_use]
pub fn is_storyboard(file: &str) -> bool {
    file == STORYBOARD
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_is_known_by_its_form() {
        let token = new_token().unwrap();
        assert_eq!(token.len(), 22);
        assert!(is_token(&token));
        assert_ne!(token, new_token().unwrap());
        for text in ["", "short", "../../../../etc/passwd", &format!("{token}A")] {
            assert!(!is_token(text), "{text}");
        }
    }

    #[test]
    fn only_the_known_pictures_have_a_content_type() {
        for (file, content_type_of_it) in [
            ("poster.jpg", Some("image/jpeg")),
            ("storyboard.vtt", Some("text/vtt; charset=utf-8")),
            ("storyboard-0.jpg", Some("image/jpeg")),
            ("storyboard-12.jpg", Some("image/jpeg")),
            ("storyboard-012.jpg", None),
            ("storyboard-1000.jpg", None),
            ("storyboard-+1.jpg", None),
            ("storyboard-.jpg", None),
            ("poster.png", None),
            ("../poster.jpg", None),
            ("", None),
        ] {
            assert_eq!(content_type(file), content_type_of_it, "{file}");
        }
    }
}
