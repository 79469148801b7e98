//! The command line of a video chunk: one decode, every rung.

use std::ffi::OsString;
use std::path::Path;

use super::{Abilities, Arguments, filters, input};
use crate::ladder::VideoRung;
use crate::plan::VideoChunkTask;

/// How far before the chunk decoding starts. Seeking lands on a key frame before that; the filters drop what is early.
const SEEK_MARGIN_US: i64 = 1_000_000;

/// Arguments of ffmpeg for a chunk. Each rung leaves through [`super::pipe_name`], one fragment per segment.
pub fn video_chunk_arguments(
    task: &VideoChunkTask,
    source: &Path,
    abilities: &Abilities,
) -> Vec<OsString> {
    let container = task.input.container;
    let mut arguments = Arguments::for_ffmpeg();
    input::clock(&mut arguments, container);
    input::decoding(&mut arguments, abilities.threads);
    let seek_us = i64::try_from(task.start_ms()).unwrap_or(i64::MAX / 2000) * 1000 - SEEK_MARGIN_US;
    if container.seeks_reliably() && seek_us > 0 {
        // Pictures before the chunk are wanted: the last of them is held if the chunk begins in a gap.
        arguments.flags(&["-noaccurate_seek"]);
        arguments.option("-ss", input::seconds(seek_us));
    }
    input::open(&mut arguments, container, source);
    arguments.option("-filter_complex_threads", abilities.threads.to_string());
    arguments.option("-filter_complex", filter_graph(task, abilities));
    for rung in &task.rungs {
        encode_rung(&mut arguments, task, rung, abilities.threads);
    }
    input::pin_clock(&mut arguments, container);
    arguments.finish()
}

fn filter_graph(task: &VideoChunkTask, abilities: &Abilities) -> String {
    let mut descending: Vec<&VideoRung> = task.rungs.iter().collect();
    descending.reverse();
    let Some((top, smaller)) = descending.split_first() else {
        return String::new();
    };
    let mut chain = filters::onto_grid(&task.input, task.first_frame(), task.frame_count_max());
    chain.extend(filters::to_size(
        &task.input,
        top.width,
        top.height,
        abilities.tone_mapping,
    ));
    let mut graph = format!("[0:{}]{}", task.input.stream_index, chain.join(","));
    // Each rung is scaled from the one above it, which is cheaper than from the source and looks the same.
    let mut above = *top;
    for rung in smaller {
        graph.push_str(&format!(
            ",split=2[{above}][{above}_down];[{above}_down]{scale}",
            above = above.id,
            scale = filters::to_smaller(rung.width, rung.height)
        ));
        above = rung;
    }
    graph.push_str(&format!("[{}]", above.id));
    graph
}

fn encode_rung(arguments: &mut Arguments, task: &VideoChunkTask, rung: &VideoRung, threads: u32) {
    let grid = task.input.grid;
    let (first_frame, first_segment) = (task.first_frame(), task.first_segment);
    arguments.option("-map", format!("[{}]", rung.id));
    arguments.option("-c:v", "libx264");
    arguments.option("-preset", task.preset.as_str());
    arguments.option("-threads", threads.to_string());
    arguments.option("-profile:v", "high");
    arguments.option(
        "-level:v",
        format!("{}.{}", rung.level_idc / 10, rung.level_idc % 10),
    );
    // Without it the fastest presets fall back to a lesser profile than the ladder names.
    arguments.flags(&["-8x8dct", "1"]);
    arguments.option("-crf", rung.crf.to_string());
    arguments.option("-maxrate", rung.bit_rate_max_bps.to_string());
    arguments.option("-bufsize", rung.buffer_bits.to_string());
    // Key frames lie where a segment begins and nowhere else. The expression compares whole numbers, so that no rounding can move one.
    let numerator = u64::from(grid.segment_ms) * u64::from(grid.rate.numerator());
    let denominator = 1000 * u64::from(grid.rate.denominator());
    arguments.option(
        "-force_key_frames",
        format!("expr:gte((n+{first_frame})*{denominator},(n_forced+{first_segment})*{numerator})"),
    );
    arguments.option("-g", (grid.frames_in(0) * 2 + 1).to_string());
    arguments.flags(&["-sc_threshold", "0", "-forced-idr", "1"]);
    arguments.flags(&["-fps_mode", "passthrough"]);
    // The encoder's settings, which x264 writes into the first picture, are nobody's business.
    arguments.flags(&["-bsf:v", "filter_units=remove_types=6"]);
    arguments.option("-video_track_timescale", grid.rate.timescale().to_string());
    arguments.fragmented_output(&rung.id, "+frag_keyframe");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plan::tests::source_with_video;
    use crate::plan::{EncodeSettings, EncodeTask, plan};

    fn chunk(position: usize, change: impl Fn(&mut crate::SourceInfo)) -> String {
        let mut source = source_with_video(1280, 720, 200_000);
        change(&mut source);
        let plan = plan(&source, &EncodeSettings::default());
        let chunks: Vec<&VideoChunkTask> = plan
            .tasks
            .iter()
            .filter_map(|task| match task {
                EncodeTask::VideoChunk(chunk) => Some(chunk),
                _ => None,
            })
            .collect();
        let abilities = Abilities {
            tone_mapping: true,
            threads: 2,
        };
        let arguments =
            video_chunk_arguments(chunks[position], Path::new("/s/a b.mp4"), &abilities);
        let words: Vec<String> = arguments
            .into_iter()
            .map(|word| word.into_string().unwrap())
            .collect();
        words.join("\n")
    }

    #[test]
    fn a_later_chunk_seeks_and_counts_from_its_first_picture() {
        insta::assert_snapshot!(chunk(1, |_| ()));
    }

    #[test]
    fn a_rotated_hdr_source_is_turned_and_tone_mapped_after_shrinking() {
        let graph = chunk(0, |source| {
            let video = source.video.as_mut().unwrap();
            (video.display_width, video.display_height) = (2160, 3840);
            video.rotation_degrees = 90;
            video.colour.transfer = Some("smpte2084".to_owned());
        });
        let graph = graph
            .lines()
            .find(|line| line.starts_with("[0:"))
            .unwrap()
            .to_owned();
        insta::assert_snapshot!(graph.replace(';', ";\n"));
    }
}
