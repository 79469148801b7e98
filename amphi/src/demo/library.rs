//! The library of the demo: two dramas of three episodes and a course of three sessions.

use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::clips::Clip;
use super::{ACCOUNTS, PASSWORD};
use crate::client::{Client, GIVE_UP_AFTER, NewUpload, Patience, wait_for_state};
use amphi_chassis::Secret;

struct Show {
    kind: &'static str,
    title: &'static str,
    description: &'static str,
    episodes: [(&'static str, Clip); 3],
}

const fn clip(seconds: u32, colours: [&'static str; 4], root_hz: u32) -> Clip {
    Clip {
        seconds,
        colours,
        root_hz,
    }
}

const SHOWS: [Show; 3] = [
    Show {
        kind: "drama",
        title: "바다 끝의 등대",
        description: "A lighthouse keeper, a storm, and the last signal of the season. \
                      폭풍이 오는 밤, 등대지기는 마지막 신호를 기다린다.",
        episodes: [
            (
                "첫 번째 신호",
                clip(24, ["0b1f4d", "1f61f5", "20b8a6", "123a5c"], 220),
            ),
            (
                "안개",
                clip(22, ["172554", "3b82f6", "94a3b8", "334155"], 196),
            ),
            (
                "마지막 불빛",
                clip(26, ["312e81", "f97316", "fde68a", "7c2d12"], 247),
            ),
        ],
    },
    Show {
        kind: "drama",
        title: "Night Shift",
        description: "Three operators, one pager, and a request that takes 300 milliseconds too long.",
        episodes: [
            (
                "Paged",
                clip(24, ["4a0d67", "c026d3", "fb7185", "701a75"], 165),
            ),
            (
                "The slow hop",
                clip(24, ["7f1d1d", "ef4444", "fb923c", "450a0a"], 175),
            ),
            (
                "All green",
                clip(20, ["14532d", "22c55e", "a3e635", "166534"], 185),
            ),
        ],
    },
    Show {
        kind: "course",
        title: "What a millisecond costs",
        description: "Find the hop that makes a page slow, and learn what its delay costs in plays.",
        episodes: [
            (
                "Spans and traces",
                clip(20, ["0c4a6e", "38bdf8", "bae6fd", "075985"], 262),
            ),
            (
                "Reading a waterfall",
                clip(22, ["581c87", "a855f7", "f0abfc", "3b0764"], 277),
            ),
            (
                "From delay to revenue",
                clip(20, ["9a3412", "fb923c", "fef3c7", "7c2d12"], 294),
            ),
        ],
    },
];

/// Makes what is missing of the library, over the public interface at `base_url`. `scratch` holds each clip until it is
/// uploaded.
pub async fn fill_library(base_url: &str, scratch: &Path) -> anyhow::Result<()> {
    let (creator, _, _) = ACCOUNTS[1];
    let client = Client::new(base_url)?
        .login(creator, &Secret::new(PASSWORD.to_owned()))
        .await?;
    tokio::fs::create_dir_all(scratch).await?;
    let outcome = fill(&client, scratch).await;
    tokio::fs::remove_dir_all(scratch).await.ok();
    outcome
}

async fn fill(client: &Client, scratch: &Path) -> anyhow::Result<()> {
    // First episodes first: every shelf has something to play as soon as can be.
    let mut series_ids = Vec::new();
    for (index, show) in SHOWS.iter().enumerate() {
        let body =
            json!({ "kind": show.kind, "title": show.title, "description": show.description });
        let series = client
            .create("/api/v1/series", &body, &format!("demo-series-{index}"))
            .await?;
        series_ids.push(id_of(&series)?);
    }
    for number in 0..3 {
        for (index, show) in SHOWS.iter().enumerate() {
            let series: Value = client
                .get(&format!("/api/v1/series/{}", series_ids[index]))
                .await?;
            if has_episode(&series, number + 1) {
                continue;
            }
            add_episode(client, scratch, &series_ids[index], show, number).await?;
        }
    }
    Ok(())
}

async fn add_episode(
    client: &Client,
    scratch: &Path,
    series_id: &str,
    show: &Show,
    index: usize,
) -> anyhow::Result<()> {
    let (title, clip) = show.episodes[index];
    let file = scratch.join(format!("{series_id}-{index}.mp4"));
    clip.write(&file).await?;
    let size = tokio::fs::metadata(&file).await?.len();
    let full_title = format!("{} · {title}", show.title);
    let upload = client
        .create_upload(
            size,
            &NewUpload {
                filename: "demo.mp4",
                title: Some(&full_title),
                description: Some(show.description),
                visibility: Some("public"),
                video_id: None,
            },
            patience(),
            |_| {},
        )
        .await?;
    client.send_file(&upload, &file, patience(), |_| {}).await?;
    tokio::fs::remove_file(&file).await.ok();
    let body = json!({ "title": title, "video_id": upload.video_id, "number": index + 1 });
    client
        .create(
            &format!("/api/v1/series/{series_id}/episodes"),
            &body,
            &format!("demo-episode-{series_id}-{index}"),
        )
        .await?;
    let states = ["viewable", "ready"];
    wait_for_state(client, &upload.video_id, &states, patience(), |_| {}).await?;
    Ok(())
}

fn patience() -> Patience {
    Patience::new(GIVE_UP_AFTER)
}

fn has_episode(series: &Value, number: usize) -> bool {
    series["episodes"]
        .as_array()
        .is_some_and(|episodes| episodes.iter().any(|it| it["number"] == json!(number)))
}

fn id_of(value: &Value) -> anyhow::Result<String> {
    value["id"]
        .as_str()
        .map(str::to_owned)
        .context("the answer has no id")
}
