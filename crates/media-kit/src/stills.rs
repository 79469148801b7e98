//! Poster and storyboard: which pictures to take, how the sprite sheets are laid out, and the WebVTT that tells players.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::probe::VideoStream;

/// The poster: one representative picture from around a tenth into the video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PosterSpec {
    pub width: u32,
    pub height: u32,
    /// Where to start looking.
    pub at_ms: u64,
    /// How many pictures to choose the most representative from; it is seldom the black one.
    pub candidates: u32,
}

/// Sprite sheets of small pictures at an even distance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoryboardSpec {
    pub tile_width: u32,
    pub tile_height: u32,
    pub columns: u32,
    pub rows: u32,
    pub interval_ms: u64,
    /// Tiles over all sheets.
    pub tile_count: u32,
    pub duration_ms: u64,
    /// Long videos are decoded at their key frames alone.
    pub key_frames_only: bool,
}

impl PosterSpec {
    pub const FILE_NAME: &'static str = "poster.jpg";
    const SHORT_SIDE_MAX: u32 = 720;

    pub fn for_source(video: &VideoStream, duration_ms: Option<u64>) -> Self {
        let (width, height) = fit(
            video.display_width,
            video.display_height,
            Self::SHORT_SIDE_MAX,
        );
        Self {
            width,
            height,
            at_ms: duration_ms.map_or(0, |duration_ms| duration_ms / 10),
            candidates: 50,
        }
    }
}

impl StoryboardSpec {
    pub const VTT_FILE_NAME: &'static str = "storyboard.vtt";
    const TILE_SHORT_SIDE: u32 = 90;
    const COLUMNS: u32 = 10;
    const ROWS: u32 = 10;
    const TILES_MAX: u64 = 400;
    const INTERVAL_MS_MIN: u64 = 2000;
    /// Up to here every picture is decoded, so that a clip with a single key frame still shows different tiles.
    const DECODE_ALL_MS_MAX: u64 = 5 * 60 * 1000;

    /// `None` for a video too short to look ahead in.
    pub fn for_source(video: &VideoStream, duration_ms: u64) -> Option<Self> {
        if duration_ms < 1000 {
            return None;
        }
        let (tile_width, tile_height) = fit(
            video.display_width,
            video.display_height,
            Self::TILE_SHORT_SIDE,
        );
        let interval_ms = duration_ms
            .div_ceil(Self::TILES_MAX)
            .div_ceil(1000)
            .saturating_mul(1000)
            .max(Self::INTERVAL_MS_MIN);
        let tile_count = u32::try_from(duration_ms.div_ceil(interval_ms)).ok()?;
        Some(Self {
            tile_width,
            tile_height,
            columns: Self::COLUMNS.min(tile_count),
            rows: Self::ROWS.min(tile_count.div_ceil(Self::COLUMNS)),
            interval_ms,
            tile_count,
            duration_ms,
            key_frames_only: duration_ms > Self::DECODE_ALL_MS_MAX,
        })
    }

    pub fn tiles_per_sheet(&self) -> u32 {
        (self.columns * self.rows).max(1)
    }

    pub fn sheet_count(&self) -> u32 {
        self.tile_count.div_ceil(self.tiles_per_sheet())
    }

    pub fn sheet_file_name(sheet: u32) -> String {
        format!("storyboard-{sheet}.jpg")
    }

    /// The thumbnails track, for the sheets that exist: each cue names its place on a sheet by a spatial media fragment.
    pub fn web_vtt(&self, sheets_written: u32) -> String {
        let mut text = String::from("WEBVTT\n");
        let tiles = self
            .tile_count
            .min(sheets_written.saturating_mul(self.tiles_per_sheet()));
        for tile in 0..tiles {
            let start_ms = u64::from(tile) * self.interval_ms;
            let end_ms = (start_ms + self.interval_ms).min(self.duration_ms);
            let place = tile % self.tiles_per_sheet();
            let x = place % self.columns * self.tile_width;
            let y = place / self.columns * self.tile_height;
            let sheet = Self::sheet_file_name(tile / self.tiles_per_sheet());
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "\n{} --> {}\n{sheet}#xywh={x},{y},{},{}\n",
                vtt_time(start_ms),
                vtt_time(end_ms),
                self.tile_width,
                self.tile_height
            );
        }
        text
    }
}

/// Scales to a short side, never up, to even lengths, the long side at most three times the short.
fn fit(width: u32, height: u32, short_side_max: u32) -> (u32, u32) {
    let short = f64::from(width.min(height).max(1));
    let long = f64::from(width.max(height).max(1));
    let scale = (f64::from(short_side_max) / short)
        .min(f64::from(short_side_max) * 3.0 / long)
        .min(1.0);
    let even = |length: u32| ((f64::from(length) * scale / 2.0).round() as u32 * 2).max(2);
    (even(width), even(height))
}

fn vtt_time(ms: u64) -> String {
    let (seconds, ms) = (ms / 1000, ms % 1000);
    format!(
        "{:02}:{:02}:{:02}.{ms:03}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plan::tests::source_with_video;

    fn storyboard(width: u32, height: u32, duration_ms: u64) -> Option<StoryboardSpec> {
        let source = source_with_video(width, height, duration_ms);
        StoryboardSpec::for_source(source.video.as_ref().unwrap(), duration_ms)
    }

    #[test]
    fn the_sheets_fit_the_duration() {
        let cases = [
            (4_000, (2, 1, 2, 1, 2_000)),
            (61_000, (10, 4, 31, 1, 2_000)),
            (600_000, (10, 10, 300, 3, 2_000)),
            (7_200_000, (10, 10, 400, 4, 18_000)),
        ];
        for (duration_ms, expected) in cases {
            let board = storyboard(1920, 1080, duration_ms).unwrap();
            let found = (
                board.columns,
                board.rows,
                board.tile_count,
                board.sheet_count(),
                board.interval_ms,
            );
            assert_eq!(found, expected, "{duration_ms}");
        }
        assert_eq!(storyboard(1920, 1080, 900), None);
    }

    #[test]
    fn pictures_keep_their_shape_and_are_never_enlarged() {
        let cases = [
            ((1920, 1080, 90), (160, 90)),
            ((1080, 1920, 90), (90, 160)),
            ((64, 48, 90), (64, 48)),
            ((4000, 20, 90), (270, 2)),
        ];
        for ((width, height, short), expected) in cases {
            assert_eq!(fit(width, height, short), expected, "{width}x{height}");
        }
    }

    #[test]
    fn each_cue_names_its_tile() {
        let vtt = storyboard(1920, 1080, 25_500).unwrap().web_vtt(1);
        insta::assert_snapshot!(vtt);
    }

    #[test]
    fn sheets_that_were_not_written_are_not_named() {
        let board = storyboard(1920, 1080, 600_000).unwrap();
        let vtt = board.web_vtt(1);
        assert_eq!(vtt.matches("-->").count(), 100);
        assert!(!vtt.contains("storyboard-1.jpg"));
    }
}
