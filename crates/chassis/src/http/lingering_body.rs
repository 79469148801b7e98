//! Reads on what a handler has refused to read, for a while.
//!
//! A connection that is closed with bytes unread is reset, and a reset can overtake the answer: a client that sends too much
//! would see a broken connection instead of the refusal that says so. Web servers call this lingering close.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;

/// More than this is not worth reading to be polite, bytes.
const LINGER_BYTES_MAX: usize = 16 << 20;
const LINGER_TIME_MAX: Duration = Duration::from_secs(5);

/// A request body that is read on after its handler has dropped it.
pub(super) struct LingeringBody {
    inner: Body,
}

impl LingeringBody {
    pub fn wrap(inner: Body) -> Body {
        if inner.is_end_stream() {
            return inner;
        }
        Body::new(Self { inner })
    }
}

impl http_body::Body for LingeringBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for LingeringBody {
    fn drop(&mut self) {
        let is_too_long = self.inner.size_hint().lower() > LINGER_BYTES_MAX as u64;
        if self.inner.is_end_stream() || is_too_long {
            return;
        }
        let rest = std::mem::take(&mut self.inner);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::time::timeout(LINGER_TIME_MAX, discard(rest)));
        }
    }
}

async fn discard(mut body: Body) {
    let mut discarded = 0;
    while let Some(Ok(frame)) = body.frame().await {
        discarded += frame.data_ref().map_or(0, Bytes::len);
        if discarded > LINGER_BYTES_MAX {
            return;
        }
    }
}
