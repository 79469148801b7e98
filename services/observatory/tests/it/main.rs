//! The role as others call it: a real process with real ports.

#![allow(clippy::unwrap_used)]
// A process starts in deeply nested futures.
#![recursion_limit = "256"]

mod access;
mod live;
mod otlp;
mod support;
mod traces;
