//! Starting, resuming and ending playback.

use amphi_chassis::Problem;
use amphi_chassis::http::Json;
use amphi_contracts::proto::playback::v1 as playback;
use amphi_contracts::{PlaybackSessionId, VideoId};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::dto::playback::{Playback, ResumePositionRequest};
use crate::extract::Id;
use crate::gateway::Gateway;

pub fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::default()
        .routes(routes!(start_playback))
        .routes(routes!(put_resume_position))
        .routes(routes!(revoke_playback))
}

/// Start playback
///
/// The addresses are signed: whoever has them may fetch the video until they expire or the session is ended.
#[utoipa::path(
    post,
    path = "/api/v1/videos/{id}/playback",
    tag = "playback",
    params(
        ("id" = uuid::Uuid, Path),
        ("traceparent" = Option<String>, Header, description = "W3C Trace Context of the player"),
    ),
    security((), ("bearer" = [])),
    responses((status = 201, description = "Where to fetch it", body = Playback)),
)]
async fn start_playback(
    State(gateway): State<Gateway>,
    Id(id): Id<VideoId>,
) -> Result<Response, Problem> {
    let request = playback::CreateSessionRequest {
        video_id: id.to_string(),
    };
    let session = gateway.clients().playback().create_session(request).await?;
    let session = Playback::try_from(session.into_inner())?;
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, no_store, axum::Json(session)).into_response())
}

/// Remember where the viewer stopped
#[utoipa::path(
    put,
    path = "/api/v1/videos/{id}/resume-position",
    tag = "playback",
    params(("id" = uuid::Uuid, Path)),
    request_body = ResumePositionRequest,
    security(("bearer" = [])),
    responses((status = 204, description = "Remembered")),
)]
async fn put_resume_position(
    State(gateway): State<Gateway>,
    Id(id): Id<VideoId>,
    Json(request): Json<ResumePositionRequest>,
) -> Result<StatusCode, Problem> {
    let request = playback::SaveResumePositionRequest {
        video_id: id.to_string(),
        position_ms: request.position_ms,
    };
    gateway
        .clients()
        .playback()
        .save_resume_position(request)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End a playback session
///
/// Its addresses are refused from then on.
#[utoipa::path(
    delete,
    path = "/api/v1/playback-sessions/{session_id}",
    tag = "playback",
    params(("session_id" = uuid::Uuid, Path)),
    security(("bearer" = [])),
    responses((status = 204, description = "Ended")),
)]
async fn revoke_playback(
    State(gateway): State<Gateway>,
    Id(id): Id<PlaybackSessionId>,
) -> Result<StatusCode, Problem> {
    let request = playback::RevokeSessionRequest {
        session_id: id.to_string(),
    };
    gateway.clients().playback().revoke_session(request).await?;
    Ok(StatusCode::NO_CONTENT)
}
