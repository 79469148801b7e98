//! The rules of videos, series and episodes: pure functions over plain types.

pub mod access;
pub mod error;
pub mod idempotency;
pub mod page_budget;
pub mod series;
pub mod text;
pub mod video;

pub use error::{Error, Violation, Violations};
pub use idempotency::IdempotencyKey;
pub use series::{Episode, EpisodeNumber, Series, SeriesKind};
pub use text::{Description, Title};
pub use video::{Video, VideoState, Visibility};
