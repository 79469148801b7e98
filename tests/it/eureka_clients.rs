//! Services that are not ours join through the registry, with the clients that their languages have: py-eureka-client and
//! eureka-js-client, as they are published. `scripts/setup test` installs them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Instant;

use serde_json::Value;

use crate::harness::{Node, PATIENCE, eventually};

const PASSWORD: &str = "of-the-registry-alone";

struct RegistryNode {
    node: Node,
    /// As its clients are told it, password and all.
    url: String,
    _data: tempfile::TempDir,
}

impl RegistryNode {
    fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let env = [
            ("AMPHI_REGISTRY__PASSWORD".to_owned(), PASSWORD.to_owned()),
            (
                "AMPHI_REGISTRY__EMPTY_START_WAIT_MS".to_owned(),
                "0".to_owned(),
            ),
        ];
        let args = ["--roles", "registry", "--internal-listen", "127.0.0.1:0"];
        let node = Node::serve(data.path(), &args, &env);
        let authority = node.internal.trim_start_matches("http://");
        Self {
            url: format!("http://anybody:{PASSWORD}@{authority}/eureka"),
            node,
            _data: data,
        }
    }

    /// The one instance of an application; `None` when there is none.
    async fn instance(&self, app: &str) -> Option<Value> {
        let request = reqwest::Client::new()
            .get(format!("{}/eureka/apps/{app}", self.node.internal))
            .basic_auth("anybody", Some(PASSWORD))
            .header("accept", "application/json");
        let response = request.send().await.unwrap();
        if response.status() == 404 {
            return None;
        }
        let mut found: Value = response.json().await.unwrap();
        Some(found["application"]["instance"][0].take())
    }

    /// Only renewals that are answered with 200 leave the instance as it is: who is answered with 404 registers anew.
    async fn sees_renewals_of(&self, app: &str) {
        let registered = self.instance(app).await.unwrap();
        let renewed_ms = |instance: &Value| {
            let renewed = &instance["leaseInfo"]["lastRenewalTimestamp"];
            renewed.as_i64().unwrap()
        };
        let renewed = eventually(&format!("{app} to renew its lease twice"), || async {
            let once = self.instance(app).await?;
            if renewed_ms(&once) <= renewed_ms(&registered) {
                return None;
            }
            eventually(&format!("{app} to renew its lease again"), || async {
                let twice = self.instance(app).await?;
                (renewed_ms(&twice) > renewed_ms(&once)).then_some(twice)
            })
            .await
            .into()
        })
        .await;
        assert_eq!(
            renewed["lastUpdatedTimestamp"], registered["lastUpdatedTimestamp"],
            "{app} has registered anew rather than renewed its lease"
        );
    }
}

/// A foreign service; it dies with the value.
struct ForeignService {
    name: &'static str,
    child: Child,
    orders: ChildStdin,
    lines: mpsc::Receiver<String>,
}

impl ForeignService {
    fn python(registry: &RegistryNode) -> Self {
        let mut command = Command::new(installed("python/bin/python"));
        command.arg(script("client.py"));
        Self::join("PYTHON-SHOP", command, &registry.url, "9001")
    }

    fn node(registry: &RegistryNode) -> Self {
        let mut command = Command::new("node");
        command
            .arg(script("client.mjs"))
            .current_dir(installed("node"));
        Self::join("NODE-SHOP", command, &registry.url, "9002")
    }

    fn join(name: &'static str, mut command: Command, url: &str, port: &str) -> Self {
        let mut child = command
            .args([url, name, port])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (send, lines) = mpsc::channel();
        let stdout = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let guest = Self {
            name,
            orders: child.stdin.take().unwrap(),
            child,
            lines,
        };
        guest.says("joined");
        guest
    }

    fn is_told(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
        self.orders.flush().unwrap();
    }

    fn says(&self, expected: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let said = self.lines.recv_timeout(left);
            let said = said.unwrap_or_else(|_| panic!("{} never says `{expected}`", self.name));
            assert!(!said.starts_with("error"), "{}: {said}", self.name);
            if said == expected {
                return;
            }
        }
    }
}

impl Drop for ForeignService {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn script(name: &str) -> PathBuf {
    let path = root().join("tests/clients/eureka").join(name);
    path.canonicalize().unwrap()
}

fn installed(name: &str) -> PathBuf {
    let path = root().join("target/eureka-clients").join(name);
    assert!(
        path.exists(),
        "{} is missing: run scripts/setup test",
        path.display()
    );
    // Not resolved: the python of a virtual environment is a link.
    std::path::absolute(path).unwrap()
}

/// Both join, see each other, renew; then one leaves, and the other sees that, too.
async fn meet(mut leaves: ForeignService, mut stays: ForeignService, registry: &RegistryNode) {
    let port = |guest: &ForeignService| {
        if guest.name == "NODE-SHOP" {
            9002
        } else {
            9001
        }
    };
    leaves.is_told(&format!("see {}", stays.name));
    leaves.says(&format!("sees {} 127.0.0.1:{}", stays.name, port(&stays)));
    stays.is_told(&format!("see {}", leaves.name));
    stays.says(&format!("sees {} 127.0.0.1:{}", leaves.name, port(&leaves)));
    registry.sees_renewals_of(leaves.name).await;
    registry.sees_renewals_of(stays.name).await;
    leaves.is_told("leave");
    leaves.says("left");
    assert_eq!(registry.instance(leaves.name).await, None);
    stays.is_told(&format!("miss {}", leaves.name));
    stays.says(&format!("misses {}", leaves.name));
    assert_eq!(registry.instance(stays.name).await.unwrap()["status"], "UP");
}

#[tokio::test(flavor = "multi_thread")]
async fn pythons_client_sees_the_one_of_node_come_and_go() {
    let registry = RegistryNode::start();
    let (node, python) = (
        ForeignService::node(&registry),
        ForeignService::python(&registry),
    );
    meet(node, python, &registry).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_client_sees_the_one_of_python_come_and_go() {
    let registry = RegistryNode::start();
    let (python, node) = (
        ForeignService::python(&registry),
        ForeignService::node(&registry),
    );
    meet(python, node, &registry).await;
}
