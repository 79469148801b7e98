//! Takes a fragmented MP4 apart while it is being written.

use bytes::{Buf, Bytes, BytesMut};

use super::CmafError;
use super::boxes::{Fields, child, children, descend, header};
use super::init::{InitInfo, TrackDefaults, parse_init};

/// No single box of ours comes near this: a segment of 4 seconds at 100 Mb/s has 50 MB.
const BOX_BYTES_MAX: u64 = 64 << 20;

const SAMPLE_IS_NON_SYNC: u32 = 0x0001_0000;

/// One encoded picture or audio access unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    pub decode_ticks: u64,
    pub presentation_ticks: i64,
    pub duration_ticks: u32,
    pub is_sync: bool,
    pub data: Bytes,
}

#[derive(Debug)]
pub enum FragmentItem {
    /// `ftyp` and `moov` as they came, and what they say.
    Init(Bytes, InitInfo),
    Samples(Vec<Sample>),
}

/// Takes bytes as they come and yields whole fragments. Holds one box at most.
#[derive(Debug, Default)]
pub struct FragmentReader {
    buffer: BytesMut,
    init: BytesMut,
    defaults: Option<TrackDefaults>,
    movie_fragment: Option<Bytes>,
}

impl FragmentReader {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole item, `None` until more bytes have come.
    ///
    /// # Errors
    /// [`CmafError`] if the stream is not a fragmented MP4 of one track.
    pub fn next_item(&mut self) -> Result<Option<FragmentItem>, CmafError> {
        while let Some((kind, length, header_length)) = header(&self.buffer)? {
            if length > BOX_BYTES_MAX {
                return Err(CmafError::TooLarge(length));
            }
            let length = length as usize;
            if self.buffer.len() < length {
                return Ok(None);
            }
            let whole = self.buffer.split_to(length).freeze();
            match &kind {
                b"ftyp" => self.init = BytesMut::from(&whole[..]),
                b"moov" => {
                    self.init.extend_from_slice(&whole);
                    let init = std::mem::take(&mut self.init).freeze();
                    let info = parse_init(&init)?;
                    self.defaults = Some(info.defaults);
                    return Ok(Some(FragmentItem::Init(init, info)));
                }
                b"moof" => self.movie_fragment = Some(whole),
                b"mdat" => {
                    let fragment = self
                        .movie_fragment
                        .take()
                        .ok_or(CmafError::Missing("moof"))?;
                    let defaults = self.defaults.ok_or(CmafError::Missing("moov"))?;
                    let mut data = whole;
                    data.advance(header_length);
                    let samples = samples(&fragment, header_length, &data, defaults)?;
                    return Ok(Some(FragmentItem::Samples(samples)));
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

/// The samples of one fragment whose `mdat` follows its `moof` at once.
pub(super) fn samples(
    movie_fragment: &[u8],
    data_header_length: usize,
    data: &Bytes,
    defaults: TrackDefaults,
) -> Result<Vec<Sample>, CmafError> {
    let track = descend(movie_fragment, &["moof", "traf"])?;
    let defaults = fragment_defaults(child(track, "tfhd")?, defaults)?;
    let mut decode_ticks = decode_time(child(track, "tfdt")?)?;
    let mut samples = Vec::new();
    // Where the payload begins, counted like the runs' offsets from the start of moof.
    let data_start = movie_fragment.len() + data_header_length;
    let mut position = 0;
    for run in children(track)?.iter().filter(|part| &part.kind == b"trun") {
        let run = parse_run(run.body, defaults)?;
        if let Some(offset) = run.data_offset {
            position = usize::try_from(offset)
                .ok()
                .and_then(|offset| offset.checked_sub(data_start))
                .ok_or(CmafError::Malformed("trun"))?;
        }
        for entry in run.entries {
            let end = position
                .checked_add(entry.size as usize)
                .ok_or(CmafError::Malformed("trun"))?;
            if end > data.len() {
                return Err(CmafError::Malformed("trun"));
            }
            let start = i64::try_from(decode_ticks).map_err(|_| CmafError::Malformed("tfdt"))?;
            samples.push(Sample {
                decode_ticks,
                presentation_ticks: start
                    .checked_add(entry.composition_offset)
                    .ok_or(CmafError::Malformed("trun"))?,
                duration_ticks: entry.duration,
                is_sync: entry.flags & SAMPLE_IS_NON_SYNC == 0,
                data: data.slice(position..end),
            });
            position = end;
            decode_ticks = decode_ticks
                .checked_add(u64::from(entry.duration))
                .ok_or(CmafError::Malformed("trun"))?;
        }
    }
    Ok(samples)
}

fn fragment_defaults(tfhd: &[u8], defaults: TrackDefaults) -> Result<TrackDefaults, CmafError> {
    let mut fields = Fields::new(tfhd, "tfhd");
    let (_, flags) = fields.version_and_flags()?;
    fields.u32()?;
    if flags & 0x01 != 0 {
        fields.u64()?;
    }
    if flags & 0x02 != 0 {
        fields.u32()?;
    }
    let mut field = |flag: u32, default: u32| {
        if flags & flag == 0 {
            Ok(default)
        } else {
            fields.u32()
        }
    };
    Ok(TrackDefaults {
        duration: field(0x08, defaults.duration)?,
        size: field(0x10, defaults.size)?,
        flags: field(0x20, defaults.flags)?,
    })
}

fn decode_time(tfdt: &[u8]) -> Result<u64, CmafError> {
    let mut fields = Fields::new(tfdt, "tfdt");
    match fields.version_and_flags()? {
        (1, _) => fields.u64(),
        _ => Ok(u64::from(fields.u32()?)),
    }
}

struct Run {
    data_offset: Option<i32>,
    entries: Vec<RunEntry>,
}

struct RunEntry {
    duration: u32,
    size: u32,
    flags: u32,
    composition_offset: i64,
}

fn parse_run(trun: &[u8], defaults: TrackDefaults) -> Result<Run, CmafError> {
    let mut fields = Fields::new(trun, "trun");
    let (version, flags) = fields.version_and_flags()?;
    let count = fields.u32()? as usize;
    let data_offset = if flags & 0x01 != 0 {
        Some(fields.u32()? as i32)
    } else {
        None
    };
    let first_flags = if flags & 0x04 != 0 {
        Some(fields.u32()?)
    } else {
        None
    };
    let entry_bytes = (flags & 0xf00).count_ones() as usize * 4;
    // Entries that take no bytes could be counted in billions.
    let affordable = fields
        .remaining()
        .checked_div(entry_bytes)
        .unwrap_or(65_536);
    if count > affordable {
        return Err(CmafError::Malformed("trun"));
    }
    let mut entries = Vec::with_capacity(count);
    for position in 0..count {
        let mut field = |flag: u32, default: u32| {
            if flags & flag == 0 {
                Ok(default)
            } else {
                fields.u32()
            }
        };
        let duration = field(0x100, defaults.duration)?;
        let size = field(0x200, defaults.size)?;
        let own_flags = field(0x400, defaults.flags)?;
        let offset = field(0x800, 0)?;
        entries.push(RunEntry {
            duration,
            size,
            flags: first_flags.filter(|_| position == 0).unwrap_or(own_flags),
            composition_offset: if version == 0 {
                i64::from(offset)
            } else {
                i64::from(offset as i32)
            },
        });
    }
    Ok(Run {
        data_offset,
        entries,
    })
}
