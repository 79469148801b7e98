//! The command line of the audio task: every track, AAC-LC at 48 kHz in stereo.

use std::ffi::OsString;
use std::path::Path;

use super::{Abilities, Arguments, input};
use crate::plan::{AUDIO_SAMPLE_RATE_HZ, AudioTask, AudioTrackInput};

/// Arguments of ffmpeg for all audio tracks. Each leaves through [`super::pipe_name`] in fragments of about a second.
pub fn audio_arguments(task: &AudioTask, source: &Path, abilities: &Abilities) -> Vec<OsString> {
    let mut arguments = Arguments::for_ffmpeg();
    input::clock(&mut arguments, task.container);
    arguments.option("-threads", abilities.threads.to_string());
    input::open(&mut arguments, task.container, source);
    let chains: Vec<String> = task
        .tracks
        .iter()
        .map(|track| filter_chain(task, track))
        .collect();
    arguments.option("-filter_complex", chains.join(";"));
    for track in &task.tracks {
        arguments.option("-map", format!("[{}]", track.rendition));
        arguments.flags(&["-c:a", "aac", "-profile:a", "aac_low"]);
        arguments.option("-b:a", task.bit_rate_bps.to_string());
        arguments.option("-frag_duration", "1000000");
        arguments.fragmented_output(&track.rendition, "");
    }
    input::pin_clock(&mut arguments, task.container);
    arguments.finish()
}

fn filter_chain(task: &AudioTask, track: &AudioTrackInput) -> String {
    let zero_us = input::clock_zero_us(task.container, task.clock_start_us);
    let duration_ms_max = u64::from(task.segments_max) * u64::from(task.grid.segment_ms);
    let mut chain = Vec::new();
    if zero_us != 0 {
        chain.push(format!(
            "asetpts=round(PTS-({})/TB)",
            input::seconds(zero_us)
        ));
    }
    // Starts at zero, fills gaps with silence, follows a drifting clock.
    chain.push(format!(
        "aresample={AUDIO_SAMPLE_RATE_HZ}:async=1000:first_pts=0"
    ));
    chain.push("aformat=sample_fmts=fltp:channel_layouts=stereo".to_owned());
    if track.silence_after_ms > 0 {
        chain.push(format!("apad=pad_dur={}ms", track.silence_after_ms));
    }
    chain.push(format!("atrim=end={}", duration_ms_max / 1000));
    format!(
        "[0:{}]{}[{}]",
        track.stream_index,
        chain.join(","),
        track.rendition
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plan::tests::source_with_video;
    use crate::plan::{EncodeSettings, EncodeTask, plan};

    #[test]
    fn every_track_is_resampled_and_leaves_through_its_pipe() {
        let mut source = source_with_video(640, 360, 10_000);
        source.start_time_us = 40_000;
        source.audio[0].duration_ms = Some(9_000);
        source.audio[0].start_time_us = 40_000;
        let plan = plan(&source, &EncodeSettings::default());
        let EncodeTask::Audio(task) = &plan.tasks[0] else {
            panic!("sound comes first");
        };
        let arguments = audio_arguments(task, Path::new("/s/a.mp4"), &Abilities::default());
        let words: Vec<String> = arguments
            .into_iter()
            .map(|word| word.into_string().unwrap())
            .collect();
        insta::assert_snapshot!(words.join("\n"));
    }
}
