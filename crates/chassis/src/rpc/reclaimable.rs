//! A request body that can be taken back from a client that did not get to send it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// Stays with whoever may want the body back.
#[derive(Debug)]
pub(super) struct Claim(Arc<Mutex<Slot>>);

#[derive(Debug)]
struct Slot {
    body: Body,
    is_begun: bool,
}

/// The body as it is given away, and the claim on it.
pub(super) fn reclaimable(body: Body) -> (Body, Claim) {
    let slot = Arc::new(Mutex::new(Slot {
        body,
        is_begun: false,
    }));
    (Body::new(Lent(Arc::clone(&slot))), Claim(slot))
}

impl Claim {
    /// The body, if nothing of it was read.
    pub fn take_back(self) -> Option<Body> {
        let mut slot = lock(&self.0);
        (!slot.is_begun).then(|| std::mem::take(&mut slot.body))
    }
}

struct Lent(Arc<Mutex<Slot>>);

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl http_body::Body for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut slot = lock(&self.0);
        slot.is_begun = true;
        Pin::new(&mut slot.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.0).body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.0).body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn what_was_not_read_comes_back_whole() {
        let (lent, claim) = reclaimable(Body::from("bytes"));
        drop(lent);
        let body = claim.take_back().unwrap();
        assert_eq!(body.collect().await.unwrap().to_bytes(), "bytes");
    }

    #[tokio::test]
    async fn what_was_read_does_not_come_back() {
        let (lent, claim) = reclaimable(Body::from("bytes"));
        assert_eq!(lent.collect().await.unwrap().to_bytes(), "bytes");
        assert!(claim.take_back().is_none());
    }
}
