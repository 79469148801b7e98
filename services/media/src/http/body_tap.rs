//! A request body, drawn in pieces of bounded size and time, so that what has come is made durable again and again.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use amphi_chassis::blob::ByteStream;
use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::Mutex as AsyncMutex;

use super::locks::UploadLock;
use crate::domain::checksum::Checksum;

/// Bounds on one piece.
#[derive(Debug, Clone, Copy)]
pub struct PieceBounds {
    pub bytes_max: u64,
    pub time_max: Duration,
}

/// How the body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    /// With its last byte.
    Whole,
    /// The connection broke, the sender fell silent, or another writer took over.
    Interrupted,
    /// More bytes came than there was room for; those beyond were not taken.
    Overflowed,
}

/// A body being drawn.
#[derive(Clone, Debug)]
pub struct BodyTap {
    flow: Arc<AsyncMutex<Flow>>,
    /// Known from outside while a piece is being drawn.
    end: Arc<Mutex<Option<BodyEnd>>>,
}

#[derive(Debug)]
struct Flow {
    body: BodyDataStream,
    /// Came with a frame that did not fit into the last piece.
    left_over: Bytes,
    room: u64,
    idle_max: Duration,
    checksum: Option<Checksum>,
    lock: Arc<UploadLock>,
}

impl BodyTap {
    /// A tap that draws at most `room` bytes, and waits for each of them no longer than `idle_max`.
    pub fn new(
        body: Body,
        room: u64,
        idle_max: Duration,
        checksum: Option<Checksum>,
        lock: Arc<UploadLock>,
    ) -> Self {
        Self {
            flow: Arc::new(AsyncMutex::new(Flow {
                body: body.into_data_stream(),
                left_over: Bytes::new(),
                room,
                idle_max,
                checksum,
                lock,
            })),
            end: Arc::default(),
        }
    }

    /// How the body ended; `None` while there is more to draw.
    pub fn end(&self) -> Option<BodyEnd> {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the bytes drawn are those that the sender meant; true without a checksum. To be asked once, at the end.
    pub async fn is_as_meant(&self) -> bool {
        self.flow
            .lock()
            .await
            .checksum
            .take()
            .is_none_or(Checksum::matches)
    }

    /// The next piece. It ends without an error at its bounds and at the end of the body.
    pub fn piece(&self, bounds: PieceBounds) -> ByteStream {
        let until = Instant::now() + bounds.time_max;
        let drawing = (self.clone(), bounds.bytes_max);
        let piece: BoxStream<'static, io::Result<Bytes>> =
            stream::unfold(drawing, move |(tap, bytes_left)| async move {
                if bytes_left == 0 || tap.end().is_some() || Instant::now() >= until {
                    return None;
                }
                match tap.draw(bytes_left, until).await {
                    Drawn::Bytes(bytes) => {
                        let left = bytes_left.saturating_sub(bytes.len() as u64);
                        Some((Ok(bytes), (tap, left)))
                    }
                    Drawn::Nothing => None,
                    Drawn::Failed(error) => Some((Err(error), (tap, 0))),
                }
            })
            .boxed();
        piece
    }

    async fn draw(&self, bytes_max: u64, until: Instant) -> Drawn {
        let mut flow = self.flow.lock().await;
        if flow.left_over.is_empty() {
            let silence = tokio::time::sleep(flow.idle_max);
            let piece_end = tokio::time::sleep_until(until.into());
            let lock = Arc::clone(&flow.lock);
            let next = tokio::select! {
                next = flow.body.next() => next,
                () = lock.give_way().cancelled() => {
                    return self.ended(BodyEnd::Interrupted, "another request took over");
                }
                () = silence => return self.ended(BodyEnd::Interrupted, "no byte came for too long"),
                () = piece_end => return Drawn::Nothing,
            };
            match next {
                None => {
                    self.set_end(BodyEnd::Whole);
                    return Drawn::Nothing;
                }
                Some(Err(_)) => return self.ended(BodyEnd::Interrupted, "the connection broke"),
                Some(Ok(bytes)) => flow.left_over = bytes,
            }
            flow.lock.touch();
        }
        if flow.room == 0 && !flow.left_over.is_empty() {
            return self.ended(BodyEnd::Overflowed, "more bytes came than were announced");
        }
        let length = bytes_max.min(flow.room).min(flow.left_over.len() as u64);
        // Not above the length of what is held in memory.
        let bytes = flow
            .left_over
            .split_to(usize::try_from(length).unwrap_or(usize::MAX));
        flow.room -= length;
        if let Some(checksum) = &mut flow.checksum {
            checksum.update(&bytes);
        }
        Drawn::Bytes(bytes)
    }

    fn ended(&self, end: BodyEnd, why: &'static str) -> Drawn {
        self.set_end(end);
        Drawn::Failed(io::Error::new(io::ErrorKind::ConnectionAborted, why))
    }

    fn set_end(&self, end: BodyEnd) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
    }
}

enum Drawn {
    Bytes(Bytes),
    /// The piece is over, by its time or with the body.
    Nothing,
    Failed(io::Error),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use amphi_contracts::UploadId;
    use futures::TryStreamExt;

    use super::*;
    use crate::http::UploadLocks;

    fn tap(frames: Vec<io::Result<&'static str>>, room: u64, checksum: Option<&str>) -> BodyTap {
        let lock = UploadLocks::default()
            .try_lock(UploadId::generate())
            .unwrap();
        let frames = frames.into_iter().map(|frame| frame.map(Bytes::from));
        BodyTap::new(
            Body::from_stream(stream::iter(frames)),
            room,
            Duration::from_secs(10),
            checksum.map(|header| Checksum::parse(header).unwrap()),
            Arc::new(lock),
        )
    }

    async fn draw(tap: &BodyTap, bytes_max: u64) -> io::Result<String> {
        let bounds = PieceBounds {
            bytes_max,
            time_max: Duration::from_secs(10),
        };
        let bytes: Vec<Bytes> = tap.piece(bounds).try_collect().await?;
        Ok(String::from_utf8(bytes.concat()).unwrap())
    }

    #[tokio::test]
    async fn pieces_keep_their_bounds_and_lose_nothing() {
        let tap = tap(vec![Ok("hello "), Ok("wor"), Ok("ld")], 100, None);
        assert_eq!(draw(&tap, 4).await.unwrap(), "hell");
        assert_eq!(tap.end(), None);
        assert_eq!(draw(&tap, 4).await.unwrap(), "o wo");
        assert_eq!(draw(&tap, 100).await.unwrap(), "rld");
        assert_eq!(tap.end(), Some(BodyEnd::Whole));
        assert_eq!(draw(&tap, 100).await.unwrap(), "");
    }

    #[tokio::test]
    async fn a_broken_connection_ends_the_body() {
        let tap = tap(
            vec![Ok("hello"), Err(io::ErrorKind::ConnectionReset.into())],
            100,
            None,
        );
        assert!(draw(&tap, 100).await.is_err());
        assert_eq!(tap.end(), Some(BodyEnd::Interrupted));
    }

    #[tokio::test]
    async fn bytes_beyond_the_room_are_not_taken() {
        let tap = tap(vec![Ok("hello world")], 5, None);
        assert_eq!(draw(&tap, 5).await.unwrap(), "hello");
        assert!(draw(&tap, 5).await.is_err());
        assert_eq!(tap.end(), Some(BodyEnd::Overflowed));
    }

    #[tokio::test]
    async fn a_checksum_covers_all_pieces() {
        let right = tap(vec![Ok("hello "), Ok("world")], 100, Some("crc32 DUoRhQ=="));
        draw(&right, 3).await.unwrap();
        draw(&right, 100).await.unwrap();
        assert!(right.is_as_meant().await);
        let wrong = tap(vec![Ok("hello World")], 100, Some("crc32 DUoRhQ=="));
        draw(&wrong, 100).await.unwrap();
        assert!(!wrong.is_as_meant().await);
    }

    #[tokio::test]
    async fn a_writer_that_gives_way_stops_at_once() {
        let locks = UploadLocks::default();
        let id = UploadId::generate();
        let lock = Arc::new(locks.try_lock(id).unwrap());
        let silent = Body::from_stream(stream::pending::<io::Result<Bytes>>());
        let tap = BodyTap::new(
            silent,
            100,
            Duration::from_secs(60),
            None,
            Arc::clone(&lock),
        );
        lock.give_way().cancel();
        assert!(draw(&tap, 100).await.is_err());
        assert_eq!(tap.end(), Some(BodyEnd::Interrupted));
    }
}
