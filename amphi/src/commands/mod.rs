//! One file per command.

pub mod admin;
pub mod blobs;
pub mod completions;
pub mod config;
pub mod doctor;
pub mod events;
mod failure;
pub mod health;
mod input;
pub mod migrate;
pub mod openapi;
pub mod serve;
pub mod tail;
pub mod upload;

use std::process::ExitCode;

pub use failure::{Interrupted, WrongUsage, report};

/// How a command ended; the numbers are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// Something was looked at and found wrong: a configuration, this machine, the blobs, a file that is no video.
    FoundProblems,
    /// It was not finished, and the same command goes on with it.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::FoundProblems => Self::from(3),
            Exit::Interrupted => Self::from(4),
        }
    }
}
