//! What becomes of files that are no videos.

use amphi_contracts::events::AssetState;
use http::StatusCode;

use crate::support::{House, clips, until};

#[tokio::test]
async fn what_is_no_video_fails_with_its_reason_and_leaves_nothing() {
    let house = House::start().await;
    let secret = clips::on_disk(house.folder(), "secret.mp4", &clips::six_seconds());
    let secret = secret.display();
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("empty.mp4", Vec::new(), "The file is empty."),
        (
            "notes.mp4",
            b"Dear diary,\nnothing moves here.\n".to_vec(),
            "This is a text document",
        ),
        (
            "playlist.mp4",
            format!("#EXTM3U\n#EXTINF:6,\nfile://{secret}\n#EXT-X-ENDLIST\n").into_bytes(),
            "This is an HLS playlist",
        ),
        (
            "manifest.mp4",
            format!("<?xml version=\"1.0\"?><MPD><BaseURL>{secret}</BaseURL></MPD>").into_bytes(),
            "This is a DASH or Smooth Streaming manifest",
        ),
        (
            "script.mp4",
            format!("ffconcat version 1.0\nfile '{secret}'\n").into_bytes(),
            "This is an ffmpeg concat script",
        ),
        (
            "zeros.mp4",
            vec![0; 9_000],
            "This is not a video or audio file of a kind we can read",
        ),
    ];
    for (name, bytes, reason) in cases {
        let creator = house.creator();
        let upload = creator.create(bytes.len(), &[("filename", name)]).await;
        if !bytes.is_empty() {
            let answer = upload.patch(0, &bytes).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{name}");
            assert_eq!(answer.code(), "source_refused");
        }
        let asset = creator.wait_for(&upload.video_id, AssetState::Failed).await;
        assert!(asset.reason.starts_with(reason), "{name}: {}", asset.reason);
        assert!(!asset.reason.contains("secret"));
    }
    house.holds_no_blobs().await;
    assert_eq!(house.dead_jobs().await, 0);
}

#[tokio::test]
async fn a_text_is_refused_long_before_its_last_byte() {
    let house = House::start().await;
    let creator = house.creator();
    let upload = creator
        .create(10_000_000, &[("filename", "film.mp4")])
        .await;
    let text = "All work and no play makes a dull film.\n".repeat(200);
    let first = upload.patch(0, text.as_bytes()).await;
    assert_eq!(first.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let later = upload.patch(text.len(), text.as_bytes()).await;
    assert_eq!(later.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(later.detail().starts_with("This is a text document"));
    assert_eq!(
        creator.asset(&upload.video_id).await.state,
        AssetState::Failed
    );
    house.holds_no_blobs().await;
}

#[tokio::test]
async fn a_video_without_its_index_fails_with_a_reason() {
    let house = House::start().await;
    let creator = house.creator();
    let clip = clips::six_seconds();
    let cut = &clip[..clip.len() / 2];
    let upload = creator.upload(cut).await;
    let asset = creator.wait_for(&upload.video_id, AssetState::Failed).await;
    assert!(asset.reason.contains("incomplete"), "{}", asset.reason);
    house.holds_no_blobs().await;
}

#[tokio::test]
async fn a_source_beyond_the_limits_fails_with_the_limit() {
    let house = House::with(&[("media.limits.duration_ms_max", 2_000.into())]).await;
    let creator = house.creator();
    let upload = creator.upload(&clips::six_seconds()).await;
    let asset = creator.wait_for(&upload.video_id, AssetState::Failed).await;
    assert!(
        asset.reason.starts_with("The video lasts"),
        "{}",
        asset.reason
    );
}

#[tokio::test]
async fn a_failed_video_takes_a_new_source() {
    let house = House::start().await;
    let creator = house.creator();
    let first = creator.upload(&clips::six_seconds()[..5_000]).await;
    creator.wait_for(&first.video_id, AssetState::Failed).await;
    let clip = clips::six_seconds();
    let second = creator
        .create(clip.len(), &[("video_id", &first.video_id)])
        .await;
    second.patch(0, &clip).await;
    let asset = creator
        .wait_for(&first.video_id, AssetState::Encoding)
        .await;
    assert_eq!(asset.reason, "");
    until("the first source to go", async || {
        house.blobs_below("sources").await.len() == 1
    })
    .await;
}
