//! Asks ffmpeg and ffprobe about what came out.

use std::path::Path;
use std::process::{Command, Output};

fn ask(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {words}");
    output
}

fn probe(path: &Path, arguments: &[&str]) -> String {
    let path = path.to_str().unwrap();
    let output = ask(
        "ffprobe",
        &[&["-v", "error"], arguments, &["-of", "csv=p=0", path]].concat(),
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Decodes everything; a single warning of the decoder is a failure.
pub fn decodes_cleanly(path: &Path) {
    let arguments = [
        "-nostdin",
        "-v",
        "warning",
        "-xerror",
        "-i",
        path.to_str().unwrap(),
        "-f",
        "null",
        "-",
    ];
    let output = ask("ffmpeg", &arguments);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{path:?}");
}

/// Pictures that come out of the decoder.
pub fn frame_count(path: &Path) -> u64 {
    let asked = [
        "-count_frames",
        "-select_streams",
        "v:0",
        "-show_entries",
        "stream=nb_read_frames",
    ];
    probe(path, &asked)
        .trim()
        .trim_end_matches(',')
        .parse()
        .unwrap()
}

pub fn picture_size(path: &Path) -> (u32, u32) {
    let text = probe(
        path,
        &[
            "-select_streams",
            "v:0",
            "-show_entries",
            "stream=width,height",
        ],
    );
    let (width, height) = text.trim().trim_end_matches(',').split_once(',').unwrap();
    (width.parse().unwrap(), height.parse().unwrap())
}

/// Presentation times of all packets in seconds, sorted.
pub fn packet_times(path: &Path) -> Vec<f64> {
    let text = probe(path, &["-show_entries", "packet=pts_time"]);
    let mut times: Vec<f64> = text
        .lines()
        .map(|line| line.trim_end_matches(',').parse().unwrap())
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

/// Every picture of the reference is there, at its place and once, told apart by brightness.
pub fn same_pictures(reference: &Path, path: &Path) {
    let (wanted, found) = (average_rgb(reference), average_rgb(path));
    assert_eq!(wanted.len(), found.len(), "number of pictures");
    for (place, (wanted, found)) in wanted.iter().zip(&found).enumerate() {
        assert!(
            wanted[1].abs_diff(found[1]) < 8,
            "picture {place}: {wanted:?} became {found:?}"
        );
    }
}

/// Each picture shrunk to one pixel, as red, green and blue.
pub fn average_rgb(path: &Path) -> Vec<[u8; 3]> {
    let path = path.to_str().unwrap();
    let arguments = [
        "-nostdin",
        "-v",
        "error",
        "-i",
        path,
        "-vf",
        "scale=1:1:flags=area,format=rgb24",
        "-fps_mode",
        "passthrough",
        "-f",
        "rawvideo",
        "-",
    ];
    let pixels = ask("ffmpeg", &arguments).stdout;
    pixels
        .chunks_exact(3)
        .map(|pixel| [pixel[0], pixel[1], pixel[2]])
        .collect()
}

/// Every sample of the first channel's absolute value, at 48 kHz.
pub fn loudness(path: &Path) -> Vec<f32> {
    let path = path.to_str().unwrap();
    let arguments = [
        "-nostdin",
        "-v",
        "error",
        "-i",
        path,
        "-af",
        "pan=mono|c0=c0",
        "-f",
        "f32le",
        "-",
    ];
    let bytes = ask("ffmpeg", &arguments).stdout;
    bytes
        .chunks_exact(4)
        .map(|sample| f32::from_le_bytes(sample.try_into().unwrap()).abs())
        .collect()
}
