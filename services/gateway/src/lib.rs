//! The gateway: the public address of the platform.
//!
//! Owns no data. It answers REST by asking the services and putting their answers together, hands the byte planes of media
//! and playback through, serves the web app, and bounds what clients may do. Who may do what is the services' to say: they
//! are called with the caller's own token.
//!
//! The walk through the crate: [`router`] puts everything together; [`routes`] hold the handlers by domain, [`dto`] what they
//! show; [`layers`] are what stands around them; [`planes`] forward bytes; [`web`] is the embedded web app.

pub mod dto;
pub mod layers;
pub mod negotiation;
pub mod problems;
pub mod rate_limits;
pub mod settings;
pub mod web;

mod cache;
mod etag;
mod event_streams;
mod events;
mod extract;
mod gateway;
mod lookups;
mod openapi;
mod otlp;
mod paging;
mod planes;
mod query;
mod router;
mod routes;

use amphi_chassis::Role;
use amphi_chassis::service::{Context, Service, StartError};
use serde::Deserialize;

pub use openapi::openapi;
pub use settings::Settings;

use crate::dto::about::About;
use crate::gateway::Gateway;

/// Builds the service.
///
/// # Errors
/// Its settings are wrong.
pub async fn build(ctx: &Context) -> Result<Service, StartError> {
    let settings: Settings = ctx.settings()?;
    let gateway = Gateway::new(ctx, settings, about(ctx)?);
    Ok(Service::new(Role::Gateway).public(router::router(gateway)))
}

/// What the public is told of the settings of other roles. They are the same in all processes of one installation.
fn about(ctx: &Context) -> Result<About, StartError> {
    #[derive(Deserialize)]
    struct Identity {
        registration_open: bool,
    }
    #[derive(Deserialize)]
    struct Media {
        upload_bytes_max: u64,
    }
    let identity: Identity = ctx.config.section("identity")?;
    let media: Media = ctx.config.section("media")?;
    Ok(About {
        name: "Amphi",
        version: env!("CARGO_PKG_VERSION"),
        registration_open: identity.registration_open,
        upload_max_bytes: media.upload_bytes_max,
    })
}
