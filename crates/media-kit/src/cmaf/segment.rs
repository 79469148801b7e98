//! Writes and reads our own media segments: `styp`, one `moof`, one `mdat`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::CmafError;
use super::boxes::{Fields, children, descend, write_box};
use super::fragment::samples;
use super::init::TrackDefaults;

const FLAGS_SYNC: u32 = 0x0200_0000;
const FLAGS_NON_SYNC: u32 = 0x0101_0000;

/// One sample of a segment to write, in decoding order.
#[derive(Debug, Clone)]
pub struct SegmentSample {
    pub composition_offset_ticks: i32,
    pub data: Bytes,
}

/// Writes a media segment whose samples all last equally long and whose first sample alone is a sync sample (`all_sync`: every one).
///
/// `sequence` counts from 1, as players that predate CMAF expect.
pub fn write_segment(
    sequence: u32,
    base_decode_ticks: u64,
    sample_duration_ticks: u32,
    all_sync: bool,
    samples: &[SegmentSample],
) -> Bytes {
    let payload: usize = samples.iter().map(|sample| sample.data.len()).sum();
    let has_offsets = samples
        .iter()
        .any(|sample| sample.composition_offset_ticks != 0);
    let mut out = Vec::with_capacity(payload + samples.len() * 8 + 160);
    write_box(&mut out, b"styp", |out| {
        out.extend(b"msdh\0\0\0\0msdhmsixcmfs")
    });
    let fragment_start = out.len();
    let mut data_offset_at = 0;
    write_box(&mut out, b"moof", |out| {
        write_box(out, b"mfhd", |out| {
            put(out, 0);
            put(out, sequence);
        });
        write_box(out, b"traf", |out| {
            write_box(out, b"tfhd", |out| {
                // default-base-is-moof, default duration, default flags
                put(out, 0x02_0028);
                put(out, 1);
                put(out, sample_duration_ticks);
                put(out, if all_sync { FLAGS_SYNC } else { FLAGS_NON_SYNC });
            });
            write_box(out, b"tfdt", |out| {
                put(out, 0x0100_0000);
                out.extend(base_decode_ticks.to_be_bytes());
            });
            write_box(out, b"trun", |out| {
                let offsets_flag = if has_offsets { 0x800 } else { 0 };
                put(out, 0x0100_0000 | 0x001 | 0x004 | 0x200 | offsets_flag);
                put(out, samples.len() as u32);
                data_offset_at = out.len();
                put(out, 0);
                put(out, FLAGS_SYNC);
                for sample in samples {
                    put(out, sample.data.len() as u32);
                    if has_offsets {
                        put(out, sample.composition_offset_ticks as u32);
                    }
                }
            });
        });
    });
    let data_offset = (out.len() - fragment_start + 8) as u32;
    out[data_offset_at..data_offset_at + 4].copy_from_slice(&data_offset.to_be_bytes());
    write_box(&mut out, b"mdat", |out| {
        for sample in samples {
            out.extend_from_slice(&sample.data);
        }
    });
    Bytes::from(out)
}

/// What a media segment says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentInfo {
    pub sequence: u32,
    pub base_decode_ticks: u64,
    pub earliest_presentation_ticks: i64,
    pub duration_ticks: u64,
    pub sample_count: usize,
    pub starts_with_sync: bool,
    pub sync_sample_count: usize,
}

/// Reads a media segment of one `moof` and one `mdat`.
///
/// # Errors
/// [`CmafError`] if boxes are missing, cut or contradict each other, or if there is no sample.
pub fn parse_segment(data: &Bytes, defaults: TrackDefaults) -> Result<SegmentInfo, CmafError> {
    let parts = children(data)?;
    let fragment_at = parts
        .iter()
        .position(|part| &part.kind == b"moof")
        .ok_or(CmafError::Missing("moof"))?;
    let payload = parts
        .get(fragment_at + 1)
        .filter(|part| &part.kind == b"mdat")
        .ok_or(CmafError::Missing("mdat"))?;
    let mut fragment = Vec::new();
    write_box(&mut fragment, b"moof", |out| {
        out.extend(parts[fragment_at].body)
    });
    let mut fields = Fields::new(descend(&fragment, &["moof", "mfhd"])?, "mfhd");
    fields.version_and_flags()?;
    let sequence = fields.u32()?;
    let samples = samples(&fragment, 8, &data.slice_ref(payload.body), defaults)?;
    let first = samples.first().ok_or(CmafError::Missing("sample"))?;
    let earliest = samples.iter().map(|sample| sample.presentation_ticks).min();
    Ok(SegmentInfo {
        sequence,
        base_decode_ticks: first.decode_ticks,
        earliest_presentation_ticks: earliest.unwrap_or(first.presentation_ticks),
        duration_ticks: samples
            .iter()
            .map(|sample| u64::from(sample.duration_ticks))
            .sum(),
        sample_count: samples.len(),
        starts_with_sync: first.is_sync,
        sync_sample_count: samples.iter().filter(|sample| sample.is_sync).count(),
    })
}

fn put(out: &mut Vec<u8>, word: u32) {
    out.extend(word.to_be_bytes());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use mp4_atom::{Any, ReadFrom};
    use proptest::prelude::*;

    use super::*;
    use crate::cmaf::{FragmentReader, normalise_init, parse_init};

    fn three_pictures() -> Bytes {
        let sample = |offset, data: &'static [u8]| SegmentSample {
            composition_offset_ticks: offset,
            data: Bytes::from_static(data),
        };
        write_segment(
            8,
            900_000,
            1001,
            false,
            &[
                sample(0, b"key"),
                sample(1001, b"later"),
                sample(-1001, b"b"),
            ],
        )
    }

    #[test]
    fn a_written_segment_reads_back() {
        let info = parse_segment(&three_pictures(), TrackDefaults::default()).unwrap();
        let expected = SegmentInfo {
            sequence: 8,
            base_decode_ticks: 900_000,
            earliest_presentation_ticks: 900_000,
            duration_ticks: 3003,
            sample_count: 3,
            starts_with_sync: true,
            sync_sample_count: 1,
        };
        assert_eq!(info, expected);
    }

    #[test]
    fn another_reader_of_boxes_sees_the_same() {
        let segment = three_pictures();
        let mut rest = &segment[..];
        let mut boxes = Vec::new();
        while !rest.is_empty() {
            boxes.push(Any::read_from(&mut rest).unwrap());
        }
        let [Any::Styp(_), Any::Moof(fragment), Any::Mdat(payload)] = &boxes[..] else {
            panic!("styp, moof, mdat: {boxes:?}");
        };
        assert_eq!(fragment.mfhd.sequence_number, 8);
        let track = &fragment.traf[0];
        assert_eq!(track.tfdt.as_ref().unwrap().base_media_decode_time, 900_000);
        let entries = &track.trun[0].samples;
        let offsets: Vec<Option<i64>> = entries.iter().map(|entry| entry.cts).collect();
        assert_eq!(offsets, [Some(0), Some(1001), Some(-1001)]);
        assert_eq!(payload.data, b"keylaterb");
    }

    #[test]
    fn every_truncation_is_an_error_and_never_a_panic() {
        let segment = three_pictures();
        for length in 0..segment.len() {
            assert!(
                parse_segment(&segment.slice(..length), TrackDefaults::default()).is_err(),
                "{length}"
            );
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            let data = Bytes::from(data);
            let _ = parse_segment(&data, TrackDefaults::default());
            let _ = parse_init(&data);
            let _ = normalise_init(&data);
            let mut reader = FragmentReader::default();
            reader.push(&data);
            let _ = reader.next_item();
        }

        #[test]
        fn a_flipped_byte_never_panics(position in 0usize..160, value: u8) {
            let mut damaged = three_pictures().to_vec();
            let position = position % damaged.len();
            damaged[position] = value;
            let _ = parse_segment(&Bytes::from(damaged), TrackDefaults::default());
        }
    }
}
