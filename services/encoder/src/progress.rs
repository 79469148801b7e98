//! How far a task is.

use amphi_media_kit::EncodeTask;
use amphi_media_kit::ffmpeg::Progress;

/// Turns ffmpeg's time into a share of the task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// What was there before this run, milliseconds of media.
    before_ms: u64,
    /// The whole task; 0 when the source does not say how long it is.
    whole_ms: u64,
}

impl Scale {
    /// The scale of `run`, which is `task` without the segments that are there already.
    #[must_use]
    pub fn new(task: &EncodeTask, run: &EncodeTask, source_duration_ms: u64) -> Self {
        let (EncodeTask::VideoChunk(task), EncodeTask::VideoChunk(run)) = (task, run) else {
            // Sound is encoded again from its start, pictures are one piece.
            return Self {
                before_ms: 0,
                whole_ms: source_duration_ms,
            };
        };
        let segment_ms = u64::from(task.input.grid.segment_ms);
        let end_ms = match task.last_segment {
            Some(last) => (u64::from(last) + 1) * segment_ms,
            None => source_duration_ms,
        };
        Self {
            before_ms: u64::from(run.first_segment.saturating_sub(task.first_segment)) * segment_ms,
            whole_ms: end_ms.saturating_sub(task.start_ms()),
        }
    }

    /// 0 to 1; never quite 1, which is for a task that is completed.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a progress bar has no 53 bits")]
    pub fn share(self, progress: Progress) -> f64 {
        if self.whole_ms == 0 {
            return 0.0;
        }
        let done_ms = self.before_ms.saturating_add(progress.out_time_ms);
        (done_ms as f64 / self.whole_ms as f64).clamp(0.0, 0.99)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use amphi_media_kit::probe::parse;
    use amphi_media_kit::{Container, EncodeSettings, plan};

    use super::*;

    /// A chunk of five segments of a minute's video; the one from segment 10 is open to its end.
    fn chunk(first_segment: u32) -> EncodeTask {
        let answer = r#"{
            "streams": [{
                "index": 0, "codec_type": "video", "codec_name": "h264", "width": 320, "height": 240,
                "pix_fmt": "yuv420p", "r_frame_rate": "25/1", "avg_frame_rate": "25/1"
            }],
            "format": { "start_time": "0.0", "duration": "60.0" }
        }"#;
        let source = parse(answer.as_bytes(), Container::Mp4).unwrap();
        let settings = EncodeSettings {
            segment_ms: 4_000,
            segments_per_chunk: 5,
            ..EncodeSettings::default()
        };
        let is_it = |task: &EncodeTask| matches!(task, EncodeTask::VideoChunk(chunk) if chunk.first_segment == first_segment);
        plan::plan(&source, &settings)
            .tasks
            .into_iter()
            .find(is_it)
            .unwrap()
    }

    #[track_caller]
    fn check(task: &EncodeTask, first_missing: u32, out_time_ms: u64, expected: f64) {
        let run = task.resume_at(first_missing).unwrap();
        let progress = Progress {
            out_time_ms,
            ..Progress::default()
        };
        let share = Scale::new(task, &run, 60_000).share(progress);
        assert!((share - expected).abs() < 0.001, "{share}");
    }

    #[test]
    fn a_chunk_is_measured_by_its_own_length() {
        check(&chunk(5), 5, 0, 0.0);
        check(&chunk(5), 5, 10_000, 0.5);
        check(&chunk(5), 5, 30_000, 0.99);
    }

    #[test]
    fn what_was_there_before_counts() {
        check(&chunk(5), 8, 4_000, 0.8);
    }

    #[test]
    fn the_last_chunk_ends_with_the_source() {
        check(&chunk(10), 10, 10_000, 0.5);
    }
}
