//! Somebody with a token, or without one, who speaks HTTP and gRPC.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use amphi_chassis::Problem;
use amphi_chassis::rpc::Clients;
use amphi_contracts::AccountId;
use amphi_contracts::events::AssetState;
use amphi_contracts::proto::media::v1 as proto;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::Stream;
use http::{Method, StatusCode};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use super::until_some;

#[derive(Debug, Clone)]
pub struct Actor {
    base: String,
    http: reqwest::Client,
    token: Option<String>,
    account_id: AccountId,
    pub clients: Clients,
}

/// An asset as its owner sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenAsset {
    pub state: AssetState,
    pub reason: String,
    pub progress: f64,
    pub version: u64,
    pub duration_ms: Option<u64>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub poster_path: Option<String>,
    pub storyboard_path: Option<String>,
}

impl From<proto::Asset> for SeenAsset {
    fn from(asset: proto::Asset) -> Self {
        let state = match asset.state() {
            proto::AssetState::Unspecified => panic!("an asset without a state"),
            proto::AssetState::Uploading => AssetState::Uploading,
            proto::AssetState::Inspecting => AssetState::Inspecting,
            proto::AssetState::Encoding => AssetState::Encoding,
            proto::AssetState::Viewable => AssetState::Viewable,
            proto::AssetState::Ready => AssetState::Ready,
            proto::AssetState::Failed => AssetState::Failed,
        };
        Self {
            state,
            reason: asset.state_reason,
            progress: asset.progress,
            version: asset.version,
            duration_ms: asset.duration_ms,
            width: asset.width,
            height: asset.height,
            poster_path: asset.poster_path,
            storyboard_path: asset.storyboard_path,
        }
    }
}

impl Actor {
    pub fn new(
        address: SocketAddr,
        token: Option<String>,
        account_id: AccountId,
        clients: Clients,
    ) -> Self {
        Self {
            base: format!("http://{address}"),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            token,
            account_id,
            clients,
        }
    }

    pub const fn account_id(&self) -> AccountId {
        self.account_id
    }

    pub fn request(&self, method: Method, path: &str) -> Asking {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        Asking(request)
    }

    pub fn tus(&self, method: Method, path: &str) -> Asking {
        self.request(method, path).header("tus-resumable", "1.0.0")
    }

    pub async fn try_create(&self, length: usize, metadata: &[(&str, &str)]) -> Answer {
        let pairs = metadata
            .iter()
            .map(|(key, value)| format!("{key} {}", STANDARD.encode(value)));
        self.tus(Method::POST, "/uploads")
            .header("upload-length", length)
            .header("upload-metadata", pairs.collect::<Vec<_>>().join(","))
            .send()
            .await
    }

    pub async fn create(&self, length: usize, metadata: &[(&str, &str)]) -> Upload {
        Upload::of(self, &self.try_create(length, metadata).await)
    }

    /// Uploads all of it in one request.
    pub async fn upload(&self, bytes: &[u8]) -> Upload {
        let upload = self.create(bytes.len(), &[]).await;
        let answer = upload.patch(0, bytes).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{}", answer.text());
        upload
    }

    pub async fn try_asset(&self, video_id: &str) -> Result<SeenAsset, Problem> {
        let request = proto::GetAssetRequest {
            video_id: video_id.to_owned(),
        };
        let asset = self.clients.media().get_asset(request).await?;
        Ok(asset.into_inner().into())
    }

    pub async fn asset(&self, video_id: &str) -> SeenAsset {
        self.try_asset(video_id).await.unwrap()
    }

    /// Waits for a state; failing on the way there is the test's failure too.
    pub async fn wait_for(&self, video_id: &str, state: AssetState) -> SeenAsset {
        until_some(&format!("the video is {state:?}"), async || {
            let asset = self.asset(video_id).await;
            let has_failed = asset.state == AssetState::Failed && state != AssetState::Failed;
            assert!(!has_failed, "the video has failed: {}", asset.reason);
            (asset.state == state).then_some(asset)
        })
        .await
    }

    pub async fn watch(&self, video_id: &str) -> Result<Watcher, Problem> {
        let request = proto::GetAssetRequest {
            video_id: video_id.to_owned(),
        };
        let stream = self.clients.media().watch_asset(request).await?;
        Ok(Watcher(stream.into_inner()))
    }
}

#[derive(Debug)]
pub struct Watcher(tonic::Streaming<proto::Asset>);

impl Watcher {
    /// All that is told until the stream ends.
    pub async fn until_end(mut self) -> Vec<SeenAsset> {
        let mut seen = Vec::new();
        while let Some(asset) = self.0.message().await.unwrap() {
            seen.push(asset.into());
        }
        seen
    }
}

#[derive(Debug)]
pub struct Asking(reqwest::RequestBuilder);

impl Asking {
    pub fn header(self, name: &str, value: impl ToString) -> Self {
        Self(self.0.header(name, value.to_string()))
    }

    pub fn body(self, body: impl AsRef<[u8]>) -> Self {
        Self(self.0.body(body.as_ref().to_vec()))
    }

    pub fn stream<S>(self, body: S) -> Self
    where
        S: Stream<Item = io::Result<Vec<u8>>> + Send + 'static,
    {
        Self(self.0.body(reqwest::Body::wrap_stream(body)))
    }

    pub async fn send(self) -> Answer {
        self.try_send().await.unwrap()
    }

    async fn try_send(self) -> Result<Answer, reqwest::Error> {
        let response = self.0.send().await?;
        Ok(Answer {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes().await?.to_vec(),
        })
    }
}

#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    headers: http::HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn problem(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn code(&self) -> String {
        self.problem()["code"].as_str().unwrap().to_owned()
    }

    pub fn detail(&self) -> String {
        self.problem()["detail"].as_str().unwrap().to_owned()
    }
}

#[derive(Debug, Clone)]
pub struct Upload {
    actor: Actor,
    pub path: String,
    pub video_id: String,
}

impl Upload {
    /// The upload that a creation has answered with.
    pub fn of(actor: &Actor, created: &Answer) -> Self {
        assert_eq!(created.status(), StatusCode::CREATED, "{}", created.text());
        let path = created.header("location").to_owned();
        assert!(path.starts_with("/uploads/"), "{path}");
        Self {
            actor: actor.clone(),
            path,
            video_id: created.header("amphi-video-id").to_owned(),
        }
    }

    pub fn id(&self) -> &str {
        self.path.rsplit('/').next().unwrap()
    }

    pub fn seen_by(&self, actor: &Actor) -> Self {
        Self {
            actor: actor.clone(),
            ..self.clone()
        }
    }

    pub async fn offset(&self) -> usize {
        let found = self.actor.tus(Method::HEAD, &self.path).send().await;
        assert_eq!(found.status(), StatusCode::OK);
        found.header("upload-offset").parse().unwrap()
    }

    fn patching(&self, offset: usize) -> Asking {
        self.actor
            .tus(Method::PATCH, &self.path)
            .header("upload-offset", offset)
            .header("content-type", "application/offset+octet-stream")
    }

    pub async fn patch(&self, offset: usize, bytes: &[u8]) -> Answer {
        self.patching(offset).body(bytes).send().await
    }

    pub async fn patch_with_checksum(&self, offset: usize, bytes: &[u8], checksum: &str) -> Answer {
        let patching = self.patching(offset).header("upload-checksum", checksum);
        patching.body(bytes).send().await
    }

    /// A body of unknown length, which may break. `None` when there was no answer.
    pub async fn patch_in_pieces(
        &self,
        offset: usize,
        pieces: Vec<Result<Vec<u8>, io::ErrorKind>>,
    ) -> Option<Answer> {
        let pieces = tokio_stream::iter(pieces)
            .map(|piece| piece.map_err(io::Error::from))
            // One frame each, so that what comes before a break is sent before it.
            .throttle(Duration::from_millis(100));
        let body = reqwest::Body::wrap_stream(pieces);
        Asking(self.patching(offset).0.body(body))
            .try_send()
            .await
            .ok()
    }

    /// A request whose body the test feeds.
    pub fn open_patch(&self, offset: usize) -> (Feed, JoinHandle<Option<Answer>>) {
        let (sender, receiver) = mpsc::channel(1);
        let body = ReceiverStream::new(receiver).map(Ok::<Vec<u8>, io::Error>);
        let asking = Asking(
            self.patching(offset)
                .0
                .body(reqwest::Body::wrap_stream(body)),
        );
        (
            Feed(sender),
            tokio::spawn(async move { asking.try_send().await.ok() }),
        )
    }

    pub async fn delete(&self) -> Answer {
        self.actor.tus(Method::DELETE, &self.path).send().await
    }
}

#[derive(Debug)]
pub struct Feed(mpsc::Sender<Vec<u8>>);

impl Feed {
    pub async fn send(&self, bytes: Vec<u8>) {
        self.0
            .send(bytes)
            .await
            .expect("the request is still there");
    }
}
