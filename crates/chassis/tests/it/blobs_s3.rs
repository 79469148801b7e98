//! A bucket where a disk could not surprise: several machines, a line that fails, a server that refuses.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use amphi_chassis::blob::{BlobError, Blobs, S3Blobs};
use amphi_chassis::config::S3Config;
use amphi_chassis::testing::{Line, Proxy, TestS3, eventually};
use amphi_chassis::{Kind, Problem, Secret};
use bytes::Bytes;
use futures::StreamExt;

use crate::blobs::{bucket, pieces, to_come};

const MIB: usize = 1024 * 1024;

/// A start waits no longer; the rest is for a busy machine.
const SOON: Duration = Duration::from_secs(8);

async fn behind(proxy: &Proxy, s3: &TestS3) -> Blobs {
    let settings = S3Config {
        endpoint: Some(format!("http://{}", proxy.address())),
        timeout: Duration::from_secs(2),
        ..s3.settings()
    };
    bucket(&settings).await
}

fn megabytes(count: usize) -> Vec<u8> {
    (0..count * MIB).map(|i| (i % 251) as u8).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_larger_than_a_part_is_stored_whole_and_read_in_any_range() {
    let s3 = TestS3::start();
    let blobs = bucket(&s3.settings()).await;
    let bytes = megabytes(19);
    let chunks: Vec<&[u8]> = bytes.chunks(700_000).collect();
    let limit = bytes.len() as u64;
    blobs
        .put_stream("v/streamed", pieces(&chunks), limit)
        .await
        .unwrap();

    let partial = blobs.create_partial("v/grown").await.unwrap();
    let (first, second) = bytes.split_at(11 * MIB + 17);
    let appended = partial.append(0, pieces(&[first]), limit).await.unwrap();
    assert_eq!(appended.length, first.len() as u64);
    partial
        .append(appended.length, pieces(&[second]), limit)
        .await
        .unwrap();
    assert_eq!(partial.commit().await.unwrap(), limit);

    for key in ["v/streamed", "v/grown"] {
        let blob = blobs.open(key).await.unwrap();
        assert!(blob.read_all().await.unwrap() == bytes, "{key}");
        let (start, end) = (2 * MIB - 1, 8 * MIB + 1);
        let range: Vec<_> = blob
            .read_range(start as u64..end as u64)
            .unwrap()
            .map(Result::unwrap)
            .collect()
            .await;
        assert!(range.concat() == bytes[start..end], "{key}");
    }
    let left = s3.objects();
    assert_eq!(left, ["it/blobs/v/grown", "it/blobs/v/streamed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_small_appends_make_few_objects() {
    let s3 = TestS3::start();
    let partial = bucket(&s3.settings())
        .await
        .create_partial("x")
        .await
        .unwrap();
    for offset in 0..40 {
        partial.append(offset, pieces(&[b"z"]), 100).await.unwrap();
    }
    let parts = s3
        .objects()
        .iter()
        .filter(|key| key.contains("/parts/"))
        .count();
    assert!(parts <= 6, "{parts}");
    assert_eq!(
        partial.open().await.unwrap().read_all().await.unwrap(),
        "z".repeat(40)
    );
    partial.truncate(33).await.unwrap();
    assert_eq!(partial.commit().await.unwrap(), 33);
    assert_eq!(s3.objects(), ["it/blobs/x"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_is_killed_loses_nothing_it_was_told_and_is_not_waited_for_long() {
    let s3 = TestS3::start();
    let settings = s3.settings();
    let blobs = bucket(&settings).await;
    let partial = blobs.create_partial("x").await.unwrap();
    partial
        .append(0, pieces(&[b"told"]), 100 * MIB as u64)
        .await
        .unwrap();

    // All that a process has at once: its runtime, with every task in it.
    let doomed = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (sender, asked, bytes) = to_come();
    doomed.spawn(async move {
        let partial = bucket(&settings).await.partial("x").unwrap();
        partial.append(4, bytes, 100 * MIB as u64).await.ok();
    });
    asked.await.unwrap();
    sender.unbounded_send(Ok(megabytes(9).into())).unwrap();
    eventually("a whole part to be kept", async || {
        (partial.length().await.unwrap() > 4).then_some(())
    })
    .await;
    doomed.shutdown_background();

    let length = partial.length().await.unwrap();
    let busy = partial.append(length, pieces(&[b"!"]), u64::MAX).await;
    assert!(matches!(busy, Err(BlobError::Busy { .. })), "{busy:?}");
    let length = eventually("the lease to end", async || {
        let length = partial.length().await.unwrap();
        partial
            .append(length, pieces(&[b"!"]), u64::MAX)
            .await
            .ok()
            .map(|_| length)
    })
    .await;
    assert_eq!(partial.commit().await.unwrap(), length + 1);
    let whole = blobs.get("x").await.unwrap();
    assert_eq!(&whole[..4], b"told");
    assert!(whole[4..whole.len() - 1] == megabytes(9)[..whole.len() - 5]);
    assert!(whole.ends_with(b"!"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_was_cut_off_and_taken_over_cannot_add_a_byte() {
    let s3 = TestS3::start();
    let proxy = Proxy::before(s3.address()).await;
    let near = bucket(&s3.settings()).await;
    let partial = near.create_partial("x").await.unwrap();
    let far = behind(&proxy, &s3).await.partial("x").unwrap();
    let (sender, asked, bytes) = to_come();
    let writing = tokio::spawn(async move { far.append(0, bytes, 100).await });
    asked.await.unwrap();
    proxy.set(Line::Silent);
    eventually("the partial to be taken over", async || {
        partial.append(0, pieces(&[b"near"]), 100).await.ok()
    })
    .await;
    proxy.set(Line::Open);
    sender.unbounded_send(Ok(Bytes::from_static(b"far"))).ok();
    drop(sender);
    let refused = writing.await.unwrap().unwrap_err();
    assert!(
        matches!(refused, BlobError::Busy { .. } | BlobError::Away { .. }),
        "{refused}"
    );
    assert_eq!(partial.commit().await.unwrap(), 4);
    assert_eq!(near.get("x").await.unwrap(), "near");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blob_that_is_replaced_while_it_is_read_fails_rather_than_being_mixed() {
    let s3 = TestS3::start();
    let blobs = bucket(&s3.settings()).await;
    blobs
        .put_bytes("x", Bytes::from_static(b"old"))
        .await
        .unwrap();
    let opened = blobs.open("x").await.unwrap();
    blobs
        .put_bytes("x", Bytes::from_static(b"new"))
        .await
        .unwrap();
    opened.read_all().await.unwrap_err();
    assert_eq!(blobs.get("x").await.unwrap(), "new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_goes_away_is_told_of_soon_and_works_again_when_it_is_back() {
    let s3 = TestS3::start();
    let proxy = Proxy::before(s3.address()).await;
    let blobs = behind(&proxy, &s3).await;
    blobs
        .put_bytes("x", Bytes::from_static(b"kept"))
        .await
        .unwrap();
    for line in [Line::Refused, Line::Silent] {
        proxy.set(line);
        proxy.cut();
        let asked = Instant::now();
        let error = blobs.size("x").await.unwrap_err();
        // Twice the time limit of a request at most, and a pause.
        assert!(
            asked.elapsed() < Duration::from_secs(10),
            "{:?}",
            asked.elapsed()
        );
        assert!(error.to_string().contains("blobs.s3.endpoint"), "{error}");
        let problem = Problem::from(error);
        assert_eq!(
            (problem.kind, problem.code.as_ref()),
            (Kind::Unavailable, "storage_away")
        );
        proxy.set(Line::Open);
        proxy.cut();
        eventually("the store to be back", async || blobs.get("x").await.ok()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_told_at_the_start_with_the_setting_to_mend() {
    let s3 = TestS3::start();
    let proxy = Proxy::before(s3.address()).await;
    proxy.set(Line::Silent);
    let right = s3.settings();
    let cases = [
        (
            "blobs.s3.bucket",
            S3Config {
                bucket: "nowhere".to_owned(),
                ..right.clone()
            },
        ),
        (
            "blobs.s3.access_key_id",
            S3Config {
                access_key_id: "somebody".to_owned(),
                ..right.clone()
            },
        ),
        (
            "blobs.s3.access_key_secret",
            S3Config {
                access_key_secret: Secret::new("guessed".to_owned()),
                ..right.clone()
            },
        ),
        (
            "blobs.s3.endpoint",
            S3Config {
                endpoint: Some("http://127.0.0.1:1".to_owned()),
                ..right.clone()
            },
        ),
        (
            "blobs.s3.endpoint",
            S3Config {
                endpoint: Some(format!("http://{}", proxy.address())),
                ..right.clone()
            },
        ),
    ];
    for (setting, settings) in cases {
        let started = Instant::now();
        let error = S3Blobs::open(&settings).await.unwrap_err().to_string();
        assert!(started.elapsed() < SOON, "{:?}: {error}", started.elapsed());
        assert!(error.contains(setting), "{setting}: {error}");
        assert!(
            error.contains("s3://") && !error.contains("guessed"),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_examination_leaves_nothing_and_compares_the_clocks() {
    let s3 = TestS3::start();
    let examined = S3Blobs::examine(&s3.settings()).await.unwrap();
    assert!(examined.clock_ahead_s.abs() <= 5, "{examined:?}");
    assert!(examined.place.contains("amphi-test/it"), "{examined:?}");
    assert!(s3.objects().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_vanishes_does_not_look_like_a_lost_upload() {
    let s3 = TestS3::start();
    let blobs = bucket(&s3.settings()).await;
    s3.remove_bucket();
    let answers = [
        ("list", blobs.list("", None, 1).await.err()),
        ("size", blobs.size("sources/lost").await.err()),
        ("open", blobs.open("sources/lost").await.err()),
        ("delete", blobs.delete("sources/lost").await.err()),
    ];
    for (operation, error) in answers {
        let is_away = matches!(error, Some(BlobError::Away { .. }));
        assert!(is_away, "{operation}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_ignores_conditions_is_named() {
    for header in ["If-None-Match", "If-Match"] {
        let s3 = TestS3::that_ignores(header);
        let error = S3Blobs::examine(&s3.settings()).await.unwrap_err();
        let words = format!("it ignores {header},");
        assert!(error.to_string().contains(&words), "{error}");
        assert!(s3.objects().is_empty(), "{header}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_what_grows_goes_on_when_its_parts_are_put_together_or_committed() {
    let s3 = TestS3::start();
    let blobs = bucket(&s3.settings()).await;
    let partial = blobs.create_partial("source").await.unwrap();
    let mut bytes = Vec::new();
    let mut append = async |fill: u8| {
        let more = vec![fill; 1000];
        let at = bytes.len() as u64;
        let stream = pieces(&[&more]);
        partial.append(at, stream, u64::MAX).await.unwrap();
        bytes.extend(more);
    };
    // Of different sizes as parts, so that the first is there when the next is merged away.
    append(1).await;
    let opened = partial.open().await.unwrap();
    append(2).await;
    let early = opened.read_all().await.unwrap();
    append(3).await;
    let reopened = partial.open().await.unwrap();
    partial.commit().await.unwrap();
    let late = reopened.read_all().await.unwrap();
    assert_eq!(early, bytes[..1000]);
    assert_eq!(late, bytes);

    let cut = blobs.create_partial("cut").await.unwrap();
    let stream = pieces(&[&bytes]);
    cut.append(0, stream, u64::MAX).await.unwrap();
    let opened = cut.open().await.unwrap();
    cut.truncate(10).await.unwrap();
    assert!(opened.read_all().await.is_err(), "bytes that are no more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_dead_writers_left_is_found_and_what_grows_is_not_touched() {
    let s3 = TestS3::start();
    let blobs = bucket(&s3.settings()).await;
    let growing = blobs.create_partial("growing").await.unwrap();
    let stream = pieces(&[b"of an upload that goes on"]);
    growing.append(0, stream, u64::MAX).await.unwrap();
    let part = s3
        .objects()
        .into_iter()
        .find(|object| object.contains("/parts/growing/"))
        .unwrap();
    let left = part.rsplit_once('/').unwrap().0.to_owned() + "/left";
    std::fs::write(s3.file(&left), b"left").unwrap();
    abandon_an_upload_in_parts(&s3, "abandoned").await;

    let now = std::time::SystemTime::now;
    let long_ago = now() - Duration::from_secs(3600);
    let young = blobs.remains(long_ago, true).await.unwrap();
    assert!(young.found.is_empty(), "{young:?}");
    let soon = now() + Duration::from_secs(5);
    let dry = blobs.remains(soon, false).await.unwrap();
    let names: Vec<&str> = dry.found.iter().map(|(name, _)| name.as_str()).collect();
    let abandoned = "it/blobs/abandoned (upload in parts)";
    assert_eq!(names, ["parts/growing/left", abandoned]);
    assert!(!dry.may_be_more);
    assert!(s3.objects().contains(&left));
    blobs.remains(soon, true).await.unwrap();
    assert!(!s3.objects().contains(&left));
    assert!(blobs.remains(soon, false).await.unwrap().found.is_empty());
    assert!(!s3.objects().iter().any(is_of_an_upload_in_parts));
    assert_eq!(growing.commit().await.unwrap(), 25);
}

fn is_of_an_upload_in_parts(object: impl AsRef<str>) -> bool {
    object.as_ref().starts_with(".upload_id-")
}

/// A writer dies after its first part, and so cannot say that nothing more comes.
async fn abandon_an_upload_in_parts(s3: &TestS3, key: &'static str) {
    let settings = s3.settings();
    let is_there = || s3.objects().iter().any(is_of_an_upload_in_parts);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let blobs = bucket(&settings).await;
                let (sender, _asked, bytes) = to_come();
                sender.unbounded_send(Ok(megabytes(9).into())).unwrap();
                let writing = blobs.put_stream(key, bytes, u64::MAX);
                tokio::select! {
                    _ = writing => panic!("it ended"),
                    () = eventually("the first part", async || is_there().then_some(())) => {}
                }
            });
        });
    });
    assert!(is_there());
}
