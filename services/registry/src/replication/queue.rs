//! Instances of which another registry has still to be told.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// What may be different: only that the instance is still alive, or anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ChangeKind {
    Renewal,
    Description,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub app: String,
    pub id: String,
    pub kind: ChangeKind,
}

/// Each instance once, in the order in which they first changed.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    has_more: Notify,
    max: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    order: VecDeque<(String, String)>,
    kinds: HashMap<(String, String), ChangeKind>,
    has_overflown: bool,
}

impl Queue {
    pub fn new(max: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            has_more: Notify::new(),
            max,
        }
    }

    pub fn len(&self) -> usize {
        self.waiting().order.len()
    }

    pub fn put(&self, change: Change) {
        let key = (change.app, change.id);
        let mut waiting = self.waiting();
        if let Some(kind) = waiting.kinds.get_mut(&key) {
            *kind = change.kind.max(*kind);
        } else if waiting.order.len() >= self.max {
            waiting.has_overflown = true;
            metrics::counter!("registry.replication.dropped").increment(1);
        } else {
            waiting.kinds.insert(key.clone(), change.kind);
            waiting.order.push_back(key);
        }
        drop(waiting);
        self.has_more.notify_one();
    }

    /// The next changes, at least one and at most `max`. For one who waits.
    pub async fn next(&self, max: usize) -> Vec<Change> {
        loop {
            let changes = self.take(max);
            if !changes.is_empty() {
                return changes;
            }
            self.has_more.notified().await;
        }
    }

    fn take(&self, max: usize) -> Vec<Change> {
        let mut waiting = self.waiting();
        let count = max.min(waiting.order.len());
        let keys: Vec<_> = waiting.order.drain(..count).collect();
        let kind_of = |key: &(String, String)| waiting.kinds.remove(key);
        let kinds: Vec<_> = keys.iter().map(kind_of).collect();
        keys.into_iter()
            .zip(kinds)
            .filter_map(|((app, id), kind)| kind.map(|kind| Change { app, id, kind }))
            .collect()
    }

    /// Whether something found no room, once everything that did has been taken.
    pub fn take_overflow(&self) -> bool {
        let mut waiting = self.waiting();
        waiting.order.is_empty() && std::mem::take(&mut waiting.has_overflown)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(id: &str, kind: ChangeKind) -> Change {
        Change {
            app: "SHOP".to_owned(),
            id: id.to_owned(),
            kind,
        }
    }

    #[tokio::test]
    async fn each_instance_waits_once_with_the_most_that_happened_to_it() {
        use ChangeKind::{Description, Renewal};
        let queue = Queue::new(10);
        for (id, kind) in [
            ("a", Renewal),
            ("b", Description),
            ("a", Description),
            ("a", Renewal),
        ] {
            queue.put(change(id, kind));
        }
        let next = queue.next(10).await;
        assert_eq!(next, [change("a", Description), change("b", Description)]);
        assert_eq!(queue.len(), 0);
    }

    #[tokio::test]
    async fn what_finds_no_room_is_known_when_the_rest_is_done() {
        let queue = Queue::new(2);
        for id in ["a", "b", "c", "a"] {
            queue.put(change(id, ChangeKind::Renewal));
        }
        assert!(!queue.take_overflow());
        assert_eq!(queue.next(1).await.len(), 1);
        assert_eq!(queue.next(5).await.len(), 1);
        assert!(queue.take_overflow());
        assert!(!queue.take_overflow());
    }
}
