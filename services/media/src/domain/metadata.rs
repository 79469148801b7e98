//! What a client says about its upload: the tus header `Upload-Metadata`.

use amphi_contracts::VideoId;
use amphi_contracts::proto::catalog::v1::Visibility;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const HEADER_BYTES_MAX: usize = 16 * 1024;
const PAIRS_MAX: usize = 32;
const FILE_NAME_CHARS_MAX: usize = 200;
const TITLE_CHARS_MAX: usize = 200;
const DESCRIPTION_CHARS_MAX: usize = 5_000;
const UNTITLED: &str = "Untitled";

/// Why the metadata cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    #[error(
        "Upload-Metadata is longer than {HEADER_BYTES_MAX} bytes or has more than {PAIRS_MAX} pairs"
    )]
    TooLong,
    #[error("Upload-Metadata must be pairs of a key and a Base64 value, separated by commas")]
    Malformed,
    #[error("the key `{0}` stands twice in Upload-Metadata")]
    Duplicate(String),
    #[error("the value of `{0}` in Upload-Metadata is not Base64 of UTF-8 text")]
    NotText(String),
    #[error("`video_id` in Upload-Metadata is not the id of a video")]
    BadVideoId,
    #[error("`visibility` in Upload-Metadata must be public, unlisted or private")]
    BadVisibility,
}

/// What we understand of an upload's metadata; other keys are kept only in the header that is given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadMetadata {
    /// For people to read; it never becomes part of a path.
    pub file_name: String,
    /// Never empty: the file's name stands in for it, without its ending.
    pub title: String,
    pub description: String,
    pub visibility: Visibility,
    /// The draft that the upload is for; without it a draft is made.
    pub video_id: Option<VideoId>,
}

impl UploadMetadata {
    /// Reads the header; an absent one reads as the empty text.
    ///
    /// # Errors
    /// [`MetadataError`] says which pair is wrong.
    pub fn parse(header: &str) -> Result<Self, MetadataError> {
        let pairs = parse_pairs(header)?;
        let text = |key: &str| {
            pairs
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value)
        };
        let file_name = shorten(
            &clean_line(
                text("filename")
                    .or_else(|| text("name"))
                    .map_or("", String::as_str),
            ),
            FILE_NAME_CHARS_MAX,
        );
        let title = shorten(
            &clean_line(text("title").map_or("", String::as_str)),
            TITLE_CHARS_MAX,
        );
        let title = if title.is_empty() {
            title_from_file_name(&file_name)
        } else {
            title
        };
        let visibility = match text("visibility").map_or("", String::as_str) {
            "" => Visibility::Unspecified,
            "public" => Visibility::Public,
            "unlisted" => Visibility::Unlisted,
            "private" => Visibility::Private,
            _ => return Err(MetadataError::BadVisibility),
        };
        let video_id = match text("video_id").map_or("", String::as_str) {
            "" => None,
            id => Some(id.parse().map_err(|_| MetadataError::BadVideoId)?),
        };
        Ok(Self {
            file_name,
            title,
            description: shorten(
                &clean_text(text("description").map_or("", String::as_str)),
                DESCRIPTION_CHARS_MAX,
            ),
            visibility,
            video_id,
        })
    }
}

fn parse_pairs(header: &str) -> Result<Vec<(String, String)>, MetadataError> {
    if header.len() > HEADER_BYTES_MAX {
        return Err(MetadataError::TooLong);
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    if header.trim().is_empty() {
        return Ok(pairs);
    }
    for pair in header.split(',') {
        if pairs.len() == PAIRS_MAX {
            return Err(MetadataError::TooLong);
        }
        let pair = pair.trim();
        let (key, encoded) = pair.split_once(' ').unwrap_or((pair, ""));
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(MetadataError::Malformed);
        }
        if pairs.iter().any(|(name, _)| name == key) {
            return Err(MetadataError::Duplicate(key.to_owned()));
        }
        let value = STANDARD
            .decode(encoded)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| MetadataError::NotText(key.to_owned()))?;
        pairs.push((key.to_owned(), value));
    }
    Ok(pairs)
}

/// One line without control characters and without the marks that turn the direction of text, which can make a name
/// read as another.
fn clean_line(text: &str) -> String {
    let shown: String = text
        .chars()
        .map(|c| {
            if c.is_whitespace() || c.is_control() {
                ' '
            } else {
                c
            }
        })
        .filter(|c| !is_invisible(*c))
        .collect();
    shown
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn clean_text(text: &str) -> String {
    let kept: String = text
        .replace("\r\n", "\n")
        .chars()
        .filter(|c| (!c.is_control() || matches!(c, '\n' | '\t')) && !is_invisible(*c))
        .collect();
    kept.trim().to_owned()
}

const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
    )
}

fn shorten(text: &str, chars_max: usize) -> String {
    let short: String = text.chars().take(chars_max).collect();
    short.trim_end().to_owned()
}

fn title_from_file_name(file_name: &str) -> String {
    let base = file_name
        .rsplit(['/', '\\'])
        .find(|part| !part.trim().is_empty())
        .unwrap_or("");
    let stem = match base.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && ending.len() <= 5 => stem,
        _ => base,
    };
    let title = stem.trim_matches(|c: char| c == '.' || c.is_whitespace());
    if title.is_empty() {
        UNTITLED.to_owned()
    } else {
        shorten(title, TITLE_CHARS_MAX)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn header(pairs: &[(&str, &str)]) -> String {
        pairs
            .iter()
            .map(|(key, value)| format!("{key} {}", STANDARD.encode(value)))
            .collect::<Vec<_>>()
            .join(",")
    }

    #[test]
    fn all_that_is_said_is_read() {
        let id = VideoId::generate();
        let read = UploadMetadata::parse(&header(&[
            ("filename", "holiday.mp4"),
            ("title", "My holiday"),
            ("description", "Two lines\r\nof text"),
            ("visibility", "unlisted"),
            ("video_id", &id.to_string()),
            ("mine", "something else"),
        ]))
        .unwrap();
        assert_eq!(
            read,
            UploadMetadata {
                file_name: "holiday.mp4".into(),
                title: "My holiday".into(),
                description: "Two lines\nof text".into(),
                visibility: Visibility::Unlisted,
                video_id: Some(id),
            }
        );
    }

    #[test]
    fn weird_names_become_titles_a_person_can_read() {
        for (name, title) in [
            ("holiday.mp4", "holiday"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\me\\film.mov", "film"),
            ("a \"quoted\" name.mp4", "a \"quoted\" name"),
            ("two\nlines\r\n.mp4", "two lines"),
            ("\u{202e}4pm.exe", "4pm"),
            (".mp4", "mp4"),
            ("..", "Untitled"),
            ("/", "Untitled"),
            ("", "Untitled"),
            ("드라마 1화.mkv", "드라마 1화"),
            ("v1.0 final cut", "v1.0 final cut"),
        ] {
            let read = UploadMetadata::parse(&header(&[("filename", name)])).unwrap();
            assert_eq!(read.title, title, "{name:?}");
            assert!(!read.file_name.chars().any(char::is_control));
        }
    }

    #[test]
    fn nothing_said_is_an_untitled_upload() {
        let read = UploadMetadata::parse("").unwrap();
        assert_eq!(read.title, "Untitled");
        assert_eq!(read.video_id, None);
        let flag = UploadMetadata::parse("is_confidential").unwrap();
        assert_eq!(flag.title, "Untitled");
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let long = "화".repeat(1_000);
        let read = UploadMetadata::parse(&header(&[("title", &long)])).unwrap();
        assert_eq!(read.title.chars().count(), TITLE_CHARS_MAX);
    }

    #[test]
    fn what_breaks_the_format_is_refused() {
        use MetadataError::{BadVideoId, BadVisibility, Duplicate, Malformed, NotText, TooLong};
        for (text, error) in [
            (
                "filename not+base64!".to_owned(),
                NotText("filename".into()),
            ),
            (
                "filename YQ==,filename Yg==".to_owned(),
                Duplicate("filename".into()),
            ),
            ("filename YQ==,,title Yg==".to_owned(), Malformed),
            ("filename /w==".to_owned(), NotText("filename".into())),
            (header(&[("video_id", "../1")]), BadVideoId),
            (header(&[("visibility", "secret")]), BadVisibility),
            ("x".repeat(HEADER_BYTES_MAX + 1), TooLong),
        ] {
            assert_eq!(UploadMetadata::parse(&text), Err(error), "{text:.40}");
        }
    }
}
