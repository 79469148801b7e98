//! The processes that hold a role elsewhere: which there are, how they do, and which one the next call goes to.
//!
//! Each call takes two peers at random and uses the one that will likely answer sooner ("power of two choices" over the
//! peak-sensitive latency of [`load`]). Tower's balancer does the same but takes a fast failure for a fast answer, so that a
//! broken peer attracts calls; here a failure counts as a slow answer, and failures in a row leave the peer out for a while
//! ([`standing`]).

mod connect;
mod load;
mod standing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde::Serialize;

pub use self::connect::BadAddress;
pub(super) use self::connect::HttpClient;
pub(crate) use self::connect::connect_lazy;
pub(super) use self::connect::http_client;
use self::connect::lazy_channel;
use self::load::Load;
use self::standing::{EjectionPolicy, Standing};
use super::breaker::Outcome;
use crate::Role;
use crate::config::RpcConfig;
use crate::tls::InternalTls;

/// What a failure is taken for: longer than any healthy answer, short enough to be forgotten within half a minute.
const FAILURE_LATENCY: Duration = Duration::from_secs(1);

/// The peers of one role.
#[derive(Debug)]
pub(crate) struct Peers {
    role: Role,
    settings: RpcConfig,
    tls: Option<InternalTls>,
    http: HttpClient,
    members: RwLock<Arc<[Arc<Peer>]>>,
}

/// One process, at one address.
#[derive(Debug)]
pub(super) struct Peer {
    role: Role,
    /// `http://host:port`, without a trailing slash.
    pub base_url: String,
    /// Connected at the first call, and again whenever the connection breaks.
    pub grpc: tonic::transport::Channel,
    pub http: HttpClient,
    ejection: EjectionPolicy,
    record: Mutex<Record>,
}

#[derive(Debug)]
struct Record {
    /// Calls, which are short.
    grpc: Load,
    /// Transfers, which last as long as their bytes take: only their number tells.
    http: Load,
    standing: Standing,
}

/// Which connections of a peer a call uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    Grpc,
    Http,
}

/// The peers that a call has been sent to already. Clones are the same call.
#[derive(Debug, Clone, Default)]
pub(super) struct Tried(Arc<Mutex<Vec<Arc<Peer>>>>);

/// A call on its way to a peer.
#[derive(Debug)]
pub(super) struct Picked {
    pub peer: Arc<Peer>,
    lane: Lane,
    started: Instant,
    /// When its caller gives up; a call that is dropped after it has failed.
    deadline: Option<Instant>,
    measures_latency: bool,
    is_settled: bool,
}

/// How a peer does, for operators.
#[derive(Debug, Serialize)]
pub(crate) struct PeerReport {
    address: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ejected_for_ms: Option<u128>,
    calls_in_flight: usize,
    transfers_in_flight: usize,
    expected_latency_ms: f64,
    failures_in_a_row: u32,
}

impl Peers {
    /// Needs a runtime; opens no connection.
    pub fn new(role: Role, settings: &RpcConfig, tls: Option<&InternalTls>) -> Self {
        Self {
            role,
            settings: settings.clone(),
            tls: tls.cloned(),
            http: http_client(settings, tls),
            members: RwLock::new(Arc::from([])),
        }
    }

    /// Replaces the members by those at these base URLs. Who stays keeps its connections and its record.
    ///
    /// # Errors
    /// An address that cannot be one; the members stay as they were.
    pub fn set(&self, base_urls: &[String]) -> Result<(), BadAddress> {
        let known = self.members();
        let members = base_urls
            .iter()
            .map(|url| {
                let base_url = url.trim_end_matches('/');
                match known.iter().find(|peer| peer.base_url == base_url) {
                    Some(peer) => Ok(Arc::clone(peer)),
                    None => self.connect(base_url).map(Arc::new),
                }
            })
            .collect::<Result<Arc<[_]>, _>>()?;
        *self.members.write().unwrap_or_else(PoisonError::into_inner) = members;
        Ok(())
    }

    /// A peer for the next call; `None` when there are none at all. One that the call was sent to before is taken only when
    /// there is no other.
    pub fn pick(&self, lane: Lane, tried: &Tried) -> Option<Picked> {
        let now = Instant::now();
        let members = self.members();
        let candidates = candidates(&members, tried, now);
        let peer = cheaper_of_two(&candidates, lane, now)?;
        tried.add(peer);
        peer.record().lane(lane).begin();
        Some(Picked {
            peer: Arc::clone(peer),
            lane,
            started: now,
            deadline: None,
            measures_latency: lane == Lane::Grpc,
            is_settled: false,
        })
    }

    /// The address of one of them, the same as long as it is there.
    pub fn first(&self) -> Option<String> {
        let members = self.members();
        members.iter().map(|peer| peer.base_url.clone()).min()
    }

    pub fn report(&self) -> Vec<PeerReport> {
        let now = Instant::now();
        let members = self.members();
        members.iter().map(|peer| peer.report(now)).collect()
    }

    fn connect(&self, base_url: &str) -> Result<Peer, BadAddress> {
        let now = Instant::now();
        Ok(Peer {
            role: self.role,
            base_url: base_url.to_owned(),
            grpc: lazy_channel(base_url, &self.settings, self.tls.as_ref())?,
            http: self.http.clone(),
            ejection: EjectionPolicy {
                failures: self.settings.ejection_failures,
                first: self.settings.ejection,
            },
            record: Mutex::new(Record {
                grpc: Load::new(now),
                http: Load::new(now),
                standing: Standing::default(),
            }),
        })
    }

    fn members(&self) -> Arc<[Arc<Peer>]> {
        let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&members)
    }
}

fn candidates<'a>(members: &'a [Arc<Peer>], tried: &Tried, now: Instant) -> Vec<&'a Arc<Peer>> {
    let is_available = |peer: &Arc<Peer>| !peer.record().standing.is_ejected(now);
    let mut candidates: Vec<_> = members.iter().filter(|peer| is_available(peer)).collect();
    // When most are left out, the cause is rather elsewhere, and the few others would be overrun.
    if candidates.len() * 2 < members.len() {
        candidates = members.iter().collect();
    }
    let is_new = |peer: &&Arc<Peer>| !tried.has(peer);
    if candidates.iter().any(is_new) {
        candidates.retain(is_new);
    } else if let Some(left_out) = members.iter().find(is_new) {
        candidates = vec![left_out];
    }
    candidates
}

fn cheaper_of_two<'a>(peers: &[&'a Arc<Peer>], lane: Lane, now: Instant) -> Option<&'a Arc<Peer>> {
    let (one, other) = match peers {
        [] => return None,
        [only] => return Some(only),
        several => {
            let first = rand::random_range(0..several.len());
            let step = rand::random_range(1..several.len());
            (several[first], several[(first + step) % several.len()])
        }
    };
    let cost = |peer: &Peer| peer.record().lane(lane).cost(now);
    Some(if cost(other) < cost(one) { other } else { one })
}

impl Peer {
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, now: Instant) -> PeerReport {
        let record = self.record();
        let ejected_for = record.standing.ejected_for(now);
        PeerReport {
            address: self.base_url.clone(),
            state: if ejected_for.is_some() {
                "ejected"
            } else {
                "available"
            },
            ejected_for_ms: ejected_for.map(|pause| pause.as_millis()),
            calls_in_flight: record.grpc.in_flight(),
            transfers_in_flight: record.http.in_flight(),
            expected_latency_ms: record.grpc.latency_s(now) * 1000.0,
            failures_in_a_row: record.standing.failures_in_a_row(),
        }
    }
}

impl Tried {
    fn add(&self, peer: &Arc<Peer>) {
        self.peers().push(Arc::clone(peer));
    }

    fn has(&self, peer: &Arc<Peer>) -> bool {
        self.peers().iter().any(|tried| Arc::ptr_eq(tried, peer))
    }

    fn peers(&self) -> MutexGuard<'_, Vec<Arc<Peer>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    const fn lane(&mut self, lane: Lane) -> &mut Load {
        match lane {
            Lane::Grpc => &mut self.grpc,
            Lane::Http => &mut self.http,
        }
    }
}

impl Picked {
    /// For a call that its caller gives up then.
    pub const fn until(mut self, deadline: Option<Instant>) -> Self {
        self.deadline = deadline;
        self
    }

    /// For a call that waits for something to happen: how long it took says nothing of the peer.
    pub const fn waiting(mut self) -> Self {
        self.measures_latency = false;
        self
    }

    pub fn settle(&mut self, outcome: Outcome) {
        if self.is_settled {
            return;
        }
        self.is_settled = true;
        let now = Instant::now();
        let elapsed = now.saturating_duration_since(self.started);
        let latency = match outcome {
            Outcome::Answered => self.measures_latency.then_some(elapsed),
            Outcome::Failed => Some(elapsed.max(FAILURE_LATENCY)),
        };
        let ejection = {
            let mut record = self.peer.record();
            record.lane(self.lane).end(latency, now);
            match outcome {
                Outcome::Answered => {
                    record.standing.answered(now);
                    None
                }
                Outcome::Failed => record.standing.failed(self.peer.ejection, now),
            }
        };
        if let Some(pause) = ejection {
            metrics::counter!("rpc.client.peer.ejections", "server.service" => self.peer.role.as_str())
                .increment(1);
            tracing::warn!(
                role = %self.peer.role, address = self.peer.base_url, pause_ms = %pause.as_millis(),
                "a peer fails again and again and is left out for a while"
            );
        }
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        if self.is_settled {
            return;
        }
        let now = Instant::now();
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            self.settle(Outcome::Failed);
        } else {
            self.peer.record().lane(self.lane).end(None, now);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::Config;

    fn peers(count: u8) -> Peers {
        let config = Config::load(crate::config::Sources::default()).unwrap();
        let peers = Peers::new(Role::Catalog, &config.rpc, None);
        peers.set(&urls(1..=count)).unwrap();
        peers
    }

    fn urls(hosts: impl IntoIterator<Item = u8>) -> Vec<String> {
        let url = |host| format!("http://127.0.0.{host}:1");
        hosts.into_iter().map(url).collect()
    }

    fn is_host(picked: &Picked, host: u8) -> bool {
        picked.peer.base_url == format!("http://127.0.0.{host}:1")
    }

    #[tokio::test]
    async fn calls_avoid_the_peer_that_does_not_answer() {
        let peers = peers(3);
        let mut stuck = Vec::new();
        let mut answered = 0;
        for _ in 0..300 {
            let mut picked = peers.pick(Lane::Grpc, &Tried::default()).unwrap();
            if is_host(&picked, 1) {
                stuck.push(picked);
            } else {
                picked.settle(Outcome::Answered);
                answered += 1;
            }
        }
        assert!(stuck.len() <= 3, "{} calls are stuck", stuck.len());
        assert!(answered >= 297);
    }

    #[tokio::test]
    async fn a_peer_that_fails_fast_attracts_no_calls() {
        let peers = peers(2);
        let mut failures = 0;
        for _ in 0..200 {
            let mut picked = peers.pick(Lane::Grpc, &Tried::default()).unwrap();
            if is_host(&picked, 1) {
                failures += 1;
                picked.settle(Outcome::Failed);
            } else {
                picked.settle(Outcome::Answered);
            }
        }
        assert!(failures <= 2, "{failures} calls failed");
    }

    #[tokio::test]
    async fn idle_peers_share_the_transfers() {
        let peers = peers(3);
        let mut counts = [0; 3];
        for _ in 0..3000 {
            let mut picked = peers.pick(Lane::Http, &Tried::default()).unwrap();
            let host = (1..=3).find(|host| is_host(&picked, *host)).unwrap();
            counts[usize::from(host) - 1] += 1;
            picked.settle(Outcome::Answered);
        }
        assert!(counts.iter().all(|count| *count > 700), "{counts:?}");
    }

    #[tokio::test]
    async fn a_peer_that_keeps_failing_is_left_out_unless_most_do() {
        let peers = peers(2);
        let fail = |host: u8| {
            let peer = Arc::clone(&peers.members()[usize::from(host) - 1]);
            for _ in 0..5 {
                peer.record().standing.failed(peer.ejection, Instant::now());
            }
        };
        fail(1);
        for _ in 0..50 {
            assert!(is_host(
                &peers.pick(Lane::Http, &Tried::default()).unwrap(),
                2
            ));
        }
        assert_eq!(peers.report()[0].state, "ejected");
        fail(2);
        let picked: Vec<_> = (0..50)
            .map(|_| peers.pick(Lane::Http, &Tried::default()).unwrap())
            .collect();
        assert!(picked.iter().any(|picked| is_host(picked, 1)));
        assert!(picked.iter().any(|picked| is_host(picked, 2)));
    }

    #[tokio::test]
    async fn a_call_made_again_goes_to_another_peer_first() {
        let peers = peers(3);
        // However much cheaper the first is.
        let _busy: Vec<_> = (0..50)
            .map(|_| peers.pick(Lane::Http, &Tried::default()).unwrap())
            .collect();
        for _ in 0..50 {
            let tried = Tried::default();
            let mut hosts: Vec<_> = (0..3)
                .map(|_| peers.pick(Lane::Http, &tried).unwrap())
                .map(|picked| picked.peer.base_url.clone())
                .collect();
            hosts.sort_unstable();
            assert_eq!(hosts, urls(1..=3));
            assert!(peers.pick(Lane::Http, &tried).is_some());
        }
    }

    #[tokio::test]
    async fn who_stays_keeps_its_record_and_who_goes_gets_no_calls() {
        let peers = peers(2);
        let kept = peers.pick(Lane::Grpc, &Tried::default()).unwrap();
        peers.set(&urls([1, 2, 3])).unwrap();
        let calls = |peers: &Peers| -> usize {
            let report = peers.report();
            report.iter().map(|peer| peer.calls_in_flight).sum()
        };
        assert_eq!(calls(&peers), 1);
        peers.set(&[]).unwrap();
        assert!(peers.pick(Lane::Grpc, &Tried::default()).is_none());
        drop(kept);
    }

    #[tokio::test]
    async fn a_call_given_up_at_its_deadline_is_a_failure_and_one_dropped_before_is_not() {
        let peers = peers(1);
        drop(peers.pick(Lane::Grpc, &Tried::default()).unwrap());
        assert_eq!(peers.report()[0].failures_in_a_row, 0);
        let past = Instant::now();
        drop(
            peers
                .pick(Lane::Grpc, &Tried::default())
                .unwrap()
                .until(Some(past)),
        );
        let report = &peers.report()[0];
        assert_eq!((report.failures_in_a_row, report.calls_in_flight), (1, 0));
    }
}
