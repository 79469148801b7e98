//! Bulk bytes by key: sources, segments, pictures. On the local disk, or in a bucket of a store that speaks S3.

mod error;
mod file;
mod files;
mod key;
mod listing;
mod local;
mod pages;
#[cfg(feature = "s3")]
mod s3;
mod store;
mod traced;
mod writing;

pub use error::BlobError;
pub use file::BlobFile;
pub use key::{BlobKey, KEY_BYTES_MAX};
pub use local::LocalBlobs;
pub use pages::Pages;
#[cfg(feature = "s3")]
pub use s3::{S3Blobs, S3Presigner};
pub use store::{
    Appended, Blob, BlobEntry, BlobReader, BlobStore, ByteStream, ByteStreamItem, Examined, Remains,
};
pub use traced::{Blobs, Partial};
