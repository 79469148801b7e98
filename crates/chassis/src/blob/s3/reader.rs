//! Reading objects in windows: a slow reader holds no connection open, and no request can outlast its time limit.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore};

use super::errors;
use crate::blob::ByteStream;
use crate::blob::store::BlobReader;

const WINDOW_BYTES: u64 = 2 * 1024 * 1024;
const PIECE_BYTES: usize = 256 * 1024;

/// A stretch of what is read: the bytes of one object.
#[derive(Debug, Clone)]
pub(super) struct Stretch {
    pub path: Path,
    pub bytes: u64,
    /// What the object was when it was opened; none for one that is never replaced.
    pub e_tag: Option<String>,
}

/// Objects one after the other, read as one.
#[derive(Debug, Clone)]
pub(super) struct ObjectsReader {
    pub store: Arc<AmazonS3>,
    pub stretches: Arc<[Stretch]>,
}

impl BlobReader for ObjectsReader {
    fn read(&self, range: Range<u64>) -> ByteStream {
        let windows = windows(&self.stretches, range);
        let reader = self.clone();
        stream::iter(windows)
            .then(move |(stretch, range)| {
                let reader = reader.clone();
                async move { reader.window(stretch, range).await }
            })
            .map_ok(|window| stream::iter(pieces(window).map(Ok)))
            .try_flatten()
            .boxed()
    }
}

impl ObjectsReader {
    async fn window(&self, stretch: Stretch, range: Range<u64>) -> io::Result<Bytes> {
        let wanted = range.end - range.start;
        let mut options = GetOptions::new().with_range(Some(range));
        options.if_match.clone_from(&stretch.e_tag);
        let got = self.store.get_opts(&stretch.path, options).await;
        let got = got.map_err(errors::as_io)?;
        // Not every store heeds the condition.
        if stretch.e_tag.is_some() && got.meta.e_tag != stretch.e_tag {
            return Err(io::Error::other("it was replaced while it was read"));
        }
        let bytes = got.bytes().await.map_err(errors::as_io)?;
        if bytes.len() as u64 != wanted {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        Ok(bytes)
    }
}

/// Which bytes of which objects make up `range`, in requests of bounded size.
fn windows(stretches: &[Stretch], range: Range<u64>) -> Vec<(Stretch, Range<u64>)> {
    let mut windows = Vec::new();
    let mut begin = 0;
    for stretch in stretches {
        let end = begin + stretch.bytes;
        let mut at = range.start.max(begin);
        let until = range.end.min(end);
        while at < until {
            let next = until.min(at + WINDOW_BYTES);
            windows.push((stretch.clone(), at - begin..next - begin));
            at = next;
        }
        begin = end;
    }
    windows
}

fn pieces(mut window: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let next = window.len().min(PIECE_BYTES);
        (next > 0).then(|| window.split_to(next))
    })
}
