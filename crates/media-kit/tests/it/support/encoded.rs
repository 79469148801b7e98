use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use amphi_media_kit::cmaf::{SegmentInfo, parse_segment};
use amphi_media_kit::plan::plan;
use amphi_media_kit::run::{
    InitFile, RunError, RunLimits, SegmentFile, StillFile, TaskEvent, TaskSummary, inspect,
    run_task,
};
use amphi_media_kit::{EncodePlan, EncodeSettings, EncodeTask, Limits, SourceInfo};
use bytes::Bytes;
use tokio::sync::mpsc;

use super::{Clip, tools};

/// Short segments and chunks, so that a clip of a few seconds has several of both.
pub fn small_settings() -> EncodeSettings {
    EncodeSettings {
        segment_ms: 1000,
        segments_per_chunk: 3,
        preset: "ultrafast".to_owned(),
        ..EncodeSettings::default()
    }
}

/// Everything that a plan made of a clip.
pub struct Encoded {
    pub source: SourceInfo,
    pub plan: EncodePlan,
    pub folder: PathBuf,
    pub inits: BTreeMap<String, InitFile>,
    pub segments: BTreeMap<String, Vec<SegmentFile>>,
    pub stills: Vec<StillFile>,
    pub summaries: Vec<TaskSummary>,
}

/// Inspects a clip, plans it with [`small_settings`] and runs every task.
pub async fn encode(clip: &Clip) -> Encoded {
    let source = inspect(&tools().await, &clip.path, &Limits::default())
        .await
        .unwrap();
    let plan = plan(&source, &small_settings());
    let mut encoded = Encoded {
        source,
        plan,
        folder: clip.work_dir("encoded"),
        inits: BTreeMap::new(),
        segments: BTreeMap::new(),
        stills: Vec::new(),
        summaries: Vec::new(),
    };
    for task in encoded.plan.tasks.clone() {
        let (outcome, events) = run_one(&task, &clip.path, &encoded.folder).await;
        encoded.summaries.push(outcome.unwrap());
        events.into_iter().for_each(|event| encoded.take(event));
    }
    encoded
}

/// Runs one task with generous limits and collects its events.
pub async fn run_one(
    task: &EncodeTask,
    source: &Path,
    work_dir: &Path,
) -> (Result<TaskSummary, RunError>, Vec<TaskEvent>) {
    let tools = tools().await;
    let limits = RunLimits::default();
    let (sender, mut receiver) = mpsc::channel(4);
    let collecting = async {
        let mut events = Vec::new();
        while let Some(event) = receiver.recv().await {
            events.push(event);
        }
        events
    };
    tokio::join!(
        run_task(&tools, task, source, work_dir, &limits, sender),
        collecting
    )
}

impl Encoded {
    pub fn take(&mut self, event: TaskEvent) {
        match event {
            TaskEvent::Init(init) => {
                let known = self
                    .inits
                    .entry(init.rendition.clone())
                    .or_insert(init.clone());
                assert_eq!(
                    known.info, init.info,
                    "every chunk of a rung has the same setup"
                );
            }
            TaskEvent::Segment(segment) => {
                assert!(
                    segment.path.exists(),
                    "a segment lies there when it is announced"
                );
                let list = self.segments.entry(segment.rendition.clone()).or_default();
                assert_eq!(
                    segment.number as usize,
                    list.len(),
                    "segments come in order"
                );
                list.push(segment);
            }
            TaskEvent::Still(still) => self.stills.push(still),
            TaskEvent::Progress(_) => {}
        }
    }

    /// The rendition as one file: its init segment and its media segments in a row.
    pub fn joined(&self, rendition: &str) -> PathBuf {
        let mut bytes = std::fs::read(&self.inits[rendition].path).unwrap();
        for segment in &self.segments[rendition] {
            bytes.extend(std::fs::read(&segment.path).unwrap());
        }
        let path = self.folder.join(format!("{rendition}.mp4"));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn parsed(&self, rendition: &str) -> Vec<SegmentInfo> {
        let defaults = self.inits[rendition].info.defaults;
        self.segments[rendition]
            .iter()
            .map(|segment| {
                let bytes = Bytes::from(std::fs::read(&segment.path).unwrap());
                parse_segment(&bytes, defaults).unwrap()
            })
            .collect()
    }

    /// Start and duration of every segment, in ticks.
    pub fn times(&self, rendition: &str) -> Vec<(u64, u64)> {
        self.segments[rendition]
            .iter()
            .map(|segment| (segment.start_ticks, segment.duration_ticks))
            .collect()
    }

    pub fn duration_s(&self, rendition: &str) -> f64 {
        let last = self.segments[rendition].last().unwrap();
        (last.start_ticks + last.duration_ticks) as f64 / f64::from(last.timescale)
    }

    pub fn rungs(&self) -> Vec<String> {
        let video = self.plan.video.as_ref();
        video.map_or_else(Vec::new, |video| {
            video.rungs.iter().map(|rung| rung.id.clone()).collect()
        })
    }

    pub fn top_rung(&self) -> String {
        self.rungs().last().unwrap().clone()
    }
}
