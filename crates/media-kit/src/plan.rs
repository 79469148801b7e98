//! From a source to tasks: what to encode, in which pieces, in which order.
//!
//! Every task is self-contained and serialisable, so that an encoder needs the task and the source and nothing else.

mod grid;
mod task;

pub use grid::{AUDIO_SAMPLE_RATE_HZ, AUDIO_SAMPLES_PER_UNIT, AudioGrid, VideoGrid};
pub use task::{AudioTask, AudioTrackInput, EncodeTask, StillsTask, VideoChunkTask, VideoInput};

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::ladder::{VideoRung, ladder};
use crate::probe::{AudioStream, SourceInfo, VideoStream};
use crate::stills::{PosterSpec, StoryboardSpec};

/// How to encode; the same for every task of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EncodeSettings {
    /// Nominal length of a segment in milliseconds; key frames lie on its multiples.
    pub segment_ms: u32,
    /// Segments in one video chunk, where the source can be cut.
    pub segments_per_chunk: u32,
    /// x264's preset.
    pub preset: String,
    /// x264's constant rate factor.
    pub crf: u32,
    pub frame_rate_max: u32,
    pub audio_tracks_max: usize,
    pub audio_bit_rate_bps: u32,
    /// No task writes more than this, whatever the source's header says.
    pub duration_ms_max: u64,
}

impl Default for EncodeSettings {
    fn default() -> Self {
        Self {
            segment_ms: 4000,
            segments_per_chunk: 15,
            preset: "veryfast".to_owned(),
            crf: 23,
            frame_rate_max: 60,
            audio_tracks_max: 4,
            audio_bit_rate_bps: 128_000,
            duration_ms_max: 12 * 60 * 60 * 1000,
        }
    }
}

/// Everything that will be made of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncodePlan {
    pub segment_ms: u32,
    pub duration_ms: Option<u64>,
    /// Segments that the longest rendition will have, as far as the source's header can be believed.
    pub segment_count_estimate: Option<u32>,
    pub video: Option<VideoPlan>,
    pub audio: Vec<AudioRendition>,
    /// In the order in which they should be started.
    pub tasks: Vec<EncodeTask>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoPlan {
    pub grid: VideoGrid,
    /// Smallest first.
    pub rungs: Vec<VideoRung>,
}

/// One audio track as the player offers it: AAC-LC, 48 kHz, stereo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioRendition {
    /// Names the rendition and its folder: `a0`.
    pub id: String,
    pub language: String,
    /// Unique among the renditions, as HLS demands.
    pub name: String,
    /// True for exactly one rendition.
    pub default: bool,
    pub bit_rate_bps: u32,
}

impl AudioRendition {
    pub const CODEC: &'static str = "mp4a.40.2";
    pub const CHANNELS: u32 = 2;
}

/// Plans the encoding of a source.
pub fn plan(source: &SourceInfo, settings: &EncodeSettings) -> EncodePlan {
    let audio_streams = &source.audio[..source.audio.len().min(settings.audio_tracks_max)];
    let audio = audio_renditions(audio_streams, settings);
    let mut tasks = Vec::new();
    if !audio.is_empty() {
        tasks.push(EncodeTask::Audio(audio_task(
            source,
            audio_streams,
            &audio,
            settings,
        )));
    }
    let video = source.video.as_ref().map(|stream| {
        let rate = stream.frame_rate.capped(settings.frame_rate_max);
        let rungs = ladder(
            stream.display_width,
            stream.display_height,
            rate,
            settings.crf,
        );
        let grid = VideoGrid::new(rate, settings.segment_ms);
        let input = video_input(source, stream, grid);
        let chunks = chunk_tasks(source, &input, &rungs, settings);
        let stills = StillsTask {
            poster: PosterSpec::for_source(stream, source.duration_ms),
            storyboard: source
                .duration_ms
                .and_then(|duration_ms| StoryboardSpec::for_source(stream, duration_ms)),
            input,
        };
        let mut chunks = chunks.into_iter().map(EncodeTask::VideoChunk);
        // The first chunk makes the video viewable, the stills make it presentable, the rest follows.
        tasks.extend(chunks.next());
        tasks.push(EncodeTask::Stills(stills));
        tasks.extend(chunks);
        VideoPlan { grid, rungs }
    });
    EncodePlan {
        segment_ms: settings.segment_ms,
        duration_ms: source.duration_ms,
        segment_count_estimate: source
            .duration_ms
            .map(|duration_ms| segment_count(duration_ms, settings.segment_ms)),
        video,
        audio,
        tasks,
    }
}

fn segment_count(duration_ms: u64, segment_ms: u32) -> u32 {
    let count = duration_ms.div_ceil(u64::from(segment_ms.max(1))).max(1);
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn video_input(source: &SourceInfo, stream: &VideoStream, grid: VideoGrid) -> VideoInput {
    let lead_us = (stream.start_time_us - source.start_time_us).max(0);
    let lead_frames = (lead_us as f64 / 1e6 * grid.rate.as_f64()).round();
    let lead_on_grid_us = (lead_frames / grid.rate.as_f64() * 1e6).round() as i64;
    VideoInput {
        container: source.container,
        stream_index: stream.index,
        clock_start_us: source.start_time_us,
        picture_shift_us: lead_us - lead_on_grid_us,
        grid,
        rotation_degrees: stream.rotation_degrees,
        interlaced: stream.interlaced,
        colour: stream.colour.clone(),
        coded_height: stream.coded_height,
        hold_last_picture_ms: source.missing_tail_ms(stream.start_time_us, stream.duration_ms),
    }
}

fn chunk_tasks(
    source: &SourceInfo,
    input: &VideoInput,
    rungs: &[VideoRung],
    settings: &EncodeSettings,
) -> Vec<VideoChunkTask> {
    let segments_max = segment_count(settings.duration_ms_max, settings.segment_ms);
    let per_chunk = settings.segments_per_chunk.max(1);
    let mut starts = vec![0];
    if let Some(duration_ms) = source.duration_ms
        && source.container.seeks_reliably()
    {
        let count = segment_count(duration_ms, settings.segment_ms).min(segments_max);
        // A tail shorter than a fifth of a chunk costs more to start than to append.
        starts = (0..count)
            .step_by(per_chunk as usize)
            .filter(|&start| start == 0 || count - start > per_chunk / 5)
            .collect();
    }
    let ends = starts
        .iter()
        .skip(1)
        .map(|next| Some(next - 1))
        .chain([None]);
    starts
        .iter()
        .zip(ends)
        .map(|(&first_segment, last_segment)| VideoChunkTask {
            input: input.clone(),
            rungs: rungs.to_vec(),
            preset: settings.preset.clone(),
            first_segment,
            last_segment,
            segments_max,
        })
        .collect()
}

fn audio_task(
    source: &SourceInfo,
    streams: &[AudioStream],
    renditions: &[AudioRendition],
    settings: &EncodeSettings,
) -> AudioTask {
    let tracks = streams
        .iter()
        .zip(renditions)
        .map(|(stream, rendition)| AudioTrackInput {
            rendition: rendition.id.clone(),
            stream_index: stream.index,
            language: rendition.language.clone(),
            silence_after_ms: source.missing_tail_ms(stream.start_time_us, stream.duration_ms),
        })
        .collect();
    AudioTask {
        container: source.container,
        clock_start_us: source.start_time_us,
        tracks,
        bit_rate_bps: settings.audio_bit_rate_bps,
        grid: AudioGrid::new(settings.segment_ms),
        first_segment: 0,
        segments_max: segment_count(settings.duration_ms_max, settings.segment_ms),
    }
}

fn audio_renditions(streams: &[AudioStream], settings: &EncodeSettings) -> Vec<AudioRendition> {
    let default = streams
        .iter()
        .position(|stream| stream.default)
        .unwrap_or(0);
    let mut names = HashSet::new();
    streams
        .iter()
        .enumerate()
        .map(|(position, stream)| {
            let wished = match &stream.title {
                Some(title) => title.clone(),
                None if stream.language != "und" => stream.language.clone(),
                None => format!("Audio {}", position + 1),
            };
            let numbered = (2..).map(|number| format!("{wished} ({number})"));
            let mut candidates = std::iter::once(wished.clone()).chain(numbered);
            let name = candidates
                .find(|name| names.insert(name.clone()))
                .unwrap_or(wished);
            AudioRendition {
                id: format!("a{position}"),
                language: stream.language.clone(),
                name,
                default: position == default,
                bit_rate_bps: settings.audio_bit_rate_bps,
            }
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests;
