//! The media service as its clients meet it: over HTTP and gRPC, with a real database, real blobs and a real ffmpeg.

#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod engines;
mod images;
mod inspection;
mod places;
#[allow(
    dead_code,
    reason = "shared with the tests of the encoder, which use more of it"
)]
mod support;
mod sweeping;
mod tasks;
mod tus;
mod watching;
