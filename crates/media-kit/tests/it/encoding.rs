//! A plain film: nothing lost, nothing doubled, everything on the grid.

use amphi_media_kit::cmaf::TrackInfo;
use amphi_media_kit::run::TaskEvent;
use amphi_media_kit::{EncodeTask, FrameRate};

use crate::support::*;

#[tokio::test]
async fn every_rung_holds_every_picture_of_the_source_on_the_grid() {
    let clip = Clip::numbered_film("film.mp4", "640x360", "30000/1001", "8");
    let encoded = encode(&clip).await;
    assert_eq!(encoded.rungs(), ["v240", "v360"]);
    assert_eq!(
        encoded.plan.tasks.len(),
        1 + 3 + 1,
        "sound, three chunks, stills"
    );
    for rung in encoded.rungs() {
        let joined = encoded.joined(&rung);
        decodes_cleanly(&joined);
        same_pictures(&clip.path, &joined);
        assert_eq!(
            encoded.times(&rung),
            encoded.times("v240"),
            "rungs agree on every boundary"
        );
        for (segment, file) in encoded.parsed(&rung).iter().zip(&encoded.segments[&rung]) {
            assert!(segment.starts_with_sync && segment.sync_sample_count == 1);
            assert_eq!(segment.base_decode_ticks, file.start_ticks);
            assert_eq!(segment.earliest_presentation_ticks, file.start_ticks as i64);
            assert_eq!(segment.duration_ticks, file.duration_ticks);
            assert_eq!(segment.sequence, file.number + 1);
        }
        let times = packet_times(&joined);
        assert_eq!(times[0], 0.0);
        for pair in times.windows(2) {
            let step = pair[1] - pair[0];
            assert!((step - 1001.0 / 30_000.0).abs() < 1e-4, "{rung}: {pair:?}");
        }
    }
}

#[tokio::test]
async fn sound_and_picture_last_equally_long() {
    let clip = Clip::film("film.mp4", "320x240", "25", "5");
    let encoded = encode(&clip).await;
    decodes_cleanly(&encoded.joined("a0"));
    let difference = encoded.duration_s("a0") - encoded.duration_s("v240");
    assert!(difference.abs() < 0.050, "{difference}");
    let boundaries = |id: &str| -> Vec<f64> {
        encoded.segments[id]
            .iter()
            .map(|segment| segment.start_ticks as f64 / f64::from(segment.timescale))
            .collect()
    };
    for (sound, picture) in boundaries("a0").iter().zip(boundaries("v240")) {
        assert!((sound - picture).abs() < 0.022, "{sound} {picture}");
    }
}

#[tokio::test]
async fn the_setup_says_what_the_plan_promised() {
    let clip = Clip::film("film.mp4", "640x360", "25", "2");
    let encoded = encode(&clip).await;
    let video = encoded.plan.video.as_ref().unwrap();
    assert_eq!(video.grid.rate, FrameRate::new(25, 1).unwrap());
    for rung in &video.rungs {
        let info = &encoded.inits[&rung.id].info;
        assert_eq!(info.codec, rung.codec());
        let size = TrackInfo::Video {
            width: rung.width,
            height: rung.height,
        };
        assert_eq!(info.track, size);
        assert_eq!(
            picture_size(&encoded.joined(&rung.id)),
            (rung.width, rung.height)
        );
    }
    let sound = &encoded.inits["a0"].info;
    assert_eq!(sound.codec, "mp4a.40.2");
    assert_eq!(
        sound.track,
        TrackInfo::Audio {
            channels: 2,
            sample_rate_hz: 48_000
        }
    );
}

#[tokio::test]
async fn a_chunk_restarted_at_a_later_segment_continues_it_seamlessly() {
    let clip = Clip::numbered_film("film.mp4", "640x360", "30000/1001", "7");
    let mut encoded = encode(&clip).await;
    let Some(chunk) = encoded
        .plan
        .tasks
        .iter()
        .find(|task| matches!(task, EncodeTask::VideoChunk(chunk) if chunk.first_segment == 3))
    else {
        panic!("the second chunk starts at segment 3");
    };
    let rest = chunk.resume_at(5).unwrap();
    let (outcome, events) = run_one(&rest, &clip.path, &clip.work_dir("again")).await;
    assert!(!outcome.unwrap().source_ended || encoded.segments["v240"].len() == 6);
    let mut replaced = 0;
    for event in events {
        match event {
            TaskEvent::Init(init) => {
                let first = std::fs::read(&encoded.inits[&init.rendition].path).unwrap();
                assert_eq!(
                    std::fs::read(&init.path).unwrap(),
                    first,
                    "the setup is byte for byte the same"
                );
            }
            TaskEvent::Segment(segment) => {
                let list = encoded.segments.get_mut(&segment.rendition).unwrap();
                let place = &mut list[segment.number as usize];
                assert_eq!(
                    (segment.start_ticks, segment.duration_ticks),
                    (place.start_ticks, place.duration_ticks)
                );
                *place = segment;
                replaced += 1;
            }
            _ => {}
        }
    }
    assert!(replaced >= 2, "one segment of each rung at least");
    let joined = encoded.joined("v360");
    decodes_cleanly(&joined);
    same_pictures(&clip.path, &joined);
}

#[tokio::test]
async fn a_restarted_audio_task_hands_out_only_what_was_missing() {
    let clip = Clip::film("film.mp4", "320x240", "25", "4");
    let encoded = encode(&clip).await;
    let rest = encoded.plan.tasks[0].resume_at(2).unwrap();
    let (outcome, events) = run_one(&rest, &clip.path, &clip.work_dir("again")).await;
    assert_eq!(
        outcome.unwrap().segments["a0"] as usize,
        encoded.segments["a0"].len() - 2
    );
    for event in events {
        if let TaskEvent::Segment(segment) = event {
            let first = &encoded.segments["a0"][segment.number as usize];
            assert_eq!(
                std::fs::read(&segment.path).unwrap(),
                std::fs::read(&first.path).unwrap()
            );
        }
    }
}

/// Black and silent but for a flash and a beep from 2 s to 2.2 s.
fn flash_and_beep(name: &str, codecs: &str) -> Clip {
    let arguments = format!(
        "-f lavfi -i color=black:s=320x240:r=50:d=4,drawbox=c=white:t=fill:enable='between(t,2,2.2)' \
         -f lavfi -i aevalsrc=exprs='0.5*sin(2764*t)*between(t,2,2.2)':d=4:s=48000 {codecs}"
    );
    Clip::make(name, &arguments)
}

#[tokio::test]
async fn sound_and_picture_stay_together_in_every_container() {
    let cases = [
        ("a.mp4", "-c:v libx264 -preset ultrafast -bf 2 -c:a aac"),
        ("a.mkv", "-c:v libx264 -preset ultrafast -bf 2 -c:a flac"),
        ("a.ts", "-c:v libx264 -preset ultrafast -bf 2 -c:a aac"),
        ("a.avi", "-c:v mpeg4 -q:v 4 -c:a mp3"),
        (
            "late.mp4",
            "-c:v libx264 -preset ultrafast -output_ts_offset 3 -movflags frag_keyframe -c:a aac",
        ),
    ];
    for (name, codecs) in cases {
        let clip = flash_and_beep(name, codecs);
        let encoded = encode(&clip).await;
        let pictures = average_rgb(&encoded.joined("v240"));
        let flash = pictures.iter().position(|pixel| pixel[0] > 128).unwrap();
        let samples = loudness(&encoded.joined("a0"));
        let beep = samples.iter().position(|&sample| sample > 0.1).unwrap();
        let (flash_s, beep_s) = (flash as f64 / 50.0, beep as f64 / 48_000.0);
        assert!(
            (flash_s - beep_s).abs() < 0.025,
            "{name}: flash {flash_s} s, beep {beep_s} s"
        );
    }
}
