//! Ends a body that stays silent. Media and uploads may take hours; standing still is what must not last.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use tokio::time::Sleep;

type Frame = http_body::Frame<Bytes>;

/// The body kept waiting for longer than it may.
#[derive(Debug, thiserror::Error)]
#[error("nothing was sent for {} s", .0.as_secs())]
pub struct Idle(Duration);

/// The same body, ended by an error when nothing comes for `limit` while it is asked for more.
pub fn limit_idle_time(body: Body, limit: Duration) -> Body {
    Body::new(IdleTimeout {
        inner: body,
        limit,
        waiting: None,
    })
}

struct IdleTimeout {
    inner: Body,
    limit: Duration,
    /// Runs only while something is waited for.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for IdleTimeout {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) {
            self.waiting = None;
            return Poll::Ready(frame);
        }
        let limit = self.limit;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        match waiting.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(axum::Error::new(Idle(limit))))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures::{StreamExt, stream};
    use http_body_util::BodyExt;

    fn pieces() -> impl futures::Stream<Item = Result<&'static str, std::io::Error>> + Send {
        stream::iter(["a", "b", "c"].map(Ok)).then(|piece| async {
            tokio::task::yield_now().await;
            piece
        })
    }

    #[tokio::test]
    async fn a_body_that_keeps_coming_passes() {
        let body = Body::from_stream(pieces());
        let body = limit_idle_time(body, Duration::from_secs(60));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abc");
    }

    #[tokio::test]
    async fn a_body_that_falls_silent_ends() {
        let body = Body::from_stream(pieces().chain(stream::pending()));
        let body = limit_idle_time(body, Duration::from_millis(10));
        let error = body.collect().await.unwrap_err();
        assert!(error.to_string().contains("nothing was sent"), "{error}");
    }

    #[tokio::test]
    async fn the_length_stays_known() {
        let body = limit_idle_time(Body::from("four"), Duration::from_secs(1));
        assert_eq!(body.size_hint().exact(), Some(4));
    }
}
