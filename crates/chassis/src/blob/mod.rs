//! Bulk bytes by key: sources, segments, pictures. On the local disk now; the interface fits an object store.

mod error;
mod files;
mod key;
mod listing;
mod local;
mod store;
mod traced;
mod writing;

pub use error::BlobError;
pub use key::{BlobKey, KEY_BYTES_MAX};
pub use local::LocalBlobs;
pub use store::{Appended, Blob, BlobEntry, BlobReader, BlobStore, ByteStream, ByteStreamItem};
pub use traced::{Blobs, Partial};
