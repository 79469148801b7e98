//! The encoder with the media service that it works for: real uploads, a real ffmpeg, real segments.

#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod elsewhere;
mod kills;
mod outputs;
#[path = "../../../media/tests/it/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "shared with the tests of media, which use more of it"
)]
mod support;
