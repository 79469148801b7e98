//! What comes out in the end.

use std::path::Path;
use std::process::Command;

use amphi_contracts::events::AssetState;
use amphi_contracts::proto::media::v1::Presentation;

use crate::elsewhere::{Elsewhere, encoding_house};
use crate::support::{House, clips};

/// Puts a track together as a player would, and has ffmpeg decode it. Returns its length in seconds.
async fn decoded_seconds(
    house: &House,
    presentation: &Presentation,
    rendition: &str,
    folder: &Path,
) -> f64 {
    let prefix = format!("{}/{rendition}", presentation.blob_prefix);
    let track = presentation
        .tracks
        .iter()
        .find(|track| track.rendition.as_ref().unwrap().id == rendition)
        .unwrap();
    let mut bytes = house.blob(&format!("{prefix}/init.mp4")).await;
    for segment in &track.segments {
        bytes.extend(
            house
                .blob(&format!("{prefix}/{}.m4s", segment.number))
                .await,
        );
    }
    let file = clips::on_disk(folder, &format!("{rendition}.mp4"), &bytes);
    let decoding = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-i"])
        .arg(&file)
        .args(["-f", "null", "-"])
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&decoding.stderr);
    assert!(
        decoding.status.success() && complaints.is_empty(),
        "{rendition}: {complaints}"
    );
    let last = track.segments.last().unwrap();
    (last.start_ticks + last.duration_ticks) as f64 / f64::from(track.timescale)
}

async fn check_all_decodes(house: &House, video_id: &str, renditions: &[&str], seconds: f64) {
    let presentation = house.presentation(video_id).await;
    assert!(presentation.complete);
    let found: Vec<&str> = presentation
        .tracks
        .iter()
        .map(|track| track.rendition.as_ref().unwrap().id.as_str())
        .collect();
    assert_eq!(found, renditions);
    let folder = tempfile::tempdir().unwrap();
    for rendition in renditions {
        let length = decoded_seconds(house, &presentation, rendition, folder.path()).await;
        assert!(
            (length - seconds).abs() < 0.1,
            "{rendition} lasts {length} s"
        );
    }
}

#[tokio::test]
async fn an_upload_becomes_a_video_that_plays() {
    let house = encoding_house(&[]).await;
    let creator = house.creator();
    let upload = creator.upload(&clips::six_seconds()).await;
    let asset = creator.wait_for(&upload.video_id, AssetState::Ready).await;
    assert_eq!(asset.duration_ms.map(|ms| ms / 100), Some(60));
    assert!(asset.poster_path.is_some() && asset.storyboard_path.is_some());
    check_all_decodes(&house, &upload.video_id, &["v240", "a0"], 6.0).await;
    assert_eq!(house.blobs_below("sources").await.len(), 1);
    assert!(house.encoder_leftovers().is_empty());
}

#[tokio::test]
async fn sound_alone_becomes_a_video_that_plays() {
    let house = encoding_house(&[]).await;
    let creator = house.creator();
    let upload = creator.upload(&clips::sound_alone()).await;
    let asset = creator.wait_for(&upload.video_id, AssetState::Ready).await;
    assert_eq!(asset.poster_path, None);
    check_all_decodes(&house, &upload.video_id, &["a0"], 3.0).await;
}

#[tokio::test]
async fn chunks_of_several_workers_fit_together() {
    let house = encoding_house(&[
        ("media.encode.segments_per_chunk", 2.into()),
        ("encoder.concurrency", 3.into()),
    ])
    .await;
    let creator = house.creator();
    let upload = creator.upload(&clips::forty_seconds()).await;
    creator.wait_for(&upload.video_id, AssetState::Ready).await;
    check_all_decodes(&house, &upload.video_id, &["v240", "v360", "a0"], 40.0).await;
}

#[tokio::test]
async fn a_source_goes_when_it_is_not_to_be_kept() {
    let house = encoding_house(&[("media.keep_source", false.into())]).await;
    let creator = house.creator();
    let upload = creator.upload(&clips::sound_alone()).await;
    creator.wait_for(&upload.video_id, AssetState::Ready).await;
    house.holds_no_blobs_below("sources").await;
}

#[tokio::test]
async fn an_encoder_elsewhere_fetches_the_source() {
    let house = House::start().await;
    let elsewhere = Elsewhere::start(&house).await;
    let creator = house.creator();
    let upload = creator.upload(&clips::six_seconds()).await;
    creator.wait_for(&upload.video_id, AssetState::Ready).await;
    check_all_decodes(&house, &upload.video_id, &["v240", "a0"], 6.0).await;
    elsewhere.stop().await;
}
