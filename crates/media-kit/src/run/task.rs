//! Runs one task from start to end.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitStatus;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::ChildStdout;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::child::{GuardedChild, read_tail};
use super::rendition::{OutputBudget, RenditionPipe, RenditionSink, Segmenter};
use super::{RunError, RunLimits, TaskEvent, TaskSummary, Tools, stills};
use crate::cmaf::{AudioSegmenter, VideoSegmenter};
use crate::ffmpeg::{ProgressParser, audio_arguments, explain_failure, video_chunk_arguments};
use crate::plan::{AudioTask, EncodeTask, VideoChunkTask};

/// Runs a task on a source that lies on disk, with `work_dir` for its output alone.
///
/// Events come through `events`; its capacity bounds how far ffmpeg runs ahead of the receiver. A segment handed out stays good even if
/// the run fails later: the next attempt may [`EncodeTask::resume_at`] the one after it.
///
/// # Errors
/// [`RunError`]; [`RunError::is_permanent`] tells whether another attempt can help.
///
/// # Cancellation
/// Drop the future. The child's process group is killed at once; files stay in `work_dir`.
pub async fn run_task(
    tools: &Tools,
    task: &EncodeTask,
    source: &Path,
    work_dir: &Path,
    limits: &RunLimits,
    events: mpsc::Sender<TaskEvent>,
) -> Result<TaskSummary, RunError> {
    let source = std::path::absolute(source).map_err(RunError::WorkFolder)?;
    let work_dir = std::path::absolute(work_dir).map_err(RunError::WorkFolder)?;
    tokio::fs::create_dir_all(&work_dir)
        .await
        .map_err(RunError::WorkFolder)?;
    let outputs = match task {
        EncodeTask::Audio(task) => audio_outputs(task),
        EncodeTask::VideoChunk(task) => video_outputs(task),
        EncodeTask::Stills(task) => {
            return stills::run(tools, task, &source, &work_dir, limits, &events).await;
        }
    };
    let (arguments, thing, whole_task) = match task {
        EncodeTask::Audio(task) => (
            audio_arguments(task, &source, &tools.abilities),
            "sound",
            task.first_segment == 0,
        ),
        EncodeTask::VideoChunk(task) => {
            let arguments = video_chunk_arguments(task, &source, &tools.abilities);
            (arguments, "picture", task.first_segment == 0)
        }
        EncodeTask::Stills(_) => return Ok(TaskSummary::default()),
    };
    let budget = OutputBudget::new(limits.output_bytes);
    let mut sinks = Vec::with_capacity(outputs.len());
    for (rendition, segmenter) in outputs {
        let pipe = RenditionPipe::create(&work_dir, rendition)?;
        let sink = RenditionSink::create(
            &work_dir,
            rendition,
            segmenter,
            events.clone(),
            budget.clone(),
        )
        .await?;
        sinks.push((sink, pipe));
    }
    let encoding = encode(tools, &arguments, &work_dir, limits, sinks, events);
    let mut sinks = match tokio::time::timeout(limits.wall_time, encoding).await {
        Ok(outcome) => outcome?,
        Err(_) => return Err(RunError::TimedOut(limits.wall_time)),
    };
    let mut summary = TaskSummary::default();
    let expected = segments_expected(task);
    for sink in &mut sinks {
        let ended_inside = sink.finish().await?;
        let written = sink.segments_written();
        summary.source_ended |= ended_inside || expected.is_none_or(|expected| written < expected);
        summary
            .segments
            .insert(sink.rendition().to_owned(), written);
    }
    let nothing = summary.segments.values().all(|&written| written == 0);
    if nothing && whole_task {
        return Err(RunError::NothingDecoded(thing));
    }
    Ok(summary)
}

fn audio_outputs(task: &AudioTask) -> Vec<(&str, Segmenter)> {
    let final_segment = task.segments_max.saturating_sub(1);
    task.tracks
        .iter()
        .map(|track| {
            let segmenter = AudioSegmenter::new(task.grid, task.first_segment, final_segment);
            (track.rendition.as_str(), Segmenter::Audio(segmenter))
        })
        .collect()
}

fn video_outputs(task: &VideoChunkTask) -> Vec<(&str, Segmenter)> {
    task.rungs
        .iter()
        .map(|rung| {
            let segmenter =
                VideoSegmenter::new(task.input.grid, task.first_segment, task.final_segment());
            (rung.id.as_str(), Segmenter::Video(segmenter))
        })
        .collect()
}

fn segments_expected(task: &EncodeTask) -> Option<u32> {
    match task {
        EncodeTask::VideoChunk(task) => task.last_segment.map(|last| last + 1 - task.first_segment),
        EncodeTask::Audio(_) | EncodeTask::Stills(_) => None,
    }
}

/// Runs ffmpeg until it has ended well and every pipe is read to its end.
async fn encode(
    tools: &Tools,
    arguments: &[OsString],
    work_dir: &Path,
    limits: &RunLimits,
    sinks: Vec<(RenditionSink, RenditionPipe)>,
    events: mpsc::Sender<TaskEvent>,
) -> Result<Vec<RenditionSink>, RunError> {
    let mut pumps = JoinSet::new();
    let mut placeholders = Vec::with_capacity(sinks.len());
    for (sink, pipe) in sinks {
        let (receiver, placeholder) = pipe.split();
        placeholders.push(placeholder);
        pumps.spawn(sink.pump(receiver));
    }
    let mut child = GuardedChild::spawn(&tools.ffmpeg, arguments, work_dir, limits)?;
    let mut listeners = JoinSet::new();
    let stdout = child.take_stdout();
    listeners.spawn(async move {
        report_progress(stdout, events).await;
        None
    });
    let stderr = child.take_stderr();
    listeners.spawn(async move { Some(read_tail(stderr).await) });

    let mut done = Vec::with_capacity(placeholders.len());
    let mut status: Option<ExitStatus> = None;
    while status.is_none() || !pumps.is_empty() {
        tokio::select! {
            ended = child.wait(), if status.is_none() => {
                status = Some(ended?);
                placeholders.clear();
            }
            Some(pumped) = pumps.join_next() => done.push(pumped.map_err(|error| RunError::WorkFolder(error.into()))??),
        }
    }
    let mut detail = String::new();
    while let Some(listened) = listeners.join_next().await {
        detail.push_str(&listened.ok().flatten().unwrap_or_default());
    }
    let status = status.unwrap_or_default();
    if !status.success() {
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        return Err(RunError::Failed {
            reason: explain_failure(&detail, signal),
            detail,
        });
    }
    if !detail.is_empty() {
        tracing::debug!(detail, "ffmpeg warned");
    }
    Ok(done)
}

async fn report_progress(stdout: Option<ChildStdout>, events: mpsc::Sender<TaskEvent>) {
    let Some(stdout) = stdout else {
        return;
    };
    let mut parser = ProgressParser::default();
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(progress) = parser.push_line(&line) {
            // A receiver that is behind with segments can do without the latest figure.
            let _ = events.try_send(TaskEvent::Progress(progress));
        }
    }
}
