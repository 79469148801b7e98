//! Lists, and what they cost.

use amphi_contracts::proto::catalog::v1 as catalog;
use serde_json::json;

use crate::site::Site;
use crate::stand_ins::{OWNER, video};

fn id(kind: u64, number: u64) -> String {
    format!("0190a5d0-0000-7000-8{kind:03}-{number:012}")
}

fn drama(number: u64, episodes: u64) -> catalog::Series {
    catalog::Series {
        id: id(1, number),
        owner_id: OWNER.to_owned(),
        kind: catalog::SeriesKind::Drama.into(),
        title: format!("Drama {number}"),
        episodes: (0..episodes)
            .map(|episode| catalog::Episode {
                id: id(2, number * 100 + episode),
                number: u32::try_from(episode).unwrap() + 1,
                title: format!("Episode {episode}"),
                video: Some(video(&id(3, number * 100 + episode), "Video")),
            })
            .collect(),
        created_at_us: 1_700_000_000_000_000,
        ..catalog::Series::default()
    }
}

#[tokio::test]
async fn fifty_dramas_of_twelve_episodes_cost_two_calls() {
    let site = Site::new().await;
    *site.world.series.lock().unwrap() = (0..50).map(|number| drama(number, 12)).collect();
    let dramas = site.get("/dramas").await.expect(200).json();
    assert_eq!(dramas.as_array().unwrap().len(), 50);
    let urls = dramas
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|drama| drama["episodes"].as_array().unwrap())
        .filter(|episode| {
            episode["stream_url"]
                .as_str()
                .unwrap()
                .starts_with("/play/")
        })
        .count();
    assert_eq!(urls, 600);
    let calls = site.world.take_calls();
    assert_eq!(calls, ["create_grants by service", "list_series by nobody"]);

    let page = site
        .get("/api/v1/series?kind=drama")
        .await
        .expect(200)
        .json();
    assert_eq!(page["items"][0]["owner"]["name"], "Ann");
    assert_eq!(page["items"][0]["episode_count"], 12);
    let calls = site.world.take_calls();
    assert_eq!(
        calls,
        ["batch_get_accounts by service", "list_series by nobody"]
    );
}

#[tokio::test]
async fn many_videos_cost_three_calls() {
    let site = Site::new().await;
    for number in 0..40 {
        site.world.add_video(video(&id(3, number), "Video"));
    }
    let page = site.get("/api/v1/videos").await.expect(200).json();
    assert_eq!(page["items"].as_array().unwrap().len(), 40);
    assert_eq!(page["next_cursor"], json!(null));
    let calls = site.world.take_calls();
    assert_eq!(
        calls,
        [
            "batch_get_accounts by service",
            "batch_get_assets by service",
            "list_videos by nobody"
        ]
    );
}

#[tokio::test]
async fn a_page_names_the_next_one() {
    let site = Site::new().await;
    for number in 0..3 {
        site.world.add_video(video(&id(3, number), "Video"));
    }
    let page = site.get("/api/v1/videos?limit=2").await.expect(200);
    assert_eq!(
        page.header("link"),
        "</api/v1/videos?limit=2&cursor=next>; rel=\"next\""
    );
    assert_eq!(page.json()["next_cursor"], "next");
}

#[tokio::test]
async fn a_stream_is_signed_only_for_what_is_public_and_plays() {
    let site = Site::new().await;
    let mut series = drama(1, 4);
    let set = |series: &mut catalog::Series, place: usize, change: &dyn Fn(&mut catalog::Video)| {
        change(series.episodes[place].video.as_mut().unwrap());
    };
    set(&mut series, 1, &|video| {
        video.state = catalog::VideoState::Encoding.into()
    });
    set(&mut series, 2, &|video| {
        video.visibility = catalog::Visibility::Private.into()
    });
    set(&mut series, 3, &|video| {
        video.state = catalog::VideoState::Viewable.into()
    });
    let path = format!("/dramas/{}", series.id);
    site.world.series.lock().unwrap().push(series);
    let drama = site.get(&path).await.expect(200).json();
    let has_url: Vec<bool> = drama["episodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|episode| episode["stream_url"].is_string())
        .collect();
    assert_eq!(has_url, [true, false, false, true]);
}

#[tokio::test]
async fn the_bare_lists_are_arrays_even_when_empty() {
    let site = Site::new().await;
    assert_eq!(site.get("/dramas").await.expect(200).json(), json!([]));
    let videos = site.get("/videos").await.expect(200);
    assert_eq!(videos.json(), json!([]));
    assert!(videos.header("vary").contains("Accept"));
}

#[tokio::test]
async fn a_course_is_no_drama() {
    let site = Site::new().await;
    let mut course = drama(1, 1);
    course.kind = catalog::SeriesKind::Course.into();
    let path = format!("/dramas/{}", course.id);
    site.world.series.lock().unwrap().push(course);
    assert_eq!(site.get(&path).await.expect(404).code(), "drama_not_found");
}
