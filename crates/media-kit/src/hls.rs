//! HLS playlists (RFC 8216, version 7) over CMAF segments.

use std::fmt::Write as _;

use crate::presentation::{INIT_SEGMENT, MEDIA_PLAYLIST, Presentation, Track, TrackKind};

const AUDIO_GROUP: &str = "audio";

/// The multivariant playlist. Give it [`Presentation::playable`].
pub fn master_playlist(presentation: &Presentation) -> String {
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    for track in presentation.audio() {
        push_audio_rendition(&mut text, track);
    }
    let audio = loudest_audio(presentation);
    let has_video = presentation.video().next().is_some();
    for track in presentation.video() {
        push_variant(&mut text, presentation, track, audio);
    }
    if let (false, Some(track)) = (has_video, audio) {
        push_variant(&mut text, presentation, track, Some(track));
    }
    text
}

/// One track's playlist. Give it a track of [`Presentation::playable`].
pub fn media_playlist(presentation: &Presentation, track: &Track) -> String {
    playlist_with_prefix(presentation, track, "")
}

/// The same with its segments below the URL `folder`, as `{folder}/{track id}/{file}`.
pub fn media_playlist_in(folder: &str, presentation: &Presentation, track: &Track) -> String {
    playlist_with_prefix(presentation, track, &format!("{folder}/{}/", track.id))
}

fn playlist_with_prefix(presentation: &Presentation, track: &Track, prefix: &str) -> String {
    let timescale = f64::from(track.timescale.max(1));
    let durations = track
        .segments
        .iter()
        .map(|segment| segment.duration_ticks as f64 / timescale);
    // May not change while the playlist grows, hence from the nominal length first.
    let target_s = durations
        .clone()
        .map(|seconds| seconds.round() as u32)
        .fold(presentation.segment_ms.div_ceil(1000).max(1), u32::max);
    let kind = if presentation.complete {
        "VOD"
    } else {
        "EVENT"
    };
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{target_s}\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:{kind}\n#EXT-X-INDEPENDENT-SEGMENTS\n"
    );
    if !presentation.complete {
        // Else players join at the end of what is encoded, as if it were live.
        text.push_str("#EXT-X-START:TIME-OFFSET=0\n");
    }
    push_line(
        &mut text,
        format_args!("#EXT-X-MAP:URI=\"{prefix}{INIT_SEGMENT}\""),
    );
    for (segment, seconds) in track.segments.iter().zip(durations) {
        push_line(
            &mut text,
            format_args!("#EXTINF:{seconds:.6},\n{prefix}{}.m4s", segment.number),
        );
    }
    if presentation.complete {
        text.push_str("#EXT-X-ENDLIST\n");
    }
    text
}

fn push_audio_rendition(text: &mut String, track: &Track) {
    let TrackKind::Audio {
        language,
        name,
        default,
        channels,
        ..
    } = &track.kind
    else {
        return;
    };
    let language = match language.as_str() {
        "und" => String::new(),
        known => format!(",LANGUAGE=\"{}\"", quotable(known)),
    };
    let default = if *default { "YES" } else { "NO" };
    push_line(
        text,
        format_args!(
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{AUDIO_GROUP}\",NAME=\"{}\"{language},DEFAULT={default},AUTOSELECT=YES,\
             CHANNELS=\"{channels}\",URI=\"{}/{MEDIA_PLAYLIST}\"",
            quotable(name),
            track.id
        ),
    );
}

fn push_variant(
    text: &mut String,
    presentation: &Presentation,
    track: &Track,
    audio: Option<&Track>,
) {
    let accompanied = audio.filter(|audio| audio.id != track.id);
    let peak = |track: &Track| track.peak_bps(presentation.complete, presentation.segment_ms);
    let bandwidth = peak(track) + accompanied.map_or(0, peak);
    let mut attributes = format!("BANDWIDTH={bandwidth}");
    let average = [Some(track), accompanied]
        .into_iter()
        .flatten()
        .map(Track::average_bps)
        .sum::<Option<u64>>();
    if let Some(average) = average {
        push(
            &mut attributes,
            format_args!(",AVERAGE-BANDWIDTH={average}"),
        );
    }
    let codecs = match accompanied {
        Some(audio) => format!("{},{}", track.codec, audio.codec),
        None => track.codec.clone(),
    };
    push(&mut attributes, format_args!(",CODECS=\"{codecs}\""));
    if let TrackKind::Video {
        width,
        height,
        frame_rate,
    } = &track.kind
    {
        let frame_rate = frame_rate.as_f64();
        push(
            &mut attributes,
            format_args!(",RESOLUTION={width}x{height},FRAME-RATE={frame_rate:.3}"),
        );
        attributes.push_str(",CLOSED-CAPTIONS=NONE");
    }
    if audio.is_some() {
        push(&mut attributes, format_args!(",AUDIO=\"{AUDIO_GROUP}\""));
    }
    push_line(
        text,
        format_args!(
            "#EXT-X-STREAM-INF:{attributes}\n{}/{MEDIA_PLAYLIST}",
            track.id
        ),
    );
}

/// A variant's bandwidth counts the most demanding rendition that may play with it.
fn loudest_audio(presentation: &Presentation) -> Option<&Track> {
    presentation
        .audio()
        .max_by_key(|track| track.peak_bps(presentation.complete, presentation.segment_ms))
}

/// Quoted strings cannot hold quotes or line ends, and have no escapes.
fn quotable(text: &str) -> String {
    text.chars()
        .map(|character| if character == '"' { '\'' } else { character })
        .filter(|character| !character.is_control())
        .collect()
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(arguments);
}

fn push_line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    push(text, arguments);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::presentation::tests::{audio, presentation, video};

    fn film(complete: bool) -> Presentation {
        let tracks = vec![
            video("v360", 640, 360, 3),
            video("v720", 1280, 720, 3),
            audio("a0", "ko", "한국어", true, 3),
            audio("a1", "und", "Say \"hi\"\n", false, 3),
        ];
        presentation(complete, tracks).playable().unwrap()
    }

    #[test]
    fn the_master_names_each_rung_with_the_sound_group() {
        insta::assert_snapshot!(master_playlist(&film(true)));
    }

    #[test]
    fn a_complete_playlist_ends_and_a_growing_one_does_not() {
        let (complete, growing) = (film(true), film(false));
        insta::assert_snapshot!("vod", media_playlist(&complete, &complete.tracks[0]));
        insta::assert_snapshot!("event", media_playlist(&growing, &growing.tracks[2]));
    }

    #[test]
    fn a_growing_playlist_only_ever_grows() {
        let shorter = presentation(false, vec![video("v360", 640, 360, 2)]);
        let longer = presentation(false, vec![video("v360", 640, 360, 5)]);
        let before = media_playlist(&shorter, &shorter.tracks[0]);
        let after = media_playlist(&longer, &longer.tracks[0]);
        assert!(after.starts_with(&before), "{before}\n{after}");
    }

    #[test]
    fn sound_or_picture_alone_make_variants_of_their_own() {
        let sound = presentation(true, vec![audio("a0", "en", "en", true, 2)]);
        let silent = presentation(true, vec![video("v360", 640, 360, 2)]);
        insta::assert_snapshot!("audio_only", master_playlist(&sound));
        insta::assert_snapshot!("video_only", master_playlist(&silent));
    }
}
