//! How much room there is where the blobs lie.

use std::path::PathBuf;

use amphi_chassis::Problem;
use amphi_chassis::blob::Blobs;

/// Free bytes for this user where the blobs lie; `None` when the store is no folder.
///
/// # Errors
/// When the file system does not answer.
pub async fn free_bytes(blobs: &Blobs) -> Result<Option<u64>, Problem> {
    let Some(path) = blobs.local_path("probe")? else {
        return Ok(None);
    };
    let free = tokio::task::spawn_blocking(move || free_at(path)).await;
    let free = free
        .map_err(Problem::internal)?
        .map_err(Problem::internal)?;
    Ok(Some(free))
}

fn free_at(mut path: PathBuf) -> std::io::Result<u64> {
    // The blob is none that exists; the nearest folder above it does.
    while !path.exists() && path.pop() {}
    let system = rustix::fs::statvfs(&path)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}
