//! A stand-in for the catalog: makes drafts, and takes note of what it is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use amphi_chassis::auth::Caller;
use amphi_chassis::db::Db;
use amphi_chassis::events::Consumer;
use amphi_chassis::service::{BuildFn, Service, build_fn};
use amphi_chassis::{Problem, Role};
use amphi_contracts::events::{AssetStateChanged, EventData};
use amphi_contracts::proto::catalog::v1 as proto;
use amphi_contracts::proto::catalog::v1::catalog_service_server::{
    CatalogService, CatalogServiceServer,
};
use amphi_contracts::proto::events::v1::Event;
use amphi_contracts::{AccountId, VideoId};
use sea_orm::DatabaseTransaction;
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use tonic::{Request, Response, Status};

/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct FakeCatalog {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    videos: HashMap<String, proto::Video>,
    by_key: HashMap<String, String>,
    told: Vec<AssetStateChanged>,
}

impl FakeCatalog {
    pub fn builder(&self) -> BuildFn {
        let catalog = self.clone();
        build_fn(move |context| {
            let catalog = catalog.clone();
            Box::pin(async move {
                let db = context.database::<NoTables>().await?;
                Ok(Service::new(Role::Catalog)
                    .grpc(CatalogServiceServer::new(catalog.clone()))
                    .consumer(Arc::new(Note { catalog, db })))
            })
        })
    }

    pub fn video_count(&self) -> usize {
        self.state.lock().unwrap().videos.len()
    }

    pub fn title_of(&self, video_id: &str) -> String {
        self.state.lock().unwrap().videos[video_id].title.clone()
    }

    pub fn add_draft(&self, owner_id: AccountId) -> String {
        self.add(owner_id, "A draft").id
    }

    /// What it was told of a video, in order.
    pub fn told_of(&self, video_id: &str) -> Vec<AssetStateChanged> {
        let state = self.state.lock().unwrap();
        let of_video = |told: &&AssetStateChanged| told.video_id.to_string() == video_id;
        state.told.iter().filter(of_video).cloned().collect()
    }

    fn add(&self, owner_id: AccountId, title: &str) -> proto::Video {
        let video = proto::Video {
            id: VideoId::generate().to_string(),
            owner_id: owner_id.to_string(),
            title: title.to_owned(),
            ..proto::Video::default()
        };
        let mut state = self.state.lock().unwrap();
        state.videos.insert(video.id.clone(), video.clone());
        video
    }
}

struct NoTables;

impl MigratorTrait for NoTables {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        Vec::new()
    }
}

struct Note {
    catalog: FakeCatalog,
    db: Db,
}

#[async_trait::async_trait]
impl Consumer for Note {
    async fn consume(&self, _: &DatabaseTransaction, event: &Event) -> Result<(), Problem> {
        assert_eq!(event.r#type, AssetStateChanged::TYPE);
        let told = serde_json::from_str(&event.data).unwrap();
        self.catalog.state.lock().unwrap().told.push(told);
        Ok(())
    }

    fn db(&self) -> &Db {
        &self.db
    }
}

macro_rules! not_played {
    ($($method:ident($request:ty) -> $response:ty);+ $(;)?) => {
        #[tonic::async_trait]
        impl CatalogService for FakeCatalog {
            async fn create_video(
                &self,
                request: Request<proto::CreateVideoRequest>,
            ) -> Result<Response<proto::Video>, Status> {
                let owner_id = Caller::of(&request).account()?.account_id;
                let request = request.into_inner();
                let known = {
                    let state = self.state.lock().unwrap();
                    let id = state.by_key.get(&request.idempotency_key);
                    id.map(|id| state.videos[id].clone())
                };
                if let Some(video) = known {
                    return Ok(Response::new(video));
                }
                let video = self.add(owner_id, &request.title);
                let mut state = self.state.lock().unwrap();
                state.by_key.insert(request.idempotency_key, video.id.clone());
                Ok(Response::new(video))
            }

            async fn get_video(
                &self,
                request: Request<proto::GetVideoRequest>,
            ) -> Result<Response<proto::Video>, Status> {
                let caller = Caller::of(&request).clone();
                let state = self.state.lock().unwrap();
                let video = state.videos.get(&request.get_ref().video_id).cloned();
                let mine = video.filter(|video| caller.may_act_for(video.owner_id.parse().unwrap()));
                let none = || Problem::not_found("video_not_found", "There is no such video.");
                Ok(Response::new(mine.ok_or_else(none)?))
            }

            $(async fn $method(&self, _: Request<$request>) -> Result<Response<$response>, Status> {
                Err(Status::unimplemented("media does not call this"))
            })+
        }
    };
}

not_played! {
    list_videos(proto::ListVideosRequest) -> proto::ListVideosResponse;
    update_video(proto::UpdateVideoRequest) -> proto::Video;
    delete_video(proto::DeleteVideoRequest) -> proto::DeleteVideoResponse;
    create_series(proto::CreateSeriesRequest) -> proto::Series;
    get_series(proto::GetSeriesRequest) -> proto::Series;
    list_series(proto::ListSeriesRequest) -> proto::ListSeriesResponse;
    add_episode(proto::AddEpisodeRequest) -> proto::Episode;
}
