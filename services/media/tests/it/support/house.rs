//! Media in a process of its own folder, with a stand-in for the catalog, and perhaps encoders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use amphi_chassis::Role;
use amphi_chassis::auth::AccountRole;
use amphi_chassis::db::now_us;
use amphi_chassis::service::build_fn;
use amphi_chassis::testing::{TestProcess, TestProcessBuilder};
use amphi_contracts::events::{EventData, VideoDeleted};
use amphi_contracts::proto::events::v1 as events;
use amphi_contracts::proto::media::v1 as proto;
use amphi_contracts::{AccountId, EventId};
use sea_orm::sea_query::Query;
use sea_orm::{ConnectionTrait, ExprTrait};
use uuid::Uuid;

use super::actor::{Actor, Upload};
use super::catalog::FakeCatalog;
use super::hand_encoder::{HandEncoder, Leased};
use super::{until, until_some};

type Settings = Vec<(String, toml::Value)>;

#[derive(Debug)]
pub struct House {
    process: TestProcess,
    settings: Settings,
    pub catalog: FakeCatalog,
}

fn settings(pairs: &[(&str, toml::Value)]) -> Settings {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect()
}

impl House {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(pairs: &[(&str, toml::Value)]) -> Self {
        let builder = TestProcess::builder();
        Self::open(
            builder,
            settings(pairs),
            FakeCatalog::default(),
            |builder| builder,
        )
        .await
    }

    /// With roles that `add` adds besides media and the catalog.
    pub async fn with_roles(
        pairs: &[(&str, toml::Value)],
        add: impl FnOnce(TestProcessBuilder) -> TestProcessBuilder,
    ) -> Self {
        let builder = TestProcess::builder();
        Self::open(builder, settings(pairs), FakeCatalog::default(), add).await
    }

    async fn open(
        mut builder: TestProcessBuilder,
        settings: Settings,
        catalog: FakeCatalog,
        add: impl FnOnce(TestProcessBuilder) -> TestProcessBuilder,
    ) -> Self {
        // The machines of tests are small, and what they encode is to be watched by nobody. Services that are not here are
        // missed in the log again and again.
        builder = builder
            .setting("media.encode.preset", "ultrafast")
            .setting("log.filter", "error");
        for (key, value) in &settings {
            builder = builder.setting(key, value.clone());
        }
        let builder = builder.role(Role::Catalog, catalog.builder()).role(
            Role::Media,
            build_fn(|context| Box::pin(amphi_media::build(context))),
        );
        Self {
            process: add(builder).start().await,
            settings,
            catalog,
        }
    }

    /// Stops, lets something happen to the files, and starts over the same folder.
    pub async fn restart_after(self, happens: impl FnOnce()) -> Self {
        let builder = self.process.stop().await;
        happens();
        Self::open(builder, self.settings, self.catalog, |builder| builder).await
    }

    pub const fn process(&self) -> &TestProcess {
        &self.process
    }

    pub fn folder(&self) -> &Path {
        self.process.data_dir()
    }

    fn actor(&self, account_id: AccountId, role: AccountRole) -> Actor {
        let token = self.process.token(account_id, role);
        let clients = self.process.with_token(&token);
        Actor::new(self.process.internal(), Some(token), account_id, clients)
    }

    /// A new account that may upload.
    pub fn creator(&self) -> Actor {
        self.actor(AccountId::generate(), AccountRole::Creator)
    }

    pub fn viewer(&self) -> Actor {
        self.actor(AccountId::generate(), AccountRole::Viewer)
    }

    pub fn admin(&self) -> Actor {
        self.actor(AccountId::generate(), AccountRole::Admin)
    }

    pub fn anonymous(&self) -> Actor {
        let clients = self.process.anonymous();
        Actor::new(
            self.process.internal(),
            None,
            AccountId::generate(),
            clients,
        )
    }

    /// The same account in a house that was started again.
    pub fn same(&self, actor: &Actor) -> Actor {
        self.actor(actor.account_id(), AccountRole::Creator)
    }

    /// A test that leases tasks like an encoder.
    pub fn encoder(&self, name: &str) -> HandEncoder {
        let token = self.process.service_token(Role::Encoder);
        let clients = self.process.with_token(&token);
        let blobs = self.process.context().blobs.clone();
        let actor = Actor::new(
            self.process.internal(),
            Some(token),
            AccountId::generate(),
            clients,
        );
        HandEncoder::new(name, actor, blobs)
    }

    /// Leases under ever new names until a task is as wanted.
    pub async fn lease_where(
        &self,
        name: &str,
        is_wanted: impl Fn(&Leased) -> bool,
    ) -> (HandEncoder, Leased) {
        until_some("the task can be leased", async || {
            let encoder = self.encoder(&format!("{name} {}", Uuid::now_v7()));
            let task = encoder.try_lease().await?;
            is_wanted(&task).then_some((encoder, task))
        })
        .await
    }

    pub async fn presentation(&self, video_id: &str) -> proto::Presentation {
        let mut media = self.process.service(Role::Playback).media();
        let request = proto::GetPresentationRequest {
            video_id: video_id.to_owned(),
        };
        media.get_presentation(request).await.unwrap().into_inner()
    }

    /// Numbers of the segments that can be played.
    pub async fn segment_numbers(&self, video_id: &str, rendition: &str) -> Vec<u32> {
        let mut media = self.process.service(Role::Playback).media();
        let request = proto::GetPresentationRequest {
            video_id: video_id.to_owned(),
        };
        let Ok(presentation) = media.get_presentation(request).await else {
            return Vec::new();
        };
        let tracks = presentation.into_inner().tracks;
        let track = tracks
            .iter()
            .find(|track| track.rendition.as_ref().unwrap().id == rendition);
        track.map_or_else(Vec::new, |track| {
            track
                .segments
                .iter()
                .map(|segment| segment.number)
                .collect()
        })
    }

    /// When each segment of a video was recorded.
    pub async fn segment_times(&self, video_id: &str) -> BTreeMap<(String, i32), i64> {
        let video_id: Uuid = video_id.parse().unwrap();
        let query = Query::select()
            .columns(["rendition_id", "number", "created_at_us"])
            .from("segments")
            .and_where(sea_orm::sea_query::Expr::col("video_id").eq(video_id))
            .take();
        let db = self.process.database(Role::Media);
        let rows = db.read().query_all(&query).await.unwrap();
        rows.iter()
            .map(|row| {
                let number = row.try_get("", "number").unwrap();
                let key = (row.try_get("", "rendition_id").unwrap(), number);
                (key, row.try_get("", "created_at_us").unwrap())
            })
            .collect()
    }

    /// Tells media that a video was deleted, as the catalog does.
    pub async fn delete_video(&self, video_id: &str) {
        let data = VideoDeleted {
            video_id: video_id.parse().unwrap(),
        };
        let event = events::Event {
            id: EventId::generate().to_string(),
            source: "/amphi/catalog".to_owned(),
            r#type: VideoDeleted::TYPE.to_owned(),
            subject: data.subject(),
            time_us: now_us(),
            traceparent: String::new(),
            data: serde_json::to_string(&data).unwrap(),
        };
        let request = events::DeliverRequest {
            consumer: Role::Media.to_string(),
            events: vec![event],
        };
        let mut intake = self.process.service(Role::Catalog).intake(Role::Media);
        intake.deliver(request).await.unwrap();
    }

    pub async fn blobs_below(&self, prefix: &str) -> Vec<String> {
        let blobs = &self.process.context().blobs;
        let entries = blobs.list(prefix, None, 10_000).await.unwrap();
        entries.iter().map(|entry| entry.key.to_string()).collect()
    }

    pub async fn blob(&self, key: &str) -> Vec<u8> {
        self.process
            .context()
            .blobs
            .get(key)
            .await
            .unwrap()
            .to_vec()
    }

    /// Every file of the blob store, unfinished ones included.
    pub fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        collect_files(&self.folder().join("blobs"), &mut found);
        found
    }

    pub async fn holds_no_blobs(&self) {
        until("nothing is left in the blob store", async || {
            self.files().is_empty()
        })
        .await;
    }

    pub async fn holds_no_blobs_below(&self, prefix: &str) {
        until("nothing is left there", async || {
            self.blobs_below(prefix).await.is_empty()
        })
        .await;
    }

    /// What encoders of this house have left in their folder.
    pub fn encoder_leftovers(&self) -> Vec<String> {
        let mut found = Vec::new();
        for area in ["tasks", "sources"] {
            collect_files(&self.folder().join("encoder").join(area), &mut found);
        }
        found
    }

    /// Jobs that were given up.
    pub async fn dead_jobs(&self) -> u64 {
        let db = self.process.database(Role::Media);
        let mut count = 0;
        for kind in ["media.inspect", "media.purge", "media.sweep"] {
            count += amphi_chassis::jobs::dead(&db, kind).await.unwrap();
        }
        count
    }

    /// Where the bytes of an unfinished upload lie.
    pub fn partial_path(&self, upload: &Upload) -> PathBuf {
        let id = upload.path.rsplit('/').next().unwrap();
        let key = format!("sources/{}/{id}", upload.video_id);
        let partial = self.process.context().blobs.partial(&key).unwrap();
        partial.local_path().unwrap()
    }
}

fn collect_files(folder: &Path, found: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect_files(&path, found);
        } else {
            found.push(path.display().to_string());
        }
    }
}
