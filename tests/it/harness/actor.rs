//! Somebody who uses the platform over its public interface.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{PATIENCE, eventually};

pub const PASSWORD: &str = "correct horse battery";

#[derive(Clone)]
pub struct Actor {
    http: reqwest::Client,
    base: String,
    pub token: Option<String>,
    pub refresh_token: Option<String>,
    pub account_id: Option<String>,
    pub email: Option<String>,
}

/// What came back.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no header {name} in {:?}", self.headers))
            .to_str()
            .unwrap()
    }

    /// The stable code of a problem.
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json");
        self.json()["code"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }
}

impl Actor {
    pub fn anonymous(base: &str) -> Self {
        Self {
            http: reqwest::Client::builder()
                // A stream of events is one request.
                .timeout(PATIENCE)
                .build()
                .unwrap(),
            base: base.to_owned(),
            token: None,
            refresh_token: None,
            account_id: None,
            email: None,
        }
    }

    /// Registers a new account and acts as it from then on.
    pub async fn register(self) -> Self {
        let email = format!("user-{}@example.org", uuid::Uuid::now_v7());
        let body = json!({ "email": email, "name": "Test User", "password": PASSWORD });
        let session = self.post("/api/v1/auth/register", &body).await.expect(201);
        self.signed_in(&session.json())
    }

    pub async fn login(self, email: &str, password: &str) -> Self {
        let body = json!({ "email": email, "password": password });
        let session = self.post("/api/v1/auth/login", &body).await.expect(200);
        self.signed_in(&session.json())
    }

    fn signed_in(mut self, session: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.token = Some(text(&session["access_token"]));
        self.refresh_token = Some(text(&session["refresh_token"]));
        self.account_id = Some(text(&session["account"]["id"]));
        self.email = Some(text(&session["account"]["email"]));
        self
    }

    /// The same person after the platform has moved to another address.
    pub fn at(&self, base: &str) -> Self {
        Self {
            base: base.to_owned(),
            ..self.clone()
        }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.base)
        };
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.unwrap()
    }

    pub async fn try_send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.send().await?;
        Ok(Answer {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes().await?.to_vec(),
        })
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(body))
            .await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Creates an upload; the answer may be a refusal.
    pub async fn create_upload(&self, size: u64, metadata: &[(&str, &str)]) -> Answer {
        self.send(self.request_upload(size, metadata)).await
    }

    /// To be sent.
    pub fn request_upload(&self, size: u64, metadata: &[(&str, &str)]) -> RequestBuilder {
        self.request(Method::POST, "/uploads")
            .header("tus-resumable", "1.0.0")
            .header("upload-length", size)
            .header("upload-metadata", encode_metadata(metadata))
    }

    /// Creates an upload with its first bytes, which are all.
    pub async fn create_upload_with(&self, bytes: &[u8], metadata: &[(&str, &str)]) -> Answer {
        let request = self
            .request_upload(bytes.len() as u64, metadata)
            .header("content-type", "application/offset+octet-stream")
            .body(bytes.to_vec());
        self.send(request).await
    }

    pub async fn patch_upload(&self, location: &str, offset: u64, bytes: &[u8]) -> Answer {
        self.patch_upload_with(location, offset, bytes, HeaderMap::new())
            .await
    }

    pub async fn patch_upload_with(
        &self,
        location: &str,
        offset: u64,
        bytes: &[u8],
        headers: HeaderMap<HeaderValue>,
    ) -> Answer {
        let request = self
            .request(Method::PATCH, location)
            .header("tus-resumable", "1.0.0")
            .header("upload-offset", offset)
            .header("content-type", "application/offset+octet-stream")
            .headers(headers)
            .body(bytes.to_vec());
        self.send(request).await
    }

    pub async fn upload_head(&self, location: &str) -> Answer {
        let request = self
            .request(Method::HEAD, location)
            .header("tus-resumable", "1.0.0");
        self.send(request).await
    }

    /// Uploads `bytes` whole and returns the id of the video.
    pub async fn upload(&self, title: &str, bytes: &[u8]) -> String {
        let metadata = [
            ("filename", "clip.mp4"),
            ("title", title),
            ("visibility", "public"),
        ];
        let created = self
            .create_upload(bytes.len() as u64, &metadata)
            .await
            .expect(201);
        let location = created.header("location").to_owned();
        if !bytes.is_empty() {
            self.patch_upload(&location, 0, bytes).await.expect(204);
        }
        created.header("amphi-video-id").to_owned()
    }

    pub async fn video(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/videos/{id}"))
            .await
            .expect(200)
            .json()
    }

    /// Waits until the video is in one of `states`. A video that fails when that is not wanted ends the wait at once.
    pub async fn wait_for(&self, id: &str, states: &[&str]) -> Value {
        eventually(&format!("video {id} to be {states:?}"), || async {
            let video = self.video(id).await;
            let state = video["state"].as_str().unwrap().to_owned();
            if states.contains(&state.as_str()) {
                return Some(video);
            }
            assert!(state != "failed", "{video:#}");
            None
        })
        .await
    }

    /// Opens a playback session.
    pub async fn play(&self, id: &str) -> Value {
        self.post(&format!("/api/v1/videos/{id}/playback"), &json!({}))
            .await
            .expect(201)
            .json()
    }
}

pub fn encode_metadata(pairs: &[(&str, &str)]) -> String {
    pairs
        .iter()
        .map(|(key, value)| format!("{key} {}", STANDARD.encode(value)))
        .collect::<Vec<_>>()
        .join(",")
}
