//! What a single setting takes. The bounds stand with the field that they are of; they refuse what cannot work, not what is
//! unusual.

use std::fmt;
use std::time::Duration;

use serde::de::{Error, Expected, Unexpected};
use serde::{Deserialize, Deserializer};

/// Longest time that makes sense for what somebody waits for, milliseconds.
pub const DAY_MS: i64 = 86_400_000;
/// Longest time that makes sense for what is kept, seconds: ten years.
pub const YEARS_S: i64 = 315_360_000;
/// Largest size that makes sense, bytes.
pub const PEBIBYTE: i64 = 1 << 50;

/// For numbers: a whole one from `MIN` to `MAX`.
pub fn whole<'de, D, T, const MIN: i64, const MAX: i64>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64>,
{
    let number = i64::deserialize(deserializer)?;
    let refusal = || D::Error::invalid_value(Unexpected::Signed(number), &Bounds(MIN, MAX));
    if !(MIN..=MAX).contains(&number) {
        return Err(refusal());
    }
    T::try_from(number).map_err(|_| refusal())
}

/// For settings named `*_ms`: so many milliseconds, from `MIN` to `MAX`.
pub fn milliseconds<'de, D: Deserializer<'de>, const MIN: i64, const MAX: i64>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    whole::<D, u64, MIN, MAX>(deserializer).map(Duration::from_millis)
}

/// For settings named `*_s`: so many seconds, from `MIN` to `MAX`.
pub fn seconds<'de, D: Deserializer<'de>, const MIN: i64, const MAX: i64>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    whole::<D, u64, MIN, MAX>(deserializer).map(Duration::from_secs)
}

/// For shares: a number from 0 to 1.
pub fn ratio<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let ratio = f64::deserialize(deserializer)?;
    if (0.0..=1.0).contains(&ratio) {
        return Ok(ratio);
    }
    Err(D::Error::invalid_value(
        Unexpected::Float(ratio),
        &"a number from 0 to 1",
    ))
}

/// For names of folders and programs: some text.
pub fn not_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: From<String>,
{
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() {
        return Err(D::Error::invalid_value(
            Unexpected::Str(&text),
            &"a name or a path",
        ));
    }
    Ok(T::from(text))
}

struct Bounds(i64, i64);

impl Expected for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {} to {}", self.0, self.1)
    }
}
