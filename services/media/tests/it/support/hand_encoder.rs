//! An encoder whose every step is the test's.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use amphi_chassis::Problem;
use amphi_chassis::blob::Blobs;
use amphi_contracts::proto::media::v1 as proto;
use amphi_media_kit::EncodeTask;
use amphi_media_kit::run::{RunLimits, StillKind, TaskEvent, Tools, run_task};
use futures::{StreamExt as _, stream};
use http::{Method, StatusCode};
use tokio::sync::{OnceCell, mpsc};

use super::actor::{Actor, Answer};
use super::until_some;

#[derive(Debug, Clone)]
pub struct HandEncoder {
    name: String,
    actor: Actor,
    blobs: Blobs,
}

#[derive(Debug, Clone)]
pub struct Leased {
    pub task_id: String,
    pub video_id: String,
    pub fence: u64,
    pub first_missing_segment: u32,
    pub spec: EncodeTask,
    pub output_path: String,
    source_key: String,
}

impl Leased {
    /// `audio`, `stills`, or `video` with its first segment.
    pub fn label(&self) -> String {
        match &self.spec {
            EncodeTask::Audio(_) => "audio".to_owned(),
            EncodeTask::Stills(_) => "stills".to_owned(),
            EncodeTask::VideoChunk(chunk) => format!("video {}", chunk.first_segment),
        }
    }
}

/// A file made by a task; the path is that below the task's outputs.
#[derive(Debug, Clone)]
pub struct Output {
    pub path: String,
    pub bytes: Vec<u8>,
}

impl Output {
    pub fn renamed(&self, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            bytes: self.bytes.clone(),
        }
    }

    pub fn with_bytes(&self, bytes: Vec<u8>) -> Self {
        Self {
            path: self.path.clone(),
            bytes,
        }
    }
}

async fn tools() -> &'static Tools {
    static TOOLS: OnceCell<Tools> = OnceCell::const_new();
    let found =
        TOOLS.get_or_try_init(|| Tools::detect(Path::new("ffmpeg"), Path::new("ffprobe"), 1));
    found.await.expect("the tests need ffmpeg")
}

impl HandEncoder {
    pub fn new(name: &str, actor: Actor, blobs: Blobs) -> Self {
        Self {
            name: name.to_owned(),
            actor,
            blobs,
        }
    }

    pub async fn lease_as(&self, actor: &Actor) -> Result<Option<Leased>, Problem> {
        let request = proto::LeaseTaskRequest {
            encoder_id: self.name.clone(),
            wait_ms: 0,
        };
        let answer = actor
            .clients
            .media()
            .lease_task(request)
            .await?
            .into_inner();
        Ok(answer.task.map(|task| Leased {
            spec: serde_json::from_str(&task.spec).unwrap(),
            task_id: task.task_id,
            video_id: task.video_id,
            fence: task.fence,
            first_missing_segment: task.first_missing_segment,
            output_path: task.output_path,
            source_key: task.source_blob_key,
        }))
    }

    pub async fn try_lease(&self) -> Option<Leased> {
        self.lease_as(&self.actor).await.unwrap()
    }

    pub async fn lease(&self) -> Leased {
        until_some("there is a task", async || self.try_lease().await).await
    }

    /// Runs the task; hands nothing in.
    pub async fn make(&self, task: &Leased) -> Vec<Output> {
        let source = self.blobs.local_path(&task.source_key).unwrap().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (sender, mut events) = mpsc::channel(16);
        let limits = RunLimits::default();
        let spec = task.spec.resume_at(task.first_missing_segment).unwrap();
        let running = run_task(
            tools().await,
            &spec,
            &source,
            folder.path(),
            &limits,
            sender,
        );
        let collecting = async {
            let mut outputs = Vec::new();
            while let Some(event) = events.recv().await {
                let (path, file) = match event {
                    TaskEvent::Progress(_) => continue,
                    TaskEvent::Init(init) => (format!("{}/init.mp4", init.rendition), init.path),
                    TaskEvent::Segment(segment) => (
                        format!("{}/{}.m4s", segment.rendition, segment.number),
                        segment.path,
                    ),
                    TaskEvent::Still(still) => (still_path(still.still), still.path),
                };
                outputs.push(Output {
                    path,
                    bytes: std::fs::read(file).unwrap(),
                });
            }
            outputs
        };
        let (ran, outputs) = tokio::join!(running, collecting);
        ran.unwrap();
        outputs
    }

    pub async fn hand_in(&self, task: &Leased, output: &Output) -> StatusCode {
        self.hand_in_as(&self.actor, task, output).await
    }

    pub async fn hand_in_as(&self, actor: &Actor, task: &Leased, output: &Output) -> StatusCode {
        let path = format!("{}/{}", task.output_path, output.path);
        let request = actor.request(Method::PUT, &path);
        let answer = request
            .header("amphi-fence", task.fence)
            .body(&output.bytes)
            .send();
        answer.await.status()
    }

    /// Sends the first half of an output and then nothing more, without hanging up; answers when media does.
    pub async fn hand_in_half(&self, task: &Leased, output: &Output) -> Answer {
        let path = format!("{}/{}", task.output_path, output.path);
        let half = output.bytes[..output.bytes.len() / 2].to_vec();
        let silent = stream::iter([Ok::<_, io::Error>(half)]).chain(stream::pending());
        let request = self.actor.request(Method::PUT, &path);
        request
            .header("amphi-fence", task.fence)
            .stream(silent)
            .send()
            .await
    }

    pub async fn complete(&self, task: &Leased, outputs: &[Output]) -> Result<(), Problem> {
        let mut ends: BTreeMap<String, u32> = task
            .spec
            .renditions()
            .into_iter()
            .map(|rendition| (rendition.to_owned(), 0))
            .collect();
        let mut files = Vec::new();
        for output in outputs {
            let (folder, file) = output.path.split_once('/').unwrap();
            match file.strip_suffix(".m4s") {
                Some(number) => {
                    let end = number.parse::<u32>().unwrap() + 1;
                    let known = ends.entry(folder.to_owned()).or_default();
                    *known = end.max(*known);
                }
                None if folder == "images" => files.push(file.to_owned()),
                None => {}
            }
        }
        let outputs = ends
            .into_iter()
            .map(|(rendition_id, segments_end)| proto::TaskOutput {
                rendition_id,
                segments_end,
            });
        let request = proto::CompleteTaskRequest {
            task_id: task.task_id.clone(),
            encoder_id: self.name.clone(),
            fence: task.fence,
            outputs: outputs.collect(),
            files,
        };
        self.actor.clients.media().complete_task(request).await?;
        Ok(())
    }

    /// Makes, hands in and completes.
    pub async fn carry_out(&self, task: &Leased) {
        let outputs = self.make(task).await;
        for output in &outputs {
            assert_eq!(
                self.hand_in(task, output).await,
                StatusCode::CREATED,
                "{}",
                output.path
            );
        }
        self.complete(task, &outputs).await.unwrap();
    }

    pub async fn renew(&self, task: &Leased) -> Result<(), Problem> {
        let request = proto::RenewLeaseRequest {
            task_id: task.task_id.clone(),
            encoder_id: self.name.clone(),
            fence: task.fence,
            progress: 0.5,
        };
        self.actor.clients.media().renew_lease(request).await?;
        Ok(())
    }

    pub async fn fail(&self, task: &Leased, retryable: bool) -> Result<(), Problem> {
        let request = proto::FailTaskRequest {
            task_id: task.task_id.clone(),
            encoder_id: self.name.clone(),
            fence: task.fence,
            reason: "It does not work.".to_owned(),
            retryable,
        };
        self.actor.clients.media().fail_task(request).await?;
        Ok(())
    }

    pub async fn release(&self, task: &Leased) -> Result<(), Problem> {
        let request = proto::ReleaseTaskRequest {
            task_id: task.task_id.clone(),
            encoder_id: self.name.clone(),
            fence: task.fence,
        };
        self.actor.clients.media().release_task(request).await?;
        Ok(())
    }
}

fn still_path(still: StillKind) -> String {
    match still {
        StillKind::Poster => "images/poster.jpg".to_owned(),
        StillKind::StoryboardSheet { sheet } => format!("images/storyboard-{sheet}.jpg"),
        StillKind::StoryboardIndex => "images/storyboard.vtt".to_owned(),
    }
}
