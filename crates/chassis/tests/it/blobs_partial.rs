//! Blobs that grow: resumable, exact about where they end, committed at once.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use amphi_chassis::blob::BlobError;
use amphi_chassis::{Kind, Problem};
use bytes::Bytes;

use crate::blobs::{Store, broken_off, on_each_store, pieces, to_come};

const LIMIT: u64 = 1_000;

on_each_store!(
    an_upload_goes_on_where_it_ended_even_after_a_restart,
    bytes_that_came_before_the_sender_went_away_are_kept,
    a_wrong_offset_is_refused_with_the_right_one,
    it_does_not_grow_beyond_its_limit,
    a_second_writer_is_refused_while_the_first_one_writes,
    a_writer_that_is_dropped_lets_go,
    wrong_bytes_can_be_cut_off_again,
    committing_twice_is_committing_once,
    what_was_never_begun_is_not_found,
    deleting_it_leaves_nothing,
);

async fn an_upload_goes_on_where_it_ended_even_after_a_restart(store: Store) {
    let partial = store.blobs.create_partial("v/1/source").await.unwrap();
    let appended = partial
        .append(0, pieces(&[b"he", b"l"]), LIMIT)
        .await
        .unwrap();
    assert_eq!(appended.length, 3);

    let reopened = store.reopened().await;
    let partial = reopened.create_partial("v/1/source").await.unwrap();
    let length = partial.length().await.unwrap();
    assert_eq!(length, 3);
    assert_eq!(
        partial
            .append(length, pieces(&[b"lo"]), LIMIT)
            .await
            .unwrap()
            .length,
        5
    );
    assert!(!reopened.exists("v/1/source").await.unwrap());
    assert_eq!(partial.commit().await.unwrap(), 5);
    assert_eq!(reopened.get("v/1/source").await.unwrap(), "hello");
    let left = store.leftovers();
    let expected = match store.s3 {
        Some(_) => "it/blobs/v/1/source".into(),
        None => store.root.join("v/1/source"),
    };
    let is_folder = |path: &&PathBuf| store.s3.is_none() && path.is_dir();
    let files: Vec<_> = left.iter().filter(|path| !is_folder(path)).collect();
    assert_eq!(files, [&expected]);
}

async fn bytes_that_came_before_the_sender_went_away_are_kept(store: Store) {
    let partial = store.blobs.create_partial("x").await.unwrap();
    let appended = partial
        .append(0, broken_off(&[b"hel"]), LIMIT)
        .await
        .unwrap();
    assert_eq!(appended.length, 3);
    assert!(appended.interrupted.is_some());
    let appended = partial.append(3, pieces(&[b"lo"]), LIMIT).await.unwrap();
    assert!(appended.interrupted.is_none());
    assert_eq!(
        partial.open().await.unwrap().read_all().await.unwrap(),
        "hello"
    );
}

async fn a_wrong_offset_is_refused_with_the_right_one(store: Store) {
    let partial = store.blobs.create_partial("x").await.unwrap();
    partial.append(0, pieces(&[b"abc"]), LIMIT).await.unwrap();
    for offset in [0, 2, 4] {
        let error = partial
            .append(offset, pieces(&[b"z"]), LIMIT)
            .await
            .unwrap_err();
        assert!(matches!(error, BlobError::WrongOffset { length: 3, .. }));
        assert_eq!(Problem::from(error).code, "wrong_offset");
    }
    assert_eq!(
        partial.open().await.unwrap().read_all().await.unwrap(),
        "abc"
    );
}

async fn it_does_not_grow_beyond_its_limit(store: Store) {
    let partial = store.blobs.create_partial("x").await.unwrap();
    partial.append(0, pieces(&[b"abc"]), 4).await.unwrap();
    let error = partial
        .append(3, pieces(&[b"d", b"e"]), 4)
        .await
        .unwrap_err();
    assert_eq!(Problem::from(error).kind, Kind::TooLarge);
    assert!(partial.length().await.unwrap() <= 4);
    let length = partial.length().await.unwrap();
    partial.append(length, pieces(&[b"d"]), 4).await.unwrap();
}

async fn a_second_writer_is_refused_while_the_first_one_writes(store: Store) {
    let partial = store.blobs.create_partial("x").await.unwrap();
    let (sender, asked, bytes) = to_come();
    let first = tokio::spawn({
        let partial = partial.clone();
        async move { partial.append(0, bytes, LIMIT).await }
    });
    // Another process has a store of its own.
    let other = store.reopened().await;
    let second = other.partial("x").unwrap();
    asked.await.unwrap();
    let busy = second.append(0, pieces(&[]), LIMIT).await;
    assert!(matches!(busy, Err(BlobError::Busy { .. })));
    assert!(matches!(second.commit().await, Err(BlobError::Busy { .. })));
    assert!(matches!(
        second.truncate(0).await,
        Err(BlobError::Busy { .. })
    ));
    sender
        .unbounded_send(Ok(Bytes::from_static(b"first")))
        .unwrap();
    drop(sender);
    assert_eq!(first.await.unwrap().unwrap().length, 5);
    assert_eq!(
        second
            .append(5, pieces(&[b"!"]), LIMIT)
            .await
            .unwrap()
            .length,
        6
    );
}

async fn a_writer_that_is_dropped_lets_go(store: Store) {
    let partial = store.blobs.create_partial("x").await.unwrap();
    let (sender, asked, bytes) = to_come();
    let first = tokio::spawn({
        let partial = partial.clone();
        async move { partial.append(0, bytes, LIMIT).await }
    });
    asked.await.unwrap();
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    drop(sender);
    assert_eq!(
        partial
            .append(0, pieces(&[b"ok"]), LIMIT)
            .await
            .unwrap()
            .length,
        2
    );
}

async fn wrong_bytes_can_be_cut_off_again(store: Store) {
    let partial = store.blobs.create_partial("x").await.unwrap();
    partial
        .append(0, pieces(&[b"good", b"bad"]), LIMIT)
        .await
        .unwrap();
    partial.truncate(4).await.unwrap();
    assert_eq!(partial.length().await.unwrap(), 4);
    partial.truncate(9).await.unwrap_err();
    assert_eq!(
        partial.open().await.unwrap().read_all().await.unwrap(),
        "good"
    );
}

async fn committing_twice_is_committing_once(store: Store) {
    let partial = store.blobs.create_partial("a/x").await.unwrap();
    partial.append(0, pieces(&[b"abc"]), LIMIT).await.unwrap();
    assert_eq!(partial.commit().await.unwrap(), 3);
    assert_eq!(partial.commit().await.unwrap(), 3);
    let late = partial.append(3, pieces(&[b"late"]), LIMIT).await;
    assert!(matches!(late, Err(BlobError::NotFound { .. })));
    assert_eq!(store.blobs.get("a/x").await.unwrap(), "abc");
}

async fn what_was_never_begun_is_not_found(store: Store) {
    let partial = store.blobs.partial("a/x").unwrap();
    assert!(matches!(
        partial.length().await,
        Err(BlobError::NotFound { .. })
    ));
    assert!(matches!(
        partial.commit().await,
        Err(BlobError::NotFound { .. })
    ));
    let appended = partial.append(0, pieces(&[b"x"]), LIMIT).await;
    assert!(matches!(appended, Err(BlobError::NotFound { .. })));
    assert!(!partial.delete().await.unwrap());
}

async fn deleting_it_leaves_nothing(store: Store) {
    let partial = store.blobs.create_partial("a/b/x").await.unwrap();
    partial.append(0, pieces(&[b"abc"]), LIMIT).await.unwrap();
    assert_eq!(partial.local_path().is_some(), store.s3.is_none());
    assert!(partial.delete().await.unwrap());
    assert_eq!(store.leftovers(), Vec::<PathBuf>::new());
}
