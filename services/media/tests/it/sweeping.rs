//! What is found that should not be there.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use amphi_contracts::events::AssetState;
use bytes::Bytes;
use uuid::{NoContext, Timestamp, Uuid};

use crate::support::{House, clips, until};

fn id_made(ago: Duration) -> Uuid {
    let then = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() - ago;
    Uuid::new_v7(Timestamp::from_unix(NoContext, then.as_secs(), 0))
}

#[tokio::test]
async fn bytes_that_belong_to_nothing_go_once_they_are_old() {
    let house = House::with(&[("media.sweep_interval_s", 1.into())]).await;
    let creator = house.creator();
    let clip = clips::six_seconds();
    let upload = creator.upload(&clip).await;
    creator
        .wait_for(&upload.video_id, AssetState::Encoding)
        .await;
    let (old, young) = (
        id_made(Duration::from_secs(4_000)),
        id_made(Duration::from_secs(60)),
    );
    let blobs = house.process().context().blobs.clone();
    for key in [
        format!("sources/{old}/{old}"),
        format!("media/{old}/v240/0.m4s"),
        format!("images/{old}/poster.jpg"),
        format!("sources/{}/{old}", upload.video_id),
        format!("media/{young}/v240/0.m4s"),
    ] {
        blobs
            .put_bytes(&key, Bytes::from_static(b"x"))
            .await
            .unwrap();
    }
    let count = async |area| house.blobs_below(area).await.len();
    until("the old ones are gone", async || {
        (
            count("sources").await,
            count("media").await,
            count("images").await,
        ) == (1, 1, 0)
    })
    .await;
    let source = house.blobs_below("sources").await;
    assert_eq!(house.blob(&source[0]).await, clip);
}

#[tokio::test]
async fn bytes_of_an_upload_that_is_no_more_go_and_those_of_an_open_one_stay() {
    let house = House::with(&[
        ("media.sweep_interval_s", 1.into()),
        ("media.orphan_age_s", 0.into()),
    ])
    .await;
    let open = house.creator().create(100, &[]).await;
    let blobs = house.process().context().blobs.clone();
    let gone = format!("sources/{0}/{0}", id_made(Duration::from_secs(60)));
    blobs.create_partial(&gone).await.unwrap();
    until("what nobody owns is gone", async || {
        blobs.partial(&gone).unwrap().length().await.is_err()
    })
    .await;
    let left = blobs.list_partials("sources", None, 10).await.unwrap();
    let upload = open.path.rsplit('/').next().unwrap();
    assert_eq!(left.len(), 1);
    assert!(left[0].key.as_str().ends_with(upload), "{left:?}");
    assert_eq!(open.offset().await, 0);
}
