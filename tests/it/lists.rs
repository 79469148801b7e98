//! No statement reads a whole table, whatever the database: every list of the public interface is asked for, and the plans of all
//! that the platform selects meanwhile are looked at.
//!
//! A list is what has a `limit` in the OpenAPI document, so that one which is new is asked for by itself.

use std::collections::BTreeSet;

use amphi_chassis::testing::{Engine, Statements};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Actor, Answer, Ground, KEEPERS, Platform, clips, eventually};

/// Tables that may be read whole, since they stay small.
const SMALL: [&str; 3] = ["signing_keys", "playback_signing_keys", "seaql_migrations"];

/// What is no list: whether a table is there, which migrations ask; and the tasks that wait for an encoder, of which the most
/// urgent of the video that was served least is taken, an order that no index has.
const NO_LISTS: [&str; 3] = [
    "has_table",
    "encode_tasks\".\"urgency\" ASC",
    "encode_tasks`.`urgency` ASC",
];

/// A value for each way to narrow a list down.
const FILTERS: [(&str, &str); 2] = [("kind", "drama"), ("owner", "me")];

#[tokio::test]
async fn no_list_reads_a_whole_table_of_sqlite() {
    no_list_reads_a_whole_table(Engine::Sqlite).await;
}

#[tokio::test]
async fn no_list_reads_a_whole_table_of_postgres() {
    no_list_reads_a_whole_table(Engine::Postgres).await;
}

#[tokio::test]
async fn no_list_reads_a_whole_table_of_mariadb() {
    no_list_reads_a_whole_table(Engine::MySql).await;
}

async fn no_list_reads_a_whole_table(engine: Engine) {
    let settings = [
        ("LOG__FILTER", "info,sqlx::query=debug"),
        ("ENCODER__NICENESS", "0"),
    ];
    let mut platform = Platform::start_with(Ground::one_process().on(engine), &settings);
    let ann = platform.creator().await;
    do_a_little_of_everything(&ann).await;
    for path in lists() {
        ask_for_pages(&ann, &path).await;
    }
    let log = platform.logs();
    assert!(platform.stop());

    let statements = Statements::of_log(&log);
    let texts = statements.texts();
    let pages = texts.iter().filter(|it| it.contains("LIMIT")).count();
    assert!(pages > 10, "{texts:#?}");
    let mut complaints = Vec::new();
    let mut unexplained: BTreeSet<String> = texts.into_iter().collect();
    for role in KEEPERS {
        let db = platform.database(role).await;
        let (found, foreign) = statements.judged(&db).await;
        unexplained.retain(|text| text.starts_with("SELECT") && foreign.contains(text));
        complaints.extend(found);
        db.close().await.unwrap();
    }
    assert!(unexplained.is_empty(), "no plan: {unexplained:#?}");
    complaints.retain(|it| !SMALL.iter().any(|table| is_of(it, table)));
    complaints.retain(|it| !NO_LISTS.iter().any(|words| it.contains(words)));
    complaints.sort();
    complaints.dedup();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// Whether the statement of a complaint is of one table alone.
fn is_of(complaint: &str, table: &str) -> bool {
    ['"', '`'].iter().any(|quote| {
        complaint.contains(&format!("FROM {quote}{table}{quote}")) && !complaint.contains(" JOIN ")
    })
}

/// So that each list has a second page, and background work something to do.
async fn do_a_little_of_everything(ann: &Actor) {
    let video = ann.upload("First", &clips::tiny()).await;
    ann.wait_for(&video, &["ready"]).await;
    ann.create_upload(1_000, &[("filename", "b.mp4"), ("visibility", "public")])
        .await
        .expect(201);
    let second = ann.upload("Second", &clips::tiny()).await;
    for (title, kind) in [("A", "drama"), ("B", "drama"), ("C", "course")] {
        let body = json!({ "kind": kind, "title": title, "description": "" });
        let made = ann.post("/api/v1/series", &body).await.expect(201).json();
        let path = format!("/api/v1/series/{}/episodes", made["id"].as_str().unwrap());
        let body = json!({ "title": title, "video_id": video });
        ann.post(&path, &body).await.expect(201);
    }
    ann.play(&video).await;
    let path = format!("/api/v1/videos/{video}/resume-position");
    let position = ann
        .request(Method::PUT, &path)
        .json(&json!({ "position_ms": 1_000 }));
    ann.send(position).await.expect(204);
    let again = ann
        .clone()
        .login(ann.email.as_ref().unwrap(), "correct horse battery")
        .await;
    again
        .post(
            "/api/v1/auth/logout",
            &json!({ "refresh_token": again.refresh_token }),
        )
        .await
        .expect(204);
    ann.wait_for(&second, &["ready"]).await;
    // That they play is heard by event.
    eventually("both videos to be listed", || async {
        let nobody = Actor::anonymous(ann.base());
        let listed = nobody.get("/api/v1/videos").await.expect(200).json();
        (listed["items"].as_array()?.len() == 2).then_some(())
    })
    .await;
}

/// Every list, and every list narrowed down. The observatory keeps no database.
fn lists() -> Vec<String> {
    let document: Value = serde_json::from_str(include_str!("../../web/openapi.json")).unwrap();
    let mut lists = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let parameters = operations["get"]["parameters"].as_array();
        let names: Vec<&str> = parameters
            .into_iter()
            .flatten()
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        if !names.contains(&"limit") || path.starts_with("/api/v1/observatory/") {
            continue;
        }
        assert!(!path.contains('{'), "teach this test the ids of {path}");
        lists.push(format!("{path}?limit=1"));
        for name in names.iter().filter(|it| !["limit", "cursor"].contains(it)) {
            let filter = FILTERS.iter().find(|(filter, _)| filter == name);
            let (_, value) = filter.unwrap_or_else(|| panic!("teach this test `{name}` of {path}"));
            lists.push(format!("{path}?limit=1&{name}={value}"));
        }
    }
    assert!(lists.len() >= 7, "{lists:?}");
    lists
}

/// The first page and the next, as whoever made it all and as nobody.
async fn ask_for_pages(ann: &Actor, path: &str) {
    let first = ann.get(path).await.expect(200);
    let next =
        next_of(&first).unwrap_or_else(|| panic!("{path} has one page only: {}", first.text()));
    ann.get(&next).await.expect(200);
    let nobody = Actor::anonymous(ann.base());
    let answer = nobody.get(path).await;
    if let Some(next) = next_of(&answer) {
        nobody.get(&next).await.expect(200);
    }
}

fn next_of(answer: &Answer) -> Option<String> {
    let link = answer.headers.get("link")?.to_str().unwrap();
    let (path, _) = link.strip_prefix('<')?.split_once('>')?;
    Some(path.to_owned())
}
