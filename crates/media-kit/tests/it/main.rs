//! Real clips through real ffmpeg: inspect, plan, run every task, and hold what comes out against the source.
//!
//! `AMPHI_TEST_FFMPEG` names another ffmpeg to encode with.

#![allow(clippy::unwrap_used)]

mod bounds;
mod encoding;
mod hostile;
mod manifests;
mod sources;
mod stills;
mod support;
