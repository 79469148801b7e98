//! News that one process has for all others of the installation, itself included: what was read before may have changed.
//!
//! A topic has a generation, which is another after each piece of news. Whoever keeps what it has read keeps it under the
//! generation that it saw *before* it read, and need not delete anything: what was kept earlier is not found any more. With a
//! server its generation is the same everywhere, so that processes can keep things together; a process that was cut off counts
//! by itself, and begins anew when it is back, since it may have missed something.
//!
//! Nothing is lost in silence: a listener that is too slow, or whose process was cut off, is told that it has missed something.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::broadcast;

use super::Server;

/// News that wait for a slow listener; beyond that it is told that it has missed some.
const WAITING_MAX: usize = 1024;

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    Told(Arc<str>),
    /// There may have been any.
    Missed,
}

/// What is another after each piece of news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Generation {
    /// The server's; 0 as long as it was not asked.
    by_server: u64,
    /// Of this process, for what the server does not know.
    by_process: u64,
}

/// A subject that there is news of. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Topic {
    state: Arc<State>,
    server: Option<Arc<dyn Server>>,
}

/// Hears the news from its making on.
#[derive(Debug)]
pub struct Listener(broadcast::Receiver<News>);

#[derive(Debug)]
pub(super) struct State {
    pub name: &'static str,
    news: broadcast::Sender<News>,
    by_server: AtomicU64,
    by_process: AtomicU64,
    /// Whether there is something that the server was not told.
    is_untold: AtomicBool,
}

/// The topics that this process tells or hears of: a few, by the names in its code.
#[derive(Debug, Default)]
pub(super) struct Topics(RwLock<HashMap<&'static str, Arc<State>>>);

impl Topics {
    pub fn find(&self, name: &str) -> Option<Arc<State>> {
        let topics = self.0.read().unwrap_or_else(PoisonError::into_inner);
        topics.get(name).cloned()
    }

    pub fn all(&self) -> Vec<Arc<State>> {
        let topics = self.0.read().unwrap_or_else(PoisonError::into_inner);
        topics.values().cloned().collect()
    }

    pub fn open(&self, name: &'static str, server: Option<Arc<dyn Server>>) -> Topic {
        let mut topics = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let state = topics.entry(name).or_insert_with(|| {
            Arc::new(State {
                name,
                news: broadcast::channel(WAITING_MAX).0,
                by_server: AtomicU64::new(0),
                by_process: AtomicU64::new(0),
                is_untold: AtomicBool::new(false),
            })
        });
        Topic {
            state: Arc::clone(state),
            server,
        }
    }
}

impl State {
    /// News of another process.
    pub fn hear(&self, generation: u64, message: &str) {
        self.at_least(generation);
        self.pass_on(News::Told(message.into()));
    }

    /// Generations only rise: news may come in another order than they were told in.
    pub fn at_least(&self, generation: u64) {
        self.by_server.fetch_max(generation, Ordering::SeqCst);
    }

    /// After a time in which nothing was heard.
    pub fn begin_anew(&self, generation: u64) {
        self.at_least(generation);
        self.by_process.fetch_add(1, Ordering::SeqCst);
        self.pass_on(News::Missed);
    }

    /// Whether there is something to tell the server; asked once.
    pub fn take_untold(&self) -> bool {
        self.is_untold.swap(false, Ordering::SeqCst)
    }

    pub fn is_untold(&self) -> bool {
        self.is_untold.load(Ordering::SeqCst)
    }

    pub fn set_untold(&self) {
        self.is_untold.store(true, Ordering::SeqCst);
    }

    fn pass_on(&self, news: News) {
        // An error only says that nobody listens.
        self.news.send(news).ok();
    }
}

impl Topic {
    /// Tells all processes. When this returns, this one goes by it, and so do the others as soon as they hear it; those that
    /// the server does not reach are told that they have missed something when it does again.
    pub async fn tell(&self, message: &str) {
        let told = match &self.server {
            Some(server) => server.tell(self.state.name, message).await,
            None => None,
        };
        match told {
            Some(generation) => self.state.at_least(generation),
            None => {
                self.state.set_untold();
                self.state.by_process.fetch_add(1, Ordering::SeqCst);
            }
        }
        self.state.pass_on(News::Told(message.into()));
    }

    #[must_use]
    pub fn generation(&self) -> Generation {
        Generation {
            by_server: self.state.by_server.load(Ordering::SeqCst),
            by_process: self.state.by_process.load(Ordering::SeqCst),
        }
    }

    #[must_use]
    pub fn listen(&self) -> Listener {
        Listener(self.state.news.subscribe())
    }

    /// What some process has kept under this generation and key, if it is still there.
    pub async fn recall(&self, generation: Generation, key: &str) -> Option<Vec<u8>> {
        let server = self.server_of(generation)?;
        server
            .recall(&self.place(generation, key))
            .await
            .filter(|kept| !kept.is_empty())
    }

    /// Keeps something for all processes for a while; never an error: what is not kept is made again.
    pub async fn keep(
        &self,
        generation: Generation,
        key: &str,
        value: &[u8],
        lifetime: std::time::Duration,
    ) {
        if let Some(server) = self.server_of(generation) {
            let place = self.place(generation, key);
            server.keep(&place, value, lifetime).await;
        }
    }

    /// Where things of this generation are kept: nowhere while the server does not know of news that we do.
    fn server_of(&self, generation: Generation) -> Option<&Arc<dyn Server>> {
        let is_known = generation.by_server > 0 && !self.state.is_untold();
        self.server.as_ref().filter(|_| is_known)
    }

    fn place(&self, generation: Generation, key: &str) -> String {
        format!("{}:{}:{key}", self.state.name, generation.by_server)
    }
}

impl Listener {
    /// Waits for the next piece of news.
    pub async fn next(&mut self) -> News {
        match self.0.recv().await {
            Ok(news) => news,
            Err(broadcast::error::RecvError::Lagged(_)) => News::Missed,
            // The process ends.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn news_change_the_generation_and_reach_all_who_listen() {
        let topics = Topics::default();
        let (one, two) = (topics.open("t", None), topics.open("t", None));
        let (before, mut heard) = (two.generation(), two.listen());
        one.tell("a").await;
        assert_ne!(two.generation(), before);
        assert_eq!(heard.next().await, News::Told("a".into()));
        let other = topics.open("other", None);
        let generation = other.generation();
        one.tell("b").await;
        assert_eq!(other.generation(), generation);
    }

    #[tokio::test]
    async fn who_listens_too_slowly_is_told_that_it_has_missed_something() {
        let topic = Topics::default().open("t", None);
        let mut slow = topic.listen();
        for _ in 0..=WAITING_MAX {
            topic.tell("a").await;
        }
        assert_eq!(slow.next().await, News::Missed);
        assert_eq!(slow.next().await, News::Told("a".into()));
    }

    #[test]
    fn news_that_come_late_do_not_turn_the_generation_back() {
        let topics = Topics::default();
        let topic = topics.open("t", None);
        let state = topics.find("t").unwrap();
        state.hear(7, "a");
        let generation = topic.generation();
        state.hear(6, "b");
        assert_eq!(topic.generation(), generation);
        state.begin_anew(6);
        assert_ne!(topic.generation(), generation);
    }
}
