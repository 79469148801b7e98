//! Exact frame rates and the grid of pictures they span.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Frames per second as an exact fraction, in lowest terms and never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "(u32, u32)", into = "(u32, u32)")]
pub struct FrameRate {
    numerator: u32,
    denominator: u32,
}

/// Largest numerator accepted; keeps every product on the picture grid far below 2^53, where ffmpeg's expressions stop being exact.
const NUMERATOR_MAX: u32 = 240_000;

/// Rates that cameras and broadcasters use; a measured rate within a thousandth of one of them is taken to be it.
const STANDARD_RATES: [(u32, u32); 12] = [
    (10, 1),
    (12, 1),
    (15, 1),
    (20, 1),
    (24_000, 1001),
    (24, 1),
    (25, 1),
    (30_000, 1001),
    (30, 1),
    (50, 1),
    (60_000, 1001),
    (60, 1),
];

impl FrameRate {
    /// `None` if either part is zero or the numerator is too large to keep grid arithmetic exact.
    pub fn new(numerator: u32, denominator: u32) -> Option<Self> {
        if numerator == 0 || denominator == 0 {
            return None;
        }
        let divisor = greatest_common_divisor(numerator, denominator);
        let (numerator, denominator) = (numerator / divisor, denominator / divisor);
        (numerator <= NUMERATOR_MAX).then_some(Self {
            numerator,
            denominator,
        })
    }

    /// Reads ffprobe's `30000/1001`. `0/0` and anything malformed is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let (numerator, denominator) = text.split_once('/')?;
        let numerator: u64 = numerator.parse().ok()?;
        let denominator: u64 = denominator.parse().ok()?;
        if numerator == 0 || denominator == 0 {
            return None;
        }
        let measured = numerator as f64 / denominator as f64;
        let exact = u32::try_from(numerator)
            .ok()
            .zip(u32::try_from(denominator).ok())
            .and_then(|(numerator, denominator)| Self::new(numerator, denominator));
        // An average such as 359640/12013 is a rounded 30000/1001.
        match Self::nearest_standard(measured) {
            Some(standard) => Some(standard),
            None => exact.or_else(|| Self::new((measured * 1000.0).round() as u32, 1000)),
        }
    }

    pub fn numerator(self) -> u32 {
        self.numerator
    }

    pub fn denominator(self) -> u32 {
        self.denominator
    }

    pub fn as_f64(self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator)
    }

    /// The rate divided by the smallest whole number that brings it to `frames_per_second_max` or below.
    pub fn capped(self, frames_per_second_max: u32) -> Self {
        let limit = u64::from(frames_per_second_max.max(1)) * u64::from(self.denominator);
        let divisor = u64::from(self.numerator).div_ceil(limit).max(1);
        let denominator = u64::from(self.denominator) * divisor;
        u32::try_from(denominator)
            .ok()
            .and_then(|denominator| Self::new(self.numerator, denominator))
            .unwrap_or(self)
    }

    /// Index of the first picture at or after a time in milliseconds.
    pub fn first_frame_at_or_after(self, time_ms: u64) -> u64 {
        let scaled = u128::from(time_ms) * u128::from(self.numerator);
        let frame = scaled.div_ceil(1000 * u128::from(self.denominator));
        u64::try_from(frame).unwrap_or(u64::MAX)
    }

    /// Ticks per second of a track whose every picture lasts a whole number of ticks ([`Self::ticks_per_frame`]).
    pub fn timescale(self) -> u32 {
        self.numerator * self.tick_multiplier()
    }

    pub fn ticks_per_frame(self) -> u32 {
        self.denominator * self.tick_multiplier()
    }

    fn tick_multiplier(self) -> u32 {
        // Players round timestamps to the timescale when they mix tracks, so that 25 ticks a second would be too coarse.
        if self.numerator < 10_000 && self.denominator <= 1001 {
            1000
        } else {
            1
        }
    }

    fn nearest_standard(measured: f64) -> Option<Self> {
        STANDARD_RATES
            .iter()
            .map(|&(numerator, denominator)| Self {
                numerator,
                denominator,
            })
            .filter(|rate| (rate.as_f64() / measured - 1.0).abs() < 0.000_4)
            .min_by(|a, b| {
                let distance = |rate: &Self| (rate.as_f64() - measured).abs();
                distance(a).total_cmp(&distance(b))
            })
    }
}

impl fmt::Display for FrameRate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.numerator, self.denominator)
    }
}

impl From<FrameRate> for (u32, u32) {
    fn from(rate: FrameRate) -> Self {
        (rate.numerator, rate.denominator)
    }
}

impl TryFrom<(u32, u32)> for FrameRate {
    type Error = &'static str;

    fn try_from((numerator, denominator): (u32, u32)) -> Result<Self, Self::Error> {
        Self::new(numerator, denominator).ok_or("a frame rate needs two positive parts")
    }
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn measured_rates_snap_to_the_standard_they_were_meant_to_be() {
        let cases = [
            ("30000/1001", Some((30_000, 1001))),
            ("2997/100", Some((30_000, 1001))),
            ("24/1", Some((24, 1))),
            ("359640/12013", Some((14_969, 500))),
            ("19001/317", Some((60_000, 1001))),
            ("25/2", Some((25, 2))),
            ("90000/1", Some((90_000, 1))),
            ("0/0", None),
            ("25", None),
            ("-25/1", None),
        ];
        for (text, expected) in cases {
            assert_eq!(
                FrameRate::parse(text).map(<(u32, u32)>::from),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn fast_sources_are_divided_by_a_whole_number() {
        let capped = |n, d| <(u32, u32)>::from(FrameRate::new(n, d).unwrap().capped(60));
        assert_eq!(capped(120, 1), (60, 1));
        assert_eq!(capped(120_000, 1001), (60_000, 1001));
        assert_eq!(capped(144, 1), (48, 1));
        assert_eq!(capped(60, 1), (60, 1));
        assert_eq!(capped(90, 1), (45, 1));
    }

    #[test]
    fn a_track_counts_at_least_ten_thousand_ticks_a_second() {
        for (n, d) in STANDARD_RATES {
            let rate = FrameRate::new(n, d).unwrap();
            assert!(rate.timescale() >= 10_000, "{rate}");
            let seconds = f64::from(rate.ticks_per_frame()) / f64::from(rate.timescale());
            assert!((seconds * rate.as_f64() - 1.0).abs() < 1e-12);
        }
    }

    proptest! {
        #[test]
        fn the_first_frame_lies_at_or_after_the_time_and_its_predecessor_before(
            n in 1u32..=240_000, d in 1u32..=5005, time_ms in 0u64..100_000_000,
        ) {
            let rate = FrameRate::new(n, d).unwrap();
            let frame = rate.first_frame_at_or_after(time_ms);
            let frame_time = |frame: u64| u128::from(frame) * u128::from(rate.denominator()) * 1000;
            let time = u128::from(time_ms) * u128::from(rate.numerator());
            prop_assert!(frame_time(frame) >= time);
            prop_assert!(frame == 0 || frame_time(frame - 1) < time);
        }
    }
}
