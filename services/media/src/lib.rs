//! Media: uploads, the sources they bring, the assets they become, and the encode tasks in between.
//!
//! It owns the tables `uploads`, `assets`, `renditions`, `segments` and `encode_tasks`, and the blobs under `sources/`,
//! `media/` and `images/`. It speaks gRPC (`amphi.media.v1`), tus 1.0 under `/uploads`, gives pictures out under `/images`,
//! and hands sources to encoders and takes segments from them under `/internal/media`.
//!
//! The way of an upload: [`http`] takes the bytes, [`jobs`] looks into them and plans, encoders lease the tasks of the plan
//! over [`rpc`] and hand segments in over [`http`], [`store`] records each once and takes the asset from state to state by
//! the rules in [`domain`].

mod disk;
pub mod domain;
mod events;
mod http;
pub mod inventory;
mod jobs;
mod keys;
mod media;
mod migrations;
mod rpc;
mod settings;
mod store;
mod watch;

use std::convert::Infallible;
use std::sync::Arc;

use amphi_chassis::Role;
use amphi_chassis::jobs::Worker;
use amphi_chassis::service::{Context, Service, StartError};
use amphi_contracts::proto::media::v1::media_service_server::MediaServiceServer;
use amphi_contracts::topics::ASSETS;

use crate::events::MediaEvents;
use crate::media::Media;
use crate::rpc::MediaRpc;
use crate::store::Store;
use crate::watch::{Changes, TaskBell};

pub use migrations::Migrator;
pub use settings::Settings;

/// Builds the service.
///
/// # Errors
/// When a setting is wrong, or the database cannot be opened.
pub async fn build(ctx: &Context) -> Result<Service, StartError> {
    let settings: Settings = ctx.settings()?;
    let db = ctx.database::<Migrator>().await?;
    let (changes, bell) = (Changes::default(), TaskBell::default());
    let store = Store::new(
        db.clone(),
        changes.clone(),
        bell.clone(),
        settings.keep_source,
    );
    let upload_origin = if settings.absolute_upload_urls {
        ctx.config.server.public_url.clone().unwrap_or_default()
    } else {
        String::new()
    };
    let (shared_changes, topic) = (changes.clone(), ctx.shared.topic(ASSETS));
    let media = Media::new(ctx, store, settings, &upload_origin, (changes, bell));
    let worker = Worker::new(db, jobs::registry(&media));
    Ok(Service::new(Role::Media)
        .grpc(MediaServiceServer::new(MediaRpc::new(media.clone())))
        .http(http::router(media.clone()))
        .consumer(Arc::new(MediaEvents::new(media)))
        .worker("news of assets", move |shutdown| {
            shared_changes.share(topic, shutdown)
        })
        .worker("media jobs", |shutdown| async move {
            worker.run(shutdown).await;
            Ok::<_, Infallible>(())
        }))
}
