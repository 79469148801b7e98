use std::path::{Path, PathBuf};
use std::process::Command;

use amphi_media_kit::run::Tools;
use tempfile::TempDir;

/// A clip in a folder of its own, made by ffmpeg.
pub struct Clip {
    pub folder: TempDir,
    pub path: PathBuf,
}

impl Clip {
    /// Runs `ffmpeg` with blank-separated arguments; the clip is what it writes to `name`.
    pub fn make(name: &str, arguments: &str) -> Self {
        let clip = Self::empty(name);
        clip.ffmpeg(&format!("{arguments} {name}"));
        clip
    }

    /// The plainest clip: H.264 with B pictures and AAC, every picture different.
    pub fn film(name: &str, size: &str, rate: &str, seconds: &str) -> Self {
        let arguments = format!(
            "-f lavfi -i testsrc2=s={size}:r={rate}:d={seconds} -f lavfi -i sine=f=440:d={seconds} \
             -c:v libx264 -preset ultrafast -bf 2 -g 40 -pix_fmt yuv420p -c:a aac"
        );
        Self::make(name, &arguments)
    }

    /// The same with pictures whose brightness tells which is which: neighbours differ widely.
    pub fn numbered_film(name: &str, size: &str, rate: &str, seconds: &str) -> Self {
        let pictures = Self::numbered_pictures(size, rate, seconds);
        let arguments = format!(
            "-f lavfi -i {pictures} -f lavfi -i sine=f=440:d={seconds} \
             -c:v libx264 -preset ultrafast -bf 2 -g 40 -pix_fmt yuv420p -c:a aac"
        );
        Self::make(name, &arguments)
    }

    /// A source of such pictures for `-f lavfi -i`.
    pub fn numbered_pictures(size: &str, rate: &str, seconds: &str) -> String {
        let brightness = "geq=lum='40+mod(N*37,160)':cb=128:cr=128";
        format!("nullsrc=s=16x16:r={rate}:d={seconds},{brightness},scale={size}:flags=neighbor")
    }

    pub fn from_bytes(name: &str, bytes: &[u8]) -> Self {
        let clip = Self::empty(name);
        std::fs::write(&clip.path, bytes).unwrap();
        clip
    }

    pub fn work_dir(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `ffmpeg` in the clip's folder.
    pub fn ffmpeg(&self, arguments: &str) {
        let output = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y"])
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ffmpeg {arguments}: {words}");
    }

    fn empty(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        Self { folder, path }
    }
}

pub async fn tools() -> Tools {
    let ffmpeg = std::env::var("AMPHI_TEST_FFMPEG").unwrap_or_else(|_| "ffmpeg".to_owned());
    Tools::detect(Path::new(&ffmpeg), Path::new("ffprobe"), 2)
        .await
        .unwrap()
}
