//! What the rooms of the service share.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use amphi_chassis::blob::Blobs;
use amphi_chassis::rpc::Clients;
use amphi_chassis::service::Context;
use amphi_contracts::VideoId;
use amphi_media_kit::run::{Tools, ToolsError};
use moka::sync::Cache;
use tokio::sync::{Mutex, OnceCell, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::http::UploadLocks;
use crate::keys::Place;
use crate::settings::Settings;
use crate::store::Store;
use crate::watch::{Changes, TaskBell};

/// The media service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Media {
    pub store: Store,
    pub blobs: Blobs,
    pub clients: Clients,
    pub settings: Arc<Settings>,
    pub changes: Changes,
    pub bell: TaskBell,
    pub locks: UploadLocks,
    /// Bounds how many outputs are held in memory at once.
    pub output_permits: Arc<Semaphore>,
    /// One output of a video is recorded at a time: the next would only wait for the video's row, with a connection in its hands.
    pub recording: Cache<VideoId, Arc<Mutex<()>>>,
    pub images_tokens: Cache<String, Place>,
    /// Put before the path of an upload; empty for relative addresses.
    pub upload_origin: Arc<str>,
    /// For sources that are being looked into, when blobs are not files.
    pub fetched_folder: Arc<Path>,
    pub shutdown: CancellationToken,
    tools: Arc<OnceCell<Tools>>,
}

/// Longer than any output takes.
const RECORDING_KEPT: Duration = Duration::from_secs(600);
const IMAGES_TOKENS_KEPT: u64 = 10_000;
const IMAGES_TOKEN_KEPT: Duration = Duration::from_secs(60);

impl Media {
    #[must_use]
    pub fn new(
        context: &Context,
        store: Store,
        settings: Settings,
        upload_origin: &str,
        (changes, bell): (Changes, TaskBell),
    ) -> Self {
        Self {
            store,
            blobs: context.blobs.clone(),
            clients: context.clients.clone(),
            fetched_folder: context.config.data_dir().join("fetched").into(),
            changes,
            bell,
            locks: UploadLocks::default(),
            output_permits: Arc::new(Semaphore::new(settings.outputs_at_once.max(1))),
            recording: Cache::builder().time_to_idle(RECORDING_KEPT).build(),
            images_tokens: Cache::builder()
                .max_capacity(IMAGES_TOKENS_KEPT)
                .time_to_live(IMAGES_TOKEN_KEPT)
                .build(),
            upload_origin: upload_origin.into(),
            settings: Arc::new(settings),
            shutdown: context.shutdown.clone(),
            tools: Arc::default(),
        }
    }

    /// The installed ffmpeg, looked for when it is first needed, so that everything else works without it.
    ///
    /// # Errors
    /// [`ToolsError`]; it is looked for again the next time.
    pub async fn tools(&self) -> Result<&Tools, ToolsError> {
        let (ffmpeg, ffprobe) = (&self.settings.ffmpeg, &self.settings.ffprobe);
        self.tools
            .get_or_try_init(|| Tools::detect(ffmpeg, ffprobe, 1))
            .await
    }
}
