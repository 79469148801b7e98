//! The service as others call it, on real databases.

#![allow(clippy::unwrap_used, clippy::expect_used)]
// A test's future holds those of a whole process being started.
#![recursion_limit = "256"]

mod accounts;
mod keys;
mod refreshing;
mod registering;
mod signing_in;
mod signing_out;
mod support;
