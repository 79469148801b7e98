//! Bodies of calls: one that tells when and how it ended, and one that ends when the process stops.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::body::Body;
use tonic::{Code, Status};

/// Told how a call ended.
pub(super) trait CallEnd: Unpin + Send + 'static {
    fn ended(&mut self, code: Code, message: &str);
}

/// Tells a call's end exactly once: when dropped before anything else, the caller went away.
pub(super) struct Ending<E: CallEnd>(Option<E>);

impl<E: CallEnd> Ending<E> {
    pub const fn new(observer: E) -> Self {
        Self(Some(observer))
    }

    pub fn finish(&mut self, code: Code, message: &str) {
        if let Some(mut observer) = self.0.take() {
            observer.ended(code, message);
        }
    }
}

impl<E: CallEnd> Drop for Ending<E> {
    fn drop(&mut self) {
        self.finish(Code::Cancelled, "the caller went away");
    }
}

/// Tells the end of a call with that of the answer's body.
pub(super) struct ObservedBody<E: CallEnd> {
    body: Body,
    ending: Ending<E>,
}

impl<E: CallEnd> ObservedBody<E> {
    pub const fn new(body: Body, ending: Ending<E>) -> Self {
        Self { body, ending }
    }
}

impl<E: CallEnd> HttpBody for ObservedBody<E> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    let (code, message) = status_of(trailers);
                    self.ending.finish(code, &message);
                }
            }
            Some(Err(status)) => self.ending.finish(status.code(), status.message()),
            None => self.ending.finish(Code::Ok, ""),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<E: CallEnd> Drop for ObservedBody<E> {
    fn drop(&mut self) {
        // A unary client reads its one message and the trailers; whoever drops earlier has lost interest, which is no
        // failure of the service.
        self.ending.finish(Code::Ok, "");
    }
}

/// The status in the headers or trailers of an answer.
pub(super) fn status_of(headers: &HeaderMap) -> (Code, String) {
    Status::from_header_map(headers).map_or((Code::Ok, String::new()), |status| {
        (status.code(), status.message().to_owned())
    })
}

/// Ends a stream with `Unavailable` when the process stops, so that a connection can be closed in good order.
pub(super) struct UntilShutdown {
    body: Body,
    shutdown: Pin<Box<WaitForCancellationFutureOwned>>,
    ended: bool,
}

impl UntilShutdown {
    pub fn new(body: Body, shutdown: CancellationToken) -> Self {
        Self {
            body,
            shutdown: Box::pin(shutdown.cancelled_owned()),
            ended: false,
        }
    }
}

impl HttpBody for UntilShutdown {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.shutdown.as_mut().poll(context).is_pending() {
            return Pin::new(&mut self.body).poll_frame(context);
        }
        self.ended = true;
        let mut trailers = HeaderMap::new();
        let stopping = Status::unavailable("the service is stopping; call again");
        match stopping.add_header(&mut trailers) {
            Ok(()) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Err(status) => Poll::Ready(Some(Err(status))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }
}
