//! The gateway as its clients meet it: over HTTP on a real port, with stand-ins for the services behind it.

#![allow(clippy::unwrap_used)]
// The layers of a whole process nest deeper than the default allows.
#![recursion_limit = "256"]

mod auth;
mod border;
mod cache;
mod lists;
mod live;
mod observatory;
mod openapi;
mod planes;
mod site;
mod stand_ins;
mod videos;
mod web;
