//! One video, as catalog and media would tell of it, and a playback service that asks them.

use std::sync::{Arc, Mutex};

use amphi_chassis::auth::{AccountRole, Caller};
use amphi_chassis::rpc::Clients;
use amphi_chassis::service::{Service, build_fn};
use amphi_chassis::testing::TestProcess;
use amphi_chassis::{Problem, Role};
use amphi_contracts::events::EventData;
use amphi_contracts::proto::catalog::v1 as catalog;
use amphi_contracts::proto::catalog::v1::catalog_service_server::{
    CatalogService, CatalogServiceServer,
};
use amphi_contracts::proto::events::v1::{DeliverRequest, Event};
use amphi_contracts::proto::media::v1 as media;
use amphi_contracts::proto::media::v1::media_service_server::{MediaService, MediaServiceServer};
use amphi_contracts::proto::playback::v1 as playback;
use amphi_contracts::{AccountId, EventId, VideoId};
use axum::body::Body;
use bytes::Bytes;
use futures::stream::BoxStream;
use http::{HeaderMap, Request as HttpRequest, StatusCode};
use http_body_util::BodyExt;
use tonic::{Request, Response, Status};

/// Ticks per second of the synthetic tracks.
pub const TIMESCALE: u32 = 48_000;
/// Four seconds.
pub const SEGMENT_TICKS: u64 = 192_000;
pub const BLOB_PREFIX: &str = "media/assets/one";

/// What catalog and media know.
#[derive(Debug, Clone)]
pub struct Known {
    inner: Arc<Mutex<KnownInner>>,
}

#[derive(Debug)]
struct KnownInner {
    video: catalog::Video,
    presentation: Option<media::Presentation>,
    presentations_asked: usize,
}

impl Known {
    pub fn change_video(&self, change: impl FnOnce(&mut catalog::Video)) {
        change(&mut self.inner.lock().unwrap().video);
    }

    pub fn set_presentation(&self, presentation: media::Presentation) {
        self.inner.lock().unwrap().presentation = Some(presentation);
    }

    pub fn presentations_asked(&self) -> usize {
        self.inner.lock().unwrap().presentations_asked
    }

    fn video_for(&self, caller: &Caller, id: &str) -> Result<catalog::Video, Status> {
        let video = self.inner.lock().unwrap().video.clone();
        let owner: AccountId = video.owner_id.parse().unwrap();
        let is_private = video.visibility() == catalog::Visibility::Private;
        if video.id != id || (is_private && !caller.may_act_for(owner)) {
            return Err(Problem::not_found("video_not_found", "There is no such video.").into());
        }
        Ok(video)
    }
}

/// A presentation of two tracks with this many segments each.
pub fn presentation(video_id: VideoId, segments: u32, complete: bool) -> media::Presentation {
    let state = if complete {
        media::AssetState::Ready
    } else {
        media::AssetState::Viewable
    };
    media::Presentation {
        video_id: video_id.to_string(),
        state: state.into(),
        complete,
        duration_ms: Some(40_000),
        tracks: vec![
            track(rendition("v360", media::TrackKind::Video), segments),
            track(rendition("a0", media::TrackKind::Audio), segments),
        ],
        available_since_us: 1_700_000_000_000_000,
        blob_prefix: BLOB_PREFIX.to_owned(),
        version: segments.into(),
    }
}

fn rendition(id: &str, kind: media::TrackKind) -> media::Rendition {
    let is_video = kind == media::TrackKind::Video;
    media::Rendition {
        id: id.to_owned(),
        kind: kind.into(),
        codec: if is_video { "avc1.64001f" } else { "mp4a.40.2" }.to_owned(),
        width: if is_video { 640 } else { 0 },
        height: if is_video { 360 } else { 0 },
        frame_rate: if is_video { 25.0 } else { 0.0 },
        bandwidth_bps: 800_000,
        language: "ko".to_owned(),
        name: "Korean".to_owned(),
        channels: 2,
        sample_rate: 48_000,
        ..media::Rendition::default()
    }
}

fn track(rendition: media::Rendition, segments: u32) -> media::Track {
    media::Track {
        rendition: Some(rendition),
        timescale: TIMESCALE,
        segments: (0..segments)
            .map(|number| media::Segment {
                number,
                start_ticks: u64::from(number) * SEGMENT_TICKS,
                duration_ticks: SEGMENT_TICKS,
                bytes: 1000,
            })
            .collect(),
    }
}

/// A playback service with everything around it.
pub struct World {
    pub process: TestProcess,
    pub known: Known,
    pub video_id: VideoId,
    pub owner: AccountId,
}

impl World {
    pub async fn new() -> Self {
        Self::with_settings(&[]).await
    }

    /// With settings of `[playback]`, whole numbers all.
    pub async fn with_settings(settings: &[(&str, i64)]) -> Self {
        let (video_id, owner) = (VideoId::generate(), AccountId::generate());
        let known = Known {
            inner: Arc::new(Mutex::new(KnownInner {
                video: catalog::Video {
                    id: video_id.to_string(),
                    owner_id: owner.to_string(),
                    visibility: catalog::Visibility::Public.into(),
                    state: catalog::VideoState::Ready.into(),
                    duration_ms: Some(40_000),
                    ..catalog::Video::default()
                },
                presentation: Some(presentation(video_id, 3, true)),
                presentations_asked: 0,
            })),
        };
        let (as_catalog, as_media) = (known.clone(), known.clone());
        let mut builder = TestProcess::builder()
            .role(
                Role::Playback,
                build_fn(|context| Box::pin(amphi_playback::build(context))),
            )
            .stand_in(move || {
                Service::new(Role::Catalog).grpc(CatalogServiceServer::new(as_catalog.clone()))
            })
            .stand_in(move || {
                Service::new(Role::Media).grpc(MediaServiceServer::new(as_media.clone()))
            });
        for (key, value) in settings {
            builder = builder.setting(&format!("playback.{key}"), *value);
        }
        let process = builder.start().await;
        let world = Self {
            process,
            known,
            video_id,
            owner,
        };
        world.store_pieces(3).await;
        world
    }

    /// Puts the bytes of the presentation's pieces into the blob store.
    pub async fn store_pieces(&self, segments: u32) {
        let blobs = &self.process.context().blobs;
        for rendition in ["v360", "a0"] {
            let key = format!("{BLOB_PREFIX}/{rendition}/init.mp4");
            blobs
                .put_bytes(&key, Bytes::from(format!("init {rendition}")))
                .await
                .unwrap();
            for number in 0..segments {
                let key = format!("{BLOB_PREFIX}/{rendition}/{number}.m4s");
                blobs
                    .put_bytes(&key, piece(rendition, number))
                    .await
                    .unwrap();
            }
        }
    }

    pub fn viewer(&self) -> Clients {
        self.process
            .account(AccountId::generate(), AccountRole::Viewer)
    }

    pub fn owner(&self) -> Clients {
        self.process.account(self.owner, AccountRole::Creator)
    }

    pub async fn start(&self, clients: &Clients) -> Result<playback::Session, Problem> {
        let request = playback::CreateSessionRequest {
            video_id: self.video_id.to_string(),
        };
        let session = clients.playback().create_session(request).await?;
        Ok(session.into_inner())
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(HttpRequest::get(path)).await
    }

    pub async fn send(&self, request: http::request::Builder) -> Answer {
        let request = request.body(Body::empty()).unwrap();
        let channel = self.process.anonymous().http(Role::Playback);
        let (parts, body) = channel.call(request).await.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    /// Delivers an event as the relay of its service would.
    pub async fn tell<E: EventData>(&self, event: &E) {
        let event = Event {
            id: EventId::generate().to_string(),
            source: "/amphi/test".to_owned(),
            r#type: E::TYPE.to_owned(),
            subject: event.subject(),
            time_us: 0,
            traceparent: String::new(),
            data: serde_json::to_string(event).unwrap(),
        };
        let request = DeliverRequest {
            consumer: Role::Playback.as_str().to_owned(),
            events: vec![event],
        };
        let clients = self.process.service(Role::Catalog);
        clients
            .intake(Role::Playback)
            .deliver(request)
            .await
            .unwrap();
    }
}

/// The bytes of a segment: as many as it says, told apart from all others.
pub fn piece(rendition: &str, number: u32) -> Bytes {
    let pattern = format!("{rendition}:{number:04};");
    pattern.bytes().cycle().take(1000).collect()
}

/// A path below the token of a session.
pub fn below(session: &playback::Session, rest: &str) -> String {
    session.hls_path.replace("master.m3u8", rest)
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The code of a problem.
    pub fn code(&self) -> String {
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        problem["code"].as_str().unwrap().to_owned()
    }
}

#[tonic::async_trait]
impl CatalogService for Known {
    async fn get_video(
        &self,
        request: Request<catalog::GetVideoRequest>,
    ) -> Result<Response<catalog::Video>, Status> {
        let video = self.video_for(Caller::of(&request), &request.get_ref().video_id)?;
        Ok(Response::new(video))
    }

    async fn create_video(
        &self,
        _: Request<catalog::CreateVideoRequest>,
    ) -> Result<Response<catalog::Video>, Status> {
        Err(not_asked())
    }

    async fn list_videos(
        &self,
        _: Request<catalog::ListVideosRequest>,
    ) -> Result<Response<catalog::ListVideosResponse>, Status> {
        Err(not_asked())
    }

    async fn update_video(
        &self,
        _: Request<catalog::UpdateVideoRequest>,
    ) -> Result<Response<catalog::Video>, Status> {
        Err(not_asked())
    }

    async fn delete_video(
        &self,
        _: Request<catalog::DeleteVideoRequest>,
    ) -> Result<Response<catalog::DeleteVideoResponse>, Status> {
        Err(not_asked())
    }

    async fn create_series(
        &self,
        _: Request<catalog::CreateSeriesRequest>,
    ) -> Result<Response<catalog::Series>, Status> {
        Err(not_asked())
    }

    async fn get_series(
        &self,
        _: Request<catalog::GetSeriesRequest>,
    ) -> Result<Response<catalog::Series>, Status> {
        Err(not_asked())
    }

    async fn list_series(
        &self,
        _: Request<catalog::ListSeriesRequest>,
    ) -> Result<Response<catalog::ListSeriesResponse>, Status> {
        Err(not_asked())
    }

    async fn add_episode(
        &self,
        _: Request<catalog::AddEpisodeRequest>,
    ) -> Result<Response<catalog::Episode>, Status> {
        Err(not_asked())
    }
}

#[tonic::async_trait]
impl MediaService for Known {
    type WatchAssetStream = BoxStream<'static, Result<media::Asset, Status>>;

    async fn get_asset(
        &self,
        request: Request<media::GetAssetRequest>,
    ) -> Result<Response<media::Asset>, Status> {
        Caller::of(&request).service()?;
        if self.inner.lock().unwrap().presentation.is_none() {
            return Err(Problem::not_found("asset_not_found", "Nothing uploaded.").into());
        }
        Ok(Response::new(media::Asset {
            video_id: request.into_inner().video_id,
            poster_path: Some("/images/p/poster.jpg".to_owned()),
            storyboard_path: Some("/images/p/storyboard.vtt".to_owned()),
            ..media::Asset::default()
        }))
    }

    async fn get_presentation(
        &self,
        request: Request<media::GetPresentationRequest>,
    ) -> Result<Response<media::Presentation>, Status> {
        Caller::of(&request).service()?;
        let mut inner = self.inner.lock().unwrap();
        inner.presentations_asked += 1;
        let is_known = inner.video.id == request.get_ref().video_id;
        let presentation = inner.presentation.clone().filter(|_| is_known);
        let presentation = presentation
            .ok_or_else(|| Problem::not_found("asset_not_found", "Nothing uploaded."))?;
        Ok(Response::new(presentation))
    }

    async fn batch_get_assets(
        &self,
        _: Request<media::BatchGetAssetsRequest>,
    ) -> Result<Response<media::BatchGetAssetsResponse>, Status> {
        Err(not_asked())
    }

    async fn watch_asset(
        &self,
        _: Request<media::GetAssetRequest>,
    ) -> Result<Response<Self::WatchAssetStream>, Status> {
        Err(not_asked())
    }

    async fn lease_task(
        &self,
        _: Request<media::LeaseTaskRequest>,
    ) -> Result<Response<media::LeaseTaskResponse>, Status> {
        Err(not_asked())
    }

    async fn renew_lease(
        &self,
        _: Request<media::RenewLeaseRequest>,
    ) -> Result<Response<media::RenewLeaseResponse>, Status> {
        Err(not_asked())
    }

    async fn complete_task(
        &self,
        _: Request<media::CompleteTaskRequest>,
    ) -> Result<Response<media::CompleteTaskResponse>, Status> {
        Err(not_asked())
    }

    async fn release_task(
        &self,
        _: Request<media::ReleaseTaskRequest>,
    ) -> Result<Response<media::ReleaseTaskResponse>, Status> {
        Err(not_asked())
    }

    async fn fail_task(
        &self,
        _: Request<media::FailTaskRequest>,
    ) -> Result<Response<media::FailTaskResponse>, Status> {
        Err(not_asked())
    }
}

fn not_asked() -> Status {
    Status::unimplemented("playback never asks this")
}
