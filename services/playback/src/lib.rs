//! Playback: who plays what, where its bytes are, and where a viewer stopped.
//!
//! Owns playback sessions, the keys that sign their paths, and resume positions. A path `/play/{token}/…` is a capability:
//! the token ([`domain::token`]) names the video and the session, so that everything a manifest names relative to itself
//! is signed with it, and ends with the session: by expiry, by revocation, with the sign-in it was made in, or when the
//! video is deleted or made private.
//!
//! The byte plane ([`http`]) writes manifests from what media knows at that moment ([`presentations`]), also while the
//! video is still being encoded, and serves segments from the blob store, or sends players to a bucket or a CDN for them.

pub mod domain;
pub mod events;
pub mod http;
pub mod jobs;
pub mod keys;
pub mod migrations;
pub mod playback;
pub mod presentations;
pub mod rpc;
pub mod settings;
pub mod states;
pub mod store;

use std::convert::Infallible;

use amphi_chassis::Role;
use amphi_chassis::delivery::Delivery;
use amphi_chassis::jobs::Worker;
use amphi_chassis::service::{Context, Service, StartError};
use amphi_contracts::proto::playback::v1::playback_service_server::PlaybackServiceServer;

pub use migrations::Migrator;
pub use settings::Settings;

use crate::events::PlaybackEvents;
use crate::keys::KeyRing;
use crate::playback::Playback;
use crate::rpc::PlaybackRpc;
use crate::store::Store;

/// Builds the service.
///
/// # Errors
/// Its settings are wrong, or its database cannot be opened.
pub async fn build(ctx: &Context) -> Result<Service, StartError> {
    let settings: Settings = ctx.settings()?;
    let store = Store::new(ctx.database::<Migrator>().await?);
    let keys = KeyRing::open(store.clone())
        .await
        .map_err(|error| StartError::service(Role::Playback, "cannot read its keys", error))?;
    let delivery = Delivery::configured(&ctx.config)
        .map_err(|error| StartError::service(Role::Playback, "cannot deliver segments", error))?;
    let clients = ctx.clients.clone();
    let playback = Playback::new(store, keys, clients, delivery.clone(), settings);
    let sweeper = playback.clone();
    let worker = Worker::new(playback.store.db().clone(), jobs::registry(&playback));
    Ok(Service::new(Role::Playback)
        .grpc(PlaybackServiceServer::new(PlaybackRpc::new(
            playback.clone(),
        )))
        .http(http::router(playback.clone(), ctx.blobs.clone(), delivery))
        .worker("playback sweep", |shutdown| {
            jobs::sweep_regularly(sweeper, shutdown)
        })
        .worker("playback jobs", |shutdown| async move {
            worker.run(shutdown).await;
            Ok::<_, Infallible>(())
        })
        .consumer(std::sync::Arc::new(PlaybackEvents::new(playback))))
}
