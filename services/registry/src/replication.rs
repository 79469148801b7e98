//! What one registry is told, the others hear: each change is passed on to each of them, and one that starts asks them what they
//! know.
//!
//! Nothing is kept for a registry that is away. It heals by itself: a renewal that is answered with 404 is followed by the
//! registration, and one that is back is told of every instance; what was cancelled meanwhile runs out.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use amphi_chassis::config::RegistryAddress;
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url, redirect};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use crate::domain::{Moment, Registry, Status};
use crate::http::{Format, REPLICATION, wire};

/// For one call.
const TIMEOUT: Duration = Duration::from_secs(3);
/// News that may wait for one registry; those beyond are for it to find out later.
const NEWS_WAITING_MAX: usize = 10_000;
/// Of all that another registry knows.
const LIST_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What happened to an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    Registered,
    Renewed,
    Cancelled,
    Status(Status),
    StatusRemoved(Status),
}

#[derive(Debug)]
struct News {
    app: String,
    id: String,
    told: Told,
}

/// The token by which this process shows the others who it is; it changes with time.
type Token = Arc<dyn Fn() -> Arc<str> + Send + Sync>;

/// The other registries. Cheap to clone.
#[derive(Clone)]
pub struct Peers(Arc<Inner>);

struct Inner {
    registry: Registry,
    http: Client,
    token: Token,
    peers: Vec<Peer>,
    /// Whether they were asked what they know.
    is_filled: AtomicBool,
}

struct Peer {
    address: RegistryAddress,
    news: mpsc::Sender<News>,
    waiting: Mutex<mpsc::Receiver<News>>,
    is_away: AtomicBool,
}

/// How another registry does, for operators.
#[derive(Debug, Serialize)]
pub struct PeerReport {
    address: String,
    is_away: bool,
}

#[derive(Debug, thiserror::Error)]
enum PeerError {
    #[error("{0}")]
    Unreachable(#[from] reqwest::Error),
    #[error("it answers {0}")]
    Refused(StatusCode),
    #[error("it does not answer as Eureka does: {0}")]
    Malformed(&'static str),
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers").finish_non_exhaustive()
    }
}

impl Peers {
    /// # Errors
    /// No client can be made, for want of root certificates and the like.
    pub fn new(
        addresses: &[RegistryAddress],
        registry: Registry,
        token: Token,
    ) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(TIMEOUT)
            .build()?;
        let peer = |address: &RegistryAddress| {
            let (news, waiting) = mpsc::channel(NEWS_WAITING_MAX);
            Peer {
                address: address.clone(),
                news,
                waiting: Mutex::new(waiting),
                is_away: AtomicBool::new(false),
            }
        };
        Ok(Self(Arc::new(Inner {
            registry,
            http,
            token,
            peers: addresses.iter().map(peer).collect(),
            is_filled: AtomicBool::new(addresses.is_empty()),
        })))
    }

    /// Whether this registry knows what the others did when it started.
    #[must_use]
    pub fn is_filled(&self) -> bool {
        self.0.is_filled.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn report(&self) -> Vec<PeerReport> {
        let report = |peer: &Peer| PeerReport {
            address: peer.address.to_string(),
            is_away: peer.is_away.load(Ordering::Relaxed),
        };
        self.0.peers.iter().map(report).collect()
    }

    /// Passes news on to all others, without waiting.
    pub fn tell(&self, app: &str, id: &str, told: Told) {
        for peer in &self.0.peers {
            let news = News {
                app: app.to_owned(),
                id: id.to_owned(),
                told,
            };
            if peer.news.try_send(news).is_err() {
                metrics::counter!("registry.replication.dropped").increment(1);
            }
        }
    }

    /// Asks the others what they know, then passes on what is told until it is told to stop.
    ///
    /// # Errors
    /// Never; the type is that of a worker.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), std::convert::Infallible> {
        let work = async {
            self.0.learn().await;
            self.0.is_filled.store(true, Ordering::Relaxed);
            let passing = self.0.peers.iter().map(|peer| self.0.pass_on(peer));
            futures::future::join_all(passing).await;
        };
        shutdown.run_until_cancelled(work).await;
        Ok(())
    }
}

impl Inner {
    /// The first that answers will do: they know the same.
    async fn learn(&self) {
        for peer in &self.peers {
            match self.fetch(peer).await {
                Ok(instances) => {
                    tracing::info!(peer = %peer.address, instances, "learnt what another registry knows");
                    return;
                }
                Err(error) => {
                    tracing::info!(peer = %peer.address, %error, "another registry does not tell what it knows");
                }
            }
        }
        if !self.peers.is_empty() {
            tracing::warn!("no other registry answers; beginning empty");
        }
    }

    async fn fetch(&self, peer: &Peer) -> Result<usize, PeerError> {
        let list = self.read_list(peer).await?;
        let applications = one_or_more(&list["applications"]["application"]);
        let now = Moment::now();
        let mut leases = self.registry.leases();
        let mut learnt = 0;
        for instance in applications
            .iter()
            .flat_map(|application| one_or_more(&application["instance"]))
        {
            let taken = wire::instance(instance, now.unix_ms)
                .map_err(|problem| problem.to_string())
                .and_then(|instance| {
                    leases
                        .register(instance, now)
                        .map_err(|full| full.to_string())
                });
            match taken {
                Ok(()) => learnt += 1,
                Err(error) => {
                    tracing::warn!(peer = %peer.address, error, "an instance of another registry is not taken");
                }
            }
        }
        Ok(learnt)
    }

    async fn read_list(&self, peer: &Peer) -> Result<Value, PeerError> {
        let request = self.request(peer, Method::GET, &["apps"], &[])?;
        let mut response = request.header("accept", "application/json").send().await?;
        if response.status() != StatusCode::OK {
            return Err(PeerError::Refused(response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LIST_BYTES_MAX {
                return Err(PeerError::Malformed("its list has no end"));
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body).map_err(|_| PeerError::Malformed("its list is no JSON"))
    }

    async fn pass_on(&self, peer: &Peer) {
        let mut waiting = peer.waiting.lock().await;
        while let Some(news) = waiting.recv().await {
            let outcome = self.send(peer, &news).await;
            let was_away = peer.is_away.swap(outcome.is_err(), Ordering::Relaxed);
            match outcome {
                Err(error) if !was_away => {
                    tracing::warn!(peer = %peer.address, %error, "another registry does not take what it is told; trying on");
                }
                Ok(()) if was_away => {
                    tracing::info!(peer = %peer.address, "another registry is back");
                    self.tell_all(peer).await;
                }
                _ => {}
            }
        }
    }

    /// What it has missed.
    async fn tell_all(&self, peer: &Peer) {
        let known: Vec<(String, String)> = self
            .registry
            .leases()
            .all()
            .map(|lease| (lease.instance.app.clone(), lease.instance.id.clone()))
            .collect();
        for (app, id) in known {
            // Away again: the next news will tell.
            if self.register(peer, &app, &id).await.is_err() {
                return;
            }
        }
    }

    async fn send(&self, peer: &Peer, news: &News) -> Result<(), PeerError> {
        let path = ["apps", &news.app, &news.id];
        let status_path = ["apps", &news.app, &news.id, "status"];
        let request = match news.told {
            Told::Registered => return self.register(peer, &news.app, &news.id).await,
            Told::Renewed => return self.renew(peer, news).await,
            Told::Cancelled => self.request(peer, Method::DELETE, &path, &[])?,
            Told::Status(status) => self.request(
                peer,
                Method::PUT,
                &status_path,
                &[("value", status.as_str())],
            )?,
            Told::StatusRemoved(status) => self.request(
                peer,
                Method::DELETE,
                &status_path,
                &[("value", status.as_str())],
            )?,
        };
        match request.send().await?.status() {
            status if status.is_success() => Ok(()),
            // It never knew.
            StatusCode::NOT_FOUND if news.told == Told::Cancelled => Ok(()),
            StatusCode::NOT_FOUND => self.register(peer, &news.app, &news.id).await,
            status => Err(PeerError::Refused(status)),
        }
    }

    async fn renew(&self, peer: &Peer, news: &News) -> Result<(), PeerError> {
        let known = {
            let leases = self.registry.leases();
            leases
                .find(&news.app, &news.id)
                .map(|lease| Arc::clone(&lease.instance))
        };
        let Some(known) = known else {
            return Ok(());
        };
        let dirty_ms = known.last_dirty_ms.to_string();
        let query = [
            ("status", known.effective_status().as_str()),
            ("lastDirtyTimestamp", &dirty_ms),
        ];
        let request = self.request(peer, Method::PUT, &["apps", &news.app, &news.id], &query)?;
        match request.send().await?.status() {
            status if status.is_success() => Ok(()),
            // What it knows better, it passes on itself.
            StatusCode::CONFLICT => Ok(()),
            StatusCode::NOT_FOUND => self.register(peer, &news.app, &news.id).await,
            status => Err(PeerError::Refused(status)),
        }
    }

    async fn register(&self, peer: &Peer, app: &str, id: &str) -> Result<(), PeerError> {
        let instance = {
            let leases = self.registry.leases();
            leases
                .find(app, id)
                .map(|lease| wire::of_lease(lease, Format::Json))
        };
        // Gone in the meantime; that is news of its own.
        let Some(instance) = instance else {
            return Ok(());
        };
        let request = self
            .request(peer, Method::POST, &["apps", app], &[])?
            .json(&json!({ "instance": instance }));
        match request.send().await?.status() {
            status if status.is_success() => Ok(()),
            status => Err(PeerError::Refused(status)),
        }
    }

    fn request(
        &self,
        peer: &Peer,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<RequestBuilder, PeerError> {
        let mut url = Url::parse(peer.address.url())
            .map_err(|_| PeerError::Malformed("its address is none"))?;
        url.path_segments_mut()
            .map_err(|()| PeerError::Malformed("its address is none"))?
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.request(method, url).header(REPLICATION, "true");
        Ok(match peer.address.credentials() {
            Some((user, password)) => request.basic_auth(user, Some(password.expose())),
            None => request.bearer_auth((self.token)()),
        })
    }
}

/// Netflix's own writes a single one without a list.
fn one_or_more(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
}
