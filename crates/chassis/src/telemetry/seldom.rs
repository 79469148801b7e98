//! Lines of the log that others could bring about as often as they like.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two lines on the same matter.
const PAUSE: Duration = Duration::from_secs(1);

/// Lets a matter be said once a second. One for each matter: `static SAID: Seldom = Seldom::new();`.
#[derive(Debug)]
pub struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    #[must_use]
    #[allow(clippy::new_without_default, reason = "it is made for statics")]
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Whether it is time to say it; true begins the pause.
    pub fn may_say(&self) -> bool {
        let now = Instant::now();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let may = last.is_none_or(|last| now.duration_since(last) >= PAUSE);
        if may {
            *last = Some(now);
        }
        may
    }
}
