use amphi_chassis::Problem;
use sea_orm::DbErr;

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON Pointer (RFC 6901) into the request body.
    pub pointer: &'static str,
    pub code: &'static str,
    /// What was wrong and what to do, a sentence for people.
    pub detail: String,
}

impl Violation {
    #[must_use]
    pub fn new(pointer: &'static str, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            pointer,
            code,
            detail: detail.into(),
        }
    }
}

/// Gathers all violations of a request, so that a form shows them together.
#[derive(Debug, Default)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// The value, or `None` after the violation is noted.
    pub fn note<T>(&mut self, checked: Result<T, Violation>) -> Option<T> {
        checked.map_err(|violation| self.0.push(violation)).ok()
    }

    #[must_use]
    pub fn into_error(self) -> Error {
        Error::Invalid(self.0)
    }
}

/// Why the catalog refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the request breaks {} rule(s)", .0.len())]
    Invalid(Vec<Violation>),
    #[error("no such video, or none the caller may see")]
    VideoNotFound,
    #[error("no such series")]
    SeriesNotFound,
    #[error("the video belongs to another account")]
    NotYourVideo,
    #[error("the series belongs to another account")]
    NotYourSeries,
    #[error("only the account itself or an administrator may list this")]
    NotYourList,
    #[error("version {expected} was expected; the video is at {current}")]
    VersionMismatch { expected: u64, current: u64 },
    #[error("the idempotency key was used for another request")]
    IdempotencyKeyReused,
    #[error("what was created with this idempotency key is deleted")]
    CreatedAndDeleted,
    #[error("another request with the same idempotency key came first")]
    IdempotencyRace,
    #[error("episode {0} exists already")]
    EpisodeNumberTaken(u32),
    #[error("the video is an episode of this series already")]
    VideoInSeriesAlready,
    #[error("the series has {0} episodes, which is the most")]
    SeriesFull(u32),
    #[error("malformed request: {0}")]
    Malformed(String),
    #[error(transparent)]
    Storage(#[from] DbErr),
    #[error("{0}")]
    Corrupt(String),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(violations) => violations.into_iter().fold(
                Self::unprocessable(
                    "validation_failed",
                    "Some of what was sent cannot be accepted; see `errors`.",
                ),
                |problem, violation| {
                    problem.with_field(violation.pointer, violation.code, violation.detail)
                },
            ),
            Error::VideoNotFound => Self::not_found(
                "video_not_found",
                "There is no video with this id, or it is private.",
            ),
            Error::SeriesNotFound => {
                Self::not_found("series_not_found", "There is no series with this id.")
            }
            Error::NotYourVideo => Self::forbidden(
                "not_your_video",
                "Only the owner of a video or an administrator may change it.",
            ),
            Error::NotYourSeries => Self::forbidden(
                "not_your_series",
                "Only the owner of a series or an administrator may change it.",
            ),
            Error::NotYourList => Self::forbidden(
                "not_your_videos",
                "Only the account itself or an administrator may list all of an account's videos.",
            ),
            Error::VersionMismatch { expected, current } => Self::precondition_failed(
                "precondition_failed",
                format!(
                    "The video was changed meanwhile: version {expected} was expected, it is at {current}. Read it again, then repeat the change."
                ),
            ),
            Error::IdempotencyKeyReused => Self::conflict(
                "idempotency_key_reused",
                "This idempotency key was used for another request. Use a new key for each thing to be created.",
            ),
            Error::CreatedAndDeleted => Self::gone(
                "created_and_deleted",
                "What this request created the first time was deleted since. Use a new idempotency key to create another.",
            ),
            Error::EpisodeNumberTaken(number) => Self::conflict(
                "episode_number_taken",
                format!("The series has an episode {number} already. Choose another number, or none for the next free one."),
            )
            .with_field("/number", "taken", "Another episode has this number."),
            Error::VideoInSeriesAlready => Self::conflict(
                "video_in_series_already",
                "This video is an episode of the series already.",
            )
            .with_field("/video_id", "taken", "Another episode has this video."),
            Error::SeriesFull(max) => Self::conflict(
                "series_full",
                format!("A series has at most {max} episodes. Continue in a new series."),
            ),
            Error::Malformed(detail) => Self::invalid("invalid_request", detail),
            Error::Storage(error) => error.into(),
            error @ (Error::Corrupt(_) | Error::IdempotencyRace) => Self::internal(error),
        }
    }
}
