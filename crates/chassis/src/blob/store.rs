//! What a store of blobs can do.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use futures::stream::BoxStream;

use super::{BlobError, BlobKey};

pub type ByteStreamItem = Result<Bytes, io::Error>;

/// Bytes on their way, in pieces.
pub type ByteStream = BoxStream<'static, ByteStreamItem>;

/// A blob opened for reading. What is read from it stays the same even if the blob is deleted or replaced meanwhile.
#[async_trait::async_trait]
pub trait BlobReader: Send + Sync + fmt::Debug + 'static {
    /// Streams the bytes of `range`, which lies within the blob, in pieces of bounded size.
    fn read(&self, range: Range<u64>) -> ByteStream;
}

/// A blob as it was when it was opened.
#[derive(Debug)]
pub struct Blob {
    pub(super) key: BlobKey,
    pub(super) size: u64,
    pub(super) reader: Box<dyn BlobReader>,
}

impl Blob {
    pub fn new(key: BlobKey, size: u64, reader: Box<dyn BlobReader>) -> Self {
        Self { key, size, reader }
    }

    #[must_use]
    pub fn key(&self) -> &BlobKey {
        &self.key
    }

    /// Bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }
}

/// A blob in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobEntry {
    pub key: BlobKey,
    /// Bytes.
    pub size: u64,
    /// When it was last written, by the clock of the store.
    pub modified: SystemTime,
}

/// What a store keeps of writers that died or were refused, and that neither a blob nor a partial counts on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remains {
    /// Names as the store has them, with their bytes.
    pub found: Vec<(String, u64)>,
    /// Whether there may be more of a kind that this store cannot be asked for.
    pub may_be_more: bool,
}

/// What an examination of a store found.
#[derive(Debug, Clone)]
pub struct Examined {
    /// Where it is, for people.
    pub place: String,
    /// By how much the clock of the store is ahead of this machine's, seconds; exact to about one.
    pub clock_ahead_s: i64,
}

/// How far an append got.
#[derive(Debug)]
pub struct Appended {
    /// The length of the partial now, bytes; on the disk.
    pub length: u64,
    /// Set when the bytes ended before their time. What came is kept.
    pub interrupted: Option<io::Error>,
}

/// A place for blobs. Once a write has returned, it survives a power cut.
#[async_trait::async_trait]
pub trait BlobStore: Send + Sync + fmt::Debug + 'static {
    async fn put_bytes(&self, key: &BlobKey, bytes: Bytes) -> Result<(), BlobError>;

    /// Takes the file at `path` over; it is gone from there afterwards. Returns its size.
    async fn put_file(&self, key: &BlobKey, path: &Path) -> Result<u64, BlobError>;

    /// Stores what `bytes` yields, all of it or nothing. Returns the size.
    async fn put_stream(
        &self,
        key: &BlobKey,
        bytes: ByteStream,
        limit_bytes: u64,
    ) -> Result<u64, BlobError>;

    async fn open(&self, key: &BlobKey) -> Result<Blob, BlobError>;

    /// None if there is no such blob.
    async fn size(&self, key: &BlobKey) -> Result<Option<u64>, BlobError>;

    /// False if there was none.
    async fn delete(&self, key: &BlobKey) -> Result<bool, BlobError>;

    /// Deletes each blob and each partial below `prefix`. Returns how many there were.
    async fn delete_prefix(&self, prefix: &BlobKey) -> Result<u64, BlobError>;

    /// The blobs below `prefix`, or all, in the order of their keys: at most `limit`, after `after`.
    async fn list(
        &self,
        prefix: Option<&BlobKey>,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<BlobEntry>, BlobError>;

    /// The partials below `prefix`, like [`Self::list`].
    async fn list_partials(
        &self,
        prefix: Option<&BlobKey>,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<BlobEntry>, BlobError>;

    /// Where the blob lies as a file, if it does.
    fn local_path(&self, key: &BlobKey) -> Option<PathBuf>;

    /// Begins a blob that grows by appending. One that was begun before is left as it is.
    async fn create_partial(&self, key: &BlobKey) -> Result<(), BlobError>;

    /// How many bytes of it are on the disk for good.
    async fn partial_length(&self, key: &BlobKey) -> Result<u64, BlobError>;

    /// Appends at `offset`, which must be where it ends, up to a total of `limit_bytes`.
    async fn append_partial(
        &self,
        key: &BlobKey,
        offset: u64,
        bytes: ByteStream,
        limit_bytes: u64,
    ) -> Result<Appended, BlobError>;

    /// Cuts it back to `length`.
    async fn truncate_partial(&self, key: &BlobKey, length: u64) -> Result<(), BlobError>;

    /// Opens what is there so far.
    async fn open_partial(&self, key: &BlobKey) -> Result<Blob, BlobError>;

    /// Makes it the blob `key`, at once and for good. Returns its size.
    async fn commit_partial(&self, key: &BlobKey) -> Result<u64, BlobError>;

    async fn delete_partial(&self, key: &BlobKey) -> Result<bool, BlobError>;

    /// Where it lies as a file, if it does.
    fn partial_local_path(&self, key: &BlobKey) -> Option<PathBuf>;

    /// What was left behind before `before`; removes it if it `is_to_go`. What is being written is never among it.
    async fn remains(&self, before: SystemTime, is_to_go: bool) -> Result<Remains, BlobError>;
}
