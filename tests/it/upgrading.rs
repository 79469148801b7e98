//! This release takes over what the last one has left, on every database, also when several processes migrate at once.
//!
//! `scripts/store-release` stores what a release leaves in `tests/releases`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use amphi_chassis::testing::Engine;
use reqwest::Method;
use sea_orm::ConnectionTrait as _;
use serde_json::Value;

use crate::harness::{Actor, Errand, Ground, KEEPERS, Platform, Site, amphi};

/// Nothing of what was stored may be too old for ten years.
const LONG: [(&str, &str); 3] = [
    ("IDENTITY__LOGIN_RECORD_LIFETIME_S", "315360000"),
    ("PLAYBACK__RESUME_KEPT_S", "315360000"),
    ("CATALOG__IDEMPOTENCY_KEY_LIFETIME_S", "315360000"),
];

#[tokio::test]
async fn the_last_release_is_taken_over_on_sqlite() {
    the_last_release_is_taken_over(Engine::Sqlite).await;
}

#[tokio::test]
async fn the_last_release_is_taken_over_on_postgres() {
    the_last_release_is_taken_over(Engine::Postgres).await;
}

#[tokio::test]
async fn the_last_release_is_taken_over_on_mariadb() {
    the_last_release_is_taken_over(Engine::MySql).await;
}

#[tokio::test]
async fn processes_that_migrate_at_once_apply_each_change_once() {
    for engine in Engine::ALL {
        eprintln!("on {engine}");
        let site = Site::of(Ground::one_process().on(engine));
        let pending = pending(&site).await;
        assert!(
            pending.values().all(|names| names.len() > 10),
            "{pending:?}"
        );
        assert_eq!(migrate_at_once(&site, 3).await, pending);
        assert_eq!(migrate_at_once(&site, 2).await, BTreeMap::new());
    }
}

async fn the_last_release_is_taken_over(engine: Engine) {
    let stored = last_release().join(match engine {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
        Engine::MySql => "mysql",
    });
    let contents: Value = serde_json::from_str(&read(&stored.join("contents.json"))).unwrap();
    let site = Site::of(Ground::one_process().on(engine));
    for role in KEEPERS {
        load(&site, role, &read(&stored.join(format!("{role}.sql")))).await;
    }
    let pending = pending(&site).await;
    assert_eq!(migrate_at_once(&site, 2).await, pending);

    let text = |key: &str| contents[key].as_str().unwrap();
    let mut settings = LONG.to_vec();
    settings.push(("CLUSTER__SECRET", text("secret")));
    settings.push(("DATABASE__MIGRATE_AT_START", "false"));
    let mut platform = Platform::start_on(site, &settings);
    what_was_stored_is_there(&platform, &contents).await;
    assert!(platform.stop());
}

async fn what_was_stored_is_there(platform: &Platform, contents: &Value) {
    let text = |key: &str| contents[key].as_str().unwrap();
    let password = text("password");
    let ann = platform.anonymous().login(text("owner"), password).await;
    let bob = platform.anonymous().login(text("viewer"), password).await;
    let (public, private) = (text("public_video"), text("private_video"));

    let logins = ann
        .get("/api/v1/me/logins?limit=100")
        .await
        .expect(200)
        .json();
    assert_eq!(logins["items"].as_array().unwrap().len(), 3, "{logins:#}");
    let mine = ann.get("/api/v1/videos?owner=me").await.expect(200).json();
    assert_eq!(column(&mine["items"], "id"), [private, public]);
    let listed = bob.get("/api/v1/videos").await.expect(200).json();
    assert_eq!(column(&listed["items"], "id"), [public]);
    bob.get(&format!("/api/v1/videos/{private}"))
        .await
        .expect(404);

    let video = bob.video(public).await;
    assert_eq!(
        (&video["title"], &video["state"]),
        (&"The harbour".into(), &"ready".into())
    );
    assert!(
        video["renditions"].as_array().unwrap().len() >= 2,
        "{video:#}"
    );
    let session = bob.play(public).await;
    assert_eq!(
        session["resume_position_ms"],
        contents["resume_position_ms"]
    );
    each_playlist_has_its_segments(&bob, session["hls_url"].as_str().unwrap()).await;

    let dramas = bob.get("/dramas").await.expect(200).json();
    assert_eq!(column(&dramas, "id"), [text("drama")]);
    assert_eq!(column(&dramas[0]["episodes"], "title"), ["Night Shift 1"]);
    let course = bob.get(&format!("/api/v1/series/{}", text("course"))).await;
    assert_eq!(
        column(&course.expect(200).json()["episodes"], "title"),
        ["Rust 1"]
    );
    // A key that was used is known: the same series, not another.
    let body = serde_json::json!({ "kind": "drama", "title": "Night Shift", "description": "Three operators" });
    let request = ann.request(Method::POST, "/api/v1/series").json(&body);
    let again = ann
        .send(request.header("idempotency-key", "Night Shift"))
        .await;
    assert_eq!(again.expect(201).json()["id"], contents["drama"]);

    let letters = dead_letters(platform).await;
    assert_eq!(column(&letters, "type"), ["amphi.catalog.video.deleted.v1"]);
    // And it goes on: what is old can be changed.
    ann.delete(&format!("/api/v1/videos/{private}"))
        .await
        .expect(204);
}

async fn each_playlist_has_its_segments(actor: &Actor, hls_url: &str) {
    let master = actor.get(hls_url).await.expect(200).text();
    let base = hls_url.rsplit_once('/').unwrap().0;
    let playlists: Vec<&str> = master
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect();
    assert!(!playlists.is_empty(), "{master}");
    for playlist in playlists {
        let segments = actor
            .get(&format!("{base}/{playlist}"))
            .await
            .expect(200)
            .text();
        assert_eq!(segments.matches("#EXTINF").count(), 2, "{segments}");
        assert!(segments.contains("#EXT-X-ENDLIST"), "{segments}");
    }
}

async fn dead_letters(platform: &Platform) -> Value {
    let mut command = amphi();
    command.args(["events", "dead-letters", "--json", "--data"]);
    command.arg(platform.data.path()).envs(platform.settings());
    let (status, said, error) = Errand::start(&mut command).ended().await;
    assert!(status.success(), "{error}");
    let report: Value = serde_json::from_str(&said).unwrap();
    report["dead_letters"].clone()
}

fn column<'v>(rows: &'v Value, key: &str) -> Vec<&'v str> {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row[key].as_str().unwrap()).collect()
}

/// The newest that is stored.
fn last_release() -> PathBuf {
    let releases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/releases");
    let version = |folder: &PathBuf| -> Vec<u32> {
        let name = folder.file_name().unwrap().to_str().unwrap();
        name.split('.').map(|part| part.parse().unwrap()).collect()
    };
    std::fs::read_dir(releases)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .max_by_key(version)
        .unwrap()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

async fn load(site: &Site, role: amphi_chassis::Role, dump: &str) {
    let db = site.database(role).await;
    // Tables come in the order of their names.
    let is_sqlite = db.engine() == sea_orm::DbBackend::Sqlite;
    let first = if is_sqlite {
        "PRAGMA defer_foreign_keys = ON;"
    } else {
        ""
    };
    let text = format!("{first}{dump}");
    db.write(|txn| {
        let text = text.clone();
        Box::pin(async move { txn.execute_unprepared(&text).await.map(drop) })
    })
    .await
    .unwrap();
    db.close().await.unwrap();
}

/// The names of what is to be applied, by role; none of those that have nothing.
type Changes = BTreeMap<String, Vec<String>>;

async fn pending(site: &Site) -> Changes {
    let mut all = Changes::new();
    for role in KEEPERS {
        let db = site.database(role).await;
        let names = match role.to_string().as_str() {
            "identity" => db.pending_migrations::<amphi_identity::Migrator>().await,
            "catalog" => db.pending_migrations::<amphi_catalog::Migrator>().await,
            "media" => db.pending_migrations::<amphi_media::Migrator>().await,
            _ => db.pending_migrations::<amphi_playback::Migrator>().await,
        };
        all.insert(role.to_string(), names.unwrap());
        db.close().await.unwrap();
    }
    all.retain(|_, names| !names.is_empty());
    all
}

/// What so many processes say that they have applied, taken together.
async fn migrate_at_once(site: &Site, processes: usize) -> Changes {
    let mut running: Vec<Errand> = (0..processes)
        .map(|_| {
            let mut command = amphi();
            command.args(["migrate", "--json", "--data"]);
            command.arg(site.data.path()).envs(site.settings());
            Errand::start(&mut command)
        })
        .collect();
    let mut all = Changes::new();
    for errand in &mut running {
        let (status, said, error) = errand.ended().await;
        assert!(status.success(), "{error}");
        let report: Value = serde_json::from_str(&said).unwrap();
        for (role, names) in report["applied"].as_object().unwrap() {
            let names = names.as_array().unwrap().iter();
            let names = names.map(|name| name.as_str().unwrap().to_owned());
            all.entry(role.clone()).or_default().extend(names);
        }
    }
    all.retain(|_, names| !names.is_empty());
    all
}
