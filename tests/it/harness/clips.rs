//! Clips that ffmpeg generates, made once for all tests of a run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
type Cell = Arc<OnceLock<PathBuf>>;
static MADE: LazyLock<Mutex<HashMap<String, Cell>>> = LazyLock::new(Mutex::default);

/// A clip by its ffmpeg arguments (without the output).
pub fn clip(name: &str, arguments: &[&str]) -> PathBuf {
    let cell = Arc::clone(MADE.lock().unwrap().entry(name.to_owned()).or_default());
    cell.get_or_init(|| {
        let path = FOLDER.path().join(name);
        ffmpeg(arguments, &path);
        path
    })
    .clone()
}

pub fn ffmpeg(arguments: &[&str], output: &Path) {
    let status = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y"])
        .args(arguments)
        .arg(output)
        .status()
        .unwrap();
    assert!(status.success(), "ffmpeg {arguments:?}");
}

/// For tests that need a video and not its picture: 2 s of 160×90 with a tone.
pub fn tiny() -> Vec<u8> {
    let picture = "testsrc2=size=160x90:rate=25:duration=2";
    let sound = "sine=frequency=440:sample_rate=48000:duration=2";
    let input = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound];
    let codecs = [
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
        "-c:a",
        "aac",
    ];
    let path = clip("tiny.mp4", &[&input[..], &codecs[..]].concat());
    std::fs::read(path).unwrap()
}

/// Small and quick to encode: 6 s of 480×270 with a tone.
pub fn small() -> Vec<u8> {
    let path = clip(
        "small.mp4",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=480x270:rate=25:duration=6",
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:sample_rate=48000:duration=6",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-shortest",
            "-movflags",
            "+faststart",
        ],
    );
    std::fs::read(path).unwrap()
}

/// Long enough that it is watched while it is still being encoded: 64 s of 640×360.
pub fn long() -> Vec<u8> {
    let path = clip(
        "long.mp4",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=640x360:rate=30:duration=64",
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=330:sample_rate=48000:duration=64",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-shortest",
            "-movflags",
            "+faststart",
        ],
    );
    std::fs::read(path).unwrap()
}
