//! What is found that should not be there.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use amphi_chassis::Role;
use amphi_contracts::events::AssetState;
use bytes::Bytes;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{ConnectionTrait as _, DbErr, EntityTrait as _};
use sea_orm_migration::seaql_migrations;
use uuid::{NoContext, Timestamp, Uuid};

use crate::support::{House, clips, until};

/// Makes the database older than anything in the blob store, as it is where time has passed.
async fn age(house: &House) {
    let db = house.process().database(Role::Media);
    db.write::<_, DbErr, _>(|txn| {
        Box::pin(async move {
            seaql_migrations::Entity::update_many()
                .col_expr(seaql_migrations::Column::AppliedAt, Expr::value(0_i64))
                .exec(txn)
                .await
        })
    })
    .await
    .unwrap();
}

fn id_made(ago: Duration) -> Uuid {
    let then = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() - ago;
    Uuid::new_v7(Timestamp::from_unix(NoContext, then.as_secs(), 0))
}

#[tokio::test]
async fn bytes_that_belong_to_nothing_go_once_they_are_old() {
    let house = House::with(&[("media.sweep_interval_s", 1.into())]).await;
    age(&house).await;
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
        format!("media/{}/{old}/v240/0.m4s", upload.video_id),
        format!("images/{}/{old}/poster.jpg", upload.video_id),
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
async fn bytes_older_than_the_database_stay_until_the_right_one_is_back() {
    let house = House::with(&[
        ("media.sweep_interval_s", 1.into()),
        ("media.orphan_age_s", 0.into()),
    ])
    .await;
    let blobs = house.process().context().blobs.clone();
    let (older, younger) = (id_made(Duration::from_secs(4_000)), id_made(Duration::ZERO));
    for id in [older, younger] {
        let key = format!("media/{id}/v240/0.m4s");
        let written = blobs.put_bytes(&key, Bytes::from_static(b"x")).await;
        written.unwrap();
    }
    let partial = format!("sources/{older}/{older}");
    blobs.create_partial(&partial).await.unwrap();
    until("what this database has forgotten is gone", async || {
        house.blobs_below("media").await.len() == 1
    })
    .await;
    let left = house.blobs_below("media").await;
    assert!(left[0].contains(&older.to_string()), "{left:?}");
    assert!(blobs.partial(&partial).unwrap().length().await.is_ok());
}

#[tokio::test]
async fn bytes_of_an_upload_that_is_no_more_go_and_those_of_an_open_one_stay() {
    let house = House::with(&[
        ("media.sweep_interval_s", 1.into()),
        ("media.orphan_age_s", 0.into()),
    ])
    .await;
    age(&house).await;
    let open = house.creator().create(100, &[]).await;
    let blobs = house.process().context().blobs.clone();
    let source = format!("sources/{}/{}", open.video_id, open.id());
    blobs.create_partial(&source).await.unwrap();
    let gone = format!("sources/{0}/{0}", id_made(Duration::from_secs(60)));
    blobs.create_partial(&gone).await.unwrap();
    until("what nobody owns is gone", async || {
        blobs.partial(&gone).unwrap().length().await.is_err()
    })
    .await;
    let left = blobs.list_partials("sources", None, 10).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].key.as_str(), source);
    assert_eq!(open.offset().await, 0);
}

#[tokio::test]
async fn a_source_that_waits_to_be_looked_into_stays_when_its_upload_is_forgotten() {
    let house = House::with(&[
        ("media.sweep_interval_s", 1.into()),
        ("media.orphan_age_s", 0.into()),
    ])
    .await;
    age(&house).await;
    let upload = house.creator().create(100, &[]).await;
    let source = format!("sources/{}/{}", upload.video_id, upload.id());
    let (named, forgotten) = (source.clone(), upload.id().parse::<Uuid>().unwrap());
    let blobs = house.process().context().blobs.clone();
    blobs.create_partial(&source).await.unwrap();
    let db = house.process().database(Role::Media);
    db.write::<_, DbErr, _>(|txn| {
        let (named, video) = (named.clone(), upload.video_id.parse::<Uuid>().unwrap());
        Box::pin(async move {
            let name = Query::update()
                .table("assets")
                .value("source_key", named)
                .and_where(Expr::col("video_id").eq(video))
                .to_owned();
            txn.execute(&name).await?;
            let forget = Query::delete()
                .from_table("uploads")
                .and_where(Expr::col("id").eq(forgotten))
                .to_owned();
            txn.execute(&forget).await
        })
    })
    .await
    .unwrap();
    let gone = format!("sources/{0}/{0}", id_made(Duration::from_secs(60)));
    blobs.create_partial(&gone).await.unwrap();
    until("what nobody owns is gone", async || {
        blobs.partial(&gone).unwrap().length().await.is_err()
    })
    .await;
    assert!(blobs.partial(&source).unwrap().length().await.is_ok());
}
