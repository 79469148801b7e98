#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::probe::Colour;
use crate::{Container, FrameRate};

pub(crate) fn source_with_video(width: u32, height: u32, duration_ms: u64) -> SourceInfo {
    SourceInfo {
        container: Container::Mp4,
        duration_ms: Some(duration_ms),
        start_time_us: 0,
        bit_rate_bps: Some(1_000_000),
        stream_count: 2,
        video: Some(VideoStream {
            index: 0,
            codec: "h264".to_owned(),
            coded_width: width,
            coded_height: height,
            display_width: width,
            display_height: height,
            rotation_degrees: 0,
            frame_rate: FrameRate::new(30_000, 1001).unwrap(),
            constant_frame_rate: true,
            pixel_format: "yuv420p".to_owned(),
            bit_depth: 8,
            interlaced: false,
            colour: Colour::default(),
            start_time_us: 0,
            duration_ms: Some(duration_ms),
            frame_count_estimate: Some(duration_ms * 30 / 1001),
        }),
        audio: vec![audio_stream(1, None, "und", true)],
    }
}

fn audio_stream(index: u32, title: Option<&str>, language: &str, default: bool) -> AudioStream {
    AudioStream {
        index,
        codec: "aac".to_owned(),
        channels: 2,
        sample_rate_hz: 44_100,
        language: language.to_owned(),
        title: title.map(str::to_owned),
        default,
        start_time_us: 0,
        duration_ms: None,
    }
}

fn chunk_ranges(source: &SourceInfo) -> Vec<(u32, Option<u32>)> {
    plan(source, &EncodeSettings::default())
        .tasks
        .iter()
        .filter_map(|task| match task {
            EncodeTask::VideoChunk(chunk) => Some((chunk.first_segment, chunk.last_segment)),
            _ => None,
        })
        .collect()
}

#[test]
fn chunks_cover_the_timeline_and_the_last_is_open() {
    let cases = [
        (1_000, vec![(0, None)]),
        (60_000, vec![(0, None)]),
        (64_000, vec![(0, None)]),
        (80_000, vec![(0, Some(14)), (15, None)]),
        (
            200_000,
            vec![(0, Some(14)), (15, Some(29)), (30, Some(44)), (45, None)],
        ),
    ];
    for (duration_ms, expected) in cases {
        assert_eq!(
            chunk_ranges(&source_with_video(640, 360, duration_ms)),
            expected,
            "{duration_ms}"
        );
    }
}

#[test]
fn a_source_that_cannot_be_cut_is_one_chunk() {
    let mut source = source_with_video(640, 360, 600_000);
    source.container = Container::Avi;
    assert_eq!(chunk_ranges(&source), [(0, None)]);
    let mut source = source_with_video(640, 360, 600_000);
    source.duration_ms = None;
    assert_eq!(chunk_ranges(&source), [(0, None)]);
}

#[test]
fn sound_and_the_first_chunk_come_first_then_the_stills() {
    let kinds: Vec<&str> = plan(
        &source_with_video(640, 360, 200_000),
        &EncodeSettings::default(),
    )
    .tasks
    .iter()
    .map(|task| match task {
        EncodeTask::Audio(_) => "audio",
        EncodeTask::VideoChunk(_) => "chunk",
        EncodeTask::Stills(_) => "stills",
    })
    .collect();
    assert_eq!(
        kinds,
        ["audio", "chunk", "stills", "chunk", "chunk", "chunk"]
    );
}

#[test]
fn audio_renditions_have_unique_names_and_one_default() {
    let mut source = source_with_video(640, 360, 10_000);
    source.audio = vec![
        audio_stream(1, None, "ko", false),
        audio_stream(2, Some("Commentary"), "en", true),
        audio_stream(3, Some("Commentary"), "en", true),
        audio_stream(4, None, "und", false),
        audio_stream(5, None, "fr", false),
    ];
    let plan = plan(&source, &EncodeSettings::default());
    let found: Vec<_> = plan
        .audio
        .iter()
        .map(|audio| (audio.name.as_str(), audio.default))
        .collect();
    assert_eq!(
        found,
        [
            ("ko", false),
            ("Commentary", true),
            ("Commentary (2)", false),
            ("Audio 4", false)
        ]
    );
}

#[test]
fn a_video_that_starts_late_keeps_its_delay_on_the_grid() {
    let mut source = source_with_video(640, 360, 10_000);
    source.start_time_us = 1_400_000;
    source.video.as_mut().unwrap().start_time_us = 1_420_000;
    let plan = plan(&source, &EncodeSettings::default());
    let EncodeTask::VideoChunk(chunk) = &plan.tasks[1] else {
        panic!("the first chunk follows the sound");
    };
    assert_eq!(chunk.input.clock_start_us, 1_400_000);
    // 20 ms is nearer to one picture of 33.4 ms than to none.
    assert_eq!(chunk.input.picture_shift_us, 20_000 - 33_367);
}

#[test]
fn a_track_that_ends_early_is_filled_up_to_the_longest() {
    let mut source = source_with_video(640, 360, 10_000);
    source.video.as_mut().unwrap().duration_ms = Some(9_000);
    source.audio[0].duration_ms = Some(9_900);
    source.audio[0].start_time_us = 50_000;
    let plan = plan(&source, &EncodeSettings::default());
    let (EncodeTask::Audio(audio), EncodeTask::VideoChunk(chunk)) =
        (&plan.tasks[0], &plan.tasks[1])
    else {
        panic!("sound, then the first chunk");
    };
    assert_eq!(audio.tracks[0].silence_after_ms, 50);
    assert_eq!(chunk.input.hold_last_picture_ms, 1_000);
}

#[test]
fn tasks_survive_json_and_resume_at_a_later_segment() {
    let plan = plan(
        &source_with_video(640, 360, 200_000),
        &EncodeSettings::default(),
    );
    for task in &plan.tasks {
        let json = serde_json::to_string(task).unwrap();
        assert_eq!(&serde_json::from_str::<EncodeTask>(&json).unwrap(), task);
    }
    let chunk = &plan.tasks[1];
    let Some(EncodeTask::VideoChunk(rest)) = chunk.resume_at(7) else {
        panic!("eight segments are left");
    };
    assert_eq!((rest.first_segment, rest.last_segment), (7, Some(14)));
    assert_eq!(chunk.resume_at(15), None);
    assert_eq!(chunk.resume_at(0).as_ref(), Some(chunk));
}

proptest! {
    #[test]
    fn segments_tile_both_grids_without_gap(
        numerator in 1u32..=120_000, denominator in 1u32..=1001, segment in 0u32..20_000, segment_ms in 1000u32..=10_000,
    ) {
        let rate = FrameRate::new(numerator, denominator).unwrap();
        let video = VideoGrid::new(rate, segment_ms);
        prop_assert_eq!(video.first_frame(segment) + video.frames_in(segment), video.first_frame(segment + 1));
        let audio = AudioGrid::new(segment_ms);
        let boundary = u64::from(segment) * u64::from(segment_ms) * 48;
        let start = audio.first_unit(segment) * 1024;
        prop_assert!(start >= boundary && start < boundary + 1024);
    }
}
