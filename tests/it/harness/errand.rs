//! A command that runs beside the test.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use super::eventually;
use super::node::collect;

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
