//! Following a video until it plays.

use std::time::Duration;

use serde::Deserialize;

use super::{Client, ClientError, Patience, Result};

const LOOK_FIRST: Duration = Duration::from_millis(200);
const LOOK_LONGEST: Duration = Duration::from_secs(2);

/// What the command line wants to know of a video.
#[derive(Debug, Clone, Deserialize)]
pub struct Video {
    pub title: String,
    pub state: String,
    pub state_reason: Option<String>,
    pub progress: f64,
}

impl Video {
    /// # Errors
    /// [`ClientError::VideoFailed`] with the reason a person understands.
    pub fn unless_failed(self) -> Result<Self> {
        if self.state == "failed" {
            return Err(ClientError::VideoFailed {
                title: self.title,
                reason: self.state_reason.unwrap_or_default(),
            });
        }
        Ok(self)
    }
}

/// What is seen while waiting.
#[derive(Debug)]
pub enum Watching<'a> {
    At(&'a Video),
    /// The platform is away; what was tried is tried again.
    Waiting(&'a ClientError),
}

impl Client {
    pub async fn video(&self, video_id: &str) -> Result<Video> {
        self.get(&format!("/api/v1/videos/{video_id}")).await
    }
}

/// Waits until `video_id` is in one of `states`; tells `progress` of each look. However long an encode takes, it is waited
/// for; a platform that does not answer for as long as `patience` allows is not.
///
/// # Errors
/// When the video failed, with the reason a person understands; when the platform stayed away or refused.
pub async fn wait_for_state(
    client: &Client,
    video_id: &str,
    states: &[&str],
    mut patience: Patience,
    mut progress: impl FnMut(Watching<'_>),
) -> Result<Video> {
    let mut pause = LOOK_FIRST;
    loop {
        match client.video(video_id).await {
            Ok(video) => {
                patience.progressed();
                progress(Watching::At(&video));
                if states.contains(&video.state.as_str()) {
                    return Ok(video);
                }
                video.unless_failed()?;
                tokio::time::sleep(pause).await;
                pause = (pause * 3 / 2).min(LOOK_LONGEST);
            }
            Err(error) => {
                let tell = |error: &_| progress(Watching::Waiting(error));
                patience.pause_after(error, tell).await?;
            }
        }
    }
}
