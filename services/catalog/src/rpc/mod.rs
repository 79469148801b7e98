//! Decodes requests, checks who asks, calls, encodes answers.

mod convert;
mod series;
mod videos;

use std::sync::Arc;

use amphi_chassis::auth::Caller;
use amphi_chassis::shared::Topic;
use amphi_contracts::proto::catalog::v1::catalog_service_server::CatalogService;
use amphi_contracts::proto::catalog::v1::{
    AddEpisodeRequest, CreateSeriesRequest, CreateVideoRequest, DeleteVideoRequest,
    DeleteVideoResponse, Episode, GetSeriesRequest, GetVideoRequest, ListSeriesRequest,
    ListSeriesResponse, ListVideosRequest, ListVideosResponse, Series, UpdateVideoRequest, Video,
};
use tonic::{Request, Response, Status};

use crate::settings::Settings;
use crate::store::Store;
use series::SeriesCalls;
use videos::VideoCalls;

/// The catalog as other services call it.
#[derive(Debug, Clone)]
pub struct CatalogRpc {
    videos: VideoCalls,
    series: SeriesCalls,
    /// Told of each change, for those who keep lists.
    changes: Topic,
}

impl CatalogRpc {
    #[must_use]
    pub fn new(store: Store, settings: Arc<Settings>, changes: Topic) -> Self {
        Self {
            videos: VideoCalls {
                store: store.clone(),
                settings: Arc::clone(&settings),
            },
            series: SeriesCalls { store, settings },
            changes,
        }
    }
}

#[async_trait::async_trait]
impl CatalogService for CatalogRpc {
    async fn create_video(
        &self,
        request: Request<CreateVideoRequest>,
    ) -> Result<Response<Video>, Status> {
        let caller = Caller::of(&request).clone();
        let answer = self
            .videos
            .create_video(&caller, request.into_inner())
            .await?;
        self.changes.tell("").await;
        Ok(Response::new(answer))
    }

    async fn get_video(
        &self,
        request: Request<GetVideoRequest>,
    ) -> Result<Response<Video>, Status> {
        let caller = Caller::of(&request).clone();
        let answer = self.videos.get_video(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn list_videos(
        &self,
        request: Request<ListVideosRequest>,
    ) -> Result<Response<ListVideosResponse>, Status> {
        let caller = Caller::of(&request).clone();
        let answer = self
            .videos
            .list_videos(&caller, request.into_inner())
            .await?;
        Ok(Response::new(answer))
    }

    async fn update_video(
        &self,
        request: Request<UpdateVideoRequest>,
    ) -> Result<Response<Video>, Status> {
        let caller = Caller::of(&request).clone();
        let answer = self
            .videos
            .update_video(&caller, request.into_inner())
            .await?;
        self.changes.tell("").await;
        Ok(Response::new(answer))
    }

    async fn delete_video(
        &self,
        request: Request<DeleteVideoRequest>,
    ) -> Result<Response<DeleteVideoResponse>, Status> {
        let caller = Caller::of(&request).clone();
        let answer = self
            .videos
            .delete_video(&caller, request.into_inner())
            .await?;
        self.changes.tell("").await;
        Ok(Response::new(answer))
    }

    async fn create_series(
        &self,
        request: Request<CreateSeriesRequest>,
    ) -> Result<Response<Series>, Status> {
        let caller = Caller::of(&request).clone();
        let answer = self
            .series
            .create_series(&caller, request.into_inner())
            .await?;
        self.changes.tell("").await;
        Ok(Response::new(answer))
    }

    async fn get_series(
        &self,
        request: Request<GetSeriesRequest>,
    ) -> Result<Response<Series>, Status> {
        let caller = Caller::of(&request).clone();
        let answer = self
            .series
            .get_series(&caller, request.into_inner())
            .await?;
        Ok(Response::new(answer))
    }

    async fn list_series(
        &self,
        request: Request<ListSeriesRequest>,
    ) -> Result<Response<ListSeriesResponse>, Status> {
        let caller = Caller::of(&request).clone();
        let answer = self
            .series
            .list_series(&caller, request.into_inner())
            .await?;
        Ok(Response::new(answer))
    }

    async fn add_episode(
        &self,
        request: Request<AddEpisodeRequest>,
    ) -> Result<Response<Episode>, Status> {
        let caller = Caller::of(&request).clone();
        let answer = self
            .series
            .add_episode(&caller, request.into_inner())
            .await?;
        self.changes.tell("").await;
        Ok(Response::new(answer))
    }
}
