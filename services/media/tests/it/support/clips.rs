//! Small sources, made once per run of the tests by the real ffmpeg.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

static FOLDER: OnceLock<TempDir> = OnceLock::new();

fn made(name: &str, arguments: &[&str]) -> Vec<u8> {
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().unwrap()).path();
    let path = folder.join(name);
    if !path.exists() {
        make(folder, &path, arguments);
    }
    std::fs::read(path).unwrap()
}

fn make(folder: &Path, path: &Path, arguments: &[&str]) {
    let fresh = tempfile::Builder::new()
        .suffix(path.file_name().unwrap())
        .tempfile_in(folder)
        .unwrap()
        .into_temp_path();
    let status = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-y", "-nostdin"])
        .args(arguments)
        .arg(&fresh)
        .status()
        .expect("the tests need ffmpeg");
    assert!(status.success());
    // Two tests may make the same clip at once: the last one wins, whole.
    fresh.persist(path).unwrap();
}

/// 6 seconds of moving picture and sound, 320×240: two segments, one rendition of picture.
pub fn six_seconds() -> Vec<u8> {
    made(
        "six-seconds.mp4",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=320x240:rate=25:duration=6",
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:duration=6",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-g",
            "25",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-shortest",
        ],
    )
}

/// 40 seconds, 640×360: ten segments, two renditions of picture.
pub fn forty_seconds() -> Vec<u8> {
    made(
        "forty-seconds.mp4",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=640x360:rate=25:duration=40",
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:duration=40",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-g",
            "50",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-shortest",
        ],
    )
}

/// 3 seconds of sound alone.
pub fn sound_alone() -> Vec<u8> {
    made(
        "sound.m4a",
        &[
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:duration=3",
            "-c:a",
            "aac",
        ],
    )
}

/// Where a file with these bytes lies, for tools that read files.
pub fn on_disk(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}
