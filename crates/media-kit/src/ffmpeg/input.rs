//! How a source is opened: one forced demuxer, no other file, one clock.

use std::ffi::OsString;
use std::path::Path;

use super::Arguments;
use crate::Container;

/// Larger pictures are refused by the decoder even if they only turn up in the middle of the file.
const PIXELS_MAX: u32 = 8192 * 4352;

/// Opens the source with the demuxer of its container and nothing else.
pub(super) fn open(arguments: &mut Arguments, container: Container, source: &Path) {
    let demuxer = container.demuxer();
    for (name, value) in container.hardening() {
        arguments.option(name, *value);
    }
    arguments.flags(&[
        "-protocol_whitelist",
        "file",
        "-format_whitelist",
        demuxer,
        "-f",
        demuxer,
    ]);
    let mut url = OsString::from("file:");
    url.push(source);
    arguments.option("-i", url);
}

/// Decoder options that stand before [`open`].
pub(super) fn decoding(arguments: &mut Arguments, threads: u32) {
    arguments.option("-threads", threads.to_string());
    arguments.option("-max_pixels", PIXELS_MAX.to_string());
    // Rotation is a filter of ours, so that the versions of ffmpeg agree. A change of picture size in the middle of the file must not
    // build the filters anew: they count pictures.
    arguments.flags(&["-noautorotate", "-reinit_filter", "0"]);
}

/// Which clock the timestamps come in.
///
/// Sources with an index keep their own, so that a chunk that was sought to sees the same times as the whole. The others may restart
/// their clock in the middle; ffmpeg joins that up, but only if it may rewrite timestamps from zero.
pub(super) fn clock(arguments: &mut Arguments, container: Container) {
    if container.seeks_reliably() {
        arguments.flags(&["-copyts"]);
    }
}

/// The time, in microseconds of the clock chosen by [`clock`], at which the source starts.
pub(super) fn clock_zero_us(container: Container, clock_start_us: i64) -> i64 {
    if container.seeks_reliably() {
        clock_start_us
    } else {
        0
    }
}

/// Makes ffmpeg count from the earliest track even if a task needs only a later one: newer versions take the zero of a stream without index
/// from the tracks in use.
pub(super) fn pin_clock(arguments: &mut Arguments, container: Container) {
    if !container.seeks_reliably() {
        arguments.flags(&[
            "-map", "0:v?", "-map", "0:a?", "-c", "copy", "-f", "null", "-",
        ]);
    }
}

pub(super) fn seconds(microseconds: i64) -> String {
    let sign = if microseconds < 0 { "-" } else { "" };
    let magnitude = microseconds.unsigned_abs();
    format!(
        "{sign}{}.{:06}",
        magnitude / 1_000_000,
        magnitude % 1_000_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_opened_with_its_demuxer_alone() {
        let mut arguments = Arguments::default();
        open(
            &mut arguments,
            Container::Mp4,
            Path::new("/uploads/-y; rm.mp4"),
        );
        let expected = "-enable_drefs 0 -use_absolute_path 0 -protocol_whitelist file -format_whitelist mov -f mov -i";
        let mut expected: Vec<OsString> = expected.split(' ').map(OsString::from).collect();
        expected.push("file:/uploads/-y; rm.mp4".into());
        assert_eq!(arguments.finish(), expected);
    }

    #[test]
    fn seconds_keep_their_sign_and_microseconds() {
        assert_eq!(seconds(-1_500), "-0.001500");
        assert_eq!(seconds(61_000_001), "61.000001");
    }
}
