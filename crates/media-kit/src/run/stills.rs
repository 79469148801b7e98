//! Runs the stills task: the poster, then the storyboard.

use std::ffi::OsString;
use std::path::Path;

use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;

use super::child::{GuardedChild, read_tail};
use super::{RunError, RunLimits, StillFile, StillKind, TaskEvent, TaskSummary, Tools};
use crate::ffmpeg::{explain_failure, poster_arguments, storyboard_arguments};
use crate::plan::StillsTask;
use crate::stills::{PosterSpec, StoryboardSpec};

pub(super) async fn run(
    tools: &Tools,
    task: &StillsTask,
    source: &Path,
    work_dir: &Path,
    limits: &RunLimits,
    events: &mpsc::Sender<TaskEvent>,
) -> Result<TaskSummary, RunError> {
    let arguments = poster_arguments(task, source, &tools.abilities);
    run_to_end(tools, &arguments, work_dir, limits).await?;
    let found = hand_out(work_dir, PosterSpec::FILE_NAME, StillKind::Poster, events).await?;
    if !found {
        // The header promised more than there is: the beginning is there, if anything is.
        let mut from_start = task.clone();
        from_start.poster.at_ms = 0;
        let arguments = poster_arguments(&from_start, source, &tools.abilities);
        run_to_end(tools, &arguments, work_dir, limits).await?;
        if !hand_out(work_dir, PosterSpec::FILE_NAME, StillKind::Poster, events).await? {
            return Err(RunError::NothingDecoded("picture"));
        }
    }
    let Some(storyboard) = &task.storyboard else {
        return Ok(TaskSummary::default());
    };
    let arguments = storyboard_arguments(task, storyboard, source, &tools.abilities);
    run_to_end(tools, &arguments, work_dir, limits).await?;
    let mut sheets = 0;
    while sheets < storyboard.sheet_count() {
        let kind = StillKind::StoryboardSheet { sheet: sheets };
        if !hand_out(
            work_dir,
            &StoryboardSpec::sheet_file_name(sheets),
            kind,
            events,
        )
        .await?
        {
            break;
        }
        sheets += 1;
    }
    let index = work_dir.join(StoryboardSpec::VTT_FILE_NAME);
    tokio::fs::write(&index, storyboard.web_vtt(sheets))
        .await
        .map_err(RunError::WorkFolder)?;
    hand_out(
        work_dir,
        StoryboardSpec::VTT_FILE_NAME,
        StillKind::StoryboardIndex,
        events,
    )
    .await?;
    Ok(TaskSummary::default())
}

async fn hand_out(
    work_dir: &Path,
    name: &str,
    still: StillKind,
    events: &mpsc::Sender<TaskEvent>,
) -> Result<bool, RunError> {
    let path = work_dir.join(name);
    let bytes = match tokio::fs::metadata(&path).await {
        Ok(metadata) if metadata.len() > 0 => metadata.len(),
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(RunError::WorkFolder(error)),
    };
    let event = TaskEvent::Still(StillFile { still, path, bytes });
    events
        .send(event)
        .await
        .map_err(|_| RunError::ReceiverGone)?;
    Ok(true)
}

async fn run_to_end(
    tools: &Tools,
    arguments: &[OsString],
    work_dir: &Path,
    limits: &RunLimits,
) -> Result<(), RunError> {
    let mut child = GuardedChild::spawn(&tools.ffmpeg, arguments, work_dir, limits)?;
    let (stdout, stderr) = (child.take_stdout(), child.take_stderr());
    let conversation = async {
        let draining = async {
            let Some(mut stdout) = stdout else {
                return;
            };
            let mut chunk = [0u8; 1024];
            while let Ok(1..) = stdout.read(&mut chunk).await {}
        };
        let ((), detail) = tokio::join!(draining, read_tail(stderr));
        Ok((child.wait().await?, detail))
    };
    let (status, detail) = match tokio::time::timeout(limits.wall_time, conversation).await {
        Ok(outcome) => outcome?,
        Err(_) => return Err(RunError::TimedOut(limits.wall_time)),
    };
    if status.success() {
        return Ok(());
    }
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    Err(RunError::Failed {
        reason: explain_failure(&detail, signal),
        detail,
    })
}
