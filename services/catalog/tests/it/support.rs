use amphi_chassis::auth::AccountRole;
use amphi_chassis::rpc::Channel;
use amphi_chassis::service::build_fn;
use amphi_chassis::testing::{TestDatabases, TestProcess};
use amphi_chassis::{Problem, Role};
use amphi_contracts::events::{AssetState, AssetStateChanged, EventData};
use amphi_contracts::proto::catalog::v1::catalog_service_client::CatalogServiceClient;
use amphi_contracts::proto::catalog::v1::{
    AddEpisodeRequest, CreateSeriesRequest, CreateVideoRequest, DeleteVideoRequest, Episode,
    GetSeriesRequest, GetVideoRequest, ListSeriesRequest, Series, SeriesKind, UpdateVideoRequest,
    Video, Visibility,
};
use amphi_contracts::proto::events::v1::{DeliverRequest, Event};
use amphi_contracts::{AccountId, EventId};
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Expr, ExprTrait, Order, Query};

/// A setting by its dotted key.
pub type Setting = (&'static str, &'static str);

/// Runs a test once per engine, each time with a service of its own.
pub async fn on_each_engine(test: impl AsyncFn(&mut House)) {
    on_each_engine_with(&[], test).await;
}

pub async fn on_each_engine_with(settings: &[Setting], test: impl AsyncFn(&mut House)) {
    amphi_chassis::testing::on_each_engine(async |databases| {
        let mut house = House::start(&databases, settings).await;
        test(&mut house).await;
        house.process.stop().await;
    })
    .await;
}

/// Somebody with an account.
#[derive(Debug)]
pub struct Actor {
    pub account_id: AccountId,
    token: String,
}

/// Who calls.
#[derive(Debug, Clone, Copy)]
pub enum Who<'a> {
    Anonymous,
    Account(&'a Actor),
    Service,
}

/// A running catalog.
pub struct House {
    process: TestProcess,
}

impl House {
    async fn start(databases: &TestDatabases, settings: &[Setting]) -> Self {
        let builder = settings
            .iter()
            .fold(TestProcess::builder(), |builder, (key, value)| {
                builder.setting(key, *value)
            });
        let process = builder
            .setting("log.filter", "error")
            .setting("database.url", databases.url())
            .role(
                Role::Catalog,
                build_fn(|context| Box::pin(amphi_catalog::build(context))),
            )
            .start()
            .await;
        Self { process }
    }

    pub fn viewer(&self) -> Actor {
        self.actor(AccountRole::Viewer)
    }

    pub fn creator(&self) -> Actor {
        self.actor(AccountRole::Creator)
    }

    pub fn admin(&self) -> Actor {
        self.actor(AccountRole::Admin)
    }

    fn actor(&self, role: AccountRole) -> Actor {
        let account_id = AccountId::generate();
        Actor {
            account_id,
            token: self.process.token(account_id, role),
        }
    }

    pub fn client(&self, who: Who<'_>) -> CatalogServiceClient<Channel> {
        match who {
            Who::Anonymous => self.process.anonymous(),
            Who::Account(actor) => self.process.with_token(&actor.token),
            Who::Service => self.process.service(Role::Media),
        }
        .catalog()
    }

    pub async fn create_video(
        &self,
        actor: &Actor,
        request: CreateVideoRequest,
    ) -> Result<Video, Problem> {
        let answer = self.client(Who::Account(actor)).create_video(request).await;
        Ok(answer?.into_inner())
    }

    /// A draft.
    pub async fn video(&self, owner: &Actor, visibility: Visibility) -> Video {
        let request = CreateVideoRequest {
            title: "Some video".to_owned(),
            description: "What it is about".to_owned(),
            visibility: visibility.into(),
            idempotency_key: String::new(),
        };
        self.create_video(owner, request).await.unwrap()
    }

    pub async fn get_video(&self, who: Who<'_>, video_id: &str) -> Result<Video, Problem> {
        let request = GetVideoRequest {
            video_id: video_id.to_owned(),
        };
        Ok(self.client(who).get_video(request).await?.into_inner())
    }

    pub async fn update_video(
        &self,
        who: Who<'_>,
        request: UpdateVideoRequest,
    ) -> Result<Video, Problem> {
        Ok(self.client(who).update_video(request).await?.into_inner())
    }

    pub async fn delete_video(&self, who: Who<'_>, video_id: &str) -> Result<(), Problem> {
        let request = DeleteVideoRequest {
            video_id: video_id.to_owned(),
        };
        self.client(who).delete_video(request).await?;
        Ok(())
    }

    pub async fn create_series(
        &self,
        actor: &Actor,
        request: CreateSeriesRequest,
    ) -> Result<Series, Problem> {
        let answer = self
            .client(Who::Account(actor))
            .create_series(request)
            .await;
        Ok(answer?.into_inner())
    }

    pub async fn series(&self, owner: &Actor, kind: SeriesKind) -> Series {
        let request = CreateSeriesRequest {
            kind: kind.into(),
            title: "Some series".to_owned(),
            ..Default::default()
        };
        self.create_series(owner, request).await.unwrap()
    }

    pub async fn get_series(&self, who: Who<'_>, series_id: &str) -> Result<Series, Problem> {
        let request = GetSeriesRequest {
            series_id: series_id.to_owned(),
        };
        Ok(self.client(who).get_series(request).await?.into_inner())
    }

    /// All series, page by page.
    pub async fn list_series(&self, who: Who<'_>, request: ListSeriesRequest) -> Vec<Series> {
        let mut all = Vec::new();
        let mut request = request;
        loop {
            let page = self
                .client(who)
                .list_series(request.clone())
                .await
                .unwrap()
                .into_inner();
            all.extend(page.series);
            if page.next_cursor.is_empty() {
                return all;
            }
            request.cursor = page.next_cursor;
        }
    }

    /// Number 0 takes the next free one.
    pub async fn add_episode(
        &self,
        actor: &Actor,
        series: &Series,
        video: &Video,
        number: u32,
    ) -> Result<Episode, Problem> {
        let request = AddEpisodeRequest {
            series_id: series.id.clone(),
            number,
            title: "Some episode".to_owned(),
            video_id: video.id.clone(),
        };
        let answer = self.client(Who::Account(actor)).add_episode(request).await;
        Ok(answer?.into_inner())
    }

    /// Lets the catalog hear of a state of the video's asset.
    pub async fn asset(&self, video: &Video, state: AssetState, version: u64) {
        self.deliver(&news(video, state, version)).await.unwrap();
    }

    pub async fn deliver(&self, change: &AssetStateChanged) -> Result<(), Problem> {
        self.deliver_event(self.event(change)).await
    }

    /// The event as media's outbox would send it.
    pub fn event(&self, change: &AssetStateChanged) -> Event {
        Event {
            id: EventId::generate().to_string(),
            source: "/amphi/media".to_owned(),
            r#type: AssetStateChanged::TYPE.to_owned(),
            subject: change.subject(),
            time_us: 0,
            traceparent: String::new(),
            data: serde_json::to_string(change).unwrap(),
        }
    }

    pub async fn deliver_event(&self, event: Event) -> Result<(), Problem> {
        let request = DeliverRequest {
            consumer: Role::Catalog.to_string(),
            events: vec![event],
        };
        self.process
            .service(Role::Media)
            .intake(Role::Catalog)
            .deliver(request)
            .await?;
        Ok(())
    }

    /// The subjects of the events of a type that were published, in order. Nobody takes them here, so they wait.
    pub async fn events_of(&self, event_type: &str) -> Vec<String> {
        let db = self.process.database(Role::Catalog);
        let mut events = Query::select();
        events
            .column("subject")
            .from("outbox")
            .and_where(Expr::col("event_type").eq(event_type))
            .and_where(Expr::col("consumer").eq(Role::Playback.as_str()))
            .order_by("position", Order::Asc);
        let rows = db.read().query_all(&events).await.unwrap();
        rows.iter()
            .map(|row| row.try_get_by_index(0).unwrap())
            .collect()
    }
}

/// What media says of a video's asset.
pub fn news(video: &Video, state: AssetState, version: u64) -> AssetStateChanged {
    AssetStateChanged {
        video_id: video.id.parse().unwrap(),
        owner_id: video.owner_id.parse().unwrap(),
        state,
        reason: None,
        duration_ms: None,
        width: None,
        height: None,
        poster_path: None,
        version,
    }
}
