//! gRPC: decode, ask whether the caller may, call, encode.

mod convert;
mod encoders;
mod watch;

use std::pin::Pin;
use std::str::FromStr;

use amphi_chassis::Problem;
use amphi_chassis::auth::Caller;
use amphi_contracts::proto::media::v1 as proto;
use amphi_contracts::proto::media::v1::media_service_server::MediaService;
use amphi_contracts::{IdError, VideoId};
use futures::Stream;
use tonic::{Request, Response, Status};

use crate::media::Media;
use crate::store::AssetView;

const BATCH_MAX: usize = 200;

/// The gRPC face of the media service.
#[derive(Debug, Clone)]
pub struct MediaRpc {
    media: Media,
}

impl MediaRpc {
    #[must_use]
    pub const fn new(media: Media) -> Self {
        Self { media }
    }

    /// The asset, for those who may see what happens to it: its owner, administrators and services. Whether a viewer may
    /// watch a video is the catalog's to say; who has asked it calls as a service.
    async fn asset_for(&self, caller: &Caller, video_id: VideoId) -> Result<AssetView, Problem> {
        let asset = self.media.store.asset(video_id).await?;
        asset
            .filter(|asset| caller.may_act_for(asset.owner_id))
            .ok_or_else(no_asset)
    }
}

fn no_asset() -> Problem {
    Problem::not_found(
        "asset_not_found",
        "Nothing was uploaded for this video, or it is not yours.",
    )
}

fn id<T: FromStr<Err = IdError>>(text: &str) -> Result<T, Problem> {
    text.parse()
        .map_err(|error: IdError| Problem::invalid("invalid_id", error.to_string()))
}

#[tonic::async_trait]
impl MediaService for MediaRpc {
    type WatchAssetStream = Pin<Box<dyn Stream<Item = Result<proto::Asset, Status>> + Send>>;

    async fn get_asset(
        &self,
        request: Request<proto::GetAssetRequest>,
    ) -> Result<Response<proto::Asset>, Status> {
        let caller = Caller::of(&request).clone();
        let video_id = id(&request.get_ref().video_id)?;
        let asset = self.asset_for(&caller, video_id).await?;
        Ok(Response::new(convert::asset(asset)))
    }

    async fn batch_get_assets(
        &self,
        request: Request<proto::BatchGetAssetsRequest>,
    ) -> Result<Response<proto::BatchGetAssetsResponse>, Status> {
        let caller = Caller::of(&request).clone();
        let asked = &request.get_ref().video_ids;
        if asked.len() > BATCH_MAX {
            let detail = format!("At most {BATCH_MAX} videos can be asked for at once.");
            return Err(Problem::invalid("too_many_ids", detail).into());
        }
        let ids: Vec<VideoId> = asked
            .iter()
            .map(|text| id(text))
            .collect::<Result<_, _>>()?;
        let found = self.media.store.assets(&ids).await.map_err(Problem::from)?;
        let assets = found
            .into_iter()
            .filter(|asset| caller.may_act_for(asset.owner_id))
            .map(convert::asset)
            .collect();
        Ok(Response::new(proto::BatchGetAssetsResponse { assets }))
    }

    async fn watch_asset(
        &self,
        request: Request<proto::GetAssetRequest>,
    ) -> Result<Response<Self::WatchAssetStream>, Status> {
        let caller = Caller::of(&request).clone();
        let video_id = id(&request.get_ref().video_id)?;
        // Before the first read, so that no change falls between the two.
        let changes = self.media.changes.subscribe();
        let asset = self.asset_for(&caller, video_id).await?;
        let stream = watch::stream(self.media.clone(), changes, asset);
        Ok(Response::new(Box::pin(stream)))
    }

    async fn get_presentation(
        &self,
        request: Request<proto::GetPresentationRequest>,
    ) -> Result<Response<proto::Presentation>, Status> {
        let caller = Caller::of(&request).clone();
        let video_id = id(&request.get_ref().video_id)?;
        if !caller.is_service() {
            self.asset_for(&caller, video_id).await?;
        }
        let presentation = self.media.store.presentation(video_id).await;
        let presentation = presentation.map_err(Problem::from)?.ok_or_else(no_asset)?;
        Ok(Response::new(convert::presentation(video_id, presentation)))
    }

    async fn lease_task(
        &self,
        request: Request<proto::LeaseTaskRequest>,
    ) -> Result<Response<proto::LeaseTaskResponse>, Status> {
        Caller::of(&request).service()?;
        let task = encoders::lease(&self.media, request.get_ref()).await?;
        Ok(Response::new(proto::LeaseTaskResponse { task }))
    }

    async fn renew_lease(
        &self,
        request: Request<proto::RenewLeaseRequest>,
    ) -> Result<Response<proto::RenewLeaseResponse>, Status> {
        Caller::of(&request).service()?;
        let renewed = encoders::renew(&self.media, request.get_ref()).await?;
        Ok(Response::new(renewed))
    }

    async fn complete_task(
        &self,
        request: Request<proto::CompleteTaskRequest>,
    ) -> Result<Response<proto::CompleteTaskResponse>, Status> {
        Caller::of(&request).service()?;
        encoders::complete(&self.media, request.get_ref()).await?;
        Ok(Response::new(proto::CompleteTaskResponse {}))
    }

    async fn fail_task(
        &self,
        request: Request<proto::FailTaskRequest>,
    ) -> Result<Response<proto::FailTaskResponse>, Status> {
        Caller::of(&request).service()?;
        encoders::fail(&self.media, request.get_ref()).await?;
        Ok(Response::new(proto::FailTaskResponse {}))
    }

    async fn release_task(
        &self,
        request: Request<proto::ReleaseTaskRequest>,
    ) -> Result<Response<proto::ReleaseTaskResponse>, Status> {
        Caller::of(&request).service()?;
        encoders::release(&self.media, request.get_ref()).await?;
        Ok(Response::new(proto::ReleaseTaskResponse {}))
    }
}
