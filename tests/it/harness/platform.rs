//! The platform in one process or in many, on what it can stand on.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use amphi_chassis::Role;
use amphi_chassis::db::Db;
use amphi_chassis::testing::{TestS3, free_address};
use tempfile::TempDir;

use super::ground::{Ground, Held, Topology};
use super::site::{self, Site};
use super::{Actor, Node, PATIENCE};

pub const ROLES: [&str; 7] = [
    "identity",
    "catalog",
    "media",
    "playback",
    "observatory",
    "encoder",
    "gateway",
];

pub struct Platform {
    nodes: Vec<Node>,
    http: String,
    pub internal: String,
    // Dropped after the nodes.
    held: Held,
    pub data: TempDir,
}

impl Platform {
    pub fn start(ground: Ground) -> Self {
        Self::start_with(ground, &[])
    }

    /// Starts with further settings, as `AMPHI_…` variables without the prefix.
    pub fn start_with(ground: Ground, settings: &[(&str, &str)]) -> Self {
        Self::start_on(Site::of(ground), settings)
    }

    /// Starts over what is there already.
    pub fn start_on(site: Site, settings: &[(&str, &str)]) -> Self {
        let Site { ground, held, data } = site;
        let mut env = held.settings();
        env.extend(
            settings
                .iter()
                .map(|(key, value)| (format!("AMPHI_{key}"), (*value).to_owned())),
        );
        let nodes = match ground.topology {
            Topology::OneProcess => vec![one_process(data.path(), &env)],
            Topology::RolesApart if ground.has_registry => {
                roles_apart_by_registry(data.path(), &env)
            }
            Topology::RolesApart => roles_apart(data.path(), ground, &env),
        };
        let http = nodes.iter().find_map(|node| node.http.clone()).unwrap();
        let internal = nodes[0].internal.clone();
        Self {
            nodes,
            http,
            internal,
            held,
            data,
        }
    }

    /// Starts a process per role, told with `settings_of` a role where the others are and whatever else.
    pub fn start_each_at(
        addresses: &[SocketAddr; ROLES.len()],
        settings_of: impl Fn(&str) -> Vec<(String, String)>,
    ) -> Self {
        let Site { held, data, .. } = Site::of(Ground::one_process());
        let addresses = addresses.map(|address| address.to_string());
        let nodes = start_each(data.path(), &addresses, settings_of);
        Self {
            http: nodes.iter().find_map(|node| node.http.clone()).unwrap(),
            internal: nodes[0].internal.clone(),
            nodes,
            held,
            data,
        }
    }

    /// One process on embedded defaults: what most tests want.
    pub fn simple() -> Self {
        Self::start(Ground::one_process())
    }

    pub fn url(&self) -> &str {
        &self.http
    }

    pub fn anonymous(&self) -> Actor {
        Actor::anonymous(&self.http)
    }

    /// A newly registered account, which may upload.
    pub async fn creator(&self) -> Actor {
        self.anonymous().register().await
    }

    /// An administrator, made on the command line as an operator would.
    pub async fn admin(&self) -> Actor {
        let email = format!("admin-{}@example.org", uuid::Uuid::now_v7());
        let password = "correct horse battery";
        let file = self.data.path().join("admin-password");
        std::fs::write(&file, password).unwrap();
        let mut command = super::amphi();
        command.envs(self.held.settings());
        let output = command
            .args(["admin", "create-user", "--role", "admin", "--email", &email])
            .args(["--data", self.data.path().to_str().unwrap()])
            .args(["--password-file", file.to_str().unwrap()])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        self.anonymous().login(&email, password).await
    }

    /// The environment that leads a process to its engines.
    pub fn settings(&self) -> Vec<(String, String)> {
        self.held.settings()
    }

    /// The database of a role, beside the platform's own connections.
    pub async fn database(&self, role: Role) -> Db {
        site::open(&self.held, self.data.path(), role).await
    }

    /// Every blob and partial upload: on disk relative to the blob folder, else as the objects in the bucket.
    pub fn blobs(&self) -> Vec<String> {
        if let Some(objects) = self.held.objects() {
            return objects;
        }
        let root = self.data.path().join("blobs");
        let mut found = Vec::new();
        walk(&root, &root, &mut found);
        found.sort();
        found
    }

    /// The folder among the blobs that holds the segments of a video, without a slash at its end.
    pub fn media_folder(&self, video_id: &str) -> String {
        let below = format!("media/{video_id}/");
        let keys = self.blobs();
        let (_, rest) = keys
            .iter()
            .find_map(|key| key.split_once(&below))
            .unwrap_or_else(|| panic!("no segments of {video_id} among {keys:#?}"));
        format!("{below}{}", rest.split('/').next().unwrap())
    }

    /// The file that holds the bytes of a blob.
    pub fn blob_file(&self, key: &str) -> PathBuf {
        match self.held.s3() {
            Some(s3) => s3.file(&format!("it/blobs/{key}")),
            None => self.data.path().join("blobs").join(key),
        }
    }

    /// The store that the blobs are in.
    pub fn s3(&self) -> &TestS3 {
        self.held.s3().expect("on the ground there is no S3")
    }

    /// Runs a command as an operator of this platform would.
    pub fn command(&self, args: &[&str]) -> Output {
        let mut command = super::amphi();
        command.envs(self.held.settings());
        let data = self.data.path().to_str().unwrap();
        super::Errand::run(command.args(args).args(["--data", data]))
    }

    /// Stops, and starts again over the same data with other settings, as in [`Self::start_with`].
    pub fn restart_with(&mut self, settings: &[(&str, &str)]) {
        assert!(self.stop(), "it did not stop in peace");
        let mut env = self.held.settings();
        let further = settings
            .iter()
            .map(|(key, value)| (format!("AMPHI_{key}"), (*value).to_owned()));
        env.extend(further);
        self.kill_and_restart(&env);
    }

    /// Ends all processes at once, and starts them again over the same data.
    pub fn kill_and_restart(&mut self, settings: &[(String, String)]) {
        for node in self.nodes.drain(..) {
            node.kill();
        }
        let node = one_process(self.data.path(), settings);
        self.http = node.http.clone().unwrap();
        self.internal = node.internal.clone();
        self.nodes = vec![node];
    }

    /// Stops all processes; tells whether each went in peace.
    pub fn stop(&mut self) -> bool {
        let stopped: Vec<bool> = self.nodes.drain(..).map(Node::stop).collect();
        stopped.into_iter().all(|in_peace| in_peace)
    }

    pub fn logs(&self) -> String {
        self.nodes.iter().map(Node::log).collect()
    }
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(root, &path, found);
        } else {
            found.push(path.strip_prefix(root).unwrap().display().to_string());
        }
    }
}

fn one_process(data: &Path, env: &[(String, String)]) -> Node {
    let args = [
        "--listen",
        "127.0.0.1:0",
        "--internal-listen",
        "127.0.0.1:0",
    ];
    Node::serve(data, &args, env)
}

/// Each role in its own process. Each is told where the others are, so the ports are chosen beforehand.
fn roles_apart(data: &Path, ground: Ground, env: &[(String, String)]) -> Vec<Node> {
    let scheme = if ground.has_mutual_tls {
        "https"
    } else {
        "http"
    };
    let addresses: Vec<String> = ROLES.iter().map(|_| free_address().to_string()).collect();
    let mut env = env.to_vec();
    for (role, address) in ROLES.iter().zip(&addresses) {
        env.extend(service(role, &format!("{scheme}://{address}")));
    }
    start_each(data, &addresses, |_| env.clone())
}

/// Each role in its own process, on whatever port. Each is told where the registry is, and finds the others there.
fn roles_apart_by_registry(data: &Path, env: &[(String, String)]) -> Vec<Node> {
    let args = ["--roles", "registry", "--internal-listen", "127.0.0.1:0"];
    let registry = Node::serve(data, &args, env);
    let mut env = env.to_vec();
    env.push((
        "AMPHI_RPC__DISCOVERY_INTERVAL_MS".to_owned(),
        "500".to_owned(),
    ));
    for role in ROLES {
        let address = format!("eureka+{}/eureka", registry.internal);
        env.extend(service(role, &address));
    }
    let anywhere = ROLES.map(|_| "127.0.0.1:0".to_owned());
    let mut nodes = start_each(data, &anywhere, |_| env.clone());
    for node in &nodes {
        wait_until_all_are_found(&node.internal);
    }
    nodes.push(registry);
    nodes
}

/// The setting that says where a role is.
pub fn service(role: &str, address: &str) -> Option<(String, String)> {
    // Nobody calls the gateway.
    let key = format!("AMPHI_CLUSTER__SERVICES__{}", role.to_uppercase());
    (role != "gateway").then(|| (key, address.to_owned()))
}

/// Starts a process per role at these internal addresses, all at once.
fn start_each(
    data: &Path,
    addresses: &[String],
    env_of: impl Fn(&str) -> Vec<(String, String)>,
) -> Vec<Node> {
    let starting: Vec<_> = ROLES
        .iter()
        .zip(addresses)
        .map(|(role, internal)| {
            let (data, env, internal) = (data.to_owned(), env_of(role), internal.clone());
            std::thread::spawn(move || {
                let args = [
                    "--roles",
                    role,
                    "--listen",
                    "127.0.0.1:0",
                    "--internal-listen",
                    &internal,
                ];
                Node::serve(&data, &args, &env)
            })
        })
        .collect();
    starting
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect()
}

/// Waits until the process at this internal address knows a process of each other role.
fn wait_until_all_are_found(internal: &str) {
    let started = Instant::now();
    let authority = internal.trim_start_matches("http://");
    loop {
        let mut stream = TcpStream::connect(authority).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET /debug/peers HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("\"peers\":["), "{answer}");
        if !answer.contains("\"peers\":[]") {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "not found: {answer}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
