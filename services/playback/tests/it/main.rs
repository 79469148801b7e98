//! Playback as its callers and players meet it, with a real database and real blobs; catalog and media are stand-ins.

#![allow(clippy::unwrap_used)]
// The layers of a whole process nest deeper than the default allows.
#![recursion_limit = "256"]

mod admission;
mod events;
mod keys;
mod manifests;
mod segments;
mod sessions;
mod store;
mod world;
