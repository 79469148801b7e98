//! The folder that everything durable is in, made and tried before anything is put there.

use std::path::Path;

use crate::service::StartError;

/// Makes the folder if it is missing, and writes to it.
///
/// # Errors
/// It is no folder, or may not be written.
pub(super) fn prepare(folder: &Path) -> Result<(), StartError> {
    let tried = std::fs::create_dir_all(folder).and_then(|()| {
        let probe = folder.join(format!(".amphi-{}", uuid::Uuid::new_v4()));
        std::fs::write(&probe, b"")?;
        std::fs::remove_file(&probe)
    });
    tried.map_err(|source| StartError::DataFolder {
        folder: folder.to_owned(),
        source,
    })
}
