//! Reads what `-progress pipe:1` writes.

use serde::{Deserialize, Serialize};

/// How far a run has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Milliseconds of output written, counted from the start of the task.
    pub out_time_ms: u64,
    pub frames: u64,
    /// Multiple of real time; absent until ffmpeg has measured it.
    pub speed: Option<f64>,
    pub finished: bool,
}

/// Collects `key=value` lines into one [`Progress`] per block.
#[derive(Debug, Default)]
pub struct ProgressParser {
    current: Progress,
}

impl ProgressParser {
    /// Takes one line; a block's last line yields the block. Unknown keys and unreadable values are passed over.
    pub fn push_line(&mut self, line: &str) -> Option<Progress> {
        let (key, value) = line.trim().split_once('=')?;
        let value = value.trim();
        match key {
            "frame" => self.current.frames = value.parse().unwrap_or(self.current.frames),
            "out_time_us" => {
                let microseconds: i64 = value.parse().unwrap_or(0);
                let milliseconds = u64::try_from(microseconds / 1000).unwrap_or(0);
                self.current.out_time_ms = self.current.out_time_ms.max(milliseconds);
            }
            "speed" => {
                let number = value.trim_end_matches('x').parse().ok();
                self.current.speed =
                    number.filter(|speed: &f64| speed.is_finite() && *speed >= 0.0);
            }
            "progress" => {
                self.current.finished = value == "end";
                return Some(self.current);
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_block_yields_the_latest_values() {
        let mut parser = ProgressParser::default();
        let text = "frame=12\nfps=0.0\nout_time_us=N/A\nspeed=N/A\nprogress=continue\n\
                    frame=80\nout_time_us=2500000\nspeed=3.2x\nprogress=continue\n\
                    frame=x\nout_time_us=-9\nspeed=infx\nprogress=end\n";
        let blocks: Vec<Progress> = text
            .lines()
            .filter_map(|line| parser.push_line(line))
            .collect();
        let expected = [
            Progress {
                out_time_ms: 0,
                frames: 12,
                speed: None,
                finished: false,
            },
            Progress {
                out_time_ms: 2500,
                frames: 80,
                speed: Some(3.2),
                finished: false,
            },
            Progress {
                out_time_ms: 2500,
                frames: 80,
                speed: None,
                finished: true,
            },
        ];
        assert_eq!(blocks, expected);
    }
}
