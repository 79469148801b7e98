//! A client of the public interface, as the command line and the demo use it: the same requests that a browser makes.

mod error;
mod patience;
mod session;
mod tus;
mod video;

use std::sync::Arc;
use std::time::Duration;

use amphi_chassis::Secret;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use error::{ClientError, Refusal};
pub use patience::{GIVE_UP_AFTER, Patience};
pub use tus::{NewUpload, Sending, UploadedVideo};
pub use video::{Video, Watching, wait_for_state};

use session::{Session, SessionBody};

type Result<T> = std::result::Result<T, ClientError>;

/// For a request with nothing large in it or in its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// An account's view of one platform.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    session: Option<Arc<Session>>,
}

#[derive(Debug, Deserialize)]
struct ProblemBody {
    detail: Option<String>,
    code: Option<String>,
    trace_id: Option<String>,
}

impl Client {
    /// A client without an account for the platform at `base`, for example `http://localhost:8080`.
    pub fn new(base: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("amphi/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .tcp_nodelay(true)
            .build()?;
        Ok(Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
            session: None,
        })
    }

    /// The address a person opens to watch `video_id`.
    #[must_use]
    pub fn watch_url(&self, video_id: &str) -> String {
        format!("{}/watch/{video_id}", self.base)
    }

    /// Signs in; the sign-in is kept good from then on.
    pub async fn login(mut self, email: &str, password: &Secret<String>) -> Result<Self> {
        let body = serde_json::json!({ "email": email, "password": password.expose() });
        let session = self.session_from("/api/v1/auth/login", &body).await?;
        self.session = Some(Arc::new(Session::signed_in(session)));
        Ok(self)
    }

    /// Calls with an access token from elsewhere, once the platform has said that it is good.
    pub async fn with_token(mut self, token: Secret<String>) -> Result<Self> {
        self.session = Some(Arc::new(Session::of_token(token)));
        self.get::<Value>("/api/v1/me").await?;
        Ok(self)
    }

    /// Posts `body` and returns the answer. With `idempotency_key`, a repetition makes nothing new.
    pub async fn create(&self, path: &str, body: &Value, idempotency_key: &str) -> Result<Value> {
        let response = self.send(|| {
            Ok(self
                .request(Method::POST, path)
                .header("idempotency-key", idempotency_key)
                .json(body))
        });
        self.json(response.await?).await
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let response = self.send(|| Ok(self.request(Method::GET, path)));
        self.json(response.await?).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_without_end(method, path)
            .timeout(REQUEST_TIMEOUT)
    }

    /// A request that may take as long as it takes.
    fn request_without_end(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http://") || path.starts_with("https://") {
            path.to_owned()
        } else {
            format!("{}{path}", self.base)
        };
        self.http.request(method, url)
    }

    /// Sends what `build` makes, in the account's name, and turns a refusal into an error. When the sign-in is what was
    /// refused, it is renewed and the request made once more.
    async fn send(&self, build: impl Fn() -> Result<RequestBuilder>) -> Result<Response> {
        let Some(session) = &self.session else {
            return self.accepted(self.attempt(build()?).await?).await;
        };
        let mut refused: Option<Secret<String>> = None;
        loop {
            let access = session.access(refused.as_ref(), |token| self.renewed(token));
            let is_last = refused.is_some();
            let Some(token) = access.await? else {
                return Err(self.sign_in_is_over());
            };
            let request = build()?.bearer_auth(token.expose());
            let response = self.attempt(request).await?;
            if response.status() != StatusCode::UNAUTHORIZED || is_last {
                return self.accepted(response).await;
            }
            refused = Some(token);
        }
    }

    async fn attempt(&self, request: RequestBuilder) -> Result<Response> {
        request
            .send()
            .await
            .map_err(|cause| ClientError::Unreachable {
                base: self.base.clone(),
                cause,
            })
    }

    async fn accepted(&self, response: Response) -> Result<Response> {
        if response.status().is_success() {
            return Ok(response);
        }
        Err(ClientError::Refused(refusal(response).await))
    }

    async fn renewed(&self, refresh_token: Secret<String>) -> Result<SessionBody> {
        let body = serde_json::json!({ "refresh_token": refresh_token.expose() });
        self.session_from("/api/v1/auth/refresh", &body).await
    }

    async fn session_from(&self, path: &str, body: &Value) -> Result<SessionBody> {
        let response = self.attempt(self.request(Method::POST, path).json(body));
        self.json(self.accepted(response.await?).await?).await
    }

    fn sign_in_is_over(&self) -> ClientError {
        ClientError::Refused(Refusal {
            status: StatusCode::UNAUTHORIZED,
            code: Some("token_expired".to_owned()),
            detail: "The access token has expired or is not one of this platform. Give --email and --password-file instead: \
                     such a sign-in is renewed for as long as it takes."
                .to_owned(),
            trace_id: None,
            retry_after: None,
        })
    }

    async fn json<T: DeserializeOwned>(&self, response: Response) -> Result<T> {
        let body = response
            .bytes()
            .await
            .map_err(|cause| ClientError::Unreachable {
                base: self.base.clone(),
                cause,
            })?;
        serde_json::from_slice(&body).map_err(|error| self.unexpected(error.to_string()))
    }

    fn unexpected(&self, what: impl Into<String>) -> ClientError {
        ClientError::Unexpected {
            base: self.base.clone(),
            what: what.into(),
        }
    }
}

async fn refusal(response: Response) -> Refusal {
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let body = response.bytes().await.unwrap_or_default();
    let problem = serde_json::from_slice::<ProblemBody>(&body).ok();
    let (detail, code, trace_id) =
        problem.map_or((None, None, None), |it| (it.detail, it.code, it.trace_id));
    Refusal {
        status,
        code,
        detail: detail.unwrap_or_else(|| format!("refused with {status}")),
        trace_id,
        retry_after,
    }
}

/// `Retry-After` in seconds (RFC 9110, 10.2.3); a date, which this platform never sends, is passed over.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
