//! What the service consumes. What it publishes, `AssetStateChanged`, leaves with each change of an asset's state.

use amphi_chassis::Problem;
use amphi_chassis::db::Db;
use amphi_chassis::events::Consumer;
use amphi_contracts::events::{EventData, VideoDeleted};
use amphi_contracts::proto::events::v1::Event;
use sea_orm::DatabaseTransaction;

use crate::media::Media;
use crate::store;

/// Consumes the events that are routed to media.
#[derive(Debug, Clone)]
pub struct MediaEvents {
    media: Media,
}

impl MediaEvents {
    #[must_use]
    pub const fn new(media: Media) -> Self {
        Self { media }
    }
}

#[async_trait::async_trait]
impl Consumer for MediaEvents {
    async fn consume(&self, txn: &DatabaseTransaction, event: &Event) -> Result<(), Problem> {
        if event.r#type != VideoDeleted::TYPE {
            return Ok(());
        }
        let deleted = decode(event)?;
        store::delete(txn, deleted.video_id).await?;
        Ok(())
    }

    fn db(&self) -> &Db {
        self.media.store.db()
    }

    fn after_commit(&self, event: &Event) {
        if let Ok(deleted) = decode(event) {
            self.media.changes.announce(deleted.video_id);
        }
    }
}

fn decode(event: &Event) -> Result<VideoDeleted, Problem> {
    serde_json::from_str(&event.data).map_err(Problem::internal)
}
