//! Work beside the requests.

pub mod inspect;
pub mod purge;
pub mod sweep;

use std::time::Duration;

use amphi_chassis::jobs::{KindOptions, Registry};

use crate::media::Media;

/// The kinds of jobs of this service.
#[must_use]
pub fn registry(media: &Media) -> Registry {
    let inspections = KindOptions {
        // An inspection is bounded to a minute by itself; its worker shows signs of life meanwhile.
        lease: Duration::from_secs(30),
        ..KindOptions::default()
    }
    .concurrency(media.settings.inspections_at_once);
    let (inspecting, purging, sweeping) = (media.clone(), media.clone(), media.clone());
    Registry::new()
        .with(inspect::KIND, inspections, move |job| {
            inspect::run(inspecting.clone(), job)
        })
        .with(purge::KIND, KindOptions::default(), move |job| {
            purge::run(purging.clone(), job)
        })
        .every(
            sweep::KIND,
            media.settings.sweep_interval,
            KindOptions::default(),
            move |_| sweep::run(sweeping.clone()),
        )
}
