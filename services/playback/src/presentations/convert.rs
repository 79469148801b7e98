//! From the message of media to what the manifest writers take.

use amphi_chassis::Problem;
use amphi_contracts::proto::media::v1 as media;
use amphi_media_kit::FrameRate;
use amphi_media_kit::presentation::{Presentation, Segment, Track, TrackKind};

pub(super) fn presentation(message: media::Presentation) -> Result<Presentation, Problem> {
    let mut has_audio = false;
    let mut tracks = Vec::with_capacity(message.tracks.len());
    for track in message.tracks {
        let track = self::track(track, !has_audio)?;
        has_audio |= matches!(track.kind, TrackKind::Audio { .. });
        tracks.push(track);
    }
    Ok(Presentation {
        complete: message.complete,
        segment_ms: nominal_segment_ms(&tracks),
        expected_duration_ms: message.duration_ms,
        started_unix_ms: message.available_since_us / 1000,
        tracks,
    })
}

fn track(track: media::Track, first_audio: bool) -> Result<Track, Problem> {
    let rendition = track
        .rendition
        .ok_or_else(|| Problem::internal("media sent a track without its rendition"))?;
    let kind = match rendition.kind() {
        media::TrackKind::Video => TrackKind::Video {
            width: rendition.width,
            height: rendition.height,
            frame_rate: frame_rate(rendition.frame_rate)?,
        },
        media::TrackKind::Audio => TrackKind::Audio {
            language: rendition.language,
            name: rendition.name,
            default: first_audio,
            channels: rendition.channels,
            sample_rate_hz: rendition.sample_rate,
        },
        media::TrackKind::Unspecified => {
            return Err(Problem::internal(format!(
                "media sent a track of the unknown kind {}",
                rendition.kind
            )));
        }
    };
    Ok(Track {
        id: rendition.id,
        codec: rendition.codec,
        bit_rate_max_bps: u32::try_from(rendition.bandwidth_bps).unwrap_or(u32::MAX),
        timescale: track.timescale,
        kind,
        segments: track
            .segments
            .into_iter()
            .map(|segment| Segment {
                number: segment.number,
                start_ticks: segment.start_ticks,
                duration_ticks: segment.duration_ticks,
                bytes: segment.bytes,
            })
            .collect(),
    })
}

/// The exact rate that a floating one stands for.
fn frame_rate(frames_per_second: f64) -> Result<FrameRate, Problem> {
    // Rates lie between 0 and some hundreds, so their millionths fit.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let millionths = (frames_per_second * 1_000_000.0).round() as u64;
    FrameRate::parse(&format!("{millionths}/1000000"))
        .ok_or_else(|| Problem::internal(format!("media sent the frame rate {frames_per_second}")))
}

/// The length that segments are cut to.
///
/// Segment *k* begins with the first picture or audio frame at or after *k* times that length, so the beginning of the last
/// one tells it up to one such frame divided by *k*; encoders cut to whole tenths of a second.
fn nominal_segment_ms(tracks: &[Track]) -> u32 {
    const TENTH_MS: u64 = 100;
    let longest = tracks.iter().max_by_key(|track| track.segments.len());
    let Some((track, last)) = longest.and_then(|track| Some((track, track.segments.last()?)))
    else {
        return 0;
    };
    let (ticks, segments) = match last.number {
        0 => (last.duration_ticks, 1),
        number => (last.start_ticks, u64::from(number)),
    };
    let per_segment_ms = ticks.saturating_mul(1000) / segments / u64::from(track.timescale.max(1));
    let rounded = (per_segment_ms + TENTH_MS / 2) / TENTH_MS * TENTH_MS;
    u32::try_from(rounded.max(TENTH_MS)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn audio(starts: &[u64], last_ticks: u64) -> Track {
        let ends = starts.iter().skip(1).copied();
        let ends = ends.chain([starts.last().unwrap() + last_ticks]);
        Track {
            id: "a0".into(),
            codec: "mp4a.40.2".into(),
            bit_rate_max_bps: 128_000,
            timescale: 48_000,
            kind: TrackKind::Audio {
                language: "und".into(),
                name: "und".into(),
                default: true,
                channels: 2,
                sample_rate_hz: 48_000,
            },
            segments: (0..)
                .zip(starts.iter().zip(ends))
                .map(|(number, (start, end))| Segment {
                    number,
                    start_ticks: *start,
                    duration_ticks: end - start,
                    bytes: 1,
                })
                .collect(),
        }
    }

    #[test]
    fn the_nominal_length_is_found_from_any_number_of_segments() {
        // Access units of 1024 samples on a grid of four seconds.
        let starts = [0, 192_512, 384_000, 576_512];
        for count in 1..=starts.len() {
            let last = if count == 1 { 192_512 } else { 191_488 };
            let tracks = [audio(&starts[..count], last)];
            assert_eq!(nominal_segment_ms(&tracks), 4000, "{count}");
        }
    }

    #[test]
    fn a_short_video_is_one_segment_of_its_own_length() {
        assert_eq!(nominal_segment_ms(&[audio(&[0], 48_000)]), 1000);
        assert_eq!(nominal_segment_ms(&[]), 0);
    }

    #[test]
    fn a_rounded_rate_becomes_the_exact_one() {
        let rate = frame_rate(29.970_03).unwrap();
        assert_eq!((rate.numerator(), rate.denominator()), (30_000, 1001));
        assert_eq!(frame_rate(25.0).unwrap().numerator(), 25);
        assert!(frame_rate(0.0).is_err());
    }
}
