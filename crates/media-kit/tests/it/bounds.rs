//! A run never outlives or outgrows its bounds.

use std::path::Path;
use std::time::Duration;

use amphi_media_kit::plan::plan;
use amphi_media_kit::run::{RunError, RunLimits, TaskEvent, inspect, run_task};
use amphi_media_kit::{EncodeSettings, EncodeTask, Limits};
use tokio::sync::mpsc;

use crate::support::*;

/// A chunk that takes seconds: a slow preset, many pictures.
async fn slow_chunk(clip: &Clip) -> EncodeTask {
    let source = inspect(&tools().await, &clip.path, &Limits::default())
        .await
        .unwrap();
    let settings = EncodeSettings {
        preset: "veryslow".to_owned(),
        segments_per_chunk: 60,
        ..small_settings()
    };
    let plan = plan(&source, &settings);
    let chunk = plan
        .tasks
        .iter()
        .find(|task| matches!(task, EncodeTask::VideoChunk(_)));
    chunk.unwrap().clone()
}

fn slow_clip() -> Clip {
    Clip::make(
        "noise.mp4",
        "-f lavfi -i testsrc2=s=1280x720:r=30:d=30,noise=alls=40 -c:v libx264 -preset ultrafast -crf 30",
    )
}

/// Processes whose command line or working folder names the folder.
fn processes_in(folder: &Path) -> usize {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path().join("cwd")).ok())
        .filter(|cwd| cwd.starts_with(folder))
        .count()
}

#[tokio::test]
async fn dropping_the_run_kills_ffmpeg_at_once() {
    let clip = slow_clip();
    let chunk = slow_chunk(&clip).await;
    let (tools, limits, work_dir) = (tools().await, RunLimits::default(), clip.work_dir("out"));
    let (sender, mut receiver) = mpsc::channel(4);
    {
        let running = run_task(&tools, &chunk, &clip.path, &work_dir, &limits, sender);
        tokio::pin!(running);
        let first_event = async { receiver.recv().await.unwrap() };
        tokio::select! {
            outcome = &mut running => panic!("ended before its first event: {outcome:?}"),
            _ = first_event => {}
        }
        assert_eq!(processes_in(&work_dir), 1);
    }
    let gone = async {
        while processes_in(&work_dir) > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_run_beyond_its_wall_time_is_ended() {
    let clip = slow_clip();
    let chunk = slow_chunk(&clip).await;
    let limits = RunLimits {
        wall_time: Duration::from_millis(300),
        ..RunLimits::default()
    };
    let (sender, _receiver) = mpsc::channel(100);
    let work_dir = clip.work_dir("out");
    let outcome = run_task(
        &tools().await,
        &chunk,
        &clip.path,
        &work_dir,
        &limits,
        sender,
    )
    .await;
    assert!(matches!(outcome, Err(RunError::TimedOut(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_run_beyond_its_cpu_time_is_ended_with_the_reason() {
    let clip = slow_clip();
    let chunk = slow_chunk(&clip).await;
    let limits = RunLimits {
        cpu_time: Duration::from_secs(1),
        ..RunLimits::default()
    };
    let (sender, _receiver) = mpsc::channel(100);
    let work_dir = clip.work_dir("out");
    let error = run_task(
        &tools().await,
        &chunk,
        &clip.path,
        &work_dir,
        &limits,
        sender,
    )
    .await
    .unwrap_err();
    assert!(!error.is_permanent());
    assert_eq!(
        error.to_string(),
        "The system stopped the encoder: it needed more computing time or memory than is allowed."
    );
}

#[tokio::test]
async fn a_run_beyond_its_memory_fails_instead_of_eating_the_machine() {
    let clip = slow_clip();
    let chunk = slow_chunk(&clip).await;
    let limits = RunLimits {
        memory_bytes: 300 << 20,
        ..RunLimits::default()
    };
    let (sender, _receiver) = mpsc::channel(100);
    let work_dir = clip.work_dir("out");
    let outcome = run_task(
        &tools().await,
        &chunk,
        &clip.path,
        &work_dir,
        &limits,
        sender,
    )
    .await;
    assert!(
        matches!(outcome, Err(RunError::Failed { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_receiver_that_is_gone_ends_the_run() {
    let clip = Clip::film("film.mp4", "320x240", "25", "4");
    let source = inspect(&tools().await, &clip.path, &Limits::default())
        .await
        .unwrap();
    let task = &plan(&source, &small_settings()).tasks[0];
    let (sender, receiver) = mpsc::channel(1);
    drop(receiver);
    let limits = RunLimits::default();
    let outcome = run_task(
        &tools().await,
        task,
        &clip.path,
        &clip.work_dir("out"),
        &limits,
        sender,
    )
    .await;
    assert!(
        matches!(outcome, Err(RunError::ReceiverGone)),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn segments_are_handed_out_while_ffmpeg_still_runs() {
    let clip = slow_clip();
    let chunk = slow_chunk(&clip).await;
    let (tools, limits, work_dir) = (tools().await, RunLimits::default(), clip.work_dir("out"));
    let (sender, mut receiver) = mpsc::channel(1);
    let running = run_task(&tools, &chunk, &clip.path, &work_dir, &limits, sender);
    tokio::pin!(running);
    let first_segment = async {
        loop {
            if let Some(TaskEvent::Segment(segment)) = receiver.recv().await {
                return segment;
            }
        }
    };
    tokio::select! {
        outcome = &mut running => panic!("ended before its first segment: {outcome:?}"),
        segment = first_segment => {
            assert_eq!(segment.number, 0);
            assert_eq!(std::fs::metadata(&segment.path).unwrap().len(), segment.bytes);
        }
    }
}
