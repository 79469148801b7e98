//! A store that speaks S3, in this process.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::access::S3Access;
use s3s::auth::SimpleAuth;
use s3s::dto::PutObjectInput;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError, HttpResponse, S3Request, S3Result};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Mutex;

use super::ports::free_address;
use crate::Secret;
use crate::config::S3Config;

const BUCKET: &str = "amphi-test";
const ACCESS_KEY_ID: &str = "amphi";
const ACCESS_KEY_SECRET: &str = "the-secret-of-the-test";

/// A server with one empty bucket that checks signatures, gone when this is dropped.
#[derive(Debug)]
pub struct TestS3 {
    address: SocketAddr,
    folder: TempDir,
    /// A condition that it does not look at.
    ignored: Option<&'static str>,
    /// Its own, so that it answers while a test blocks.
    runtime: Option<Runtime>,
    turn: Turn,
}

impl TestS3 {
    /// # Panics
    /// When no port is free or no folder can be made.
    #[must_use]
    pub fn start() -> Self {
        Self::over(None)
    }

    /// One that ignores a condition, `If-Match` or `If-None-Match`, as some stores do.
    ///
    /// # Panics
    /// As [`TestS3::start`].
    #[must_use]
    pub fn that_ignores(condition: &'static str) -> Self {
        Self::over(Some(condition))
    }

    fn over(ignored: Option<&'static str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self {
            address: free_address(),
            folder,
            ignored,
            runtime: None,
            turn: Turn::default(),
        };
        server.start_again();
        server
    }

    /// Serves the bucket it had, where it was.
    ///
    /// # Panics
    /// When somebody else listens there now.
    pub fn start_again(&mut self) {
        let listener = std::net::TcpListener::bind(self.address).unwrap();
        let key = (ACCESS_KEY_ID, ACCESS_KEY_SECRET);
        let turn = Arc::clone(&self.turn);
        let store = Store {
            folder: self.folder.path(),
            bucket: BUCKET,
            key,
            ignored: self.ignored,
        };
        self.runtime = Some(store.serve(listener, turn));
    }

    /// Ends the server and its connections. A request is carried out or not at all, as at a store; whether, its client may
    /// not learn.
    pub async fn stop(&mut self) {
        let _turn = self.turn.lock().await;
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The section `[blobs.s3]`, for requests that fail soon if they fail.
    #[must_use]
    pub fn settings(&self) -> S3Config {
        S3Config {
            bucket: BUCKET.to_owned(),
            prefix: "it".to_owned(),
            endpoint: Some(format!("http://{}", self.address)),
            region: String::new(),
            path_style: true,
            allow_http: true,
            access_key_id: ACCESS_KEY_ID.to_owned(),
            access_key_secret: Secret::new(ACCESS_KEY_SECRET.to_owned()),
            connect_timeout: Duration::from_secs(1),
            timeout: Duration::from_secs(10),
            retries_max: 2,
        }
    }

    /// The environment that leads a process here.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        self.variables_by(self.address)
    }

    /// The same, by way of `address`.
    #[must_use]
    pub fn variables_by(&self, address: SocketAddr) -> Vec<(&'static str, String)> {
        vec![
            ("AMPHI_BLOBS__KIND", "s3".to_owned()),
            ("AMPHI_BLOBS__S3__BUCKET", BUCKET.to_owned()),
            ("AMPHI_BLOBS__S3__PREFIX", "it".to_owned()),
            ("AMPHI_BLOBS__S3__ENDPOINT", format!("http://{address}")),
            ("AMPHI_BLOBS__S3__ALLOW_HTTP", "true".to_owned()),
            ("AMPHI_BLOBS__S3__ACCESS_KEY_ID", ACCESS_KEY_ID.to_owned()),
            (
                "AMPHI_BLOBS__S3__ACCESS_KEY_SECRET",
                ACCESS_KEY_SECRET.to_owned(),
            ),
        ]
    }

    /// Every key in the bucket, and what the server keeps of uploads in parts that did not end.
    ///
    /// # Panics
    /// When the folder of the server cannot be read.
    #[must_use]
    pub fn objects(&self) -> Vec<String> {
        let mut found = Vec::new();
        let bucket = self.folder.path().join(BUCKET);
        let mut folders = vec![bucket.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(&bucket).unwrap().display().to_string());
                }
            }
        }
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.starts_with(".upload_id-") {
                found.push(name);
            }
        }
        found.sort();
        found
    }

    /// The file that holds an object.
    #[must_use]
    pub fn file(&self, object: &str) -> PathBuf {
        self.folder.path().join(BUCKET).join(object)
    }

    /// The name of the bucket.
    #[must_use]
    pub const fn bucket(&self) -> &'static str {
        BUCKET
    }

    /// Removes the bucket with all in it.
    ///
    /// # Panics
    /// When it cannot be removed.
    pub fn remove_bucket(&self) {
        std::fs::remove_dir_all(self.folder.path().join(BUCKET)).unwrap();
    }
}

/// Keeps to everything.
struct Careful;

impl S3Access for Careful {}

struct Forgetful(&'static str);

#[async_trait::async_trait]
impl S3Access for Forgetful {
    async fn put_object(&self, request: &mut S3Request<PutObjectInput>) -> S3Result<()> {
        match self.0 {
            "If-Match" => request.input.if_match = None,
            _ => request.input.if_none_match = None,
        }
        Ok(())
    }
}

impl Drop for TestS3 {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Serves a folder as a store with one bucket, which is made if it is missing, to whoever has the key: an id and a secret. It
/// ends with the runtime.
///
/// # Panics
/// When the folder cannot be used.
#[must_use]
pub fn serve_s3(
    listener: std::net::TcpListener,
    folder: &Path,
    bucket: &str,
    key: (&str, &str),
) -> Runtime {
    let store = Store {
        folder,
        bucket,
        key,
        ignored: None,
    };
    store.serve(listener, Turn::default())
}

struct Store<'a> {
    folder: &'a Path,
    bucket: &'a str,
    key: (&'a str, &'a str),
    /// The condition that it does not keep to.
    ignored: Option<&'static str>,
}

impl Store<'_> {
    fn serve(self, listener: std::net::TcpListener, turn: Turn) -> Runtime {
        std::fs::create_dir_all(self.folder.join(self.bucket)).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(self.folder).unwrap());
        let (key_id, key_secret) = self.key;
        service.set_auth(SimpleAuth::from_single(key_id, key_secret));
        match self.ignored {
            None => service.set_access(Careful),
            Some(condition) => service.set_access(Forgetful(condition)),
        }
        listener.set_nonblocking(true).unwrap();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.spawn(serve(listener, service.build(), turn));
        runtime
    }
}

async fn serve(listener: std::net::TcpListener, service: S3Service, turn: Turn) {
    let listener = TcpListener::from_std(listener).unwrap();
    // Ends the connections with the server.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let (service, turn) = (service.clone(), Arc::clone(&turn));
        let service =
            service_fn(move |request| in_turn(service.clone(), Arc::clone(&turn), request));
        connections.spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            let served = server.serve_connection(TokioIo::new(socket), service).await;
            if let Err(error) = served {
                tracing::debug!(%error, "a connection to the test's store broke");
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Uploads in parts that are under way: id, key, and when they began. The server behind keeps them, but does not list them.
type Uploads = BTreeMap<String, (String, jiff::Timestamp)>;

/// Held while a request is carried out.
type Turn = Arc<Mutex<Uploads>>;

/// The server behind writes an object and what it knows of it one after the other; a store does both at once.
async fn in_turn(
    service: S3Service,
    turn: Turn,
    request: http::Request<Incoming>,
) -> Result<HttpResponse, HttpError> {
    let (parts, body) = request.into_parts();
    let (method, uri) = (parts.method.clone(), parts.uri.clone());
    let body = body.collect().await;
    let body = body
        .map_err(|error| HttpError::new(error.into()))?
        .to_bytes();
    let request = http::Request::from_parts(parts, Body::from(body));
    let mut uploads = turn.lock().await;
    let response = service.call(request).await?;
    let query: Vec<(&str, &str)> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    let asked = |name: &str| query.iter().find(|(it, _)| *it == name).map(|(_, it)| *it);
    if let Some(id) = asked("uploadId")
        && method != http::Method::PUT
        && response.status().is_success()
    {
        uploads.remove(id);
    }
    if asked("uploads").is_none() {
        return Ok(response);
    }
    if method == http::Method::POST && response.status().is_success() {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(HttpError::new)?.to_bytes();
        let text = String::from_utf8_lossy(&body);
        let value = |name: &str| {
            let (_, rest) = text.split_once(&format!("<{name}>"))?;
            Some(rest.split_once('<')?.0.to_owned())
        };
        if let (Some(id), Some(key)) = (value("UploadId"), value("Key")) {
            uploads.insert(id, (key, jiff::Timestamp::now()));
        }
        return Ok(HttpResponse::from_parts(parts, Body::from(body)));
    }
    // Told once the signature was found good.
    if response.status() == http::StatusCode::NOT_IMPLEMENTED {
        let listed: String = uploads
            .iter()
            .map(|(id, (key, at))| {
                format!("<Upload><Key>{key}</Key><UploadId>{id}</UploadId><Initiated>{at}</Initiated></Upload>")
            })
            .collect();
        let answer = format!(
            "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>{listed}</ListMultipartUploadsResult>"
        );
        return Ok(HttpResponse::new(Body::from(answer)));
    }
    Ok(response)
}
