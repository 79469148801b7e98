//! Posters and storyboards.

use amphi_contracts::events::AssetState;
use http::{Method, StatusCode};

use crate::support::{House, clips};

#[tokio::test]
async fn pictures_are_given_to_who_knows_their_path() {
    let house = House::start().await;
    let creator = house.creator();
    let upload = creator.upload(&clips::six_seconds()).await;
    creator
        .wait_for(&upload.video_id, AssetState::Encoding)
        .await;
    let encoder = house.encoder("one");
    while let Some(task) = encoder.try_lease().await {
        encoder.carry_out(&task).await;
    }
    let asset = creator.wait_for(&upload.video_id, AssetState::Ready).await;
    let nobody = house.anonymous();

    let poster_path = asset.poster_path.unwrap();
    let poster = nobody.request(Method::GET, &poster_path).send().await;
    assert_eq!(poster.status(), StatusCode::OK);
    assert_eq!(poster.header("content-type"), "image/jpeg");
    assert_eq!(
        poster.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert!(poster.bytes().starts_with(b"\xff\xd8\xff"));

    let storyboard_path = asset.storyboard_path.unwrap();
    let storyboard = nobody.request(Method::GET, &storyboard_path).send().await;
    assert_eq!(storyboard.header("content-type"), "text/vtt; charset=utf-8");
    let text = String::from_utf8(storyboard.bytes().to_vec()).unwrap();
    assert!(text.contains("storyboard-0.jpg#xywh="), "{text}");
    let sheet = storyboard_path.replace("storyboard.vtt", "storyboard-0.jpg");
    assert_eq!(
        nobody.request(Method::GET, &sheet).send().await.status(),
        StatusCode::OK
    );

    for path in [
        poster_path.replace("poster.jpg", "init.mp4"),
        poster_path.replace("poster.jpg", "..%2fposter.jpg"),
        "/images/AAAAAAAAAAAAAAAAAAAAAA/poster.jpg".to_owned(),
        "/images/x/poster.jpg".to_owned(),
    ] {
        let answer = nobody.request(Method::GET, &path).send().await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    house.delete_video(&upload.video_id).await;
    house.holds_no_blobs().await;
    let gone = nobody.request(Method::GET, &poster_path).send().await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
}
