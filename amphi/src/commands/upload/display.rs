//! What a person sees while a file is on its way.

use indicatif::{ProgressBar, ProgressStyle};

use crate::client::{ClientError, Sending, Video, Watching};

/// A bar on a terminal; elsewhere a line when the platform goes away, and one when it is back.
pub struct Display {
    bar: ProgressBar,
    is_silent: bool,
    is_waiting: bool,
}

impl Display {
    /// Of a file of `total_bytes` that is being sent.
    pub fn sending(total_bytes: u64, is_silent: bool) -> Self {
        let template = "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} {msg}";
        Self::new(total_bytes, template, is_silent)
    }

    /// Of a video that is being encoded.
    pub fn encoding(is_silent: bool) -> Self {
        Self::new(100, "{wide_bar} {msg} {percent}%", is_silent)
    }

    fn new(length: u64, template: &str, is_silent: bool) -> Self {
        let bar = if is_silent {
            ProgressBar::hidden()
        } else {
            ProgressBar::new(length)
        };
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self {
            bar: bar.with_style(style),
            is_silent,
            is_waiting: false,
        }
    }

    pub fn show_sending(&mut self, sending: &Sending<'_>) {
        match sending {
            Sending::At(bytes) => {
                self.going_on("");
                self.bar.set_position(*bytes);
            }
            Sending::Waiting(error) => self.waiting(error),
        }
    }

    pub fn show_watching(&mut self, watching: &Watching<'_>) {
        match watching {
            Watching::At(Video {
                state, progress, ..
            }) => {
                self.going_on(state);
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                self.bar.set_position((progress * 100.0) as u64);
            }
            Watching::Waiting(error) => self.waiting(error),
        }
    }

    pub fn waiting(&mut self, error: &ClientError) {
        self.bar.set_message(format!("waiting: {error}"));
        if !self.is_waiting && self.speaks_in_lines() {
            eprintln!("amphi: waiting: {error}");
        }
        self.is_waiting = true;
    }

    fn going_on(&mut self, message: &str) {
        self.bar.set_message(message.to_owned());
        if self.is_waiting && self.speaks_in_lines() {
            eprintln!("amphi: going on");
        }
        self.is_waiting = false;
    }

    fn speaks_in_lines(&self) -> bool {
        self.bar.is_hidden() && !self.is_silent
    }

    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}
