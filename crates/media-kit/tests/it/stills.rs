//! Poster and storyboard.

use amphi_media_kit::EncodeTask;
use amphi_media_kit::run::{StillKind, TaskEvent};

use crate::support::*;

#[tokio::test]
async fn a_poster_is_not_the_black_opening() {
    let clip = Clip::make(
        "film.mp4",
        "-f lavfi -i testsrc2=s=640x360:r=25:d=10,drawbox=c=black:t=fill:enable='lt(t,1.2)' -c:v libx264 -preset ultrafast",
    );
    let encoded = encode(&clip).await;
    let poster = encoded
        .stills
        .iter()
        .find(|still| still.still == StillKind::Poster)
        .unwrap();
    assert_eq!(picture_size(&poster.path), (640, 360));
    let brightest = average_rgb(&poster.path)[0].into_iter().max().unwrap();
    assert!(brightest > 60, "{brightest}");
}

#[tokio::test]
async fn the_storyboard_shows_each_moment_in_its_tile() {
    // Red until 4 s, then blue.
    let clip = Clip::make(
        "film.mp4",
        "-f lavfi -i color=red:s=320x240:r=25:d=8,drawbox=c=blue:t=fill:enable='gte(t,4)' -c:v libx264 -preset ultrafast",
    );
    let encoded = encode(&clip).await;
    let kinds: Vec<StillKind> = encoded.stills.iter().map(|still| still.still).collect();
    let expected = [
        StillKind::Poster,
        StillKind::StoryboardSheet { sheet: 0 },
        StillKind::StoryboardIndex,
    ];
    assert_eq!(kinds, expected);
    let sheet = &encoded.stills[1].path;
    assert_eq!(picture_size(sheet), (480, 90));
    let tile = |number: u32| {
        let cropped = clip.folder.path().join(format!("tile-{number}.png"));
        clip.ffmpeg(&format!(
            "-i {} -vf crop=120:90:{}:0 {}",
            sheet.display(),
            number * 120,
            cropped.display()
        ));
        let [red, _, blue] = average_rgb(&cropped)[0];
        if red > blue { "red" } else { "blue" }
    };
    assert_eq!(
        [tile(0), tile(1), tile(2), tile(3)],
        ["red", "red", "blue", "blue"]
    );
    let vtt = std::fs::read_to_string(&encoded.stills[2].path).unwrap();
    assert!(vtt.contains("00:00:04.000 --> 00:00:06.000\nstoryboard-0.jpg#xywh=240,0,120,90"));
}

#[tokio::test]
async fn a_turned_clip_has_turned_stills() {
    let clip = Clip::film("flat.mp4", "320x240", "25", "2");
    let turned = Clip {
        path: clip.path.with_file_name("turned.mov"),
        folder: clip.folder,
    };
    turned.ffmpeg("-i flat.mp4 -c copy -metadata:s:v:0 rotate=90 turned.mov");
    let encoded = encode(&turned).await;
    assert_eq!(picture_size(&encoded.stills[0].path), (240, 320));
}

#[tokio::test]
async fn a_header_that_promises_too_much_still_gives_a_poster() {
    let clip = Clip::film("film.mp4", "320x240", "25", "2");
    let encoded = encode(&clip).await;
    let mut task = encoded
        .plan
        .tasks
        .iter()
        .find(|task| matches!(task, EncodeTask::Stills(_)))
        .unwrap()
        .clone();
    if let EncodeTask::Stills(stills) = &mut task {
        stills.poster.at_ms = 3_600_000;
        stills.storyboard = None;
    }
    let (outcome, events) = run_one(&task, &clip.path, &clip.work_dir("again")).await;
    outcome.unwrap();
    let posters = events.iter().filter(
        |event| matches!(event, TaskEvent::Still(still) if still.still == StillKind::Poster),
    );
    assert_eq!(posters.count(), 1);
}
