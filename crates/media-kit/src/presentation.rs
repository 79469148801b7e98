//! What can be played of a source: tracks and their segments, as plain data for the manifest writers.
//!
//! Layout of the URLs, relative to the manifests: `master.m3u8`, `manifest.mpd`, and for each track `{id}/init.mp4`, `{id}/{number}.m4s`,
//! `{id}/index.m3u8`.

use serde::{Deserialize, Serialize};

use crate::FrameRate;

pub const MASTER_PLAYLIST: &str = "master.m3u8";
pub const MANIFEST: &str = "manifest.mpd";
pub const MEDIA_PLAYLIST: &str = "index.m3u8";
pub const INIT_SEGMENT: &str = "init.mp4";

/// Tracks that play together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presentation {
    /// Whether nothing will be added any more.
    pub complete: bool,
    /// Nominal length of a segment.
    pub segment_ms: u32,
    /// How long it will be once complete, if the source's header says.
    pub expected_duration_ms: Option<u64>,
    /// When encoding began, in milliseconds since 1970 UTC.
    pub started_unix_ms: i64,
    pub tracks: Vec<Track>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    pub id: String,
    /// RFC 6381.
    pub codec: String,
    /// Ceiling that the encoder was given.
    pub bit_rate_max_bps: u32,
    pub timescale: u32,
    pub kind: TrackKind,
    /// In order of their numbers.
    pub segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TrackKind {
    Video {
        width: u32,
        height: u32,
        frame_rate: FrameRate,
    },
    Audio {
        /// BCP 47 or `und`.
        language: String,
        name: String,
        default: bool,
        channels: u32,
        sample_rate_hz: u32,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    pub number: u32,
    pub start_ticks: u64,
    pub duration_ticks: u64,
    pub bytes: u64,
}

impl Presentation {
    /// The part that a manifest may name: for each track the segments that follow each other from 0 on, and while encoding goes on
    /// equally many of each track, so that no player runs into a hole. `None` if that is nothing.
    pub fn playable(&self) -> Option<Self> {
        let mut playable = self.clone();
        for track in &mut playable.tracks {
            let gapless = track
                .segments
                .iter()
                .zip(0..)
                .take_while(|(segment, number)| segment.number == *number)
                .count();
            track.segments.truncate(gapless);
        }
        if !playable.complete {
            let shortest = playable
                .tracks
                .iter()
                .map(|track| track.segments.len())
                .min()
                .unwrap_or(0);
            for track in &mut playable.tracks {
                track.segments.truncate(shortest);
            }
        }
        playable.tracks.retain(|track| !track.segments.is_empty());
        (!playable.tracks.is_empty()).then_some(playable)
    }

    /// End of the longest track, in milliseconds.
    pub fn duration_ms(&self) -> u64 {
        self.tracks.iter().map(Track::end_ms).max().unwrap_or(0)
    }

    pub fn video(&self) -> impl Iterator<Item = &Track> {
        self.tracks
            .iter()
            .filter(|track| matches!(track.kind, TrackKind::Video { .. }))
    }

    pub fn audio(&self) -> impl Iterator<Item = &Track> {
        self.tracks
            .iter()
            .filter(|track| matches!(track.kind, TrackKind::Audio { .. }))
    }
}

impl Track {
    pub fn end_ms(&self) -> u64 {
        let end_ticks = self
            .segments
            .last()
            .map_or(0, |last| last.start_ticks + last.duration_ticks);
        (u128::from(end_ticks) * 1000).div_ceil(u128::from(self.timescale.max(1))) as u64
    }

    /// Largest bit rate that a player must be ready for. Measured once the track is `complete`; before that the encoder's ceiling, unless
    /// a segment is above it. Segments below half the nominal length say nothing of the rate (RFC 8216, 4.3.4.2), but may lift
    /// the average, below which no peak can be.
    pub fn peak_bps(&self, complete: bool, segment_ms: u32) -> u64 {
        let half_ticks = u64::from(self.timescale) * u64::from(segment_ms) / 2000;
        let measured = self
            .segments
            .iter()
            .filter(|segment| segment.duration_ticks >= half_ticks.max(1))
            .map(|segment| self.rate_bps(segment.bytes, segment.duration_ticks))
            .max();
        let declared = u64::from(self.bit_rate_max_bps);
        let peak = match measured {
            Some(measured) if complete => measured.max(1),
            Some(measured) => measured.max(declared),
            None => declared.max(1),
        };
        peak.max(self.average_bps().unwrap_or(0))
    }

    pub fn average_bps(&self) -> Option<u64> {
        let bytes = self.segments.iter().map(|segment| segment.bytes).sum();
        let ticks: u64 = self
            .segments
            .iter()
            .map(|segment| segment.duration_ticks)
            .sum();
        (ticks > 0).then(|| self.rate_bps(bytes, ticks).max(1))
    }

    fn rate_bps(&self, bytes: u64, ticks: u64) -> u64 {
        let bits = u128::from(bytes) * 8 * u128::from(self.timescale);
        u64::try_from(bits.div_ceil(u128::from(ticks.max(1)))).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plan::{AudioGrid, VideoGrid};

    pub(crate) fn video(id: &str, width: u32, height: u32, segments: u32) -> Track {
        let rate = FrameRate::new(30_000, 1001).unwrap();
        let grid = VideoGrid::new(rate, 4000);
        Track {
            id: id.to_owned(),
            codec: "avc1.64001F".to_owned(),
            bit_rate_max_bps: width * 2000,
            timescale: rate.timescale(),
            kind: TrackKind::Video {
                width,
                height,
                frame_rate: rate,
            },
            segments: (0..segments)
                .map(|number| Segment {
                    number,
                    start_ticks: grid.start_ticks(number),
                    duration_ticks: grid.frames_in(number) * 1001,
                    bytes: u64::from(width) * (500 + u64::from(number)),
                })
                .collect(),
        }
    }

    pub(crate) fn audio(
        id: &str,
        language: &str,
        name: &str,
        default: bool,
        segments: u32,
    ) -> Track {
        let grid = AudioGrid::new(4000);
        Track {
            id: id.to_owned(),
            codec: "mp4a.40.2".to_owned(),
            bit_rate_max_bps: 128_000,
            timescale: 48_000,
            kind: TrackKind::Audio {
                language: language.to_owned(),
                name: name.to_owned(),
                default,
                channels: 2,
                sample_rate_hz: 48_000,
            },
            segments: (0..segments)
                .map(|number| Segment {
                    number,
                    start_ticks: grid.first_unit(number) * 1024,
                    duration_ticks: grid.units_in(number) * 1024,
                    bytes: 64_000,
                })
                .collect(),
        }
    }

    pub(crate) fn presentation(complete: bool, tracks: Vec<Track>) -> Presentation {
        Presentation {
            complete,
            segment_ms: 4000,
            expected_duration_ms: Some(24_000),
            started_unix_ms: 1_767_225_600_000,
            tracks,
        }
    }

    #[test]
    fn while_encoding_tracks_are_cut_to_the_shortest_and_to_what_is_gapless() {
        let mut tracks = vec![
            video("v240", 426, 240, 6),
            video("v360", 640, 360, 5),
            audio("a0", "ko", "ko", true, 6),
        ];
        tracks[0].segments.remove(4);
        let encoding = presentation(false, tracks.clone()).playable().unwrap();
        let counts: Vec<usize> = encoding
            .tracks
            .iter()
            .map(|track| track.segments.len())
            .collect();
        assert_eq!(counts, [4, 4, 4]);
        let complete = presentation(true, tracks).playable().unwrap();
        let counts: Vec<usize> = complete
            .tracks
            .iter()
            .map(|track| track.segments.len())
            .collect();
        assert_eq!(counts, [4, 5, 6]);
    }

    #[test]
    fn a_track_without_its_first_segment_keeps_the_rest_back() {
        let mut tracks = vec![video("v240", 426, 240, 3), audio("a0", "ko", "ko", true, 3)];
        tracks[1].segments.remove(0);
        assert_eq!(presentation(false, tracks).playable(), None);
        assert_eq!(presentation(true, vec![]).playable(), None);
    }

    #[test]
    fn bit_rates_are_measured_over_whole_segments_and_no_peak_is_below_the_average() {
        let mut track = audio("a0", "ko", "ko", true, 3);
        track.segments.push(Segment {
            number: 3,
            start_ticks: 576_000,
            duration_ticks: 1024,
            bytes: 2000,
        });
        assert_eq!(track.average_bps(), Some(128_990));
        assert_eq!(track.peak_bps(true, 4000), 128_990);
        assert_eq!(track.peak_bps(false, 4000), 128_990);
        track.segments[3].bytes = 1;
        assert_eq!(track.peak_bps(true, 4000), 128_343);
        track.segments[3].bytes = 2000;
        track.segments.clear();
        assert_eq!(
            (track.peak_bps(true, 4000), track.average_bps()),
            (128_000, None)
        );
    }
}
