//! Hands files in as they appear, several at a time, each until it is taken or the lease is lost.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use amphi_chassis::Problem;
use amphi_chassis::rpc::HttpChannel;
use amphi_contracts::proto::media::v1::LeasedTask;
use amphi_media_kit::run::{StillKind, TaskEvent};
use amphi_media_kit::stills::{PosterSpec, StoryboardSpec};
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{Request, Response};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::error::TaskError;
use crate::progress::Scale;
use crate::retry::Backoff;

const REFUSAL_BYTES_MAX: usize = 64 * 1024;
/// Tries of one file that media answers with a refusal, which may be of the moment.
const REFUSALS_MAX: u32 = 3;
const IMAGES: &str = "images";

/// What was handed in.
#[derive(Debug, Default)]
pub struct HandedIn {
    /// For each rendition one past the number of its last segment.
    pub segments_end: BTreeMap<String, u32>,
    pub files: Vec<String>,
}

/// Hands in the files of one task.
#[derive(Debug, Clone)]
pub struct HandIn {
    media: HttpChannel,
    task: Arc<LeasedTask>,
    at_once: usize,
}

impl HandIn {
    #[must_use]
    pub const fn new(media: HttpChannel, task: Arc<LeasedTask>, at_once: usize) -> Self {
        Self {
            media,
            task,
            at_once,
        }
    }

    /// Takes events until there are no more and every file is taken, and tells how far the task is meanwhile.
    ///
    /// # Errors
    /// [`TaskError::LeaseLost`], or the refusal of one file.
    pub async fn all(
        &self,
        mut events: mpsc::Receiver<TaskEvent>,
        scale: Scale,
        progress: &watch::Sender<f64>,
    ) -> Result<HandedIn, TaskError> {
        let mut handed_in = HandedIn::default();
        let mut under_way: JoinSet<Result<(), TaskError>> = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Some(done) = under_way.join_next() => done.map_err(std::io::Error::other)??,
                event = events.recv(), if under_way.len() < self.at_once => match event {
                    None => break,
                    Some(TaskEvent::Progress(now)) => {
                        progress.send_replace(scale.share(now));
                    }
                    Some(event) => {
                        let file = OutputFile::of(&event, &mut handed_in);
                        let (one, span) = (self.clone(), tracing::Span::current());
                        under_way.spawn(async move { one.file(file).await }.instrument(span));
                    }
                },
            }
        }
        while let Some(done) = under_way.join_next().await {
            done.map_err(std::io::Error::other)??;
        }
        Ok(handed_in)
    }

    async fn file(&self, file: OutputFile) -> Result<(), TaskError> {
        let bytes = Bytes::from(tokio::fs::read(&file.path).await?);
        let path = format!("{}/{}/{}", self.task.output_path, file.folder, file.name);
        let mut backoff = Backoff::new();
        let mut refusals = 0;
        loop {
            let problem = match self.put(&path, bytes.clone()).await {
                Ok(()) => break,
                Err(problem) => problem,
            };
            if problem.code == "lease_lost" {
                return Err(TaskError::LeaseLost);
            }
            if !problem.kind.is_away() {
                refusals += 1;
            }
            if refusals >= REFUSALS_MAX {
                return Err(TaskError::HandIn { path, problem });
            }
            tracing::warn!(path, %problem, "a file is handed in again after a pause");
            // Whoever watches the lease ends this when it is lost.
            backoff.pause().await;
        }
        // Taken: the room is needed for what comes.
        tokio::fs::remove_file(&file.path).await?;
        Ok(())
    }

    async fn put(&self, path: &str, bytes: Bytes) -> Result<(), Problem> {
        let request = Request::put(path)
            .header("amphi-fence", self.task.fence)
            .header(http::header::CONTENT_LENGTH, bytes.len())
            .body(Body::from(bytes))
            .map_err(Problem::internal)?;
        let response = self.media.call(request).await;
        if response.status().is_success() {
            return Ok(());
        }
        Err(refusal(response).await)
    }
}

/// The problem that a byte plane answered with.
async fn refusal(response: Response<Body>) -> Problem {
    #[derive(serde::Deserialize)]
    struct Told {
        code: String,
        detail: String,
    }
    let status = response.status();
    let told = to_bytes(response.into_body(), REFUSAL_BYTES_MAX)
        .await
        .ok()
        .and_then(|body| serde_json::from_slice::<Told>(&body).ok());
    let (code, detail) = match told {
        Some(told) => (told.code, told.detail),
        None => (String::new(), format!("media answered {status}")),
    };
    match (status.as_u16(), code.as_str()) {
        (_, "lease_lost") => Problem::conflict("lease_lost", detail),
        (429 | 500.., _) => Problem::unavailable("media_unavailable", detail),
        _ => Problem::invalid("hand_in_refused", detail),
    }
}

struct OutputFile {
    folder: String,
    name: String,
    path: std::path::PathBuf,
}

impl OutputFile {
    /// The file of an event, noted in what will have been handed in.
    fn of(event: &TaskEvent, handed_in: &mut HandedIn) -> Self {
        let output = |folder: &str, name: String, path: &Path| Self {
            folder: folder.to_owned(),
            name,
            path: path.to_owned(),
        };
        match event {
            TaskEvent::Init(init) => output(&init.rendition, "init.mp4".to_owned(), &init.path),
            TaskEvent::Segment(segment) => {
                let end = handed_in
                    .segments_end
                    .entry(segment.rendition.clone())
                    .or_default();
                *end = (*end).max(segment.number.saturating_add(1));
                output(
                    &segment.rendition,
                    format!("{}.m4s", segment.number),
                    &segment.path,
                )
            }
            TaskEvent::Still(still) => {
                let name = match still.still {
                    StillKind::Poster => PosterSpec::FILE_NAME.to_owned(),
                    StillKind::StoryboardSheet { sheet } => StoryboardSpec::sheet_file_name(sheet),
                    StillKind::StoryboardIndex => StoryboardSpec::VTT_FILE_NAME.to_owned(),
                };
                handed_in.files.push(name.clone());
                output(IMAGES, name, &still.path)
            }
            TaskEvent::Progress(_) => output("", String::new(), Path::new("")),
        }
    }
}
