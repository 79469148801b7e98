//! Encoder: leases tasks from media, runs ffmpeg, hands segments back. It owns nothing durable but its name.
//!
//! Any number of encoders may run, anywhere: one that shares media's blob store reads sources there, another fetches them.
//! What an encoder has handed in stays when it is killed; whoever has the task next goes on behind it.

mod encoder;
mod error;
mod hand_in;
mod lease;
mod progress;
mod retry;
mod settings;
mod source;
mod task;
mod work_folder;

use std::convert::Infallible;
use std::sync::Arc;

use amphi_chassis::Role;
use amphi_chassis::service::{Context, Service, StartError};

use crate::encoder::Encoder;
use crate::source::Sources;
use crate::work_folder::WorkFolder;

pub use settings::Settings;
pub use work_folder::{WorkFolderError, check_is_free};

/// Builds the service.
///
/// # Errors
/// When a setting is wrong, or another encoder works in the same folder.
pub async fn build(ctx: &Context) -> Result<Service, StartError> {
    let settings: Settings = ctx.settings()?;
    let root = settings.work_folder(ctx.config.data_dir());
    let work_folder = tokio::task::spawn_blocking(move || WorkFolder::open(&root))
        .await
        .map_err(|error| StartError::service(Role::Encoder, "cannot open its work folder", error))?
        .map_err(|error| {
            StartError::service(Role::Encoder, "cannot open its work folder", error)
        })?;
    let concurrency = settings.concurrency;
    let kept_max = usize::try_from(concurrency).unwrap_or(1) + 1;
    let sources = Sources::new(
        ctx.blobs.clone(),
        &ctx.clients,
        work_folder.sources(),
        kept_max,
    );
    let clients = ctx.clients.as_service();
    let encoder = Arc::new(Encoder::new(settings, clients, sources, work_folder));
    let mut service = Service::new(Role::Encoder);
    for number in 0..concurrency {
        let encoder = Arc::clone(&encoder);
        service = service.worker(format!("encoder {number}"), move |shutdown| async move {
            encoder.work(number, shutdown).await;
            Ok::<_, Infallible>(())
        });
    }
    Ok(service)
}
