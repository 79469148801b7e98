//! The command lines of poster and storyboard.

use std::ffi::OsString;
use std::path::Path;

use super::{Abilities, Arguments, filters, input};
use crate::plan::StillsTask;
use crate::stills::{PosterSpec, StoryboardSpec};

/// Writes [`PosterSpec::FILE_NAME`] into the working directory.
pub fn poster_arguments(task: &StillsTask, source: &Path, abilities: &Abilities) -> Vec<OsString> {
    let poster = &task.poster;
    let mut arguments = Arguments::for_ffmpeg();
    input::decoding(&mut arguments, abilities.threads);
    if poster.at_ms > 0 {
        let at_us = i64::try_from(poster.at_ms)
            .unwrap_or(0)
            .saturating_mul(1000);
        arguments.option("-ss", input::seconds(at_us));
    }
    input::open(&mut arguments, task.input.container, source);
    let mut chain = filters::deinterlace(&task.input);
    chain.extend(filters::to_size(
        &task.input,
        poster.width,
        poster.height,
        abilities.tone_mapping,
    ));
    chain.push(format!("thumbnail=n={}", poster.candidates.max(2)));
    chain.extend(jpeg_colours());
    arguments.option(
        "-filter_complex",
        format!("[0:{}]{}[poster]", task.input.stream_index, chain.join(",")),
    );
    arguments.flags(&[
        "-map",
        "[poster]",
        "-frames:v",
        "1",
        "-c:v",
        "mjpeg",
        "-q:v",
        "3",
        "-update",
        "1",
    ]);
    arguments.output("image2", PosterSpec::FILE_NAME);
    arguments.finish()
}

/// Writes [`StoryboardSpec::sheet_file_name`] for each sheet into the working directory.
pub fn storyboard_arguments(
    task: &StillsTask,
    storyboard: &StoryboardSpec,
    source: &Path,
    abilities: &Abilities,
) -> Vec<OsString> {
    let mut arguments = Arguments::for_ffmpeg();
    input::clock(&mut arguments, task.input.container);
    input::decoding(&mut arguments, abilities.threads);
    if storyboard.key_frames_only {
        arguments.flags(&["-skip_frame", "nokey"]);
    }
    input::open(&mut arguments, task.input.container, source);
    let zero_us = input::clock_zero_us(task.input.container, task.input.clock_start_us);
    let mut chain = Vec::new();
    if zero_us != 0 {
        chain.push(format!(
            "setpts=round(PTS-({})/TB)",
            input::seconds(zero_us)
        ));
    }
    chain.push(format!(
        "fps=fps=1000/{}:round=near:start_time=0",
        storyboard.interval_ms
    ));
    chain.push(format!("trim=end_frame={}", storyboard.tile_count));
    chain.extend(filters::to_size(
        &task.input,
        storyboard.tile_width,
        storyboard.tile_height,
        abilities.tone_mapping,
    ));
    chain.push(format!("tile={}x{}", storyboard.columns, storyboard.rows));
    chain.extend(jpeg_colours());
    arguments.option(
        "-filter_complex",
        format!("[0:{}]{}[sheet]", task.input.stream_index, chain.join(",")),
    );
    arguments.flags(&[
        "-map",
        "[sheet]",
        "-fps_mode",
        "passthrough",
        "-c:v",
        "mjpeg",
        "-q:v",
        "4",
        "-start_number",
        "0",
    ]);
    arguments.output("image2", "storyboard-%d.jpg");
    arguments.finish()
}

/// JPEG means full-range BT.601.
fn jpeg_colours() -> [String; 2] {
    [
        "scale=in_color_matrix=bt709:out_color_matrix=bt601:out_range=pc".to_owned(),
        "format=yuvj420p".to_owned(),
    ]
}
