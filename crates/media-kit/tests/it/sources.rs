//! Sources that are not plain: each becomes playable, or fails with a sentence for a person.

use amphi_media_kit::run::inspect;
use amphi_media_kit::{EncodeTask, Limits};

use crate::support::*;

/// Whatever the source, what comes out decodes, agrees across rungs, and sound and picture end together.
async fn becomes_playable(clip: &Clip) -> Encoded {
    let encoded = encode(clip).await;
    for rendition in encoded.inits.keys() {
        decodes_cleanly(&encoded.joined(rendition));
    }
    for rung in encoded.rungs() {
        assert_eq!(encoded.times(&rung), encoded.times(&encoded.top_rung()));
    }
    if let (Some(rung), Some(sound)) = (encoded.rungs().first(), encoded.plan.audio.first()) {
        let difference = encoded.duration_s(rung) - encoded.duration_s(&sound.id);
        assert!(difference.abs() < 0.050, "{difference}");
    }
    encoded
}

async fn refusal(clip: &Clip) -> String {
    let error = inspect(&tools().await, &clip.path, &Limits::default())
        .await
        .unwrap_err();
    error.human_reason().unwrap()
}

#[tokio::test]
async fn a_portrait_phone_clip_is_turned_upright() {
    let clip = Clip::make(
        "flat.mp4",
        "-f lavfi -i color=red:s=640x360:r=30:d=2,drawbox=w=320:c=blue:t=fill -c:v libx264 -preset ultrafast",
    );
    let turned = Clip {
        path: clip.path.with_file_name("turned.mov"),
        folder: clip.folder,
    };
    turned.ffmpeg("-i flat.mp4 -c copy -metadata:s:v:0 rotate=270 turned.mov");
    let encoded = becomes_playable(&turned).await;
    let video = encoded.source.video.as_ref().unwrap();
    assert_eq!(video.rotation_degrees, 90);
    assert_eq!((video.display_width, video.display_height), (360, 640));
    let top = encoded.joined("v360");
    assert_eq!(picture_size(&top), (360, 640));
    // Blue was on the left; a turn to the right brings it up.
    let upper = turned.work_dir("upper.mp4");
    turned.ffmpeg(&format!(
        "-i {} -vf crop=in_w:100:0:0 {}",
        top.display(),
        upper.display()
    ));
    let [red, _, blue] = average_rgb(&upper)[0];
    assert!(blue > 200 && red < 60, "red {red} blue {blue}");
}

#[tokio::test]
async fn an_odd_sized_clip_gets_even_sides_and_nothing_larger() {
    let clip = Clip::make(
        "odd.mp4",
        "-f lavfi -i testsrc2=s=321x241:r=24:d=2 -c:v libx264 -preset ultrafast -pix_fmt yuv444p",
    );
    let encoded = becomes_playable(&clip).await;
    assert_eq!(picture_size(&encoded.joined("v240")), (320, 240));
    assert!(encoded.plan.audio.is_empty());
}

#[tokio::test]
async fn ten_bit_hevc_becomes_eight_bit_h264_with_the_same_pictures() {
    let clip = Clip::make(
        "ten.mkv",
        &format!(
            "-f lavfi -i {} -c:v libx265 -preset ultrafast -x265-params log-level=none -pix_fmt yuv420p10le",
            Clip::numbered_pictures("320x240", "25", "3")
        ),
    );
    let encoded = becomes_playable(&clip).await;
    assert_eq!(encoded.source.video.as_ref().unwrap().bit_depth, 10);
    same_pictures(&clip.path, &encoded.joined("v240"));
}

#[tokio::test]
async fn hdr_is_mapped_to_ordinary_brightness() {
    let clip = Clip::make(
        "hdr.mp4",
        "-f lavfi -i color=gray:s=320x240:r=25:d=1 -c:v libx265 -preset ultrafast -pix_fmt yuv420p10le \
         -x265-params log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc \
         -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc",
    );
    let encoded = becomes_playable(&clip).await;
    assert!(encoded.source.video.as_ref().unwrap().colour.is_hdr());
    let [red, green, blue] = average_rgb(&encoded.joined("v240"))[0];
    // Half of PQ's signal is some 92 nits, which is most of an ordinary screen's range.
    assert!(
        red > 150 && red.abs_diff(green) < 6 && green.abs_diff(blue) < 6,
        "{red} {green} {blue}"
    );
}

#[tokio::test]
async fn both_languages_of_a_matroska_file_are_kept() {
    let clip = Clip::make(
        "two.mkv",
        "-f lavfi -i testsrc2=s=320x240:r=25:d=3 -f lavfi -i sine=f=300:d=3 -f lavfi -i sine=f=900:d=3 \
         -map 0 -map 1 -map 2 -metadata:s:a:0 language=kor -metadata:s:a:1 language=eng -metadata:s:a:1 title=Commentary \
         -disposition:a:1 0 -c:v libx264 -preset ultrafast -c:a libopus",
    );
    let encoded = becomes_playable(&clip).await;
    let found: Vec<_> = encoded
        .plan
        .audio
        .iter()
        .map(|audio| (audio.language.as_str(), audio.name.as_str(), audio.default))
        .collect();
    assert_eq!(found, [("ko", "ko", true), ("en", "Commentary", false)]);
    assert_eq!(encoded.times("a0"), encoded.times("a1"));
}

#[tokio::test]
async fn sound_alone_is_playable_and_its_cover_is_not_a_video() {
    let clip = Clip::make(
        "song.mp3",
        "-f lavfi -i sine=f=440:d=4 -f lavfi -i color=green:s=64x64:r=1:d=1 -map 0 -map 1 -c:v mjpeg \
         -disposition:v attached_pic -c:a mp3",
    );
    let encoded = becomes_playable(&clip).await;
    assert!(encoded.plan.video.is_none());
    assert!(
        (encoded.duration_s("a0") - 4.0).abs() < 0.060,
        "{}",
        encoded.duration_s("a0")
    );
    assert_eq!(encoded.plan.tasks.len(), 1);
}

#[tokio::test]
async fn a_clip_of_one_second_is_playable() {
    let clip = Clip::film("short.mp4", "320x240", "30", "1");
    let encoded = becomes_playable(&clip).await;
    assert_eq!(encoded.segments["v240"].len(), 1);
    assert_eq!(frame_count(&encoded.joined("v240")), 30);
}

#[tokio::test]
async fn a_clip_of_a_single_picture_is_playable() {
    let clip = Clip::make(
        "one.mp4",
        "-f lavfi -i testsrc2=s=320x240:r=25 -frames:v 1 -c:v libx264 -preset ultrafast",
    );
    let encoded = becomes_playable(&clip).await;
    assert_eq!(frame_count(&encoded.joined("v240")), 1);
}

#[tokio::test]
async fn a_gap_between_pictures_is_filled_so_that_every_segment_exists() {
    let clip = Clip::make(
        "gap.mkv",
        "-f lavfi -i color=red:s=320x240:r=25:d=10,drawbox=c=blue:t=fill:enable='gt(t,8)',select='lt(t,1)+gt(t,8.5)' -f lavfi -i sine=f=440:d=10 \
         -fps_mode passthrough -c:v libx264 -preset ultrafast -g 10 -c:a aac",
    );
    let encoded = becomes_playable(&clip).await;
    // Matroska counts the AAC encoder's padding in, which makes an eleventh segment of one picture.
    assert!((10..=11).contains(&encoded.segments["v240"].len()));
    let pictures = average_rgb(&encoded.joined("v240"));
    let rate = encoded.plan.video.as_ref().unwrap().grid.rate.as_f64();
    let at = |seconds: f64| pictures[(seconds * rate) as usize];
    // The gap spans the middle chunks whole: the last picture before it stands until 8.5 s.
    let distance =
        |a: [u8; 3], b: [u8; 3]| a.iter().zip(b).map(|(x, y)| x.abs_diff(y)).max().unwrap();
    assert!(distance(at(1.5), at(4.5)) <= 2 && distance(at(4.5), at(7.5)) <= 2);
    assert!(
        distance(at(7.5), at(9.5)) > 20,
        "the picture changes after the gap"
    );
}

#[tokio::test]
async fn a_jittering_frame_rate_is_evened_out_and_keeps_its_length() {
    let clip = Clip::make(
        "jitter.mp4",
        "-f lavfi -i testsrc2=s=320x240:r=60:d=6,select='gt(random(1),0.55)' -f lavfi -i sine=f=440:d=6 \
         -fps_mode passthrough -c:v libx264 -preset ultrafast -c:a aac",
    );
    let encoded = becomes_playable(&clip).await;
    let video = encoded.source.video.as_ref().unwrap();
    assert!(!video.constant_frame_rate);
    assert!((encoded.duration_s("v240") - 6.0).abs() < 0.050);
}

#[tokio::test]
async fn a_fast_clip_is_halved_to_sixty_pictures_a_second() {
    let clip = Clip::film("fast.mp4", "320x240", "120", "2");
    let encoded = becomes_playable(&clip).await;
    assert_eq!(frame_count(&encoded.joined("v240")), 120);
}

#[tokio::test]
async fn an_anamorphic_clip_is_widened_to_square_pixels() {
    let clip = Clip::make(
        "wide.mp4",
        "-f lavfi -i testsrc2=s=360x288:r=25:d=1,setsar=64/45 -c:v libx264 -preset ultrafast",
    );
    let encoded = becomes_playable(&clip).await;
    assert_eq!(picture_size(&encoded.joined("v288")), (512, 288));
}

#[tokio::test]
async fn a_live_recording_of_unknown_length_is_one_chunk() {
    let clip = Clip::make(
        "live.webm",
        "-f lavfi -i testsrc2=s=320x240:r=25:d=3 -f lavfi -i sine=d=3 -c:v libvpx -deadline realtime -c:a libopus -live 1 -f webm",
    );
    let encoded = becomes_playable(&clip).await;
    assert_eq!(encoded.source.duration_ms, None);
    assert_eq!(frame_count(&encoded.joined("v240")), 75);
}

#[tokio::test]
async fn sound_longer_than_the_picture_holds_the_last_picture() {
    let clip = Clip::make(
        "tail.mp4",
        "-f lavfi -i testsrc2=s=320x240:r=25:d=2 -f lavfi -i sine=d=7 -c:v libx264 -preset ultrafast -c:a aac",
    );
    let encoded = becomes_playable(&clip).await;
    assert_eq!(encoded.segments["v240"].len(), 7);
}

#[tokio::test]
async fn a_file_cut_off_before_its_index_says_so() {
    let whole = Clip::film("film.mp4", "320x240", "25", "3");
    let bytes = std::fs::read(&whole.path).unwrap();
    let cut = Clip::from_bytes("cut.mp4", &bytes[..bytes.len() / 2]);
    assert_eq!(
        refusal(&cut).await,
        "The file is incomplete: its index is missing. The recording or the transfer was probably cut off."
    );
}

#[tokio::test]
async fn a_file_cut_off_behind_its_index_plays_what_is_there() {
    let whole = Clip::film("film.mp4", "320x240", "25", "8");
    whole.ffmpeg("-i film.mp4 -c copy -movflags +faststart fast.mp4");
    let bytes = std::fs::read(whole.folder.path().join("fast.mp4")).unwrap();
    let cut = Clip::from_bytes("cut.mp4", &bytes[..bytes.len() * 55 / 100]);
    let encoded = encode(&cut).await;
    let seconds = encoded.duration_s("v240");
    assert!((3.0..6.0).contains(&seconds), "{seconds}");
    decodes_cleanly(&encoded.joined("v240"));
    let chunks = encoded.plan.tasks.iter().zip(&encoded.summaries);
    let ended: Vec<bool> = chunks
        .filter(|(task, _)| matches!(task, EncodeTask::VideoChunk(_)))
        .map(|(_, summary)| summary.source_ended)
        .collect();
    assert_eq!(
        ended,
        [false, true, true],
        "the first chunk is whole, the source ends in the second"
    );
}

#[tokio::test]
async fn other_containers_are_playable_too() {
    let cases = [
        ("a.avi", "-c:v mpeg4 -q:v 4 -c:a mp3"),
        ("a.flv", "-c:v flv1 -q:v 4 -c:a mp3 -ar 44100"),
        ("a.mpg", "-c:v mpeg2video -q:v 4 -c:a mp2"),
        ("a.ogg", "-c:v libtheora -q:v 6 -c:a libvorbis"),
        ("a.wmv", "-c:v wmv2 -q:v 4 -c:a wmav2"),
    ];
    for (name, codecs) in cases {
        let clip = Clip::make(
            name,
            &format!("-f lavfi -i testsrc2=s=320x240:r=25:d=3 -f lavfi -i sine=f=440:d=3 {codecs}"),
        );
        let encoded = encode(&clip).await;
        // These containers round their times, and encoders of their age pad.
        for rendition in ["v240", "a0"] {
            decodes_cleanly(&encoded.joined(rendition));
            let seconds = encoded.duration_s(rendition);
            assert!(
                (seconds - 3.0).abs() < 0.150,
                "{name} {rendition}: {seconds}"
            );
        }
    }
}

#[tokio::test]
async fn a_broadcast_whose_clock_and_picture_size_change_midway_plays_through() {
    let first = Clip::film("first.ts", "640x360", "25", "3");
    let second = Clip::film("second.ts", "320x180", "25", "2");
    let bytes = [&first, &second].map(|clip| std::fs::read(&clip.path).unwrap());
    let joined = Clip::from_bytes("joined.ts", &bytes.concat());
    let encoded = encode(&joined).await;
    for rung in encoded.rungs() {
        let path = encoded.joined(&rung);
        decodes_cleanly(&path);
        let seconds = encoded.duration_s(&rung);
        assert!((seconds - 5.0).abs() < 0.3, "{rung}: {seconds}");
    }
    let difference = encoded.duration_s("v360") - encoded.duration_s("a0");
    assert!(difference.abs() < 0.2, "{difference}");
}

#[tokio::test]
async fn an_interlaced_clip_keeps_its_pictures_and_loses_its_combs() {
    let clip = Clip::make(
        "tv.mpg",
        "-f lavfi -i testsrc2=s=352x288:r=50:d=3,tinterlace=interleave_top -c:v mpeg2video -q:v 3 -flags +ildct+ilme -top 1",
    );
    let encoded = becomes_playable(&clip).await;
    assert!(encoded.source.video.as_ref().unwrap().interlaced);
    let pictures = frame_count(&encoded.joined("v288"));
    assert!((74..=76).contains(&pictures), "{pictures}");
}

#[tokio::test]
async fn damage_in_the_middle_costs_pictures_but_no_segment() {
    let whole = Clip::film("film.mp4", "320x240", "25", "6");
    whole.ffmpeg("-i film.mp4 -c copy -movflags +faststart fast.mp4");
    let mut bytes = std::fs::read(whole.folder.path().join("fast.mp4")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 20_000].fill(0x55);
    let damaged = Clip::from_bytes("damaged.mp4", &bytes);
    let encoded = becomes_playable(&damaged).await;
    assert_eq!(encoded.segments["v240"].len(), 6);
    assert_eq!(frame_count(&encoded.joined("v240")), 150);
}

#[tokio::test]
async fn a_turned_clip_is_turned_once_and_its_setup_says_nothing_of_turning() {
    let clip = Clip::film("flat.mp4", "320x240", "25", "1");
    let turned = Clip {
        path: clip.path.with_file_name("turned.mov"),
        folder: clip.folder,
    };
    turned.ffmpeg("-i flat.mp4 -c copy -metadata:s:v:0 rotate=180 turned.mov");
    let encoded = becomes_playable(&turned).await;
    let setup = std::fs::read(&encoded.inits["v240"].path).unwrap();
    let header_at = setup.windows(4).position(|kind| kind == b"tkhd").unwrap() + 4;
    let matrix = &setup[header_at + 40..header_at + 76];
    let unity: Vec<u8> = [0x1_0000u32, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000]
        .into_iter()
        .flat_map(u32::to_be_bytes)
        .collect();
    assert_eq!(matrix, unity);
}
