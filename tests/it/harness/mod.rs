//! A platform of one's own for each test, and the people who use it.

mod actor;
pub mod clips;
mod errand;
mod ground;
mod node;
mod platform;
mod site;
pub mod stream;

pub use actor::{Actor, Answer};
pub use errand::Errand;
pub use ground::{Ground, variable};
pub use node::{Node, amphi};
pub use platform::{Platform, ROLES, service};
pub use site::{KEEPERS, Site};

use std::future::Future;
use std::time::{Duration, Instant};

/// How long a test waits for what must come. Long, since several tests encode at once on two cores; a test never waits for
/// the time to pass, only for the thing to happen.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Polls until `look` finds something.
pub async fn eventually<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
