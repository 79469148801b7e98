//! Whole-platform tests: the real binary, real databases, real ffmpeg, over the public interface alone.

#![allow(clippy::unwrap_used, missing_debug_implementations)]

mod blobs;
mod chaos;
mod cli;
mod contracts;
mod crashes;
mod dead_letters;
mod delivery;
mod doctor;
mod eureka_clients;
mod harness;
mod hostile;
mod lists;
mod misconfigured;
mod settings;
mod sources;
mod suite;
mod upgrading;
mod uploading;
