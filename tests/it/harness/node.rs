//! One process of the platform.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::PATIENCE;

/// The binary under test.
pub fn amphi() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_amphi"));
    // A developer's own settings must not reach a test.
    for (key, _) in std::env::vars() {
        if key.starts_with("AMPHI_") {
            command.env_remove(key);
        }
    }
    command
}

/// A running `amphi serve`. It dies with the value, whatever way the test ends.
pub struct Node {
    child: Child,
    pub http: Option<String>,
    pub internal: String,
    log: Arc<Mutex<String>>,
}

impl Node {
    /// Starts `amphi serve` with `args` and waits for its ready line.
    pub fn serve(data: &Path, args: &[&str], env: &[(String, String)]) -> Self {
        let mut command = amphi();
        command
            .arg("serve")
            .args(["--data", data.to_str().unwrap()])
            .args(args)
            .envs(env.iter().cloned())
            .env("AMPHI_LOG__FORMAT", "json")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = collect(child.stderr.take().unwrap());
        let (send, ready) = mpsc::channel();
        let stdout = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if line.starts_with("ready ") {
                    send.send(line).ok();
                }
            }
        });
        let Ok(line) = ready.recv_timeout(PATIENCE) else {
            child.kill().ok();
            child.wait().ok();
            panic!("amphi did not become ready:\n{}", log.lock().unwrap());
        };
        let address = |key: &str| {
            line.split_whitespace()
                .find_map(|word| word.strip_prefix(key))
                .map(str::to_owned)
        };
        Self {
            child,
            http: address("http=").filter(|it| it != "none" && it != "-"),
            internal: address("internal=").unwrap(),
            log,
        }
    }

    /// Ends the process as a power cut would: no signal that it could answer.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the process to stop, and tells whether it went in peace.
    pub fn stop(mut self) -> bool {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        let asked = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            assert!(asked.elapsed() < PATIENCE, "amphi does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the process has written to standard error so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log.lock().unwrap();
            let tail: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!("--- last lines of a node:");
            for line in tail.iter().rev() {
                eprintln!("{line}");
            }
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Gathers what is written, as it comes. The reader lets go of the text at its end.
pub fn collect(mut from: impl std::io::Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let into = Arc::clone(&text);
    std::thread::spawn(move || {
        let mut chunk = [0; 8192];
        while let Ok(read) = from.read(&mut chunk) {
            if read == 0 {
                break;
            }
            into.lock()
                .unwrap()
                .push_str(&String::from_utf8_lossy(&chunk[..read]));
        }
    });
    text
}
