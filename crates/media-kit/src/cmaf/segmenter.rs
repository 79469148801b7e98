//! Cuts a stream of samples into the planned segments and refuses whatever does not fit the plan.

use bytes::Bytes;

use super::{CmafError, Sample, SegmentSample, write_segment};
use crate::plan::{AUDIO_SAMPLES_PER_UNIT, AudioGrid, VideoGrid};

/// A media segment, ready to be handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedSegment {
    pub number: u32,
    pub start_ticks: u64,
    pub duration_ticks: u64,
    pub data: Bytes,
}

/// Cuts one rung's pictures. ffmpeg's own times only serve to find each picture's place in display order.
#[derive(Debug)]
pub struct VideoSegmenter {
    grid: VideoGrid,
    segment: u32,
    final_segment: u32,
    first_frame: u64,
    first_presentation_ticks: Option<i64>,
    pending: Vec<Sample>,
}

impl VideoSegmenter {
    pub fn new(grid: VideoGrid, first_segment: u32, final_segment: u32) -> Self {
        Self {
            grid,
            segment: first_segment,
            final_segment,
            first_frame: grid.first_frame(first_segment),
            first_presentation_ticks: None,
            pending: Vec::new(),
        }
    }

    /// Takes the next picture in decoding order; yields the segment that it completes.
    ///
    /// # Errors
    /// [`CmafError`] if key frames are not exactly where segments begin or the pictures are not the planned ones.
    pub fn push(&mut self, sample: Sample) -> Result<Option<FinishedSegment>, CmafError> {
        if self.segment > self.final_segment {
            return Err(CmafError::Surplus);
        }
        if self.pending.is_empty() != sample.is_sync {
            return Err(if sample.is_sync {
                CmafError::KeyFrameUnexpected {
                    segment: self.segment,
                    pictures: self.pending.len() as u64,
                }
            } else {
                CmafError::KeyFrameMissing {
                    segment: self.segment,
                }
            });
        }
        self.first_presentation_ticks
            .get_or_insert(sample.presentation_ticks);
        self.pending.push(sample);
        if (self.pending.len() as u64) < self.grid.frames_in(self.segment) {
            return Ok(None);
        }
        self.cut().map(Some)
    }

    /// The last segment, which may be shorter; `None` if the stream ended on a boundary. Only for runs that ended well.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(&mut self) -> Result<Option<FinishedSegment>, CmafError> {
        if self.pending.is_empty() {
            return Ok(None);
        }
        self.cut().map(Some)
    }

    fn cut(&mut self) -> Result<FinishedSegment, CmafError> {
        let number = self.segment;
        let misplaced = CmafError::PicturesMisplaced { segment: number };
        let ticks_per_frame = self.grid.rate.ticks_per_frame();
        let count = self.pending.len();
        let segment_first_frame = self.grid.first_frame(number);
        let mut seen = vec![false; count];
        let mut samples = Vec::with_capacity(count);
        for (decoded_at, sample) in self.pending.drain(..).enumerate() {
            let ticks = sample.presentation_ticks - self.first_presentation_ticks.unwrap_or(0);
            let frame = u64::try_from(ticks)
                .ok()
                .filter(|ticks| ticks % u64::from(ticks_per_frame) == 0)
                .map(|ticks| self.first_frame + ticks / u64::from(ticks_per_frame));
            let shown_at = frame
                .and_then(|frame| frame.checked_sub(segment_first_frame))
                .and_then(|position| usize::try_from(position).ok())
                .filter(|&position| position < count && !seen[position])
                .ok_or(misplaced.clone())?;
            seen[shown_at] = true;
            let moved = shown_at as i64 - decoded_at as i64;
            let offset = moved * i64::from(ticks_per_frame);
            samples.push(SegmentSample {
                composition_offset_ticks: i32::try_from(offset).map_err(|_| misplaced.clone())?,
                data: sample.data,
            });
        }
        let start_ticks = self.grid.start_ticks(number);
        let data = write_segment(
            number.saturating_add(1),
            start_ticks,
            ticks_per_frame,
            false,
            &samples,
        );
        self.segment = number.saturating_add(1);
        Ok(FinishedSegment {
            number,
            start_ticks,
            duration_ticks: count as u64 * u64::from(ticks_per_frame),
            data,
        })
    }
}

/// Cuts one audio track's access units.
#[derive(Debug)]
pub struct AudioSegmenter {
    grid: AudioGrid,
    segment: u32,
    first_segment: u32,
    final_segment: u32,
    priming_dropped: bool,
    pending: Vec<Bytes>,
}

impl AudioSegmenter {
    pub fn new(grid: AudioGrid, first_segment: u32, final_segment: u32) -> Self {
        Self {
            grid,
            segment: 0,
            first_segment,
            final_segment,
            priming_dropped: false,
            pending: Vec::new(),
        }
    }

    /// Takes the next access unit, counted from the start of the track; yields the segment that it completes.
    ///
    /// # Errors
    /// [`CmafError::Surplus`] beyond the last segment that the task may write.
    pub fn push(&mut self, sample: Sample) -> Result<Option<FinishedSegment>, CmafError> {
        // ffmpeg's AAC encoder is exactly one unit late. Without its first unit the sound lies where it belongs, with no edit list.
        if !self.priming_dropped {
            self.priming_dropped = true;
            return Ok(None);
        }
        if self.segment > self.final_segment {
            return Err(CmafError::Surplus);
        }
        self.pending.push(sample.data);
        if (self.pending.len() as u64) < self.grid.units_in(self.segment) {
            return Ok(None);
        }
        Ok(self.cut())
    }

    /// The last segment, which may be shorter. Only for runs that ended well.
    pub fn finish(&mut self) -> Option<FinishedSegment> {
        if self.pending.is_empty() {
            return None;
        }
        self.cut()
    }

    fn cut(&mut self) -> Option<FinishedSegment> {
        let number = self.segment;
        self.segment = number.saturating_add(1);
        let samples: Vec<SegmentSample> = self
            .pending
            .drain(..)
            .map(|data| SegmentSample {
                composition_offset_ticks: 0,
                data,
            })
            .collect();
        if number < self.first_segment {
            return None;
        }
        let start_ticks = self.grid.first_unit(number) * u64::from(AUDIO_SAMPLES_PER_UNIT);
        Some(FinishedSegment {
            number,
            start_ticks,
            duration_ticks: samples.len() as u64 * u64::from(AUDIO_SAMPLES_PER_UNIT),
            data: write_segment(
                self.segment,
                start_ticks,
                AUDIO_SAMPLES_PER_UNIT,
                true,
                &samples,
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::FrameRate;
    use crate::cmaf::{TrackDefaults, parse_segment};

    fn picture(presentation_ticks: i64, is_sync: bool) -> Sample {
        Sample {
            decode_ticks: 0,
            presentation_ticks,
            duration_ticks: 0,
            is_sync,
            data: Bytes::from_static(b"x"),
        }
    }

    fn grid() -> VideoGrid {
        VideoGrid::new(FrameRate::new(10_000, 1001).unwrap(), 400)
    }

    /// Segment 1 of the grid begins at picture 4 and holds 4; times come with the encoder's delay of 2002.
    fn push_all(
        pictures: &[(i64, bool)],
    ) -> (Result<Vec<FinishedSegment>, CmafError>, VideoSegmenter) {
        let mut segmenter = VideoSegmenter::new(grid(), 1, 2);
        let cut = pictures
            .iter()
            .filter_map(|&(frame, sync)| {
                segmenter
                    .push(picture(2002 + frame * 1001, sync))
                    .transpose()
            })
            .collect();
        (cut, segmenter)
    }

    #[test]
    fn segments_lie_on_the_grid_whatever_the_encoders_clock() {
        assert_eq!((grid().first_frame(1), grid().first_frame(2)), (4, 8));
        let (cut, mut rest) = push_all(&[
            (0, true),
            (2, false),
            (1, false),
            (3, false),
            (4, true),
            (5, false),
        ]);
        let cut = cut.unwrap();
        assert_eq!(cut.len(), 1);
        let info = parse_segment(&cut[0].data, TrackDefaults::default()).unwrap();
        assert_eq!(
            (info.base_decode_ticks, info.earliest_presentation_ticks),
            (4004, 4004)
        );
        assert_eq!((info.duration_ticks, info.sequence), (4004, 2));
        let last = rest.finish().unwrap().unwrap();
        assert_eq!(
            (last.number, last.start_ticks, last.duration_ticks),
            (2, 8008, 2002)
        );
        assert_eq!(rest.finish(), Ok(None));
    }

    #[test]
    fn what_does_not_fit_the_plan_is_refused() {
        let error = |pictures: &[(i64, bool)]| push_all(pictures).0.unwrap_err();
        assert_eq!(
            error(&[(0, false)]),
            CmafError::KeyFrameMissing { segment: 1 }
        );
        assert_eq!(
            error(&[(0, true), (1, true)]),
            CmafError::KeyFrameUnexpected {
                segment: 1,
                pictures: 1
            }
        );
        let misplaced = CmafError::PicturesMisplaced { segment: 1 };
        assert_eq!(
            error(&[(0, true), (1, false), (2, false), (4, false)]),
            misplaced
        );
        assert_eq!(
            error(&[(0, true), (1, false), (1, false), (3, false)]),
            misplaced
        );
        let nine: Vec<(i64, bool)> = (0..9).map(|frame| (frame, frame % 4 == 0)).collect();
        assert_eq!(error(&nine), CmafError::Surplus);
    }

    #[test]
    fn sound_loses_its_priming_unit_and_keeps_the_grid() {
        let mut segmenter = AudioSegmenter::new(AudioGrid::new(4000), 1, 9);
        let mut cut = Vec::new();
        for _ in 0..=400 {
            cut.extend(segmenter.push(picture(0, true)).unwrap());
        }
        cut.extend(segmenter.finish());
        let found: Vec<(u32, u64, u64)> = cut
            .iter()
            .map(|segment| {
                (
                    segment.number,
                    segment.start_ticks / 1024,
                    segment.duration_ticks / 1024,
                )
            })
            .collect();
        assert_eq!(found, [(1, 188, 187), (2, 375, 25)]);
    }
}
