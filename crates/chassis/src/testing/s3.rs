//! A store that speaks S3, in this process.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError, HttpResponse};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Mutex;

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
    /// Its own, so that it answers while a test blocks.
    runtime: Option<Runtime>,
}

impl TestS3 {
    /// # Panics
    /// When no port is free or no folder can be made.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY_ID, ACCESS_KEY_SECRET));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.spawn(serve(listener, service.build()));
        Self {
            address,
            folder,
            runtime: Some(runtime),
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
        vec![
            ("AMPHI_BLOBS__KIND", "s3".to_owned()),
            ("AMPHI_BLOBS__S3__BUCKET", BUCKET.to_owned()),
            ("AMPHI_BLOBS__S3__PREFIX", "it".to_owned()),
            (
                "AMPHI_BLOBS__S3__ENDPOINT",
                format!("http://{}", self.address),
            ),
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

    /// Removes the bucket with all in it.
    ///
    /// # Panics
    /// When it cannot be removed.
    pub fn remove_bucket(&self) {
        std::fs::remove_dir_all(self.folder.path().join(BUCKET)).unwrap();
    }
}

impl Drop for TestS3 {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(listener: std::net::TcpListener, service: S3Service) {
    let listener = TcpListener::from_std(listener).unwrap();
    // Ends the connections with the server.
    let mut connections = tokio::task::JoinSet::new();
    let turn = Arc::new(Mutex::new(()));
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

/// The server behind writes an object and what it knows of it one after the other; a store does both at once.
async fn in_turn(
    service: S3Service,
    turn: Arc<Mutex<()>>,
    request: http::Request<Incoming>,
) -> Result<HttpResponse, HttpError> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await;
    let body = body
        .map_err(|error| HttpError::new(error.into()))?
        .to_bytes();
    let request = http::Request::from_parts(parts, Body::from(body));
    let _turn = turn.lock().await;
    service.call(request).await
}
