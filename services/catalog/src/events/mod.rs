//! Publishes `VideoDeleted` and `VideoVisibilityChanged`, in the store's transactions; consumes `AssetStateChanged`.

use std::sync::Arc;

use amphi_chassis::Problem;
use amphi_chassis::db::Db;
use amphi_chassis::events::Consumer;
use amphi_contracts::events::{AssetStateChanged, EventData};
use amphi_contracts::proto::events::v1::Event;
use sea_orm::DatabaseTransaction;
use tokio::sync::Notify;

use crate::store::{Projected, Store, project};

/// Shows on videos what becomes of their assets.
#[derive(Debug, Clone)]
pub struct AssetProjection {
    store: Store,
    projected: Arc<Notify>,
}

impl AssetProjection {
    #[must_use]
    pub const fn new(store: Store, projected: Arc<Notify>) -> Self {
        Self { store, projected }
    }
}

#[async_trait::async_trait]
impl Consumer for AssetProjection {
    async fn consume(&self, txn: &DatabaseTransaction, event: &Event) -> Result<(), Problem> {
        if event.r#type != AssetStateChanged::TYPE {
            return Err(Problem::invalid(
                "unknown_event",
                format!(
                    "The catalog does not consume events of type `{}`.",
                    event.r#type
                ),
            ));
        }
        let change: AssetStateChanged = serde_json::from_str(&event.data).map_err(|error| {
            Problem::invalid(
                "malformed_event",
                format!("The event's data is malformed: {error}"),
            )
        })?;
        let projected = project(txn, &change).await?;
        if projected != Projected::Applied {
            tracing::debug!(video_id = %change.video_id, version = change.version, ?projected, "asset's news passed over");
        }
        Ok(())
    }

    fn db(&self) -> &Db {
        self.store.db()
    }

    fn after_commit(&self, _: &Event) {
        self.projected.notify_one();
    }
}
