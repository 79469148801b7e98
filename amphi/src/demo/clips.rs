//! The clips of the demo: a moving gradient, a clock burnt in, and a soft chord.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, bail};
use tokio::process::Command;

/// Looks and sound of one clip.
#[derive(Debug, Clone, Copy)]
pub struct Clip {
    pub seconds: u32,
    /// Colours the gradient moves through, `RRGGBB`.
    pub colours: [&'static str; 4],
    /// Root of the chord, hertz.
    pub root_hz: u32,
}

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;
const FRAMES_PER_SECOND: u32 = 24;

impl Clip {
    /// Writes the clip as an H.264/AAC MP4 file.
    pub async fn write(&self, path: &Path) -> anyhow::Result<()> {
        let output = Command::new("ffmpeg")
            .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y"])
            .args(["-f", "lavfi", "-i", &self.gradient()])
            .args(["-f", "lavfi", "-i", &self.clock()])
            .args(["-f", "lavfi", "-i", &self.chord()])
            .args(["-filter_complex", CLOCK_OVERLAY])
            .args(["-map", "[picture]", "-map", "2:a"])
            .args(["-c:v", "libx264", "-preset", "veryfast", "-crf", "20"])
            .args(["-pix_fmt", "yuv420p", "-g", "48"])
            .args(["-c:a", "aac", "-b:a", "128k"])
            .args(["-movflags", "+faststart"])
            .arg(path)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("cannot run ffmpeg; `amphi doctor` says what is missing")?;
        if !output.status.success() {
            bail!(
                "ffmpeg could not make a demo clip: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(())
    }

    fn gradient(&self) -> String {
        let [c0, c1, c2, c3] = self.colours;
        format!(
            "gradients=size={WIDTH}x{HEIGHT}:rate={FRAMES_PER_SECOND}:duration={}:speed=0.015:nb_colors=4:\
             c0=0x{c0}:c1=0x{c1}:c2=0x{c2}:c3=0x{c3}:seed={}",
            self.seconds, self.root_hz
        )
    }

    /// The test source counts tenths of a second in its own digits, so no font is needed.
    fn clock(&self) -> String {
        format!(
            "testsrc=size=640x480:rate={FRAMES_PER_SECOND}:duration={}:decimals=1",
            self.seconds
        )
    }

    fn chord(&self) -> String {
        let root = f64::from(self.root_hz);
        let (third, fifth) = (root * 1.25, root * 1.5);
        format!(
            "aevalsrc='0.12*(sin({root}*2*PI*t)+sin({third}*2*PI*t)+sin({fifth}*2*PI*t))*(0.6+0.4*sin(0.5*PI*t))'\
             :channel_layout=stereo:sample_rate=48000:duration={}",
            self.seconds
        )
    }
}

/// Cuts the digits out of the test source: two of them up to ten seconds, three after.
const CLOCK_OVERLAY: &str = "\
[1:v]split[short][long];\
[short]crop=120:104:448:188[two];\
[long]crop=184:104:384:188[three];\
[0:v][two]overlay=W-w-48:48:enable='lt(t,10)'[early];\
[early][three]overlay=W-w-48:48:enable='gte(t,10)',format=yuv420p[picture]";
