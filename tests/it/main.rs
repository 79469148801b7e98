//! Whole-platform tests: the real binary, real databases, real ffmpeg, over the public interface alone.

#![allow(clippy::unwrap_used, missing_debug_implementations)]

mod chaos;
mod cli;
mod contracts;
mod crashes;
mod dead_letters;
mod eureka_clients;
mod harness;
mod hostile;
mod misconfigured;
mod settings;
mod sources;
mod suite;
mod uploading;
