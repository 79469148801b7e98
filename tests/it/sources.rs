//! Files as people have them: each becomes playable, or fails with a reason a person understands.

use std::path::Path;

use serde_json::Value;

use crate::harness::{Platform, clips, stream};

struct Outcome {
    video: Value,
    renditions: Vec<stream::Fetched>,
    // Holds the fetched files.
    _folder: tempfile::TempDir,
}

/// Uploads the clip, waits until it is ready, and fetches and judges everything.
async fn played(file: &Path) -> Outcome {
    let platform = Platform::simple();
    let ann = platform.creator().await;
    let id = ann.upload("Clip", &std::fs::read(file).unwrap()).await;
    let video = ann.wait_for(&id, &["ready"]).await;
    let session = ann.play(&id).await;
    let folder = tempfile::tempdir().unwrap();
    let hls = session["hls_url"].as_str().unwrap();
    let renditions = stream::fetch_hls(&ann, hls, folder.path()).await;
    stream::assert_sound_media(&renditions);
    Outcome {
        video,
        renditions,
        _folder: folder,
    }
}

impl Outcome {
    /// Width and height of each rung, in the order of the playlist.
    fn sizes(&self) -> Vec<(u64, u64)> {
        self.renditions
            .iter()
            .filter(|it| it.is_video)
            .map(|it| {
                let probe = stream::probe(&it.file);
                let picture = &probe["streams"][0];
                assert_eq!(picture["codec_name"], "h264");
                assert_eq!(picture["pix_fmt"], "yuv420p");
                (
                    picture["width"].as_u64().unwrap(),
                    picture["height"].as_u64().unwrap(),
                )
            })
            .collect()
    }

    fn sounds(&self) -> usize {
        self.renditions.iter().filter(|it| !it.is_video).count()
    }
}

const TONE: &str = "sine=frequency=440:sample_rate=48000:duration=4";

#[tokio::test]
async fn full_hd_becomes_four_rungs() {
    let file = clips::clip(
        "1080p.mp4",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=1920x1080:rate=30:duration=4",
            "-f",
            "lavfi",
            "-i",
            TONE,
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
        ],
    );
    let outcome = played(&file).await;
    let sizes = outcome.sizes();
    assert_eq!(sizes.len(), 4, "{sizes:?}");
    assert!(sizes.contains(&(1920, 1080)));
    assert!(sizes.iter().all(|(width, height)| width * 9 == height * 16 || width.abs_diff(height * 16 / 9) <= 1));
}

#[tokio::test]
async fn four_k_hevc_is_not_enlarged_and_plays() {
    let file = clips::clip(
        "4k.mp4",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=3840x2160:rate=24:duration=2",
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:sample_rate=48000:duration=2",
            "-c:v",
            "libx265",
            "-preset",
            "ultrafast",
            "-x265-params",
            "log-level=error",
            "-tag:v",
            "hvc1",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
        ],
    );
    let outcome = played(&file).await;
    let sizes = outcome.sizes();
    assert!(sizes.iter().all(|(width, _)| *width <= 3840), "{sizes:?}");
    assert_eq!(outcome.video["width"], 3840);
}

#[tokio::test]
async fn a_portrait_phone_clip_stands_upright() {
    let upright = clips::clip(
        "landscape.mov",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=1280x720:rate=30:duration=4",
            "-f",
            "lavfi",
            "-i",
            TONE,
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
        ],
    );
    let file = clips::clip(
        "portrait.mov",
        &[
            "-i",
            upright.to_str().unwrap(),
            "-c",
            "copy",
            "-metadata:s:v:0",
            "rotate=90",
        ],
    );
    let outcome = played(&file).await;
    let sizes = outcome.sizes();
    assert!(
        sizes.iter().all(|(width, height)| height > width),
        "{sizes:?}"
    );
    assert_eq!(
        (
            outcome.video["width"].as_u64(),
            outcome.video["height"].as_u64()
        ),
        (Some(720), Some(1280))
    );
}

#[tokio::test]
async fn ten_bit_colour_becomes_what_every_browser_plays() {
    let file = clips::clip(
        "10bit.mp4",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=640x360:rate=30:duration=4",
            "-f",
            "lavfi",
            "-i",
            TONE,
            "-c:v",
            "libx265",
            "-preset",
            "ultrafast",
            "-x265-params",
            "log-level=error",
            "-pix_fmt",
            "yuv420p10le",
            "-tag:v",
            "hvc1",
            "-c:a",
            "aac",
        ],
    );
    let outcome = played(&file).await;
    assert!(!outcome.sizes().is_empty());
}

#[tokio::test]
async fn both_audio_tracks_of_a_matroska_file_are_kept() {
    let file = clips::clip(
        "two-tracks.mkv",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=640x360:rate=25:duration=4",
            "-f",
            "lavfi",
            "-i",
            TONE,
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=660:sample_rate=44100:duration=4",
            "-map",
            "0:v",
            "-map",
            "1:a",
            "-map",
            "2:a",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-c:a",
            "aac",
            "-metadata:s:a:0",
            "language=kor",
            "-metadata:s:a:1",
            "language=eng",
        ],
    );
    let outcome = played(&file).await;
    assert_eq!(outcome.sounds(), 2);
    let languages: Vec<&str> = outcome.video["renditions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["kind"] == "audio")
        .map(|it| it["language"].as_str().unwrap())
        .collect();
    assert_eq!(languages, ["ko", "en"]);
}

#[tokio::test]
async fn a_file_of_sound_alone_plays() {
    let file = clips::clip("song.m4a", &["-f", "lavfi", "-i", TONE, "-c:a", "aac"]);
    let outcome = played(&file).await;
    assert_eq!((outcome.sizes().len(), outcome.sounds()), (0, 1));
}

#[tokio::test]
async fn a_picture_without_sound_plays() {
    let file = clips::clip(
        "silent.webm",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=320x180:rate=25:duration=3",
            "-c:v",
            "libvpx-vp9",
            "-deadline",
            "realtime",
            "-cpu-used",
            "8",
        ],
    );
    let outcome = played(&file).await;
    assert_eq!((outcome.sizes().len(), outcome.sounds()), (1, 0));
}

#[tokio::test]
async fn one_second_is_enough() {
    let file = clips::clip(
        "second.mp4",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=640x360:rate=25:duration=1",
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:sample_rate=48000:duration=1",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
        ],
    );
    let outcome = played(&file).await;
    let duration = outcome.video["duration_ms"].as_u64().unwrap();
    assert!((950..=1_100).contains(&duration), "{duration}");
}

#[tokio::test]
async fn an_odd_size_is_rounded_to_what_the_codec_takes() {
    let file = clips::clip(
        "odd.mkv",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=641x361:rate=25:duration=3",
            "-c:v",
            "ffv1",
            "-pix_fmt",
            "yuv444p",
        ],
    );
    let sizes = played(&file).await.sizes();
    assert!(
        sizes
            .iter()
            .all(|(width, height)| width % 2 == 0 && height % 2 == 0),
        "{sizes:?}"
    );
    assert!(
        sizes
            .iter()
            .all(|(width, height)| *width <= 642 && *height <= 362),
        "{sizes:?}"
    );
}

#[tokio::test]
async fn a_truncated_file_plays_what_is_there_or_says_what_is_missing() {
    let whole = clips::clip(
        "whole.mp4",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=640x360:rate=25:duration=8",
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:sample_rate=48000:duration=8",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
        ],
    );
    let bytes = std::fs::read(whole).unwrap();
    let platform = Platform::simple();
    let ann = platform.creator().await;

    // The index stands at the end: without it nothing can be played.
    let id = ann.upload("No index", &bytes[..bytes.len() / 2]).await;
    let video = ann.wait_for(&id, &["failed"]).await;
    let reason = video["state_reason"].as_str().unwrap();
    assert!(reason.len() > 20 && !reason.contains("moov"), "{reason}");

    // The index stands in front: what is there plays.
    let folder = tempfile::tempdir().unwrap();
    let front = folder.path().join("front.mp4");
    let input = folder.path().join("in.mp4");
    std::fs::write(&input, &bytes).unwrap();
    clips::ffmpeg(
        &[
            "-i",
            input.to_str().unwrap(),
            "-c",
            "copy",
            "-movflags",
            "+faststart",
        ],
        &front,
    );
    let bytes = std::fs::read(front).unwrap();
    let id = ann.upload("Cut", &bytes[..bytes.len() * 2 / 3]).await;
    let video = ann.wait_for(&id, &["ready", "failed"]).await;
    if video["state"] == "failed" {
        assert!(
            video["state_reason"].as_str().unwrap().len() > 20,
            "{video:#}"
        );
        return;
    }
    let session = ann.play(&id).await;
    let fetched = tempfile::tempdir().unwrap();
    let renditions =
        stream::fetch_hls(&ann, session["hls_url"].as_str().unwrap(), fetched.path()).await;
    for rendition in &renditions {
        stream::assert_decodes_without_errors(&rendition.file);
    }
}
