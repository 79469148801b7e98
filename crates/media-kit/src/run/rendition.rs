//! One rendition's way out of ffmpeg: a named pipe, the segmenter behind it, and files that appear whole.
//!
//! A pipe instead of a file: nothing is written twice, every byte is counted before it lies on the disk, and a slow receiver slows ffmpeg
//! down instead of filling the disk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use rustix::fs::{CWD, Mode, mkfifoat};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;

use super::{InitFile, RunError, SegmentFile, TaskEvent};
use crate::cmaf::{
    AudioSegmenter, CmafError, FinishedSegment, FragmentItem, FragmentReader, Sample,
    VideoSegmenter, normalise_init,
};
use crate::ffmpeg::pipe_name;

/// Counts what all renditions of a run write together.
#[derive(Debug, Clone)]
pub(super) struct OutputBudget {
    written: Arc<AtomicU64>,
    bytes_max: u64,
}

impl OutputBudget {
    pub fn new(bytes_max: u64) -> Self {
        Self {
            written: Arc::default(),
            bytes_max,
        }
    }

    fn spend(&self, bytes: usize) -> Result<(), RunError> {
        let before = self.written.fetch_add(bytes as u64, Ordering::Relaxed);
        if before.saturating_add(bytes as u64) > self.bytes_max {
            return Err(RunError::OutputTooLarge(self.bytes_max));
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(super) enum Segmenter {
    Video(VideoSegmenter),
    Audio(AudioSegmenter),
}

impl Segmenter {
    fn push(&mut self, sample: Sample) -> Result<Option<FinishedSegment>, CmafError> {
        match self {
            Self::Video(segmenter) => segmenter.push(sample),
            Self::Audio(segmenter) => segmenter.push(sample),
        }
    }

    fn finish(&mut self) -> Result<Option<FinishedSegment>, CmafError> {
        match self {
            Self::Video(segmenter) => segmenter.finish(),
            Self::Audio(segmenter) => Ok(segmenter.finish()),
        }
    }
}

/// Takes a rendition out of its pipe.
#[derive(Debug)]
pub(super) struct RenditionSink {
    rendition: String,
    folder: PathBuf,
    segmenter: Segmenter,
    events: mpsc::Sender<TaskEvent>,
    budget: OutputBudget,
    timescale: u32,
    /// Held back until the first segment: a run that yields nothing hands out nothing.
    init: Option<(Bytes, crate::cmaf::InitInfo)>,
    segments_written: u32,
}

/// The reading end of a rendition's pipe, and a writing end that keeps it from looking finished before ffmpeg has opened it.
#[derive(Debug)]
pub(super) struct RenditionPipe {
    receiver: pipe::Receiver,
    placeholder: pipe::Sender,
}

impl RenditionPipe {
    pub fn create(work_dir: &Path, rendition: &str) -> Result<Self, RunError> {
        let path = work_dir.join(pipe_name(rendition));
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(RunError::WorkFolder(error));
            }
            _ => {}
        }
        let mode = Mode::RUSR | Mode::WUSR;
        mkfifoat(CWD, &path, mode).map_err(|error| RunError::WorkFolder(error.into()))?;
        let receiver = pipe::OpenOptions::new()
            .open_receiver(&path)
            .map_err(RunError::WorkFolder)?;
        let placeholder = pipe::OpenOptions::new()
            .open_sender(&path)
            .map_err(RunError::WorkFolder)?;
        Ok(Self {
            receiver,
            placeholder,
        })
    }

    /// The placeholder must be dropped once ffmpeg has ended, else the reader never sees the end.
    pub fn split(self) -> (pipe::Receiver, pipe::Sender) {
        (self.receiver, self.placeholder)
    }
}

impl RenditionSink {
    pub async fn create(
        work_dir: &Path,
        rendition: &str,
        segmenter: Segmenter,
        events: mpsc::Sender<TaskEvent>,
        budget: OutputBudget,
    ) -> Result<Self, RunError> {
        let folder = work_dir.join(rendition);
        tokio::fs::create_dir_all(&folder)
            .await
            .map_err(RunError::WorkFolder)?;
        Ok(Self {
            rendition: rendition.to_owned(),
            folder,
            segmenter,
            events,
            budget,
            timescale: 0,
            init: None,
            segments_written: 0,
        })
    }

    pub fn rendition(&self) -> &str {
        &self.rendition
    }

    pub fn segments_written(&self) -> u32 {
        self.segments_written
    }

    /// Reads to the end of the pipe, handing out every segment that is whole.
    pub async fn pump(mut self, mut receiver: pipe::Receiver) -> Result<Self, RunError> {
        let mut reader = FragmentReader::default();
        let mut chunk = vec![0u8; 64 << 10];
        loop {
            let count = receiver
                .read(&mut chunk)
                .await
                .map_err(RunError::WorkFolder)?;
            if count == 0 {
                return Ok(self);
            }
            self.budget.spend(count)?;
            reader.push(&chunk[..count]);
            while let Some(item) = reader.next_item().map_err(|error| self.unexpected(error))? {
                self.take(item).await?;
            }
        }
    }

    /// Hands out the last, possibly shorter segment. Only after ffmpeg has ended well.
    /// Returns whether the source ended inside a segment.
    pub async fn finish(&mut self) -> Result<bool, RunError> {
        let last = self
            .segmenter
            .finish()
            .map_err(|error| self.unexpected(error))?;
        let Some(segment) = last else {
            return Ok(false);
        };
        self.hand_out(segment).await?;
        Ok(true)
    }

    async fn take(&mut self, item: FragmentItem) -> Result<(), RunError> {
        match item {
            FragmentItem::Init(data, info) => {
                self.timescale = info.timescale;
                let data = normalise_init(&data).map_err(|error| self.unexpected(error))?;
                self.init = Some((data, info));
            }
            FragmentItem::Samples(samples) => {
                for sample in samples {
                    let finished = self
                        .segmenter
                        .push(sample)
                        .map_err(|error| self.unexpected(error))?;
                    if let Some(segment) = finished {
                        self.hand_out(segment).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn hand_out(&mut self, segment: FinishedSegment) -> Result<(), RunError> {
        if let Some((data, info)) = self.init.take() {
            let path = self.write_whole("init.mp4", &data).await?;
            let init = InitFile {
                rendition: self.rendition.clone(),
                path,
                bytes: data.len() as u64,
                info,
            };
            self.send(TaskEvent::Init(init)).await?;
        }
        let path = self
            .write_whole(&format!("{}.m4s", segment.number), &segment.data)
            .await?;
        self.segments_written += 1;
        let file = SegmentFile {
            rendition: self.rendition.clone(),
            number: segment.number,
            path,
            bytes: segment.data.len() as u64,
            timescale: self.timescale,
            start_ticks: segment.start_ticks,
            duration_ticks: segment.duration_ticks,
        };
        self.send(TaskEvent::Segment(file)).await
    }

    async fn send(&self, event: TaskEvent) -> Result<(), RunError> {
        self.events
            .send(event)
            .await
            .map_err(|_| RunError::ReceiverGone)
    }

    async fn write_whole(&self, name: &str, data: &[u8]) -> Result<PathBuf, RunError> {
        let path = self.folder.join(name);
        let unfinished = self.folder.join(format!("{name}.part"));
        tokio::fs::write(&unfinished, data)
            .await
            .map_err(RunError::WorkFolder)?;
        tokio::fs::rename(&unfinished, &path)
            .await
            .map_err(RunError::WorkFolder)?;
        Ok(path)
    }

    fn unexpected(&self, source: CmafError) -> RunError {
        RunError::UnexpectedOutput {
            rendition: self.rendition.clone(),
            source,
        }
    }
}
