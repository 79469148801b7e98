//! Services that the gateway calls, with fixed data and a record of the calls.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use amphi_chassis::auth::{AccountRole, Caller, KeySource};
use amphi_chassis::service::Service;
use amphi_chassis::testing::TestKeys;
use amphi_chassis::{Problem, Role};
use amphi_contracts::proto::catalog::v1 as catalog;
use amphi_contracts::proto::catalog::v1::catalog_service_server::{
    CatalogService, CatalogServiceServer,
};
use amphi_contracts::proto::identity::v1 as identity;
use amphi_contracts::proto::identity::v1::identity_service_server::{
    IdentityService, IdentityServiceServer,
};
use amphi_contracts::proto::media::v1 as media;
use amphi_contracts::proto::media::v1::media_service_server::{MediaService, MediaServiceServer};
use amphi_contracts::proto::observatory::v1 as observatory;
use amphi_contracts::proto::observatory::v1::observatory_service_server::{
    ObservatoryService, ObservatoryServiceServer,
};
use amphi_contracts::proto::playback::v1 as playback;
use amphi_contracts::proto::playback::v1::playback_service_server::{
    PlaybackService, PlaybackServiceServer,
};
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Response, Status};

/// What the stand-ins answer with, and what they were asked.
#[derive(Debug, Clone)]
pub struct World {
    calls: Arc<Mutex<Vec<String>>>,
    pub videos: Arc<Mutex<Vec<catalog::Video>>>,
    pub series: Arc<Mutex<Vec<catalog::Series>>>,
    pub asset: Arc<watch::Sender<media::Asset>>,
    pub identity_is_away: Arc<AtomicBool>,
    /// What identity signs tokens with.
    pub keys: TestKeys,
}

impl World {
    pub fn new() -> Self {
        let (asset, _) = watch::channel(media::Asset::default());
        Self {
            calls: Arc::default(),
            videos: Arc::default(),
            series: Arc::default(),
            asset: Arc::new(asset),
            identity_is_away: Arc::default(),
            keys: TestKeys::generate(),
        }
    }

    /// The calls since the last time, sorted.
    pub fn take_calls(&self) -> Vec<String> {
        let mut calls = std::mem::take(&mut *self.calls.lock().unwrap());
        calls.sort();
        calls
    }

    pub fn add_video(&self, video: catalog::Video) {
        self.videos.lock().unwrap().push(video);
    }

    pub fn forget_videos(&self) {
        self.videos.lock().unwrap().clear();
    }

    fn called<T>(&self, method: &str, request: &Request<T>) {
        let caller = match Caller::of(request) {
            Caller::Anonymous => "nobody",
            Caller::Account(_) => "account",
            Caller::Service(_) => "service",
        };
        self.calls
            .lock()
            .unwrap()
            .push(format!("{method} by {caller}"));
    }

    fn video(&self, id: &str) -> Result<catalog::Video, Status> {
        let videos = self.videos.lock().unwrap();
        let found = videos.iter().find(|video| video.id == id).cloned();
        found.ok_or_else(|| Problem::not_found("video_not_found", "There is no such video.").into())
    }

    pub fn services(&self) -> Vec<Service> {
        vec![
            Service::new(Role::Catalog).grpc(CatalogServiceServer::new(self.clone())),
            Service::new(Role::Identity).grpc(IdentityServiceServer::new(self.clone())),
            Service::new(Role::Media)
                .grpc(MediaServiceServer::new(self.clone()))
                .http(super::planes::media()),
            Service::new(Role::Playback)
                .grpc(PlaybackServiceServer::new(self.clone()))
                .http(super::planes::playback()),
            Service::new(Role::Observatory)
                .grpc(ObservatoryServiceServer::new(self.clone()))
                .http(super::planes::observatory()),
        ]
    }
}

/// A public video that plays.
pub fn video(id: &str, title: &str) -> catalog::Video {
    catalog::Video {
        id: id.to_owned(),
        owner_id: OWNER.to_owned(),
        title: title.to_owned(),
        visibility: catalog::Visibility::Public.into(),
        state: catalog::VideoState::Ready.into(),
        duration_ms: Some(6000),
        created_at_us: 1_700_000_000_000_000,
        updated_at_us: 1_700_000_000_000_000,
        version: 3,
        ..catalog::Video::default()
    }
}

pub const OWNER: &str = "0190a5d0-0000-7000-8000-0000000000aa";

#[tonic::async_trait]
impl CatalogService for World {
    async fn create_video(
        &self,
        request: Request<catalog::CreateVideoRequest>,
    ) -> Result<Response<catalog::Video>, Status> {
        self.called("create_video", &request);
        let owner = Caller::of(&request).account()?.account_id;
        let request = request.into_inner();
        let mut draft = video(&uuid::Uuid::now_v7().to_string(), &request.title);
        draft.owner_id = owner.to_string();
        draft.state = catalog::VideoState::Draft.into();
        draft.description = format!("key {}", request.idempotency_key);
        self.add_video(draft.clone());
        Ok(Response::new(draft))
    }

    async fn get_video(
        &self,
        request: Request<catalog::GetVideoRequest>,
    ) -> Result<Response<catalog::Video>, Status> {
        self.called("get_video", &request);
        self.video(&request.get_ref().video_id).map(Response::new)
    }

    async fn list_videos(
        &self,
        request: Request<catalog::ListVideosRequest>,
    ) -> Result<Response<catalog::ListVideosResponse>, Status> {
        self.called("list_videos", &request);
        let all = self.videos.lock().unwrap().clone();
        let limit = match request.get_ref().limit {
            0 => 50,
            limit => limit as usize,
        };
        let next_cursor = if all.len() > limit { "next" } else { "" };
        Ok(Response::new(catalog::ListVideosResponse {
            videos: all.into_iter().take(limit).collect(),
            next_cursor: next_cursor.to_owned(),
        }))
    }

    async fn update_video(
        &self,
        request: Request<catalog::UpdateVideoRequest>,
    ) -> Result<Response<catalog::Video>, Status> {
        self.called("update_video", &request);
        let request = request.into_inner();
        let mut videos = self.videos.lock().unwrap();
        let video = videos
            .iter_mut()
            .find(|video| video.id == request.video_id)
            .ok_or_else(|| Status::not_found("none"))?;
        if request.expected_version != 0 && request.expected_version != video.version {
            return Err(Problem::precondition_failed("precondition_failed", "changed").into());
        }
        video.title = request.title.unwrap_or_else(|| video.title.clone());
        video.version += 1;
        Ok(Response::new(video.clone()))
    }

    async fn delete_video(
        &self,
        request: Request<catalog::DeleteVideoRequest>,
    ) -> Result<Response<catalog::DeleteVideoResponse>, Status> {
        self.called("delete_video", &request);
        Ok(Response::new(catalog::DeleteVideoResponse {}))
    }

    async fn create_series(
        &self,
        request: Request<catalog::CreateSeriesRequest>,
    ) -> Result<Response<catalog::Series>, Status> {
        self.called("create_series", &request);
        Err(Status::unimplemented("not needed"))
    }

    async fn get_series(
        &self,
        request: Request<catalog::GetSeriesRequest>,
    ) -> Result<Response<catalog::Series>, Status> {
        self.called("get_series", &request);
        let series = self.series.lock().unwrap();
        let wanted = &request.get_ref().series_id;
        let found = series.iter().find(|series| series.id == *wanted).cloned();
        let found =
            found.ok_or_else(|| Problem::not_found("series_not_found", "No such series."))?;
        Ok(Response::new(found))
    }

    async fn list_series(
        &self,
        request: Request<catalog::ListSeriesRequest>,
    ) -> Result<Response<catalog::ListSeriesResponse>, Status> {
        self.called("list_series", &request);
        Ok(Response::new(catalog::ListSeriesResponse {
            series: self.series.lock().unwrap().clone(),
            next_cursor: String::new(),
        }))
    }

    async fn add_episode(
        &self,
        request: Request<catalog::AddEpisodeRequest>,
    ) -> Result<Response<catalog::Episode>, Status> {
        self.called("add_episode", &request);
        Err(Status::unimplemented("not needed"))
    }
}

#[tonic::async_trait]
impl IdentityService for World {
    async fn register(
        &self,
        request: Request<identity::RegisterRequest>,
    ) -> Result<Response<identity::SessionTokens>, Status> {
        self.called("register", &request);
        Err(Problem::conflict("email_taken", "Taken.").into())
    }

    async fn login(
        &self,
        request: Request<identity::LoginRequest>,
    ) -> Result<Response<identity::SessionTokens>, Status> {
        self.called("login", &request);
        let request = request.into_inner();
        if request.password != "right" {
            return Err(Problem::unauthenticated("invalid_credentials", "Wrong.").into());
        }
        Ok(Response::new(tokens(&request.email, "first")))
    }

    async fn refresh(
        &self,
        request: Request<identity::RefreshRequest>,
    ) -> Result<Response<identity::SessionTokens>, Status> {
        self.called("refresh", &request);
        if request.get_ref().refresh_token != "first" {
            return Err(Problem::unauthenticated("invalid_refresh_token", "Spent.").into());
        }
        Ok(Response::new(tokens("ann@example.org", "second")))
    }

    async fn logout(
        &self,
        request: Request<identity::LogoutRequest>,
    ) -> Result<Response<identity::LogoutResponse>, Status> {
        self.called("logout", &request);
        Ok(Response::new(identity::LogoutResponse {}))
    }

    async fn get_account(
        &self,
        request: Request<identity::GetAccountRequest>,
    ) -> Result<Response<identity::Account>, Status> {
        self.called("get_account", &request);
        let mut account = tokens("ann@example.org", "").account.unwrap_or_default();
        account.id = request.into_inner().account_id;
        Ok(Response::new(account))
    }

    async fn batch_get_accounts(
        &self,
        request: Request<identity::BatchGetAccountsRequest>,
    ) -> Result<Response<identity::BatchGetAccountsResponse>, Status> {
        self.called("batch_get_accounts", &request);
        if self.identity_is_away.load(Ordering::Relaxed) {
            return Err(Status::unavailable("away"));
        }
        let accounts = request.into_inner().account_ids.into_iter();
        let accounts = accounts
            .map(|id| identity::Account {
                id,
                name: "Ann".to_owned(),
                ..identity::Account::default()
            })
            .collect();
        Ok(Response::new(identity::BatchGetAccountsResponse {
            accounts,
        }))
    }

    async fn list_login_records(
        &self,
        request: Request<identity::ListLoginRecordsRequest>,
    ) -> Result<Response<identity::ListLoginRecordsResponse>, Status> {
        self.called("list_login_records", &request);
        Err(Status::unimplemented("not needed"))
    }

    async fn create_account(
        &self,
        request: Request<identity::CreateAccountRequest>,
    ) -> Result<Response<identity::Account>, Status> {
        self.called("create_account", &request);
        Err(Status::unimplemented("not needed"))
    }

    async fn get_key_set(
        &self,
        _: Request<identity::GetKeySetRequest>,
    ) -> Result<Response<identity::KeySet>, Status> {
        let jwks = self.keys.key_set().await?;
        Ok(Response::new(identity::KeySet { jwks }))
    }

    async fn list_revoked_sessions(
        &self,
        _: Request<identity::ListRevokedSessionsRequest>,
    ) -> Result<Response<identity::ListRevokedSessionsResponse>, Status> {
        Ok(Response::new(
            identity::ListRevokedSessionsResponse::default(),
        ))
    }
}

fn tokens(email: &str, refresh_token: &str) -> identity::SessionTokens {
    identity::SessionTokens {
        account: Some(identity::Account {
            id: OWNER.to_owned(),
            email: email.to_owned(),
            name: "Ann".to_owned(),
            role: identity::AccountRole::from(AccountRole::Creator).into(),
            created_at_us: 1_700_000_000_000_000,
        }),
        access_token: "access".to_owned(),
        refresh_token: refresh_token.to_owned(),
        expires_in_s: 900,
        refresh_expires_in_s: 86_400,
    }
}

#[tonic::async_trait]
impl MediaService for World {
    type WatchAssetStream = BoxStream<'static, Result<media::Asset, Status>>;

    async fn get_asset(
        &self,
        request: Request<media::GetAssetRequest>,
    ) -> Result<Response<media::Asset>, Status> {
        self.called("get_asset", &request);
        let asset = self.asset.borrow().clone();
        if asset.video_id != request.get_ref().video_id {
            return Err(Problem::not_found("asset_not_found", "None yet.").into());
        }
        Ok(Response::new(asset))
    }

    async fn batch_get_assets(
        &self,
        request: Request<media::BatchGetAssetsRequest>,
    ) -> Result<Response<media::BatchGetAssetsResponse>, Status> {
        self.called("batch_get_assets", &request);
        Ok(Response::new(media::BatchGetAssetsResponse::default()))
    }

    async fn watch_asset(
        &self,
        request: Request<media::GetAssetRequest>,
    ) -> Result<Response<Self::WatchAssetStream>, Status> {
        self.called("watch_asset", &request);
        if self.asset.borrow().video_id != request.get_ref().video_id {
            return Err(Problem::not_found("asset_not_found", "None yet.").into());
        }
        let changes = WatchStream::new(self.asset.subscribe());
        Ok(Response::new(changes.map(Ok).boxed()))
    }

    async fn get_presentation(
        &self,
        request: Request<media::GetPresentationRequest>,
    ) -> Result<Response<media::Presentation>, Status> {
        self.called("get_presentation", &request);
        Err(Status::unimplemented("not needed"))
    }

    async fn lease_task(
        &self,
        _: Request<media::LeaseTaskRequest>,
    ) -> Result<Response<media::LeaseTaskResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn renew_lease(
        &self,
        _: Request<media::RenewLeaseRequest>,
    ) -> Result<Response<media::RenewLeaseResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn complete_task(
        &self,
        _: Request<media::CompleteTaskRequest>,
    ) -> Result<Response<media::CompleteTaskResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn release_task(
        &self,
        _: Request<media::ReleaseTaskRequest>,
    ) -> Result<Response<media::ReleaseTaskResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn fail_task(
        &self,
        _: Request<media::FailTaskRequest>,
    ) -> Result<Response<media::FailTaskResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }
}

#[tonic::async_trait]
impl PlaybackService for World {
    async fn create_session(
        &self,
        request: Request<playback::CreateSessionRequest>,
    ) -> Result<Response<playback::Session>, Status> {
        self.called("create_session", &request);
        Ok(Response::new(playback::Session {
            session_id: uuid::Uuid::now_v7().to_string(),
            hls_path: "/play/token/master.m3u8".to_owned(),
            dash_path: "/play/token/manifest.mpd".to_owned(),
            expires_at_us: 1_800_000_000_000_000,
            resume_position_ms: 1500,
            poster_path: None,
            storyboard_path: None,
        }))
    }

    async fn revoke_session(
        &self,
        request: Request<playback::RevokeSessionRequest>,
    ) -> Result<Response<playback::RevokeSessionResponse>, Status> {
        self.called("revoke_session", &request);
        Ok(Response::new(playback::RevokeSessionResponse {}))
    }

    async fn create_grants(
        &self,
        request: Request<playback::CreateGrantsRequest>,
    ) -> Result<Response<playback::CreateGrantsResponse>, Status> {
        self.called("create_grants", &request);
        Caller::of(&request).service()?;
        let grants = request.into_inner().video_ids.into_iter();
        let grants = grants
            .map(|video_id| playback::Grant {
                hls_path: format!("/play/{video_id}/master.m3u8"),
                dash_path: format!("/play/{video_id}/manifest.mpd"),
                video_id,
            })
            .collect();
        Ok(Response::new(playback::CreateGrantsResponse {
            session_id: uuid::Uuid::now_v7().to_string(),
            grants,
            expires_at_us: 1_800_000_000_000_000,
        }))
    }

    async fn save_resume_position(
        &self,
        request: Request<playback::SaveResumePositionRequest>,
    ) -> Result<Response<playback::SaveResumePositionResponse>, Status> {
        self.called("save_resume_position", &request);
        Caller::of(&request).account()?;
        Ok(Response::new(playback::SaveResumePositionResponse {}))
    }
}

#[tonic::async_trait]
impl ObservatoryService for World {
    type WatchServiceMapStream = BoxStream<'static, Result<observatory::ServiceMap, Status>>;

    async fn find_traces(
        &self,
        request: Request<observatory::FindTracesRequest>,
    ) -> Result<Response<observatory::FindTracesResponse>, Status> {
        self.called("find_traces", &request);
        Caller::of(&request).at_least(AccountRole::Admin)?;
        Ok(Response::new(observatory::FindTracesResponse::default()))
    }

    async fn get_trace(
        &self,
        request: Request<observatory::GetTraceRequest>,
    ) -> Result<Response<observatory::Trace>, Status> {
        self.called("get_trace", &request);
        Err(Status::unimplemented("not needed"))
    }

    async fn list_services(
        &self,
        request: Request<observatory::ListServicesRequest>,
    ) -> Result<Response<observatory::ListServicesResponse>, Status> {
        self.called("list_services", &request);
        Err(Status::unimplemented("not needed"))
    }

    async fn get_service_map(
        &self,
        request: Request<observatory::GetServiceMapRequest>,
    ) -> Result<Response<observatory::ServiceMap>, Status> {
        self.called("get_service_map", &request);
        Ok(Response::new(map(request.get_ref().window_s)))
    }

    async fn watch_service_map(
        &self,
        request: Request<observatory::GetServiceMapRequest>,
    ) -> Result<Response<Self::WatchServiceMapStream>, Status> {
        self.called("watch_service_map", &request);
        Caller::of(&request).at_least(AccountRole::Admin)?;
        let window_s = request.get_ref().window_s;
        let maps = futures::stream::iter([window_s, window_s]).map(|window_s| Ok(map(window_s)));
        Ok(Response::new(maps.boxed()))
    }
}

fn map(window_s: u32) -> observatory::ServiceMap {
    observatory::ServiceMap {
        window_s,
        generated_at_us: 1_700_000_000_000_000,
        nodes: vec![observatory::ServiceMapNode {
            name: "catalog".to_owned(),
            kind: "service".to_owned(),
            latency: None,
        }],
        edges: vec![observatory::ServiceMapEdge {
            from: "gateway".to_owned(),
            to: "catalog".to_owned(),
            latency: Some(observatory::LatencySummary {
                calls: 4,
                errors: 1,
                ..observatory::LatencySummary::default()
            }),
        }],
    }
}
