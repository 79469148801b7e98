//! Why a task was not completed.

use amphi_chassis::Problem;
use amphi_media_kit::run::{RunError, ToolsError};

/// How a task ended that was not completed.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The task is somebody else's by now, or its video is gone: nothing is reported.
    #[error("the lease was lost")]
    LeaseLost,
    /// The encoder stops: the task is given back.
    #[error("the encoder stops")]
    Stopping,
    #[error("the task cannot be read: {0}")]
    UnreadableSpec(#[from] serde_json::Error),
    #[error("the source cannot be fetched: {0}")]
    Source(String),
    #[error("the work folder cannot be used: {0}")]
    WorkFolder(#[from] std::io::Error),
    #[error(transparent)]
    Tools(#[from] ToolsError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("{path} was refused: {problem}")]
    HandIn { path: String, problem: Problem },
    #[error("the task could not be completed: {0}")]
    Completion(Problem),
}

impl TaskError {
    /// Whether another try, here or elsewhere, may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Run(error) => !error.is_permanent(),
            _ => true,
        }
    }

    /// A sentence for the person who uploaded. What is wrong on our side is told to the log alone.
    #[must_use]
    pub fn human_reason(&self) -> String {
        match self {
            Self::Run(RunError::NothingDecoded(thing)) => {
                format!("There is no {thing} in this file that can be decoded.")
            }
            Self::Run(RunError::OutputTooLarge(_)) => {
                "Encoding this file yields more than is allowed; it is probably damaged.".to_owned()
            }
            Self::Run(RunError::TimedOut(_)) => {
                "Encoding this file takes longer than is allowed.".to_owned()
            }
            Self::Run(RunError::Failed { reason, .. }) => reason.to_string(),
            _ => "The server could not encode this video. Tell the operator, and try again later."
                .to_owned(),
        }
    }
}
