//! The ladder: which sizes and bit rates a source is encoded to.
//!
//! Four rungs, named after the short side of the displayed picture: 240 for a phone on a bad line, 360, 720 and 1080. None lies
//! above the source. A source between two rungs gets its own size as the top rung, if that is a fifth more than the rung below;
//! a source below the smallest rung gets one rung of its own size. Larger sources stop at 1080.

use serde::{Deserialize, Serialize};

use crate::FrameRate;

const SHORT_SIDES: [u32; 4] = [240, 360, 720, 1080];

/// Longest side written; a strip of a picture is scaled down to it.
const LONG_SIDE_MAX: u32 = 3840;

/// H.264's smallest sensible picture is one macroblock.
const SIDE_MIN: u32 = 16;

/// One video rendition to encode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoRung {
    /// Names the rendition and its folder: `v720`.
    pub id: String,
    pub width: u32,
    pub height: u32,
    /// Ceiling of the bit rate over [`Self::buffer_bits`], in bits per second.
    pub bit_rate_max_bps: u32,
    pub buffer_bits: u32,
    /// x264's constant rate factor; quality below the ceiling.
    pub crf: u32,
    /// H.264 level times ten, as `level_idc`.
    pub level_idc: u8,
}

impl VideoRung {
    /// RFC 6381 name, High profile without constraint flags.
    pub fn codec(&self) -> String {
        format!("avc1.6400{:02X}", self.level_idc)
    }
}

/// Rungs for a displayed size in square pixels, smallest first, never empty.
pub fn ladder(
    display_width: u32,
    display_height: u32,
    rate: FrameRate,
    crf: u32,
) -> Vec<VideoRung> {
    let source_short = display_width.min(display_height);
    let mut short_sides: Vec<u32> = SHORT_SIDES
        .into_iter()
        .filter(|&short| short <= source_short)
        .collect();
    let below = short_sides.last().copied().unwrap_or(0);
    let top = SHORT_SIDES[SHORT_SIDES.len() - 1];
    if below < top && u64::from(source_short) * 5 >= u64::from(below) * 6 {
        short_sides.push(source_short);
    }
    let mut rungs: Vec<VideoRung> = short_sides
        .into_iter()
        .map(|short| rung(display_width, display_height, short, rate, crf))
        .collect();
    // Two rungs of a strip may both meet the longest side.
    rungs.dedup_by(|upper, lower| upper.id == lower.id);
    rungs
}

fn rung(
    display_width: u32,
    display_height: u32,
    short: u32,
    rate: FrameRate,
    crf: u32,
) -> VideoRung {
    let source_short = f64::from(display_width.min(display_height).max(1));
    let source_long = f64::from(display_width.max(display_height).max(1));
    let by_short = f64::from(short) / source_short;
    let by_long = f64::from(LONG_SIDE_MAX) / source_long;
    let scale = by_short.min(by_long).min(1.0);
    let width = even_side(f64::from(display_width) * scale, display_width);
    let height = even_side(f64::from(display_height) * scale, display_height);
    let bit_rate_max_bps = bit_rate_max_bps(width, height, rate);
    VideoRung {
        id: format!("v{}", width.min(height)),
        width,
        height,
        bit_rate_max_bps,
        buffer_bits: bit_rate_max_bps.saturating_mul(3) / 2,
        crf,
        level_idc: level_idc(width, height, rate, bit_rate_max_bps),
    }
}

/// Nearest even length that is not above the source's; x264 with 4:2:0 needs even sides.
fn even_side(wanted: f64, source: u32) -> u32 {
    let even = (wanted / 2.0).round() as u32 * 2;
    let not_above = if even > source {
        even.saturating_sub(2)
    } else {
        even
    };
    not_above.max(SIDE_MIN)
}

/// 5.5 Mb/s for 1080p at up to 30 pictures a second. Detail grows more slowly than the pixel count, hence the power 3/4 (the
/// rule that public encoding ladders follow closely); twice the pictures cost two fifths more.
fn bit_rate_max_bps(width: u32, height: u32, rate: FrameRate) -> u32 {
    const REFERENCE_BPS: f64 = 5_500_000.0;
    const REFERENCE_PIXELS: f64 = 1920.0 * 1080.0;
    let pixels = f64::from(width) * f64::from(height);
    let pace = (rate.as_f64() / 30.0).max(1.0).sqrt();
    let exact = REFERENCE_BPS * (pixels / REFERENCE_PIXELS).powf(0.75) * pace;
    ((exact / 10_000.0).ceil() as u32 * 10_000).max(100_000)
}

/// Lowest level that admits the rung: ITU-T H.264 table A-1, bit rates of the High profile.
fn level_idc(width: u32, height: u32, rate: FrameRate, bit_rate_bps: u32) -> u8 {
    /// (level_idc, macroblocks a second, macroblocks a picture, decoded picture buffer in macroblocks, kb/s in High)
    const LEVELS: [(u8, u64, u64, u64, u64); 14] = [
        (10, 1_485, 99, 396, 80),
        (11, 3_000, 396, 900, 240),
        (12, 6_000, 396, 2_376, 480),
        (13, 11_880, 396, 2_376, 960),
        (20, 11_880, 396, 2_376, 2_500),
        (21, 19_800, 792, 4_752, 5_000),
        (22, 20_250, 1_620, 8_100, 5_000),
        (30, 40_500, 1_620, 8_100, 12_500),
        (31, 108_000, 3_600, 18_000, 17_500),
        (32, 216_000, 5_120, 20_480, 25_000),
        (40, 245_760, 8_192, 32_768, 25_000),
        (42, 522_240, 8_704, 34_816, 62_500),
        (50, 589_824, 22_080, 110_400, 168_750),
        (51, 983_040, 36_864, 184_320, 300_000),
    ];
    /// What the presets in use keep: three references at most.
    const REFERENCES: u64 = 3;
    let columns = u64::from(width.div_ceil(16));
    let rows = u64::from(height.div_ceil(16));
    let picture = columns * rows;
    let longest = columns.max(rows);
    let per_second =
        (picture * u64::from(rate.numerator())).div_ceil(u64::from(rate.denominator()));
    LEVELS
        .iter()
        .find(|(_, second_max, picture_max, buffer_max, kbps_max)| {
            per_second <= *second_max
                && picture <= *picture_max
                && longest * longest <= picture_max * 8
                && picture * REFERENCES <= *buffer_max
                && u64::from(bit_rate_bps) <= kbps_max * 1000
        })
        .map_or(52, |level| level.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn sizes(width: u32, height: u32) -> Vec<(u32, u32)> {
        let rate = FrameRate::new(30, 1).unwrap();
        ladder(width, height, rate, 23)
            .iter()
            .map(|rung| (rung.width, rung.height))
            .collect()
    }

    #[test]
    fn rungs_follow_the_source() {
        let full = vec![(426, 240), (640, 360), (1280, 720), (1920, 1080)];
        let cases = [
            ((1920, 1080), full.clone()),
            ((3840, 2160), full),
            (
                (1080, 1920),
                vec![(240, 426), (360, 640), (720, 1280), (1080, 1920)],
            ),
            ((1280, 720), vec![(426, 240), (640, 360), (1280, 720)]),
            ((960, 540), vec![(426, 240), (640, 360), (960, 540)]),
            ((640, 400), vec![(384, 240), (576, 360)]),
            ((321, 241), vec![(320, 240)]),
            ((160, 120), vec![(160, 120)]),
            ((161, 121), vec![(160, 120)]),
            ((8, 8), vec![(16, 16)]),
            ((8000, 100), vec![(3840, 48)]),
            ((5848, 864), vec![(1624, 240), (2436, 360), (3840, 568)]),
            (
                (2560, 1080),
                vec![(568, 240), (854, 360), (1706, 720), (2560, 1080)],
            ),
        ];
        for ((width, height), expected) in cases {
            assert_eq!(sizes(width, height), expected, "{width}x{height}");
        }
    }

    #[test]
    fn levels_and_codec_strings_match_the_standard() {
        let cases = [
            (426, 240, 30, "avc1.640015"),
            (640, 360, 30, "avc1.64001E"),
            (1280, 720, 30, "avc1.64001F"),
            (1280, 720, 60, "avc1.640020"),
            (1920, 1080, 30, "avc1.640028"),
            (1920, 1080, 60, "avc1.64002A"),
        ];
        for (width, height, frames_per_second, expected) in cases {
            let rate = FrameRate::new(frames_per_second, 1).unwrap();
            let codec = ladder(width, height, rate, 23).last().unwrap().codec();
            assert_eq!(codec, expected, "{width}x{height} {frames_per_second}");
        }
    }

    proptest! {
        #[test]
        fn no_rung_is_odd_or_above_the_source(width in 16u32..=16_384, height in 16u32..=16_384, rate in 1u32..=60) {
            let rungs = ladder(width, height, FrameRate::new(rate, 1).unwrap(), 23);
            prop_assert!((1..=4).contains(&rungs.len()));
            for rung in &rungs {
                prop_assert!(rung.width % 2 == 0 && rung.height % 2 == 0);
                prop_assert!(rung.width <= width && rung.height <= height);
            }
            for pair in rungs.windows(2) {
                prop_assert!(pair[0].id != pair[1].id);
                prop_assert!(pair[0].bit_rate_max_bps <= pair[1].bit_rate_max_bps);
            }
        }
    }
}
