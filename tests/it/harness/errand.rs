//! A command that runs beside the test.

use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::eventually;
use super::node::collect;

const RUN_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A running command. It dies with the value, whatever way the test ends.
pub struct Errand {
    child: Child,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
}

impl Errand {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            stdout: collect(child.stdout.take().unwrap()),
            stderr: collect(child.stderr.take().unwrap()),
            child,
        }
    }

    /// Runs a command to its end, and no longer than a minute.
    pub fn run(command: &mut Command) -> Output {
        let mut errand = Self::start(command);
        let started = Instant::now();
        let status = loop {
            if let Some(status) = errand.child.try_wait().unwrap() {
                break status;
            }
            let waited = started.elapsed();
            assert!(waited < RUN_TIMEOUT, "{command:?}: {}", errand.stderr());
            std::thread::sleep(POLL_INTERVAL);
        };
        let whole = |text: &Arc<Mutex<String>>| {
            // The reader holds the other one until it has read to the end.
            while Arc::strong_count(text) > 1 && started.elapsed() < RUN_TIMEOUT {
                std::thread::sleep(POLL_INTERVAL);
            }
            text.lock().unwrap().clone().into_bytes()
        };
        Output {
            status,
            stdout: whole(&errand.stdout),
            stderr: whole(&errand.stderr),
        }
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Waits until it has said `words` on standard error.
    pub async fn says(&self, words: &str) {
        eventually(&format!("`{words}` to be said"), || async {
            self.stderr().contains(words).then_some(())
        })
        .await;
    }

    /// Waits for its end; returns how it ended, and its standard output and error.
    pub async fn ended(&mut self) -> (ExitStatus, String, String) {
        let status = eventually("the command to end", || {
            let ended = self.child.try_wait().unwrap();
            async move { ended }
        })
        .await;
        let whole = |text: &Arc<Mutex<String>>| {
            let text = Arc::clone(text);
            async move {
                // The reader holds the other one until it has read to the end.
                eventually("its last words", || async {
                    (Arc::strong_count(&text) == 2).then_some(())
                })
                .await;
                text.lock().unwrap().clone()
            }
        };
        (status, whole(&self.stdout).await, whole(&self.stderr).await)
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
