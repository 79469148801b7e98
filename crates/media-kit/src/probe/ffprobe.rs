//! Reads ffprobe's JSON (`-show_format -show_streams`) into [`SourceInfo`].

use serde::Deserialize;
use thiserror::Error;

use super::values::{
    bit_depth, clean_title, clock_to_ms, display_size, known, language_tag, pace, seconds_to_ms,
    seconds_to_us,
};
use super::{AudioStream, Colour, SourceInfo, VideoStream};
use crate::{Container, FrameRate};

/// Why a source cannot be described; each message but [`ProbeError::Malformed`] is a sentence for the person who uploaded it.
#[derive(Debug, Error)]
pub enum ProbeError {
    #[error("There is neither picture nor sound in this file that we can read.")]
    NothingPlayable,
    #[error("The video uses the codec {0}, which we cannot decode.")]
    UnknownVideoCodec(String),
    #[error("The picture size cannot be read; the file is damaged.")]
    NoPictureSize,
    #[error("ffprobe's answer is not what it should be")]
    Malformed(#[source] serde_json::Error),
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    format: Format,
}

#[derive(Deserialize, Default)]
struct Format {
    start_time: Option<String>,
    duration: Option<String>,
    bit_rate: Option<String>,
    nb_streams: Option<usize>,
}

#[derive(Deserialize)]
struct Stream {
    index: u32,
    codec_type: Option<String>,
    codec_name: Option<String>,
    codec_tag_string: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    sample_aspect_ratio: Option<String>,
    pix_fmt: Option<String>,
    bits_per_raw_sample: Option<String>,
    field_order: Option<String>,
    color_space: Option<String>,
    color_transfer: Option<String>,
    color_primaries: Option<String>,
    r_frame_rate: Option<String>,
    avg_frame_rate: Option<String>,
    nb_frames: Option<String>,
    start_time: Option<String>,
    duration: Option<String>,
    channels: Option<u32>,
    sample_rate: Option<String>,
    #[serde(default)]
    disposition: Disposition,
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    side_data_list: Vec<SideData>,
}

#[derive(Deserialize, Default)]
struct Disposition {
    #[serde(default)]
    default: u8,
    #[serde(default)]
    attached_pic: u8,
    #[serde(default)]
    timed_thumbnails: u8,
    #[serde(default)]
    still_image: u8,
}

#[derive(Deserialize, Default)]
struct Tags {
    #[serde(alias = "LANGUAGE")]
    language: Option<String>,
    #[serde(alias = "TITLE")]
    title: Option<String>,
    rotate: Option<String>,
    #[serde(rename = "DURATION", alias = "DURATION-eng")]
    duration: Option<String>,
    #[serde(rename = "NUMBER_OF_FRAMES", alias = "NUMBER_OF_FRAMES-eng")]
    frame_count: Option<String>,
}

#[derive(Deserialize)]
struct SideData {
    rotation: Option<f64>,
}

/// Describes a source from ffprobe's JSON.
///
/// # Errors
/// [`ProbeError`] if the JSON cannot be read or holds nothing that can be played.
pub fn parse(json: &[u8], container: Container) -> Result<SourceInfo, ProbeError> {
    let answer: Answer = serde_json::from_slice(json).map_err(ProbeError::Malformed)?;
    let duration_ms = answer.format.duration.as_deref().and_then(seconds_to_ms);
    let video = answer
        .streams
        .iter()
        .filter(|stream| stream.is_moving_picture())
        .max_by_key(|stream| {
            // The track marked as default, else the largest, else the first.
            let pixels =
                u64::from(stream.width.unwrap_or(0)) * u64::from(stream.height.unwrap_or(0));
            (
                stream.disposition.default,
                pixels,
                std::cmp::Reverse(stream.index),
            )
        })
        .map(|stream| video_stream(stream, container, duration_ms))
        .transpose()?;
    let audio: Vec<AudioStream> = answer.streams.iter().filter_map(audio_stream).collect();
    if video.is_none() && audio.is_empty() {
        return Err(ProbeError::NothingPlayable);
    }
    let earliest_track_us = video
        .iter()
        .map(|video| video.start_time_us)
        .chain(audio.iter().map(|audio| audio.start_time_us))
        .min();
    Ok(SourceInfo {
        container,
        duration_ms,
        start_time_us: answer
            .format
            .start_time
            .as_deref()
            .and_then(seconds_to_us)
            .or(earliest_track_us)
            .unwrap_or(0),
        bit_rate_bps: answer.format.bit_rate.and_then(|rate| rate.parse().ok()),
        stream_count: answer.format.nb_streams.unwrap_or(answer.streams.len()),
        video,
        audio,
    })
}

impl Stream {
    fn is_moving_picture(&self) -> bool {
        let marks = &self.disposition;
        self.codec_type.as_deref() == Some("video")
            && marks.attached_pic == 0
            && marks.timed_thumbnails == 0
            && marks.still_image == 0
    }

    fn duration_ms(&self) -> Option<u64> {
        let tagged = || self.tags.duration.as_deref().and_then(clock_to_ms);
        self.duration
            .as_deref()
            .and_then(seconds_to_ms)
            .or_else(tagged)
    }

    fn start_time_us(&self) -> i64 {
        self.start_time
            .as_deref()
            .and_then(seconds_to_us)
            .unwrap_or(0)
    }

    fn rotation_degrees(&self) -> u32 {
        // The display matrix turns counter-clockwise; the old tag turned clockwise.
        let matrix = self
            .side_data_list
            .iter()
            .find_map(|data| data.rotation)
            .map(|turn| -turn);
        let tag = || {
            self.tags
                .rotate
                .as_deref()
                .and_then(|turn| turn.parse().ok())
        };
        let turn: f64 = matrix
            .or_else(tag)
            .filter(|turn| turn.is_finite())
            .unwrap_or(0.0);
        let quarter_turns = (turn / 90.0).round().rem_euclid(4.0);
        quarter_turns as u32 * 90
    }
}

fn video_stream(
    stream: &Stream,
    container: Container,
    source_duration_ms: Option<u64>,
) -> Result<VideoStream, ProbeError> {
    let codec = match stream.codec_name.as_deref() {
        Some(name) if name != "unknown" && name != "none" => name.to_owned(),
        _ => {
            let tag = stream.codec_tag_string.as_deref().unwrap_or("unknown");
            let printable = tag
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .take(8)
                .collect();
            return Err(ProbeError::UnknownVideoCodec(printable));
        }
    };
    let (Some(width @ 1..), Some(height @ 1..)) = (stream.width, stream.height) else {
        return Err(ProbeError::NoPictureSize);
    };
    let rotation_degrees = stream.rotation_degrees();
    let (display_width, display_height) = display_size(
        width,
        height,
        stream.sample_aspect_ratio.as_deref(),
        rotation_degrees,
    );
    let pixel_format = stream.pix_fmt.clone().unwrap_or_default();
    let interlaced = matches!(
        stream.field_order.as_deref(),
        Some("tt" | "bb" | "tb" | "bt")
    );
    let duration_ms = stream.duration_ms();
    let average = stream.avg_frame_rate.as_deref().and_then(FrameRate::parse);
    let base = stream.r_frame_rate.as_deref().and_then(FrameRate::parse);
    let (frame_rate, constant_frame_rate) = pace(average, base, interlaced);
    let counted = stream
        .nb_frames
        .as_deref()
        .or(stream.tags.frame_count.as_deref());
    let predicted = || {
        let rate = average.or(base)?;
        Some(rate.first_frame_at_or_after(duration_ms.or(source_duration_ms)?))
    };
    // An AVI's header counts what the writer meant to write; the other indexes count what is there.
    let frame_count_estimate = counted
        .and_then(|count| count.parse().ok())
        .filter(|_| container != Container::Avi)
        .or_else(predicted);
    Ok(VideoStream {
        index: stream.index,
        codec,
        coded_width: width,
        coded_height: height,
        display_width,
        display_height,
        rotation_degrees,
        frame_rate,
        constant_frame_rate,
        bit_depth: bit_depth(&pixel_format, stream.bits_per_raw_sample.as_deref()),
        pixel_format,
        interlaced,
        colour: Colour {
            matrix: known(&stream.color_space),
            transfer: known(&stream.color_transfer),
            primaries: known(&stream.color_primaries),
        },
        start_time_us: stream.start_time_us(),
        duration_ms,
        frame_count_estimate,
    })
}

fn audio_stream(stream: &Stream) -> Option<AudioStream> {
    if stream.codec_type.as_deref() != Some("audio") {
        return None;
    }
    let codec = stream.codec_name.clone()?;
    // An audio track whose decoder is missing is left out: the video is still worth having.
    if codec == "unknown" || codec == "none" {
        return None;
    }
    Some(AudioStream {
        index: stream.index,
        codec,
        channels: stream.channels.filter(|&channels| channels > 0)?,
        sample_rate_hz: stream
            .sample_rate
            .as_deref()?
            .parse()
            .ok()
            .filter(|&rate| rate > 0)?,
        language: language_tag(stream.tags.language.as_deref()),
        title: stream.tags.title.as_deref().and_then(clean_title),
        default: stream.disposition.default != 0,
        start_time_us: stream.start_time_us(),
        duration_ms: stream.duration_ms(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn video_with(extra: serde_json::Value) -> VideoStream {
        let mut stream = json!({
            "index": 0, "codec_type": "video", "codec_name": "h264", "width": 1920, "height": 1080,
            "pix_fmt": "yuv420p", "r_frame_rate": "25/1", "avg_frame_rate": "25/1", "duration": "10.000000",
        });
        stream
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        let answer =
            json!({"streams": [stream], "format": {"duration": "10.0", "start_time": "0.0"}});
        parse(answer.to_string().as_bytes(), Container::Mp4)
            .unwrap()
            .video
            .unwrap()
    }

    #[test]
    fn display_size_follows_pixel_shape_and_rotation() {
        let cases = [
            (json!({}), (1920, 1080, 0)),
            (
                json!({"sample_aspect_ratio": "4:3", "width": 1440}),
                (1920, 1080, 0),
            ),
            (json!({"sample_aspect_ratio": "0:1"}), (1920, 1080, 0)),
            (
                json!({"side_data_list": [{"side_data_type": "Display Matrix", "rotation": -90}]}),
                (1080, 1920, 90),
            ),
            (
                json!({"side_data_list": [{"rotation": 90}]}),
                (1080, 1920, 270),
            ),
            (
                json!({"side_data_list": [{"rotation": 180}]}),
                (1920, 1080, 180),
            ),
            (json!({"tags": {"rotate": "90"}}), (1080, 1920, 90)),
            (json!({"tags": {"rotate": "NaN"}}), (1920, 1080, 0)),
        ];
        for (extra, expected) in cases {
            let video = video_with(extra.clone());
            let found = (
                video.display_width,
                video.display_height,
                video.rotation_degrees,
            );
            assert_eq!(found, expected, "{extra}");
        }
    }

    #[test]
    fn the_output_rate_is_the_sources_own_where_it_has_one() {
        let cases = [
            ("30000/1001", "30000/1001", "30000/1001", true),
            ("30/1", "29970/1000", "30/1", true),
            ("50/1", "25/1", "25/1", true),
            ("90000/1", "26341/1000", "30/1", false),
            ("60/1", "5/1", "30/1", false),
            ("30/1", "1/20", "10/1", false),
            ("600/1", "47/1", "50/1", false),
            ("0/0", "0/0", "30/1", false),
            ("24/1", "0/0", "24/1", true),
        ];
        for (base, average, expected, constant) in cases {
            let video = video_with(json!({"r_frame_rate": base, "avg_frame_rate": average}));
            assert_eq!(video.frame_rate.to_string(), expected, "{base} {average}");
            assert_eq!(video.constant_frame_rate, constant, "{base} {average}");
        }
    }

    #[test]
    fn bit_depth_and_hdr_are_seen() {
        let video = video_with(
            json!({"pix_fmt": "yuv420p10le", "color_transfer": "smpte2084", "color_space": "bt2020nc"}),
        );
        assert_eq!(video.bit_depth, 10);
        assert!(video.colour.is_hdr());
        assert_eq!(video_with(json!({"pix_fmt": "yuv420p"})).bit_depth, 8);
        assert!(
            !video_with(json!({"color_transfer": "bt709"}))
                .colour
                .is_hdr()
        );
    }

    #[test]
    fn cover_art_is_not_video() {
        let answer = json!({"streams": [
            {"index": 0, "codec_type": "audio", "codec_name": "mp3", "channels": 2, "sample_rate": "44100"},
            {"index": 1, "codec_type": "video", "codec_name": "mjpeg", "width": 500, "height": 500, "disposition": {"attached_pic": 1}},
        ], "format": {"duration": "3.5", "nb_streams": 2}});
        let info = parse(answer.to_string().as_bytes(), Container::Mp3).unwrap();
        assert!(info.video.is_none());
        assert_eq!(info.audio.len(), 1);
        assert_eq!(info.duration_ms, Some(3500));
    }

    #[test]
    fn an_undecodable_or_empty_source_says_so() {
        let reason = |streams: serde_json::Value| {
            let answer = json!({"streams": streams, "format": {}});
            parse(answer.to_string().as_bytes(), Container::Mp4)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            reason(json!([])),
            "There is neither picture nor sound in this file that we can read."
        );
        assert_eq!(
            reason(json!([{"index": 0, "codec_type": "video", "codec_tag_string": "drmi"}])),
            "The video uses the codec drmi, which we cannot decode."
        );
        assert_eq!(
            reason(
                json!([{"index": 0, "codec_type": "video", "codec_name": "h264", "width": 0, "height": 0}])
            ),
            "The picture size cannot be read; the file is damaged."
        );
    }

    proptest! {
        #[test]
        fn arbitrary_json_text_never_panics(text in "\\PC{0,200}") {
            let _ = parse(text.as_bytes(), Container::Mp4);
        }
    }
}
