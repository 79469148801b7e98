//! Blobs, on the local disk and in a bucket: whole or absent, readable in parts, and nothing left behind.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use amphi_chassis::blob::{BlobError, BlobKey, Blobs, ByteStream, S3Blobs};
use amphi_chassis::config::S3Config;
use amphi_chassis::testing::TestS3;
use amphi_chassis::{Kind, Problem};
use bytes::Bytes;
use futures::channel::mpsc::{self, UnboundedSender};
use futures::channel::oneshot;
use futures::{StreamExt, TryStreamExt, stream};
use proptest::prelude::*;
use tempfile::TempDir;

/// Runs each test on every store there is.
macro_rules! on_each_store {
    ($($test:ident),+ $(,)?) => {
        on_each_store!(@store on_disk, $($test),+);
        on_each_store!(@store in_a_bucket, $($test),+);
    };
    (@store $store:ident, $($test:ident),+) => {
        mod $store {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test(crate::blobs::Store::$store().await).await;
                }
            )+
        }
    };
}
pub(crate) use on_each_store;

on_each_store!(
    what_is_put_is_there_and_replaces_what_was_there,
    what_is_absent_is_absent_in_every_way,
    a_key_that_could_leave_the_store_is_refused_by_every_operation,
    a_file_is_taken_over,
    a_file_from_another_filesystem_is_taken_over_too,
    a_link_or_a_folder_is_not_taken_for_a_file,
    a_stream_is_stored_whole_or_not_at_all,
    a_large_blob_streams_in_bounded_pieces,
    a_range_beyond_the_blob_is_refused,
    a_prefix_takes_all_below_it_and_nothing_beside_it,
    putting_and_deleting_neighbours_at_once_loses_nothing,
    listing_goes_on_after_a_key_in_the_order_of_keys,
);

pub struct Store {
    pub blobs: Blobs,
    /// On the disk only: the folder of the blobs.
    pub root: PathBuf,
    pub folder: TempDir,
    pub s3: Option<TestS3>,
}

impl Store {
    pub async fn on_disk() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("blobs");
        Self {
            blobs: Blobs::open_local(&root).await.unwrap(),
            root,
            folder,
            s3: None,
        }
    }

    pub async fn in_a_bucket() -> Self {
        let s3 = TestS3::start();
        Self {
            blobs: bucket(&s3.settings()).await,
            s3: Some(s3),
            ..Self::on_disk().await
        }
    }

    /// The same store as another process opens it.
    pub async fn reopened(&self) -> Blobs {
        match &self.s3 {
            Some(s3) => bucket(&s3.settings()).await,
            None => Blobs::open_local(&self.root).await.unwrap(),
        }
    }

    /// Every file and folder below the root, but the three of the store itself; or every object.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        if let Some(s3) = &self.s3 {
            return s3.objects().into_iter().map(PathBuf::from).collect();
        }
        let mut found = Vec::new();
        walk(&self.root, &mut found);
        found.retain(|path| !path.ends_with(".tmp") && !path.ends_with(".partial"));
        found
    }
}

pub async fn bucket(settings: &S3Config) -> Blobs {
    Blobs::new(Arc::new(S3Blobs::open(settings).await.unwrap()))
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        }
        found.push(path);
    }
}

pub fn pieces(pieces: &[&[u8]]) -> ByteStream {
    let pieces: Vec<io::Result<Bytes>> = pieces
        .iter()
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    stream::iter(pieces).boxed()
}

/// Bytes that are still to come: what is sent is received, and the first message tells that somebody waits for them.
pub fn to_come() -> (
    UnboundedSender<io::Result<Bytes>>,
    oneshot::Receiver<()>,
    ByteStream,
) {
    let (sender, receiver) = mpsc::unbounded();
    let (asks, asked) = oneshot::channel();
    let asking = stream::once(async move {
        let _ = asks.send(());
        Ok(Bytes::new())
    });
    (sender, asked, asking.chain(receiver).boxed())
}

/// Ends with an error after its pieces, as a body does whose sender went away.
pub fn broken_off(sent: &[&[u8]]) -> ByteStream {
    let end = stream::iter([Err(io::Error::from(io::ErrorKind::ConnectionReset))]);
    pieces(sent).chain(end).boxed()
}

async fn text(blobs: &Blobs, key: &str) -> String {
    String::from_utf8(blobs.get(key).await.unwrap().to_vec()).unwrap()
}

async fn what_is_put_is_there_and_replaces_what_was_there(store: Store) {
    let blobs = &store.blobs;
    blobs
        .put_bytes("a/b/c.txt", Bytes::from_static(b"one"))
        .await
        .unwrap();
    assert_eq!(text(blobs, "a/b/c.txt").await, "one");
    assert_eq!(blobs.size("a/b/c.txt").await.unwrap(), Some(3));
    blobs
        .put_bytes("a/b/c.txt", Bytes::from_static(b"second"))
        .await
        .unwrap();
    assert_eq!(text(blobs, "a/b/c.txt").await, "second");
    match blobs.local_path("a/b/c.txt").unwrap() {
        Some(path) => assert_eq!(std::fs::read(path).unwrap(), b"second"),
        None => assert!(store.s3.is_some()),
    }
    let reopened = store.reopened().await;
    assert_eq!(text(&reopened, "a/b/c.txt").await, "second");
}

async fn what_is_absent_is_absent_in_every_way(store: Store) {
    let blobs = &store.blobs;
    blobs
        .put_bytes("a/b", Bytes::from_static(b"x"))
        .await
        .unwrap();
    // The folder that the test's S3 server keeps its objects in shows through.
    let folder = if store.s3.is_some() { "d" } else { "a" };
    for absent in ["c", folder, "a/b/c", "a/c"] {
        assert!(!blobs.exists(absent).await.unwrap(), "{absent}");
        assert!(!blobs.delete(absent).await.unwrap(), "{absent}");
        let error = blobs.open(absent).await.unwrap_err();
        assert!(
            matches!(error, BlobError::NotFound { .. }),
            "{absent}: {error}"
        );
    }
    let problem = Problem::from(blobs.get("c").await.unwrap_err());
    assert_eq!(
        (problem.kind, problem.code.as_ref()),
        (Kind::NotFound, "blob_not_found")
    );
}

async fn a_key_that_could_leave_the_store_is_refused_by_every_operation(store: Store) {
    let blobs = &store.blobs;
    for key in ["../x", "/etc/passwd", ".tmp/x", "a/../../x", ""] {
        assert!(matches!(blobs.open(key).await, Err(BlobError::Key { .. })));
        assert!(matches!(
            blobs.put_bytes(key, Bytes::new()).await,
            Err(BlobError::Key { .. })
        ));
        assert!(matches!(
            blobs.delete(key).await,
            Err(BlobError::Key { .. })
        ));
        assert!(matches!(
            blobs.delete_prefix(key).await,
            Err(BlobError::Key { .. })
        ));
        assert!(matches!(
            blobs.create_partial(key).await,
            Err(BlobError::Key { .. })
        ));
        assert!(matches!(blobs.local_path(key), Err(BlobError::Key { .. })));
    }
}

#[tokio::test]
async fn a_blob_cannot_be_a_folder_of_another() {
    let Store { blobs, .. } = &Store::on_disk().await;
    blobs
        .put_bytes("a/b", Bytes::from_static(b"x"))
        .await
        .unwrap();
    for key in ["a", "a/b/c"] {
        let error = blobs
            .put_bytes(key, Bytes::from_static(b"y"))
            .await
            .unwrap_err();
        assert!(
            matches!(error, BlobError::Occupied { .. }),
            "{key}: {error}"
        );
    }
    assert_eq!(text(blobs, "a/b").await, "x");
}

async fn a_file_is_taken_over(store: Store) {
    let made = store.folder.path().join("made.mp4");
    std::fs::write(&made, "moved").unwrap();
    assert_eq!(store.blobs.put_file("v/made", &made).await.unwrap(), 5);
    assert!(!made.exists());
    assert_eq!(text(&store.blobs, "v/made").await, "moved");
}

async fn a_file_from_another_filesystem_is_taken_over_too(store: Store) {
    let elsewhere = tempfile::Builder::new().tempfile_in("/dev/shm").unwrap();
    std::fs::write(elsewhere.path(), "moved").unwrap();
    assert_eq!(
        store
            .blobs
            .put_file("v/made", elsewhere.path())
            .await
            .unwrap(),
        5
    );
    assert!(!elsewhere.path().exists());
    assert_eq!(text(&store.blobs, "v/made").await, "moved");
}

async fn a_link_or_a_folder_is_not_taken_for_a_file(store: Store) {
    let link = store.folder.path().join("link");
    std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
    store.blobs.put_file("a", &link).await.unwrap_err();
    store
        .blobs
        .put_file("a", store.folder.path())
        .await
        .unwrap_err();
    assert!(!store.blobs.exists("a").await.unwrap());
}

async fn a_stream_is_stored_whole_or_not_at_all(store: Store) {
    let blobs = &store.blobs;
    let whole = pieces(&[b"on", b"", b"e"]);
    assert_eq!(blobs.put_stream("a/whole", whole, 3).await.unwrap(), 3);
    assert_eq!(text(blobs, "a/whole").await, "one");
    let before = store.leftovers();

    let broken = blobs.put_stream("a/broken", broken_off(&[b"on"]), 3).await;
    assert!(matches!(broken, Err(BlobError::Interrupted { .. })));
    let large = blobs
        .put_stream("a/large", pieces(&[b"on", b"ee"]), 3)
        .await;
    assert!(matches!(large, Err(BlobError::TooLarge { .. })));
    let waiting = blobs.put_stream("a/dropped", stream::pending().boxed(), 3);
    assert!(
        tokio::time::timeout(Duration::from_millis(50), waiting)
            .await
            .is_err()
    );
    assert_eq!(store.leftovers(), before);
}

async fn a_large_blob_streams_in_bounded_pieces(store: Store) {
    let blobs = &store.blobs;
    let bytes: Vec<u8> = (0..3_000_001_u32).map(|i| (i % 251) as u8).collect();
    let parts: Vec<&[u8]> = bytes.chunks(70_000).collect();
    blobs
        .put_stream("large", pieces(&parts), u64::MAX)
        .await
        .unwrap();
    let blob = blobs.open("large").await.unwrap();
    let read: Vec<Bytes> = blob
        .read_range(17..2_999_990)
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert!(read.iter().all(|piece| piece.len() <= 256 * 1024));
    assert_eq!(read.concat(), bytes[17..2_999_990]);
}

async fn a_range_beyond_the_blob_is_refused(store: Store) {
    let blobs = &store.blobs;
    blobs
        .put_bytes("x", Bytes::from_static(b"0123456789"))
        .await
        .unwrap();
    let blob = blobs.open("x").await.unwrap();
    let read = |start, end| {
        let stream = blob.read_range(start..end).unwrap();
        async move { stream.try_collect::<Vec<_>>().await.unwrap().concat() }
    };
    assert_eq!(read(0, 10).await, b"0123456789");
    assert_eq!(read(9, 10).await, b"9");
    assert_eq!(read(10, 10).await, b"");
    #[allow(clippy::reversed_empty_ranges)]
    for range in [0..11, 10..11, 5..4] {
        assert!(matches!(
            blob.read_range(range),
            Err(BlobError::Range { .. })
        ));
    }
}

#[tokio::test]
async fn an_open_blob_stays_readable_when_it_is_replaced_or_deleted() {
    let Store { blobs, .. } = &Store::on_disk().await;
    blobs
        .put_bytes("a/x", Bytes::from_static(b"old"))
        .await
        .unwrap();
    let opened = blobs.open("a/x").await.unwrap();
    blobs
        .put_bytes("a/x", Bytes::from_static(b"newer"))
        .await
        .unwrap();
    blobs.delete_prefix("a").await.unwrap();
    assert_eq!(opened.read_all().await.unwrap(), "old");
}

#[tokio::test]
async fn deleting_leaves_no_empty_folders() {
    let store = Store::on_disk().await;
    for key in ["a/b/c/one", "a/b/two", "d/three"] {
        store
            .blobs
            .put_bytes(key, Bytes::from_static(b"x"))
            .await
            .unwrap();
    }
    assert!(store.blobs.delete("a/b/c/one").await.unwrap());
    assert!(!store.root.join("a/b/c").exists());
    assert!(store.blobs.exists("a/b/two").await.unwrap());
    assert!(store.blobs.delete("a/b/two").await.unwrap());
    assert!(store.blobs.delete("d/three").await.unwrap());
    assert_eq!(store.leftovers(), Vec::<PathBuf>::new());
}

async fn a_prefix_takes_all_below_it_and_nothing_beside_it(store: Store) {
    let blobs = &store.blobs;
    for key in ["v/1/a", "v/1/b/c", "v/10/a", "v/1.x"] {
        blobs
            .put_bytes(key, Bytes::from_static(b"x"))
            .await
            .unwrap();
    }
    blobs.create_partial("v/1/source").await.unwrap();
    blobs.create_partial("v/10/source").await.unwrap();
    assert_eq!(blobs.delete_prefix("v/1/").await.unwrap(), 3);
    assert_eq!(blobs.delete_prefix("v/1").await.unwrap(), 0);
    let left = blobs.list("", None, 10).await.unwrap();
    let left: Vec<&str> = left.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(left, ["v/1.x", "v/10/a"]);
    assert_eq!(
        blobs
            .partial("v/10/source")
            .unwrap()
            .length()
            .await
            .unwrap(),
        0
    );
}

async fn putting_and_deleting_neighbours_at_once_loses_nothing(store: Store) {
    let blobs = &store.blobs;
    let neighbour = |number: usize| async move {
        let key = format!("shared/deep/{number}");
        for _ in 0..40 {
            blobs
                .put_bytes(&key, Bytes::from_static(b"x"))
                .await
                .unwrap();
            assert!(blobs.delete(&key).await.unwrap());
        }
        blobs
            .put_bytes(&key, Bytes::from_static(b"last"))
            .await
            .unwrap();
    };
    futures::future::join_all((0..4).map(neighbour)).await;
    assert_eq!(blobs.list("shared", None, 10).await.unwrap().len(), 4);
}

async fn listing_goes_on_after_a_key_in_the_order_of_keys(store: Store) {
    let blobs = &store.blobs;
    let keys = ["a-b", "a/b", "a/b-c", "a/c/d", "a/cc", "b"];
    for key in keys.iter().rev() {
        blobs
            .put_bytes(key, Bytes::from_static(b"x"))
            .await
            .unwrap();
    }
    let listed = async |prefix: &str, after: Option<&str>, limit| {
        let after = after.map(|after| BlobKey::parse(after).unwrap());
        let found = blobs.list(prefix, after.as_ref(), limit).await.unwrap();
        let keys = found.iter().map(|entry| entry.key.to_string());
        keys.collect::<Vec<_>>()
    };
    assert_eq!(listed("", None, 10).await, keys);
    assert_eq!(listed("", Some("a/b"), 2).await, ["a/b-c", "a/c/d"]);
    assert_eq!(listed("a", None, 2).await, ["a/b", "a/b-c"]);
    assert_eq!(listed("a/", Some("a/b-c"), 10).await, ["a/c/d", "a/cc"]);
    assert!(listed("a/x", None, 10).await.is_empty());
}

#[tokio::test]
async fn opening_sweeps_what_a_killed_process_left_and_spares_what_is_being_written() {
    let store = Store::on_disk().await;
    let temp = store.root.join(".tmp");
    let (abandoned, fresh) = (temp.join("abandoned"), temp.join("fresh"));
    let doomed = temp.join("doomed");
    std::fs::write(&fresh, "x").unwrap();
    std::fs::create_dir(&doomed).unwrap();
    std::fs::write(doomed.join("y"), "x").unwrap();
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    let age = |path: &Path| {
        std::fs::File::open(path)
            .unwrap()
            .set_modified(hour_ago)
            .unwrap()
    };
    std::fs::write(&abandoned, "x").unwrap();
    age(&abandoned);
    age(&doomed);

    let (sender, asked, slow_bytes) = to_come();
    let writer = tokio::spawn({
        let blobs = store.blobs.clone();
        async move { blobs.put_stream("slow", slow_bytes, 100).await }
    });
    asked.await.unwrap();
    let slow = std::fs::read_dir(&temp)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| ![&abandoned, &fresh, &doomed].contains(&path))
        .unwrap();
    age(&slow);

    Blobs::open_local(&store.root).await.unwrap();
    assert!(!abandoned.exists());
    assert!(!doomed.exists());
    assert!(fresh.exists());
    sender
        .unbounded_send(Ok(Bytes::from_static(b"done")))
        .unwrap();
    drop(sender);
    assert_eq!(writer.await.unwrap().unwrap(), 4);
    assert_eq!(text(&store.blobs, "slow").await, "done");
}

#[test]
fn a_full_disk_is_told_as_such() {
    let problem = Problem::from(BlobError::StorageFull);
    assert_eq!(
        (problem.kind, problem.code.as_ref()),
        (Kind::Unavailable, "storage_full")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn listing_page_by_page_finds_each_blob_below_the_prefix_in_order(
        keys in prop::collection::vec("[ab.-]{0,1}[ab](/[ab][b-]{0,1}){0,2}", 0..12),
        prefix in "[ab]{0,1}(/[ab])?",
        limit in 1_usize..5,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let Store { blobs, .. } = &Store::on_disk().await;
            let mut stored = BTreeMap::new();
            for key in keys {
                let bytes = Bytes::from(key.clone());
                if blobs.put_bytes(&key, bytes.clone()).await.is_ok() {
                    stored.insert(key, bytes.len() as u64);
                }
            }
            let Ok(first) = blobs.list(&prefix, None, limit).await else {
                prop_assert!(BlobKey::parse(prefix).is_err());
                return Ok(());
            };
            let mut found = first;
            while let Some(last) = found.last().map(|entry| entry.key.clone()) {
                let page = blobs.list(&prefix, Some(&last), limit).await.unwrap();
                prop_assert!(page.len() <= limit);
                if page.is_empty() {
                    break;
                }
                found.extend(page);
            }
            let found: Vec<(String, u64)> =
                found.into_iter().map(|entry| (entry.key.to_string(), entry.size)).collect();
            let below = format!("{prefix}/");
            let expected: Vec<(String, u64)> = stored
                .into_iter()
                .filter(|(key, _)| prefix.is_empty() || key.starts_with(&below))
                .collect();
            prop_assert_eq!(found, expected);
            Ok(())
        })?;
    }
}
