//! The role as others meet it: real processes with real ports.

#![allow(clippy::unwrap_used)]
// A process starts in deeply nested futures.
#![recursion_limit = "256"]

mod access;
mod finding;
mod leases;
mod replication;
mod support;
