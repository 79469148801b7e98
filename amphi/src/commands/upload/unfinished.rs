//! What was begun and not ended, from one run of `amphi upload` to the next.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::client::UploadedVideo;

/// The same file, unchanged, to the same platform.
pub fn fingerprint(url: &str, file: &Path, metadata: &std::fs::Metadata) -> String {
    let modified = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |since| since.as_nanos());
    format!("{url} {} {} {modified}", file.display(), metadata.len())
}

/// Uploads that may be gone on with, remembered between runs in the user's state folder. Forgetting one costs no more than
/// an upload from the start, so a file that cannot be read or written is no error.
pub struct UnfinishedUploads {
    file: Option<PathBuf>,
}

impl UnfinishedUploads {
    pub fn open() -> Self {
        let state = std::env::var_os("XDG_STATE_HOME")
            .map(PathBuf::from)
            .or_else(|| {
                std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"))
            });
        Self {
            file: state.map(|folder| folder.join("amphi/uploads.json")),
        }
    }

    pub fn recall(&self, key: &str) -> Option<UploadedVideo> {
        self.read().remove(key)
    }

    pub fn remember(&self, key: &str, upload: &UploadedVideo) {
        let mut all = self.read();
        all.insert(key.to_owned(), upload.clone());
        self.write(&all);
    }

    pub fn forget(&self, key: &str) {
        let mut all = self.read();
        if all.remove(key).is_some() {
            self.write(&all);
        }
    }

    fn read(&self) -> BTreeMap<String, UploadedVideo> {
        self.file
            .as_ref()
            .and_then(|file| std::fs::read(file).ok())
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    fn write(&self, all: &BTreeMap<String, UploadedVideo>) {
        let Some(file) = &self.file else { return };
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).ok();
        }
        if let Ok(json) = serde_json::to_vec_pretty(all) {
            std::fs::write(file, json).ok();
        }
    }
}
