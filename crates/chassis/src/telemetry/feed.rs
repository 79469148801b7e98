//! Finished spans on their way from where they end to where they are stored or sent.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Notify;

use super::span::FinishedSpan;

/// Where finished spans go in; a handle, cheap to clone.
///
/// Each subscription has a queue of its own with a fixed capacity. When one is full, its oldest span gives way and is
/// counted: recording never waits for whoever reads.
#[derive(Debug, Clone)]
pub struct SpanFeed {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    capacity: usize,
    queues: RwLock<Vec<Arc<Queue>>>,
    recorded: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    spans: Mutex<VecDeque<Arc<FinishedSpan>>>,
    filled: Notify,
    half_full: Notify,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<FinishedSpan>>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SpanFeed {
    /// A feed whose subscriptions hold `capacity` spans each, at least one.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                capacity: capacity.max(1),
                queues: RwLock::default(),
                recorded: AtomicU64::new(0),
                dropped: AtomicU64::new(0),
            }),
        }
    }

    /// Hands a span to every subscription. Never blocks on a reader.
    pub fn push(&self, span: FinishedSpan) {
        self.shared.recorded.fetch_add(1, Ordering::Relaxed);
        let queues = self
            .shared
            .queues
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if queues.is_empty() {
            return;
        }
        let span = Arc::new(span);
        for queue in queues.iter() {
            self.push_to(queue, Arc::clone(&span));
        }
    }

    fn push_to(&self, queue: &Queue, span: Arc<FinishedSpan>) {
        let mut spans = queue.lock();
        let was_empty = spans.is_empty();
        if spans.len() == self.shared.capacity {
            spans.pop_front();
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
        spans.push_back(span);
        let is_half_full = spans.len() == self.shared.capacity.div_ceil(2);
        drop(spans);
        // Once per batch, since waking a task costs more than recording a span.
        if was_empty {
            queue.filled.notify_one();
        }
        if is_half_full {
            queue.half_full.notify_one();
        }
    }

    /// A reader of all spans that end from now on.
    #[must_use]
    pub fn subscribe(&self) -> SpanSubscription {
        let queue = Arc::new(Queue::default());
        self.shared
            .queues
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(&queue));
        SpanSubscription {
            feed: self.clone(),
            queue,
        }
    }

    /// Spans recorded since the start.
    #[must_use]
    pub fn recorded(&self) -> u64 {
        self.shared.recorded.load(Ordering::Relaxed)
    }

    /// Spans that gave way in a full queue since the start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

/// A reader of a feed.
#[derive(Debug)]
pub struct SpanSubscription {
    feed: SpanFeed,
    queue: Arc<Queue>,
}

impl SpanSubscription {
    /// Waits for a span, then `linger` longer for others (less when the queue fills up), and takes up to `spans_max` of
    /// them, oldest first. Safe to cancel.
    pub async fn next_batch(
        &mut self,
        spans_max: usize,
        linger: Duration,
    ) -> Vec<Arc<FinishedSpan>> {
        while self.queue.lock().is_empty() {
            self.queue.filled.notified().await;
        }
        let is_short = self.queue.lock().len() < spans_max;
        if is_short && !linger.is_zero() {
            // Running out of time is the usual case.
            let _ = tokio::time::timeout(linger, self.queue.half_full.notified()).await;
        }
        self.take(spans_max)
    }

    /// Takes what is there, up to `spans_max`, oldest first.
    pub fn take(&mut self, spans_max: usize) -> Vec<Arc<FinishedSpan>> {
        let mut spans = self.queue.lock();
        let count = spans.len().min(spans_max);
        spans.drain(..count).collect()
    }
}

impl Drop for SpanSubscription {
    fn drop(&mut self) {
        self.feed
            .shared
            .queues
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|queue| !Arc::ptr_eq(queue, &self.queue));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::span;
    use super::*;

    #[tokio::test]
    async fn a_full_queue_drops_its_oldest_span_and_counts_it() {
        let feed = SpanFeed::new(2);
        let mut subscription = feed.subscribe();
        for name in ["first", "second", "third"] {
            feed.push(span(name));
        }
        let batch = subscription.next_batch(10, Duration::ZERO).await;
        let names: Vec<_> = batch.iter().map(|span| span.name.as_ref()).collect();
        assert_eq!(names, ["second", "third"]);
        assert_eq!((feed.recorded(), feed.dropped()), (3, 1));
    }

    #[tokio::test]
    async fn every_subscription_sees_every_span_until_it_is_dropped() {
        let feed = SpanFeed::new(8);
        let (mut kept, gone) = (feed.subscribe(), feed.subscribe());
        drop(gone);
        feed.push(span("one"));
        assert_eq!(kept.take(8).len(), 1);
        assert_eq!(
            feed.shared.queues.read().map(|queues| queues.len()).ok(),
            Some(1)
        );
    }

    #[tokio::test]
    async fn a_waiting_reader_is_woken_by_a_span() {
        let feed = SpanFeed::new(8);
        let mut subscription = feed.subscribe();
        let reader = tokio::spawn(async move { subscription.next_batch(8, Duration::ZERO).await });
        tokio::task::yield_now().await;
        feed.push(span("one"));
        assert_eq!(reader.await.map(|batch| batch.len()).ok(), Some(1));
    }

    #[tokio::test]
    async fn a_batch_larger_than_asked_for_is_read_in_parts() {
        let feed = SpanFeed::new(8);
        let mut subscription = feed.subscribe();
        (0..5).for_each(|_| feed.push(span("one")));
        assert_eq!(subscription.next_batch(3, Duration::ZERO).await.len(), 3);
        assert_eq!(subscription.next_batch(3, Duration::ZERO).await.len(), 2);
    }
}
