//! The service between services: decode, call, encode.

use amphi_chassis::auth::Caller;
use amphi_contracts::VideoId;
use amphi_contracts::proto::playback::v1::playback_service_server::PlaybackService;
use amphi_contracts::proto::playback::v1::{
    CreateGrantsRequest, CreateGrantsResponse, CreateSessionRequest, Grant, RevokeSessionRequest,
    RevokeSessionResponse, SaveResumePositionRequest, SaveResumePositionResponse,
    Session as SessionMessage,
};
use tonic::{Request, Response, Status};

use crate::domain::Error;
use crate::playback::{GRANTS_MAX, Playback};

#[derive(Debug)]
pub struct PlaybackRpc {
    playback: Playback,
}

impl PlaybackRpc {
    #[must_use]
    pub const fn new(playback: Playback) -> Self {
        Self { playback }
    }
}

#[tonic::async_trait]
impl PlaybackService for PlaybackRpc {
    async fn create_session(
        &self,
        request: Request<CreateSessionRequest>,
    ) -> Result<Response<SessionMessage>, Status> {
        let caller = Caller::of(&request).clone();
        let video_id = request.into_inner().video_id.parse().map_err(Error::from)?;
        let started = self.playback.start(&caller, video_id).await?;
        Ok(Response::new(SessionMessage {
            session_id: started.session.id.to_string(),
            hls_path: started.paths.hls,
            dash_path: started.paths.dash,
            expires_at_us: started.session.expires_at_us,
            resume_position_ms: started.resume_position_ms,
            poster_path: started.poster_path,
            storyboard_path: started.storyboard_path,
        }))
    }

    async fn revoke_session(
        &self,
        request: Request<RevokeSessionRequest>,
    ) -> Result<Response<RevokeSessionResponse>, Status> {
        let caller = Caller::of(&request).clone();
        let session_id = request
            .into_inner()
            .session_id
            .parse()
            .map_err(Error::from)?;
        self.playback.revoke(&caller, session_id).await?;
        Ok(Response::new(RevokeSessionResponse {}))
    }

    async fn create_grants(
        &self,
        request: Request<CreateGrantsRequest>,
    ) -> Result<Response<CreateGrantsResponse>, Status> {
        let caller = Caller::of(&request).clone();
        let texts = request.into_inner().video_ids;
        if texts.len() > GRANTS_MAX {
            return Err(Error::TooManyVideos {
                asked: texts.len(),
                max: GRANTS_MAX,
            }
            .into());
        }
        let video_ids: Vec<VideoId> = texts
            .iter()
            .map(|text| text.parse())
            .collect::<Result<_, _>>()
            .map_err(Error::from)?;
        let (session, paths) = self.playback.grant(&caller, &video_ids).await?;
        let grants = texts
            .into_iter()
            .zip(paths)
            .map(|(video_id, paths)| Grant {
                video_id,
                hls_path: paths.hls,
                dash_path: paths.dash,
            })
            .collect();
        Ok(Response::new(CreateGrantsResponse {
            session_id: session.id.to_string(),
            grants,
            expires_at_us: session.expires_at_us,
        }))
    }

    async fn save_resume_position(
        &self,
        request: Request<SaveResumePositionRequest>,
    ) -> Result<Response<SaveResumePositionResponse>, Status> {
        let caller = Caller::of(&request).clone();
        let SaveResumePositionRequest {
            video_id,
            position_ms,
        } = request.into_inner();
        let video_id = video_id.parse().map_err(Error::from)?;
        self.playback
            .save_resume_position(&caller, video_id, position_ms)
            .await?;
        Ok(Response::new(SaveResumePositionResponse {}))
    }
}
