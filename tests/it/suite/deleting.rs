//! What is deleted is gone.

use super::in_every_cell;
use crate::harness::{Ground, Platform, clips, eventually};

in_every_cell!(
    deleting_a_video_leaves_nothing_behind,
    a_terminated_upload_leaves_nothing_behind,
);

async fn deleting_a_video_leaves_nothing_behind(ground: Ground) {
    let platform = Platform::start(ground);
    let ann = platform.creator().await;
    let id = ann.upload("Gone soon", &clips::small()).await;
    ann.wait_for(&id, &["ready"]).await;
    let session = ann.play(&id).await;
    assert!(!platform.blobs().is_empty());
    let path = format!("/api/v1/videos/{id}");
    ann.delete(&path).await.expect(204);
    ann.get(&path).await.expect(404);
    eventually("the blobs to go", || async {
        platform.blobs().is_empty().then_some(())
    })
    .await;
    eventually("its sessions to end", || async {
        let answer = ann.get(session["hls_url"].as_str().unwrap()).await;
        (answer.status == 403 || answer.status == 404).then_some(())
    })
    .await;
}

async fn a_terminated_upload_leaves_nothing_behind(ground: Ground) {
    let platform = Platform::start(ground);
    let ann = platform.creator().await;
    let bytes = clips::small();
    let created = ann
        .create_upload(bytes.len() as u64, &[("filename", "clip.mp4")])
        .await
        .expect(201);
    let location = created.header("location").to_owned();
    ann.patch_upload(&location, 0, &bytes[..bytes.len() / 2])
        .await
        .expect(204);
    let request = ann
        .request(reqwest::Method::DELETE, &location)
        .header("tus-resumable", "1.0.0");
    ann.send(request).await.expect(204);
    assert!(matches!(
        ann.upload_head(&location).await.status.as_u16(),
        404 | 410
    ));
    eventually("the partial file to go", || async {
        platform.blobs().is_empty().then_some(())
    })
    .await;
}
