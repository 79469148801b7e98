//! Turns ffmpeg's last words into a sentence for a person.

use thiserror::Error;

/// Why ffmpeg or ffprobe gave up. The sentences name no path and quote nothing from the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FailureReason {
    #[error(
        "The file is incomplete: its index is missing. The recording or the transfer was probably cut off."
    )]
    IndexMissing,
    #[error("The file is damaged or is not what its first bytes say.")]
    Damaged,
    #[error("The file uses a codec that we cannot decode.")]
    CodecUnsupported,
    #[error("The file is encrypted (DRM) and cannot be read.")]
    Encrypted,
    #[error("The disk is full.")]
    DiskFull,
    #[error("Decoding this file needs more memory than is allowed.")]
    OutOfMemory,
    #[error(
        "The system stopped the encoder: it needed more computing time or memory than is allowed."
    )]
    Stopped,
    #[error("The installed ffmpeg lacks something that we need; see the log.")]
    Installation,
    #[error("ffmpeg failed for a reason it did not make plain; see the log.")]
    Unexplained,
}

impl FailureReason {
    /// Whether the source itself is at fault, so that another attempt would fail as well.
    pub fn is_permanent(self) -> bool {
        matches!(
            self,
            Self::IndexMissing | Self::Damaged | Self::CodecUnsupported | Self::Encrypted
        )
    }
}

/// Finds the reason in the tail of standard error and the signal that ended the process, if one did.
pub fn explain_failure(stderr_tail: &str, signal: Option<i32>) -> FailureReason {
    const SIGKILL: i32 = 9;
    const SIGXFSZ: i32 = 25;
    /// First match wins: the specific before the general, which ffmpeg prints after it.
    const SIGNS: [(&str, FailureReason); 16] = [
        ("No space left on device", FailureReason::DiskFull),
        ("Cannot allocate memory", FailureReason::OutOfMemory),
        ("Unknown encoder", FailureReason::Installation),
        ("No such filter", FailureReason::Installation),
        ("Unrecognized option", FailureReason::Installation),
        ("Option not found", FailureReason::Installation),
        (
            "Error while loading shared libraries",
            FailureReason::Installation,
        ),
        ("moov atom not found", FailureReason::IndexMissing),
        ("EBML header parsing failed", FailureReason::Damaged),
        ("encrypted", FailureReason::Encrypted),
        ("Decoder not found", FailureReason::CodecUnsupported),
        ("no decoder found", FailureReason::CodecUnsupported),
        ("but no decoder", FailureReason::CodecUnsupported),
        (
            "Invalid data found when processing input",
            FailureReason::Damaged,
        ),
        ("Picture size", FailureReason::Damaged),
        ("could not find codec parameters", FailureReason::Damaged),
    ];
    match signal {
        Some(SIGKILL) => return FailureReason::Stopped,
        Some(SIGXFSZ) => return FailureReason::DiskFull,
        _ => {}
    }
    let lower = stderr_tail.to_ascii_lowercase();
    SIGNS
        .iter()
        .find(|(sign, _)| lower.contains(&sign.to_ascii_lowercase()))
        .map_or(FailureReason::Unexplained, |(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_last_words_become_a_reason() {
        let cases = [
            (
                "[mov,mp4 @ 0x1] moov atom not found\nfile:/x: Invalid data found when processing input",
                None,
                FailureReason::IndexMissing,
            ),
            (
                "file:/x: Invalid data found when processing input",
                None,
                FailureReason::Damaged,
            ),
            (
                "Decoder (codec none) not found for input stream #0:0\nno decoder found for: none",
                None,
                FailureReason::CodecUnsupported,
            ),
            (
                "av_interleaved_write_frame(): No space left on device",
                None,
                FailureReason::DiskFull,
            ),
            (
                "Unknown encoder 'libx264'",
                None,
                FailureReason::Installation,
            ),
            ("", Some(9), FailureReason::Stopped),
            ("", Some(11), FailureReason::Unexplained),
        ];
        for (stderr, signal, expected) in cases {
            assert_eq!(explain_failure(stderr, signal), expected, "{stderr}");
        }
    }
}
