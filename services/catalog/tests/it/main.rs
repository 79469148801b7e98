//! The service as others call it, on real databases.

#![allow(clippy::unwrap_used, clippy::expect_used)]
// A test's future holds those of a whole process being started.
#![recursion_limit = "256"]

mod asset_news;
mod deleting;
mod episodes;
mod idempotency;
mod listing;
mod support;
mod updating;
mod videos;
