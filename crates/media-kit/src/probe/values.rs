//! Single values of ffprobe's answer: rates, sizes, times, languages, titles.

use crate::FrameRate;

/// The rate of the output's grid of pictures, and whether the source already keeps it.
pub(super) fn pace(
    average: Option<FrameRate>,
    base: Option<FrameRate>,
    interlaced: bool,
) -> (FrameRate, bool) {
    const FALLBACK: (u32, u32) = (30, 1);
    let even = |numerator, denominator| FrameRate::try_from((numerator, denominator)).ok();
    let Some(average) = average.or(base) else {
        return (fallback(FALLBACK), false);
    };
    let ratio = base.map_or(1.0, |base| base.as_f64() / average.as_f64());
    if (ratio - 1.0).abs() < 0.01 {
        return (base.unwrap_or(average), true);
    }
    // Fields instead of pictures, or a decoder's clock of two ticks a picture.
    if (ratio - 2.0).abs() < 0.02 || interlaced {
        return (average, true);
    }
    let evened_out = match average.as_f64() {
        rate if rate < 1.0 => even(10, 1),
        rate if rate <= 30.5 => even(30, 1),
        rate if rate <= 50.5 => even(50, 1),
        _ => even(60, 1),
    };
    (evened_out.unwrap_or(average), false)
}

fn fallback(rate: (u32, u32)) -> FrameRate {
    match FrameRate::try_from(rate) {
        Ok(rate) => rate,
        Err(_) => unreachable!("constant rates are positive"),
    }
}

pub(super) fn display_size(
    width: u32,
    height: u32,
    aspect: Option<&str>,
    rotation_degrees: u32,
) -> (u32, u32) {
    let ratio = aspect
        .and_then(|aspect| aspect.split_once(':'))
        .and_then(|(x, y)| Some((x.parse::<u32>().ok()?, y.parse::<u32>().ok()?)))
        .filter(|&(x, y)| x > 0 && y > 0)
        .map_or(1.0, |(x, y)| f64::from(x) / f64::from(y))
        // Beyond this a damaged header is likelier than an anamorphic picture.
        .clamp(0.1, 10.0);
    let display_width = (f64::from(width) * ratio).round().max(1.0) as u32;
    if rotation_degrees % 180 == 90 {
        (height, display_width)
    } else {
        (display_width, height)
    }
}

pub(super) fn bit_depth(pixel_format: &str, raw_bits: Option<&str>) -> u32 {
    let named = [16, 14, 12, 10, 9].into_iter().find(|bits| {
        let little = format!("{bits}le");
        let big = format!("{bits}be");
        pixel_format.ends_with(&little) || pixel_format.ends_with(&big)
    });
    // "gray16le" and "rgb48le" name bits of a component and of a pixel.
    let from_raw = || {
        raw_bits
            .and_then(|bits| bits.parse().ok())
            .filter(|bits| (1..=16).contains(bits))
    };
    named.or_else(from_raw).unwrap_or(8)
}

pub(super) fn known(value: &Option<String>) -> Option<String> {
    value
        .clone()
        .filter(|value| !matches!(value.as_str(), "unknown" | "unspecified" | "reserved"))
}

/// ISO 639-2 codes as containers write them, as BCP 47 where the two-letter code is the proper one.
pub(super) fn language_tag(tag: Option<&str>) -> String {
    const TWO_LETTERS: [(&str, &str); 34] = [
        ("ara", "ar"),
        ("ben", "bn"),
        ("ces", "cs"),
        ("chi", "zh"),
        ("cze", "cs"),
        ("dan", "da"),
        ("deu", "de"),
        ("dut", "nl"),
        ("ell", "el"),
        ("eng", "en"),
        ("fin", "fi"),
        ("fra", "fr"),
        ("fre", "fr"),
        ("ger", "de"),
        ("gre", "el"),
        ("heb", "he"),
        ("hin", "hi"),
        ("hun", "hu"),
        ("ind", "id"),
        ("ita", "it"),
        ("jpn", "ja"),
        ("kor", "ko"),
        ("nld", "nl"),
        ("nor", "no"),
        ("pol", "pl"),
        ("por", "pt"),
        ("rus", "ru"),
        ("spa", "es"),
        ("swe", "sv"),
        ("tha", "th"),
        ("tur", "tr"),
        ("ukr", "uk"),
        ("vie", "vi"),
        ("zho", "zh"),
    ];
    let Some(tag) = tag else {
        return "und".to_owned();
    };
    let lower = tag.trim().replace('_', "-").to_ascii_lowercase();
    if let Some((_, short)) = TWO_LETTERS.iter().find(|(long, _)| *long == lower) {
        return (*short).to_owned();
    }
    let subtags_are_sound = lower.split('-').all(|part| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    let primary = lower.split('-').next().unwrap_or_default();
    let primary_is_sound =
        matches!(primary.len(), 2 | 3) && primary.bytes().all(|byte| byte.is_ascii_lowercase());
    if subtags_are_sound && primary_is_sound && lower.len() <= 35 {
        return lower;
    }
    "und".to_owned()
}

pub(super) fn clean_title(title: &str) -> Option<String> {
    let clean: String = title
        .chars()
        .filter(|character| !character.is_control() && !is_direction_mark(*character))
        .take(80)
        .collect();
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

/// Marks that make a title display otherwise than it is written.
fn is_direction_mark(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

pub(super) fn seconds_to_us(text: &str) -> Option<i64> {
    let seconds: f64 = text.parse().ok()?;
    (seconds.is_finite() && seconds.abs() < 1e11).then(|| (seconds * 1e6).round() as i64)
}

pub(super) fn seconds_to_ms(text: &str) -> Option<u64> {
    let microseconds = u64::try_from(seconds_to_us(text)?).ok()?;
    (microseconds > 0).then(|| microseconds.div_ceil(1000))
}

/// Matroska's `00:01:02.345000000`.
pub(super) fn clock_to_ms(text: &str) -> Option<u64> {
    let mut parts = text.trim().splitn(3, ':');
    let hours: u64 = parts.next()?.parse().ok()?;
    let minutes: u64 = parts.next()?.parse().ok()?;
    let seconds_ms = seconds_to_ms(parts.next()?).unwrap_or(0);
    hours
        .checked_mul(60)?
        .checked_add(minutes)?
        .checked_mul(60_000)?
        .checked_add(seconds_ms)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn languages_become_bcp_47_and_titles_lose_tricks() {
        let cases = [
            (Some("kor"), "ko"),
            (Some("eng"), "en"),
            (Some("pt_BR"), "pt-br"),
            (Some("fil"), "fil"),
            (None, "und"),
            (Some("und"), "und"),
            (Some("x\"y"), "und"),
            (Some("english"), "und"),
        ];
        for (tag, expected) in cases {
            assert_eq!(language_tag(tag), expected, "{tag:?}");
        }
        assert_eq!(
            clean_title(" Com\u{202e}mentary\n ").as_deref(),
            Some("Commentary")
        );
        assert_eq!(clean_title("\u{200f}\n"), None);
    }

    #[test]
    fn matroska_durations_come_from_tags() {
        assert_eq!(clock_to_ms("00:01:02.345000000"), Some(62_345));
        assert_eq!(clock_to_ms("99999999999999999999:0:0"), None);
        assert_eq!(clock_to_ms("N/A"), None);
    }

    proptest! {
        #[test]
        fn arbitrary_times_never_panic(text in "[0-9:.eNA-]{0,40}") {
            let _ = clock_to_ms(&text);
            let _ = seconds_to_ms(&text);
        }
    }
}
