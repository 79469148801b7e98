//! Which container a file is, from its bytes and never from its name.
//!
//! ffmpeg picks a demuxer by content, and some demuxers (HLS, DASH, concat, image sequences) open further files that the content
//! names. A file only reaches ffmpeg with a demuxer forced from the allow-list here.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How many leading bytes [`sniff`] wants to see; fewer are enough if the file is shorter.
pub const HEAD_BYTES: usize = 4096;

/// A container that may be opened, each with the one ffmpeg demuxer that opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Container {
    Mp4,
    QuickTime,
    Matroska,
    WebM,
    Avi,
    MpegTs,
    MpegPs,
    Flv,
    Ogg,
    Wav,
    Aiff,
    Mp3,
    AdtsAac,
    Flac,
    Asf,
}

impl Container {
    /// The name for ffmpeg's `-f` and `-format_whitelist`.
    pub fn demuxer(self) -> &'static str {
        match self {
            Self::Mp4 | Self::QuickTime => "mov",
            Self::Matroska | Self::WebM => "matroska",
            Self::Avi => "avi",
            Self::MpegTs => "mpegts",
            Self::MpegPs => "mpeg",
            Self::Flv => "flv",
            Self::Ogg => "ogg",
            Self::Wav => "wav",
            Self::Aiff => "aiff",
            Self::Mp3 => "mp3",
            Self::AdtsAac => "aac",
            Self::Flac => "flac",
            Self::Asf => "asf",
        }
    }

    /// Whether an index makes seeking land before the wanted time, exactly and always.
    pub fn seeks_reliably(self) -> bool {
        matches!(
            self,
            Self::Mp4 | Self::QuickTime | Self::Matroska | Self::WebM
        )
    }

    /// Options that the demuxer needs so that it opens no other file.
    pub fn hardening(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Mp4 | Self::QuickTime => &[("-enable_drefs", "0"), ("-use_absolute_path", "0")],
            _ => &[],
        }
    }

    pub fn human_name(self) -> &'static str {
        match self {
            Self::Mp4 => "MP4",
            Self::QuickTime => "QuickTime",
            Self::Matroska => "Matroska",
            Self::WebM => "WebM",
            Self::Avi => "AVI",
            Self::MpegTs => "MPEG transport stream",
            Self::MpegPs => "MPEG program stream",
            Self::Flv => "Flash video",
            Self::Ogg => "Ogg",
            Self::Wav => "WAV",
            Self::Aiff => "AIFF",
            Self::Mp3 => "MP3",
            Self::AdtsAac => "AAC",
            Self::Flac => "FLAC",
            Self::Asf => "Windows Media",
        }
    }
}

/// Why a file is refused before anything parses it; each message is a sentence for the person who uploaded it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SniffError {
    #[error("The file is empty.")]
    Empty,
    #[error("This is an HLS playlist, a list of other files. Upload the video itself.")]
    HlsPlaylist,
    #[error(
        "This is a DASH or Smooth Streaming manifest, a list of other files. Upload the video itself."
    )]
    StreamingManifest,
    #[error("This is an ffmpeg concat script, a list of other files. Upload the video itself.")]
    ConcatScript,
    #[error("This is a text document, not a video or audio file.")]
    Text,
    #[error("This is a picture, not a video or audio file.")]
    Picture,
    #[error("This is an archive. Unpack it and upload the video inside.")]
    Archive,
    #[error("This is a document or a program, not a video or audio file.")]
    Document,
    #[error(
        "This is not a video or audio file of a kind we can read (MP4, MOV, MKV, WebM, AVI, MPEG, FLV, Ogg, WAV, MP3, AAC, FLAC, WMV)."
    )]
    Unknown,
}

/// Decides from the first [`HEAD_BYTES`] bytes of a file which container it is.
///
/// # Errors
/// [`SniffError`] for everything that is not on the allow-list, with the reason to show.
pub fn sniff(head: &[u8]) -> Result<Container, SniffError> {
    if head.is_empty() {
        return Err(SniffError::Empty);
    }
    if let Some(refusal) = refuse_by_signature(head) {
        return Err(refusal);
    }
    if let Some(container) = binary_container(head) {
        return Ok(container);
    }
    Err(refuse_text(head).unwrap_or(SniffError::Unknown))
}

fn binary_container(head: &[u8]) -> Option<Container> {
    iso_media(head)
        .or_else(|| matroska(head))
        .or_else(|| riff(head))
        .or_else(|| {
            let at_start: [(&[u8], Container); 6] = [
                (b"\x00\x00\x01\xba", Container::MpegPs),
                (b"FLV\x01", Container::Flv),
                (b"OggS", Container::Ogg),
                (b"fLaC", Container::Flac),
                (
                    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c",
                    Container::Asf,
                ),
                (b"ID3", Container::Mp3),
            ];
            at_start
                .into_iter()
                .find(|(signature, _)| head.starts_with(signature))
                .map(|(_, container)| container)
        })
        .map(|container| match container {
            Container::Mp3 => behind_id3_tag(head),
            other => other,
        })
        .or_else(|| aiff(head))
        .or_else(|| transport_stream(head))
        .or_else(|| audio_frames(head))
}

fn iso_media(head: &[u8]) -> Option<Container> {
    let kind = head.get(4..8)?;
    match kind {
        b"ftyp" => match head.get(8..12)? {
            b"qt  " => Some(Container::QuickTime),
            _ => Some(Container::Mp4),
        },
        b"moov" | b"mdat" | b"wide" | b"pnot" => Some(Container::QuickTime),
        b"styp" | b"moof" | b"sidx" => Some(Container::Mp4),
        b"free" | b"skip" => {
            let size = u32::from_be_bytes(head.get(0..4)?.try_into().ok()?) as usize;
            let next = head.get(size.checked_add(4)?..size.checked_add(8)?)?;
            matches!(next, b"ftyp" | b"moov" | b"mdat" | b"wide").then_some(Container::QuickTime)
        }
        _ => None,
    }
}

fn matroska(head: &[u8]) -> Option<Container> {
    if !head.starts_with(b"\x1a\x45\xdf\xa3") {
        return None;
    }
    let header = &head[..head.len().min(128)];
    if contains(header, b"webm") {
        Some(Container::WebM)
    } else {
        contains(header, b"matroska").then_some(Container::Matroska)
    }
}

fn riff(head: &[u8]) -> Option<Container> {
    if !(head.starts_with(b"RIFF") || head.starts_with(b"RF64")) {
        return None;
    }
    match head.get(8..12)? {
        b"AVI " | b"AVIX" => Some(Container::Avi),
        b"WAVE" => Some(Container::Wav),
        _ => None,
    }
}

fn aiff(head: &[u8]) -> Option<Container> {
    let is_aiff = head.starts_with(b"FORM") && matches!(head.get(8..12)?, b"AIFF" | b"AIFC");
    is_aiff.then_some(Container::Aiff)
}

/// A tag of an MP3 tool may also stand before FLAC or AAC.
fn behind_id3_tag(head: &[u8]) -> Container {
    let Some(size) = head.get(6..10) else {
        return Container::Mp3;
    };
    let size = size
        .iter()
        .fold(0usize, |size, byte| size << 7 | usize::from(byte & 0x7f));
    match head.get(size + 10..) {
        Some(rest) if rest.starts_with(b"fLaC") => Container::Flac,
        Some(rest) if adts_frame_length(rest).is_some() => Container::AdtsAac,
        _ => Container::Mp3,
    }
}

/// 188-byte packets, or 192 with the four-byte time code that cameras put before each.
fn transport_stream(head: &[u8]) -> Option<Container> {
    const SYNC_BYTE: u8 = 0x47;
    let packets = |size: usize, offset: usize| {
        let mut syncs = head.iter().skip(offset).step_by(size).peekable();
        let count = head.len().saturating_sub(offset).div_ceil(size);
        syncs.peek().is_some() && count >= 3 && syncs.all(|&byte| byte == SYNC_BYTE)
    };
    (packets(188, 0) || packets(192, 4)).then_some(Container::MpegTs)
}

/// Raw MP3 or ADTS: a frame header counts only if a second one follows where the first says.
fn audio_frames(head: &[u8]) -> Option<Container> {
    if let Some(length) = adts_frame_length(head) {
        let next = head.get(length..)?;
        return adts_frame_length(next).map(|_| Container::AdtsAac);
    }
    let length = mp3_frame_length(head)?;
    mp3_frame_length(head.get(length..)?).map(|_| Container::Mp3)
}

fn adts_frame_length(data: &[u8]) -> Option<usize> {
    let header = data.get(..7)?;
    let is_adts = header[0] == 0xff && header[1] & 0xf6 == 0xf0 && (header[2] >> 2) & 0x0f < 13;
    let length = usize::from(header[3] & 0x03) << 11
        | usize::from(header[4]) << 3
        | usize::from(header[5]) >> 5;
    (is_adts && length > 7).then_some(length)
}

fn mp3_frame_length(data: &[u8]) -> Option<usize> {
    const BIT_RATES_KBPS_MPEG1: [usize; 15] = [
        0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ];
    const BIT_RATES_KBPS_MPEG2: [usize; 15] =
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let header = data.get(..4)?;
    let is_layer_3 = header[0] == 0xff && header[1] & 0xe6 == 0xe2;
    let version = (header[1] >> 3) & 3;
    let bit_rate_index = usize::from(header[2] >> 4);
    let sample_rate_index = usize::from((header[2] >> 2) & 3);
    if !is_layer_3 || version == 1 || bit_rate_index == 0 || sample_rate_index == 3 {
        return None;
    }
    let base_rate = [44_100, 48_000, 32_000][sample_rate_index];
    let (rates, sample_rate, samples) = match version {
        3 => (&BIT_RATES_KBPS_MPEG1, base_rate, 144),
        2 => (&BIT_RATES_KBPS_MPEG2, base_rate / 2, 72),
        _ => (&BIT_RATES_KBPS_MPEG2, base_rate / 4, 72),
    };
    let bit_rate = rates.get(bit_rate_index)? * 1000;
    let padding = usize::from((header[2] >> 1) & 1);
    Some(samples * bit_rate / sample_rate + padding)
}

fn refuse_by_signature(head: &[u8]) -> Option<SniffError> {
    const PICTURES: [&[u8]; 8] = [
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"GIF8",
        b"BM",
        b"II*\x00",
        b"MM\x00*",
        b"\x00\x00\x00\x0cJXL ",
        b"\x00\x00\x00\x0cjP  ",
    ];
    const ARCHIVES: [&[u8]; 6] = [
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"\x1f\x8b",
        b"7z\xbc\xaf\x27\x1c",
        b"Rar!",
        b"\xfd7zXZ\x00",
    ];
    const DOCUMENTS: [&[u8]; 4] = [b"%PDF", b"\x7fELF", b"MZ", b"\xd0\xcf\x11\xe0"];
    const PICTURE_BRANDS: [&[u8]; 6] = [b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis"];

    let starts = |signatures: &[&[u8]]| signatures.iter().any(|known| head.starts_with(known));
    let is_heif = head.get(4..8) == Some(b"ftyp")
        && head
            .get(8..12)
            .is_some_and(|brand| PICTURE_BRANDS.contains(&brand));
    let is_webp = head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP");
    if starts(&PICTURES) || is_heif || is_webp {
        return Some(SniffError::Picture);
    }
    if starts(&ARCHIVES) {
        return Some(SniffError::Archive);
    }
    starts(&DOCUMENTS).then_some(SniffError::Document)
}

fn refuse_text(head: &[u8]) -> Option<SniffError> {
    let text = decode_text(head)?;
    let lower = text.trim_start().to_ascii_lowercase();
    if lower.starts_with("#extm3u") || lower.contains("#ext-x-") {
        return Some(SniffError::HlsPlaylist);
    }
    if lower.contains("<mpd") || lower.contains("<smoothstreamingmedia") {
        return Some(SniffError::StreamingManifest);
    }
    if lower.starts_with("ffconcat") {
        return Some(SniffError::ConcatScript);
    }
    Some(SniffError::Text)
}

/// The head as text if it is printable UTF-8 or UTF-16, cut wherever the head ends.
fn decode_text(head: &[u8]) -> Option<String> {
    let utf16 = |bytes: &[u8], decode: fn([u8; 2]) -> u16| {
        let units = bytes
            .chunks_exact(2)
            .map(|pair| decode([pair[0], pair[1]]))
            .collect::<Vec<_>>();
        String::from_utf16_lossy(&units)
    };
    let text = match head {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => {
            let valid = match std::str::from_utf8(head) {
                Ok(text) => text,
                Err(error) if head.len() - error.valid_up_to() < 4 => {
                    std::str::from_utf8(&head[..error.valid_up_to()]).ok()?
                }
                Err(_) => return None,
            };
            valid.to_owned()
        }
    };
    let printable =
        |character: char| !character.is_control() || matches!(character, '\n' | '\r' | '\t');
    text.chars().all(printable).then_some(text)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_container_is_known_by_its_bytes() {
        let ts: Vec<u8> = (0..5)
            .flat_map(|_| [vec![0x47], vec![0u8; 187]].concat())
            .collect();
        let m2ts: Vec<u8> = (0..5)
            .flat_map(|_| [vec![0, 0, 0, 1, 0x47], vec![0u8; 187]].concat())
            .collect();
        let mp3_frame = [&[0xff, 0xfb, 0x90, 0x00][..], &[0u8; 413]].concat();
        let mp3 = [mp3_frame.clone(), mp3_frame].concat();
        let adts_frame = [&[0xff, 0xf1, 0x50, 0x80, 0x02, 0x1f, 0xfc][..], &[0u8; 9]].concat();
        let adts = [adts_frame.clone(), adts_frame].concat();
        let cases: Vec<(&[u8], Container)> = vec![
            (b"\0\0\0\x20ftypisom\0\0\x02\0", Container::Mp4),
            (b"\0\0\0\x14ftypqt  \0\0\x02\0", Container::QuickTime),
            (b"\0\0\0\x08wide\0\0\0\0mdat", Container::QuickTime),
            (b"\0\0\0\x08free\0\0\0\0mdat", Container::QuickTime),
            (
                b"\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska",
                Container::Matroska,
            ),
            (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm", Container::WebM),
            (b"RIFF\0\0\0\0AVI LIST", Container::Avi),
            (b"RIFF\0\0\0\0WAVEfmt ", Container::Wav),
            (b"RF64\xff\xff\xff\xffWAVEds64", Container::Wav),
            (b"FORM\0\0\0\0AIFFCOMM", Container::Aiff),
            (b"\0\0\x01\xba\x44\0\x04\0", Container::MpegPs),
            (b"FLV\x01\x05\0\0\0\x09", Container::Flv),
            (b"OggS\0\x02", Container::Ogg),
            (b"fLaC\0\0\0\x22", Container::Flac),
            (b"ID3\x04\0\0\0\0\0\x02..fLaC", Container::Flac),
            (b"ID3\x04\0\0\0\0\x0f\x7f", Container::Mp3),
            (&ts, Container::MpegTs),
            (&m2ts, Container::MpegTs),
            (&mp3, Container::Mp3),
            (&adts, Container::AdtsAac),
        ];
        for (head, expected) in cases {
            assert_eq!(
                sniff(head),
                Ok(expected),
                "{:?}",
                &head[..head.len().min(24)]
            );
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_own_reason() {
        let utf16_playlist: Vec<u8> = std::iter::once(0xfeffu16)
            .chain("#EXTM3U\n".encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        let cases: Vec<(&[u8], SniffError)> = vec![
            (b"", SniffError::Empty),
            (
                b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
                SniffError::HlsPlaylist,
            ),
            (b"\xef\xbb\xbf#EXTM3U\n", SniffError::HlsPlaylist),
            (b" \r\n#extm3u\n", SniffError::HlsPlaylist),
            (&utf16_playlist, SniffError::HlsPlaylist),
            (
                b"<?xml version=\"1.0\"?>\n<MPD xmlns=\"\">",
                SniffError::StreamingManifest,
            ),
            (b"<SmoothStreamingMedia>", SniffError::StreamingManifest),
            (
                b"ffconcat version 1.0\nfile /etc/passwd\n",
                SniffError::ConcatScript,
            ),
            ("안녕하세요, 영상이 아닙니다".as_bytes(), SniffError::Text),
            (b"PK\x03\x04....", SniffError::Archive),
            (b"\x89PNG\r\n\x1a\n....", SniffError::Picture),
            (b"\0\0\0\x18ftypheic....", SniffError::Picture),
            (b"RIFF\0\0\0\0WEBPVP8 ", SniffError::Picture),
            (b"%PDF-1.7", SniffError::Document),
            (
                b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
                SniffError::Unknown,
            ),
            (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84evil", SniffError::Unknown),
        ];
        for (head, expected) in cases {
            assert_eq!(
                sniff(head),
                Err(expected),
                "{:?}",
                &head[..head.len().min(24)]
            );
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(head in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = sniff(&head);
        }

        #[test]
        fn printable_text_is_never_a_container(text in "[ -~\\n]{1,300}") {
            // Signatures made of letters only (RIFF, OggS, FORM, ID3) need more structure than a sentence has.
            prop_assume!(!["OggS", "fLaC", "ID3"].iter().any(|known| text.starts_with(known)));
            prop_assume!(text.get(4..8).is_none_or(|kind| !["ftyp", "moov", "mdat", "wide", "pnot", "styp", "moof", "sidx"].contains(&kind)));
            prop_assert!(sniff(text.as_bytes()).is_err());
        }
    }
}
