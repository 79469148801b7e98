//! What there is to watch.
//!
//! The catalog owns the metadata of videos, and the series (dramas and courses) that show them as episodes. It owns no
//! bytes: what becomes of a video's source it learns from the media service's events, and shows it as the video's state.

mod domain;
mod events;
mod jobs;
mod migrations;
mod rpc;
mod settings;
mod store;

use std::sync::Arc;

use amphi_chassis::service::{Context, Service, StartError};
use amphi_contracts::proto::catalog::v1::catalog_service_server::CatalogServiceServer;
use amphi_contracts::topics::CATALOG;
use tokio::sync::Notify;

pub use migrations::Migrator;
pub use settings::Settings;

use events::AssetProjection;
use rpc::CatalogRpc;
use store::Store;

/// Builds the service; nothing runs until the lifecycle starts its workers.
///
/// # Errors
/// When its settings or its database cannot be used.
pub async fn build(ctx: &Context) -> Result<Service, StartError> {
    let settings: Arc<Settings> = Arc::new(ctx.settings()?);
    let store = Store::new(ctx.database::<Migrator>().await?);
    let lifetime = settings.idempotency_key_lifetime;
    let housekeeping = store.clone();
    let changes = ctx.shared.topic(CATALOG);
    let projected = Arc::<Notify>::default();
    Ok(Service::new(ctx.role)
        .grpc(CatalogServiceServer::new(CatalogRpc::new(
            store.clone(),
            settings,
            changes.clone(),
        )))
        .consumer(Arc::new(AssetProjection::new(
            store,
            Arc::clone(&projected),
        )))
        .worker("news of lists", move |shutdown| {
            jobs::tell_of_projections(changes, projected, shutdown)
        })
        .worker("idempotency-keys", move |shutdown| {
            jobs::forget_idempotency_keys(housekeeping, lifetime, shutdown)
        }))
}
