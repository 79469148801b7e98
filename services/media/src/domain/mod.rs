//! Types and rules of uploads, assets and encode tasks. Nothing here reads a clock, a file or a database.

pub mod asset;
pub mod checksum;
pub mod error;
pub mod images;
pub mod metadata;
pub mod progress;
pub mod task;
pub mod upload;

pub use error::Error;

/// Digits alone, without a sign and without a leading zero: one name for one number.
fn plain_number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = digits && (text == "0" || !text.starts_with('0'));
    is_plain.then(|| text.parse().ok()).flatten()
}
