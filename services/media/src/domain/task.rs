//! Encode tasks: in what order they run, how often they are tried, and what belongs to each.

use std::time::Duration;

use amphi_contracts::TaskId;
use amphi_media_kit::{EncodePlan, EncodeTask};

use super::{Error, images, plain_number};

/// The folder of a video's pictures, where a rendition's name stands for segments.
pub const IMAGES: &str = "images";
/// The file name of an initialization segment.
pub const INIT_FILE: &str = "init.mp4";
const SEGMENT_ENDING: &str = ".m4s";

/// Where a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    Queued,
    Leased,
    Done,
    /// Given up. Only a task that its video can do without stays so; any other fails the video.
    Failed,
}

impl TaskState {
    /// Its name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased => "leased",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// A task to be queued.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTask {
    pub id: TaskId,
    /// Order within the video.
    pub ordinal: u32,
    /// Tasks of a lower urgency value go first, whatever video they belong to.
    pub urgency: u32,
    /// Its share of the video's encoding, in pixels to encode; only the ratio between tasks counts.
    pub weight: f64,
    pub spec: EncodeTask,
}

/// The tasks of a plan. What a video needs to be viewable (its sound, and the first chunk of its picture) is urgent, and so
/// are the stills of a short video: they take a second, and lists look bare without them. The rest takes turns with the
/// rest of other videos.
#[must_use]
pub fn tasks_of(plan: &EncodePlan) -> Vec<NewTask> {
    let segments = plan.segment_count_estimate.unwrap_or(1).max(1);
    let is_picture = |spec: &&EncodeTask| matches!(spec, EncodeTask::VideoChunk(_));
    let is_short = plan.tasks.iter().filter(is_picture).count() <= 1;
    (0..)
        .zip(&plan.tasks)
        .map(|(ordinal, spec)| NewTask {
            id: TaskId::generate(),
            ordinal,
            urgency: urgency(spec, is_short),
            weight: weight(spec, segments),
            spec: spec.clone(),
        })
        .collect()
}

fn urgency(spec: &EncodeTask, is_short: bool) -> u32 {
    match spec {
        EncodeTask::Audio(_) => 0,
        EncodeTask::Stills(_) if is_short => 0,
        EncodeTask::VideoChunk(chunk) if chunk.first_segment == 0 => 0,
        EncodeTask::VideoChunk(_) | EncodeTask::Stills(_) => 1,
    }
}

fn weight(spec: &EncodeTask, segments: u32) -> f64 {
    // Measured beside the 240p rung: a track of sound costs about a tenth of it, decoding for the stills a quarter.
    const AUDIO_TRACK: f64 = 10_000.0;
    const STILLS: f64 = 25_000.0;
    match spec {
        EncodeTask::Audio(audio) => f64::from(segments) * AUDIO_TRACK * small(audio.tracks.len()),
        EncodeTask::Stills(_) => f64::from(segments) * STILLS,
        EncodeTask::VideoChunk(chunk) => {
            let end = chunk
                .last_segment
                .map_or(segments, |last| last.saturating_add(1));
            let count = end.saturating_sub(chunk.first_segment).max(1);
            let pixels: f64 = chunk
                .rungs
                .iter()
                .map(|rung| f64::from(rung.width) * f64::from(rung.height))
                .sum();
            f64::from(count) * pixels
        }
    }
}

fn small(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

/// The name of a task's kind in the database and in logs.
#[must_use]
pub const fn kind_name(spec: &EncodeTask) -> &'static str {
    match spec {
        EncodeTask::Audio(_) => "audio",
        EncodeTask::VideoChunk(_) => "video_chunk",
        EncodeTask::Stills(_) => STILLS_KIND,
    }
}

/// The one kind of task that a video can do without.
pub const STILLS_KIND: &str = "stills";

/// The first and the last segment that the task may hand in; `None` for a task without segments.
#[must_use]
pub fn segment_bounds(spec: &EncodeTask) -> Option<(u32, u32)> {
    match spec {
        EncodeTask::Audio(audio) => {
            Some((audio.first_segment, audio.segments_max.saturating_sub(1)))
        }
        EncodeTask::VideoChunk(chunk) => Some((chunk.first_segment, chunk.final_segment())),
        EncodeTask::Stills(_) => None,
    }
}

/// How often a task is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryRules {
    pub failures_max: u32,
    pub lost_leases_max: u32,
    /// Before the second try; doubled before each further one.
    pub backoff: Duration,
}

/// What to do with a task that was not completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Once more, not sooner than after this time.
    RetryAfter(Duration),
    GiveUp,
}

impl RetryRules {
    const BACKOFF_MAX: Duration = Duration::from_secs(300);

    /// After an encoder has reported its `failures`th failure.
    #[must_use]
    pub fn after_failure(&self, failures: u32, retryable: bool) -> Next {
        if !retryable || failures >= self.failures_max {
            return Next::GiveUp;
        }
        let doublings = failures.saturating_sub(1).min(16);
        Next::RetryAfter(
            self.backoff
                .saturating_mul(1 << doublings)
                .min(Self::BACKOFF_MAX),
        )
    }

    /// After `lost_leases` leases in a row have ended without a word and without a new segment. An encoder that is shut
    /// down or killed is no fault of the task, so far more of these are borne than of failures.
    #[must_use]
    pub fn after_lost_lease(&self, lost_leases: u32) -> Next {
        if lost_leases >= self.lost_leases_max {
            Next::GiveUp
        } else {
            Next::RetryAfter(Duration::ZERO)
        }
    }
}

/// A file that an encoder hands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    Init { rendition: String },
    Segment { rendition: String, number: u32 },
    Image { file: String },
}

impl Output {
    /// What `<folder>/<file>` is for the task.
    ///
    /// # Errors
    /// [`Error::NotOfThisTask`] for another rendition, a segment outside the task, or a name that is no output at all.
    pub fn of(spec: &EncodeTask, folder: &str, file: &str) -> Result<Self, Error> {
        let foreign = || {
            let shown = |text: &str| text.chars().take(40).collect::<String>();
            Error::NotOfThisTask(format!("{}/{}", shown(folder), shown(file)))
        };
        let Some((first, last)) = segment_bounds(spec) else {
            let is_image = folder == IMAGES && images::content_type(file).is_some();
            return if is_image {
                Ok(Self::Image {
                    file: file.to_owned(),
                })
            } else {
                Err(foreign())
            };
        };
        if !spec.renditions().contains(&folder) {
            return Err(foreign());
        }
        let rendition = folder.to_owned();
        if file == INIT_FILE {
            return Ok(Self::Init { rendition });
        }
        let number = segment_number(file)
            .filter(|number| (first..=last).contains(number))
            .ok_or_else(foreign)?;
        Ok(Self::Segment { rendition, number })
    }
}

/// The number of the segment with this file name.
#[must_use]
pub fn segment_number(file: &str) -> Option<u32> {
    file.strip_suffix(SEGMENT_ENDING).and_then(plain_number)
}

/// The file name of a segment.
#[must_use]
pub fn segment_file(number: u32) -> String {
    format!("{number}{SEGMENT_ENDING}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use amphi_media_kit::Container;
    use amphi_media_kit::plan::{AudioGrid, AudioTask, AudioTrackInput};

    use super::*;

    const RULES: RetryRules = RetryRules {
        failures_max: 5,
        lost_leases_max: 50,
        backoff: Duration::from_secs(1),
    };

    fn audio() -> EncodeTask {
        EncodeTask::Audio(AudioTask {
            container: Container::Mp4,
            clock_start_us: 0,
            tracks: vec![AudioTrackInput {
                rendition: "a0".into(),
                stream_index: 1,
                language: "und".into(),
                silence_after_ms: 0,
            }],
            bit_rate_bps: 128_000,
            grid: AudioGrid::new(4_000),
            first_segment: 2,
            segments_max: 10,
        })
    }

    #[test]
    fn a_failure_is_tried_again_ever_later_and_not_for_ever() {
        let delays: Vec<Next> = (1..=5)
            .map(|failures| RULES.after_failure(failures, true))
            .collect();
        let seconds = |count| Next::RetryAfter(Duration::from_secs(count));
        assert_eq!(
            delays,
            [seconds(1), seconds(2), seconds(4), seconds(8), Next::GiveUp]
        );
        assert_eq!(RULES.after_failure(1, false), Next::GiveUp);
    }

    #[test]
    fn lost_leases_are_borne_longer_than_failures() {
        assert_eq!(RULES.after_lost_lease(20), Next::RetryAfter(Duration::ZERO));
        assert_eq!(RULES.after_lost_lease(50), Next::GiveUp);
    }

    #[test]
    fn an_output_belongs_to_its_task_or_is_refused() {
        let spec = audio();
        let rendition = || "a0".to_owned();
        assert_eq!(
            Output::of(&spec, "a0", "init.mp4").unwrap(),
            Output::Init {
                rendition: rendition()
            }
        );
        assert_eq!(
            Output::of(&spec, "a0", "2.m4s").unwrap(),
            Output::Segment {
                rendition: rendition(),
                number: 2
            }
        );
        for (folder, file) in [
            ("a0", "1.m4s"),
            ("a0", "10.m4s"),
            ("a0", "02.m4s"),
            ("a0", "+2.m4s"),
            ("a0", "2.mp4"),
            ("a0", ".m4s"),
            ("v720", "2.m4s"),
            ("images", "poster.jpg"),
            ("..", "init.mp4"),
        ] {
            assert!(Output::of(&spec, folder, file).is_err(), "{folder}/{file}");
        }
    }
}
