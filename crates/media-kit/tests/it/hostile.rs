//! Files that mean harm.

use amphi_media_kit::plan::plan;
use amphi_media_kit::run::{RunError, RunLimits, TaskEvent, inspect, run_task};
use amphi_media_kit::{Container, EncodeTask, Limits};
use tokio::sync::mpsc;

use crate::support::*;

async fn refusal(bytes: &[u8]) -> String {
    let clip = Clip::from_bytes("a.mp4", bytes);
    let error = inspect(&tools().await, &clip.path, &Limits::default())
        .await
        .unwrap_err();
    error.human_reason().unwrap()
}

#[tokio::test]
async fn lists_of_other_files_are_refused_by_what_they_are() {
    let victim = Clip::film("victim.ts", "320x240", "25", "1");
    let victim = victim.path.display();
    let cases = [
        (
            format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{victim}\n#EXT-X-ENDLIST\n"),
            "This is an HLS playlist, a list of other files. Upload the video itself.",
        ),
        (
            format!("ffconcat version 1.0\nfile {victim}\n"),
            "This is an ffmpeg concat script, a list of other files. Upload the video itself.",
        ),
        (
            format!(
                "<?xml version=\"1.0\"?><MPD><Period><AdaptationSet><BaseURL>{victim}</BaseURL></AdaptationSet></Period></MPD>"
            ),
            "This is a DASH or Smooth Streaming manifest, a list of other files. Upload the video itself.",
        ),
        (
            "just some words".to_owned(),
            "This is a text document, not a video or audio file.",
        ),
        (String::new(), "The file is empty."),
    ];
    for (text, reason) in cases {
        assert_eq!(refusal(text.as_bytes()).await, reason);
    }
}

/// The second wall: even if such a file got past the first, the forced demuxer does not read it.
#[tokio::test]
async fn a_list_of_other_files_that_reaches_ffmpeg_yields_nothing_of_them() {
    let victim = Clip::film("victim.mp4", "320x240", "25", "2");
    let source = inspect(&tools().await, &victim.path, &Limits::default())
        .await
        .unwrap();
    let tasks = plan(&source, &small_settings()).tasks;
    let lists = [
        format!(
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n",
            victim.path.display()
        ),
        format!("ffconcat version 1.0\nfile {}\n", victim.path.display()),
    ];
    for list in lists {
        let evil = Clip::from_bytes("evil.mp4", list.as_bytes());
        for task in &tasks {
            let (outcome, events) = run_one(task, &evil.path, &evil.work_dir("out")).await;
            assert!(
                matches!(outcome, Err(RunError::Failed { .. })),
                "{outcome:?}"
            );
            let files = events
                .iter()
                .filter(|event| !matches!(event, TaskEvent::Progress(_)));
            assert_eq!(files.count(), 0);
        }
    }
}

/// Two pictures half an hour apart, in a few kilobytes.
#[tokio::test]
async fn a_small_file_with_a_huge_gap_stays_within_its_output_limit() {
    let clip = Clip::make(
        "bomb.mkv",
        "-f lavfi -i testsrc2=s=1280x720:r=25:d=0.08,setpts=PTS*45000 -fps_mode passthrough -c:v libx264 -preset ultrafast -crf 40",
    );
    assert!(std::fs::metadata(&clip.path).unwrap().len() < 64_000);
    let tools = tools().await;
    let source = inspect(&tools, &clip.path, &Limits::default())
        .await
        .unwrap();
    let tight = Limits {
        frames_max: 10_000,
        ..Limits::default()
    };
    let error = inspect(&tools, &clip.path, &tight).await.unwrap_err();
    assert_eq!(
        error.human_reason().unwrap(),
        "The video holds 45001 pictures; at most 10000 are allowed."
    );

    let plan = plan(&source, &small_settings());
    let Some(chunk @ EncodeTask::VideoChunk(_)) = plan.tasks.first() else {
        panic!("the first chunk comes first");
    };
    let limits = RunLimits {
        output_bytes: 60_000,
        ..RunLimits::default()
    };
    let (sender, mut receiver) = mpsc::channel(4);
    let draining = async { while receiver.recv().await.is_some() {} };
    let work_dir = clip.work_dir("out");
    let (outcome, ()) = tokio::join!(
        run_task(&tools, chunk, &clip.path, &work_dir, &limits, sender),
        draining
    );
    assert!(
        matches!(outcome, Err(RunError::OutputTooLarge(60_000))),
        "{outcome:?}"
    );
    assert!(folder_bytes(&work_dir) < 400_000);
}

fn folder_bytes(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                folder_bytes(&entry.path())
            } else {
                metadata.len()
            }
        })
        .sum()
}

#[tokio::test]
async fn noise_with_a_sound_first_box_fails_with_a_reason() {
    let mut bytes = b"\0\0\0\x14ftypisom\0\0\x02\0isom".to_vec();
    bytes.extend((0..20_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8));
    let reason = refusal(&bytes).await;
    assert!(reason.starts_with("The file is"), "{reason}");
}

#[tokio::test]
async fn a_name_full_of_tricks_is_only_a_name() {
    let plain = Clip::film("film.mp4", "320x240", "25", "1");
    let name = "-y ; $(rm) 'x' \"q\" %03d \u{202e}4pm.\n.mp4";
    let path = plain.folder.path().join(name);
    std::fs::rename(&plain.path, &path).unwrap();
    let clip = Clip {
        path,
        folder: plain.folder,
    };
    let encoded = encode(&clip).await;
    assert_eq!(encoded.source.container, Container::Mp4);
    assert_eq!(frame_count(&encoded.joined("v240")), 25);
    assert!(!encoded.stills.is_empty());
}
