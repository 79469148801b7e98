//! The blobs of a folder in the order of their keys.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::SystemTime;

use super::{BlobEntry, BlobKey};

struct Entry {
    key: String,
    is_folder: bool,
    size: u64,
    modified: SystemTime,
}

impl Entry {
    /// Sorts a folder where its blobs sort: `a-b` comes before `a/b`.
    fn sort_key(&self) -> String {
        if self.is_folder {
            format!("{}/", self.key)
        } else {
            self.key.clone()
        }
    }
}

/// At most `limit` blobs below `prefix`, after `after`. Blocks.
pub(super) fn list(
    root: &Path,
    prefix: Option<&BlobKey>,
    after: Option<&BlobKey>,
    limit: usize,
) -> io::Result<Vec<BlobEntry>> {
    let after = after.map_or("", BlobKey::as_str);
    let mut found = Vec::new();
    // The next entry is at the end.
    let mut stack = entries(root, prefix.map_or("", BlobKey::as_str))?;
    while let Some(entry) = stack.pop() {
        if found.len() == limit {
            break;
        }
        if entry.is_folder {
            let below = format!("{}/", entry.key);
            if below.as_str() > after || after.starts_with(&below) {
                stack.extend(entries(root, &entry.key)?);
            }
            continue;
        }
        if entry.key.as_str() > after
            && let Ok(key) = BlobKey::parse(entry.key)
        {
            found.push(BlobEntry {
                key,
                size: entry.size,
                modified: entry.modified,
            });
        }
    }
    Ok(found)
}

/// What is directly in a folder, last first. A folder that is gone is empty.
fn entries(root: &Path, folder: &str) -> io::Result<Vec<Entry>> {
    let reading = match fs::read_dir(root.join(folder)) {
        Ok(reading) => reading,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut entries = Vec::new();
    for entry in reading {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
            continue;
        };
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        let key = if folder.is_empty() {
            name.to_owned()
        } else {
            format!("{folder}/{name}")
        };
        entries.push(Entry {
            key,
            is_folder: metadata.is_dir(),
            size: metadata.len(),
            modified: metadata.modified()?,
        });
    }
    entries.sort_by_cached_key(Entry::sort_key);
    entries.reverse();
    Ok(entries)
}
