//! A house with the media service in it, and those who come to it.

mod actor;
mod catalog;
pub mod clips;
mod hand_encoder;
mod house;

pub use actor::{Actor, Answer, Upload};
pub use hand_encoder::Leased;
pub use house::House;

use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until the condition holds.
pub async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    until_some(what, async || condition().await.then_some(())).await;
}

/// Waits until there is something.
pub async fn until_some<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
