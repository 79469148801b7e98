//! Playback sessions.

use amphi_chassis::Problem;
use amphi_contracts::proto::playback::v1 as playback;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::time;

/// Where to fetch a video, until when, and where the viewer stopped.
#[derive(Debug, Serialize, ToSchema)]
pub struct Playback {
    #[schema(value_type = Uuid)]
    pub session_id: String,
    pub hls_url: String,
    pub dash_url: String,
    #[schema(required)]
    pub poster_url: Option<String>,
    #[schema(required)]
    pub storyboard_url: Option<String>,
    pub expires_at: Timestamp,
    /// 0 when the viewer has not stopped anywhere.
    pub resume_position_ms: u64,
}

impl TryFrom<playback::Session> for Playback {
    type Error = Problem;

    fn try_from(session: playback::Session) -> Result<Self, Problem> {
        Ok(Self {
            session_id: session.session_id,
            hls_url: session.hls_path,
            dash_url: session.dash_path,
            poster_url: session.poster_path,
            storyboard_url: session.storyboard_path,
            expires_at: time(session.expires_at_us)?,
            resume_position_ms: session.resume_position_ms,
        })
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumePositionRequest {
    pub position_ms: u64,
}
