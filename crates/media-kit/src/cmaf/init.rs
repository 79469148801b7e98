//! Initialisation segments: `ftyp` and `moov` of one track.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::CmafError;
use super::boxes::{Fields, child, children, descend, write_box};

/// What a manifest needs to know of an initialisation segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitInfo {
    /// Ticks per second of every time in the track.
    pub timescale: u32,
    /// RFC 6381: `avc1.64001F`, `mp4a.40.2`.
    pub codec: String,
    pub track: TrackInfo,
    pub defaults: TrackDefaults,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TrackInfo {
    Video { width: u32, height: u32 },
    Audio { channels: u32, sample_rate_hz: u32 },
}

/// What `trex` says of samples of which a fragment says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackDefaults {
    pub duration: u32,
    pub size: u32,
    pub flags: u32,
}

/// Reads an initialisation segment of one video or audio track.
///
/// # Errors
/// [`CmafError`] if boxes are missing or cut, or the codec is neither H.264 nor AAC.
pub fn parse_init(data: &[u8]) -> Result<InitInfo, CmafError> {
    let moov = child(data, "moov")?;
    let media = descend(moov, &["trak", "mdia"])?;
    let timescale = timescale(child(media, "mdhd")?)?;
    let descriptions = descend(media, &["minf", "stbl", "stsd"])?;
    let mut fields = Fields::new(descriptions, "stsd");
    fields.version_and_flags()?;
    fields.u32()?;
    let entry = *children(fields.rest())?
        .first()
        .ok_or(CmafError::Missing("stsd entry"))?;
    let (codec, track) = match &entry.kind {
        b"avc1" | b"avc3" => avc(entry.body)?,
        b"mp4a" => aac(entry.body)?,
        other => {
            return Err(CmafError::UnknownCodec(
                String::from_utf8_lossy(other).into_owned(),
            ));
        }
    };
    let mut fields = Fields::new(descend(moov, &["mvex", "trex"])?, "trex");
    fields.skip(12)?;
    let defaults = TrackDefaults {
        duration: fields.u32()?,
        size: fields.u32()?,
        flags: fields.u32()?,
    };
    Ok(InitInfo {
        timescale,
        codec,
        track,
        defaults,
    })
}

/// The same initialisation segment with CMAF's brands, without user data and without a rotation (the pictures are upright already, but
/// ffmpeg carries the source's over), equal for every encoder that agrees on the codec's setup.
///
/// # Errors
/// [`CmafError`] if the segment is not whole boxes or lacks `moov`.
pub fn normalise_init(data: &[u8]) -> Result<Bytes, CmafError> {
    let moov = child(data, "moov")?;
    let kept = children(moov)?;
    let track = upright_track(child(moov, "trak")?)?;
    let mut out = Vec::with_capacity(data.len());
    write_box(&mut out, b"ftyp", |out| {
        out.extend(b"iso6\0\0\0\0iso6cmfcmp41");
    });
    write_box(&mut out, b"moov", |out| {
        for part in &kept {
            match &part.kind {
                b"udta" => {}
                b"trak" => write_box(out, b"trak", |out| out.extend(&track)),
                kind => write_box(out, kind, |out| out.extend(part.body)),
            }
        }
    });
    Ok(Bytes::from(out))
}

/// The body of `trak` with the unity matrix in its header.
fn upright_track(track: &[u8]) -> Result<Vec<u8>, CmafError> {
    const UNITY: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];
    let mut out = Vec::with_capacity(track.len());
    for part in children(track)? {
        let mut body = part.body.to_vec();
        if &part.kind == b"tkhd" {
            let matrix_at = if body.first() == Some(&1) { 52 } else { 40 };
            let matrix = body
                .get_mut(matrix_at..matrix_at + 36)
                .ok_or(CmafError::Malformed("tkhd"))?;
            for (word, unity) in matrix.chunks_exact_mut(4).zip(UNITY) {
                word.copy_from_slice(&unity.to_be_bytes());
            }
        }
        write_box(&mut out, &part.kind, |out| out.extend(&body));
    }
    Ok(out)
}

fn timescale(mdhd: &[u8]) -> Result<u32, CmafError> {
    let mut fields = Fields::new(mdhd, "mdhd");
    let (version, _) = fields.version_and_flags()?;
    fields.skip(if version == 1 { 16 } else { 8 })?;
    let timescale = fields.u32()?;
    if timescale == 0 {
        return Err(CmafError::Malformed("mdhd"));
    }
    Ok(timescale)
}

fn avc(entry: &[u8]) -> Result<(String, TrackInfo), CmafError> {
    let mut fields = Fields::new(entry, "avc1");
    fields.skip(24)?;
    let (width, height) = (u32::from(fields.u16()?), u32::from(fields.u16()?));
    fields.skip(50)?;
    let mut config = Fields::new(child(fields.rest(), "avcC")?, "avcC");
    config.skip(1)?;
    let (profile, compatibility, level) = (config.u8()?, config.u8()?, config.u8()?);
    let codec = format!("avc1.{profile:02X}{compatibility:02X}{level:02X}");
    Ok((codec, TrackInfo::Video { width, height }))
}

fn aac(entry: &[u8]) -> Result<(String, TrackInfo), CmafError> {
    let mut fields = Fields::new(entry, "mp4a");
    fields.skip(16)?;
    let channels = u32::from(fields.u16()?);
    fields.skip(6)?;
    let sample_rate_hz = fields.u32()? >> 16;
    let mut config = Fields::new(child(fields.rest(), "esds")?, "esds");
    config.version_and_flags()?;
    let object_type = audio_object_type(config)?;
    let track = TrackInfo::Audio {
        channels,
        sample_rate_hz,
    };
    Ok((format!("mp4a.40.{object_type}"), track))
}

/// The AudioSpecificConfig's first five bits, inside three nested descriptors (ISO/IEC 14496-1, 7.2.6).
fn audio_object_type(mut fields: Fields<'_>) -> Result<u8, CmafError> {
    const ELEMENTARY_STREAM: u8 = 0x03;
    const DECODER_CONFIG: u8 = 0x04;
    const DECODER_SPECIFIC: u8 = 0x05;
    const MPEG4_AUDIO: u8 = 0x40;
    descriptor(&mut fields, ELEMENTARY_STREAM)?;
    fields.skip(3)?;
    descriptor(&mut fields, DECODER_CONFIG)?;
    if fields.u8()? != MPEG4_AUDIO {
        return Err(CmafError::UnknownCodec("mp4a".to_owned()));
    }
    fields.skip(12)?;
    descriptor(&mut fields, DECODER_SPECIFIC)?;
    Ok(fields.u8()? >> 3)
}

fn descriptor(fields: &mut Fields<'_>, tag: u8) -> Result<(), CmafError> {
    if fields.u8()? != tag {
        return Err(CmafError::Malformed("esds"));
    }
    // The length takes up to four bytes, seven bits each; the nesting above makes it redundant.
    for _ in 0..4 {
        if fields.u8()? & 0x80 == 0 {
            return Ok(());
        }
    }
    Err(CmafError::Malformed("esds"))
}
