use amphi_chassis::Problem;
use amphi_contracts::IdError;

use super::Ended;
use super::token::InvalidToken;

/// Everything that playback refuses.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the playback token is not one that was issued here, or it was altered")]
    TokenInvalid,
    #[error("the playback token has expired")]
    TokenExpired,
    #[error("the playback session was ended")]
    SessionEnded(Ended),
    #[error("there is no such manifest or segment")]
    NoSuchMedia,
    #[error("the video cannot be played yet: it is {state}")]
    NotViewable { state: &'static str },
    #[error("there is no such playback session")]
    NoSuchSession,
    #[error("no more than {max} videos can be granted at once, {asked} were asked for")]
    TooManyVideos { asked: usize, max: usize },
    #[error(transparent)]
    Id(#[from] IdError),
    #[error(transparent)]
    Other(#[from] Problem),
}

impl From<InvalidToken> for Error {
    fn from(InvalidToken: InvalidToken) -> Self {
        Self::TokenInvalid
    }
}

impl From<sea_orm::DbErr> for Error {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Other(error.into())
    }
}

impl From<tonic::Status> for Error {
    fn from(status: tonic::Status) -> Self {
        Self::Other(status.into())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::TokenInvalid => Self::forbidden(
                "playback_token_invalid",
                "This address is not one that was issued here, or it was altered. Start playback again to get a new one.",
            ),
            Error::TokenExpired => Self::forbidden(
                "playback_token_expired",
                "This address has expired. Start playback again to get a new one.",
            ),
            Error::SessionEnded(why) => Self::forbidden(
                "playback_session_revoked",
                match why {
                    Ended::Revoked => "This playback session was ended. Start playback again.",
                    Ended::SignedOut => {
                        "The sign-in that this playback belongs to has ended. Sign in and start playback again."
                    }
                    Ended::VideoPrivate => "This video is not public any more.",
                    Ended::VideoDeleted => "This video was deleted.",
                },
            ),
            Error::NoSuchMedia => Self::not_found(
                "media_not_found",
                "There is no such manifest or segment. Follow the addresses that the manifest names.",
            ),
            Error::NotViewable { .. } => Self::conflict(
                "video_not_viewable",
                format!("{detail}. Ask again once its state is viewable or ready."),
            ),
            Error::NoSuchSession => Self::not_found(
                "playback_session_not_found",
                "There is no such playback session, or it is not yours.",
            ),
            Error::TooManyVideos { .. } => Self::invalid("too_many_videos", detail),
            Error::Id(_) => Self::invalid("invalid_id", detail),
            Error::Other(problem) => problem,
        }
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        Problem::from(error).into()
    }
}
