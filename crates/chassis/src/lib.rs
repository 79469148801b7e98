//! The microservice chassis: everything a service of the platform needs that knows no business.
//!
//! Configuration, roles and lifecycle, errors, databases, events and jobs, blobs, the client and server stacks between
//! services, token verification, HTTP helpers and telemetry. A service crate is written against this crate and the
//! contracts alone, so it runs the same in one process with all others, alone in its own, and in a test.

pub mod auth;
pub mod blob;
pub mod bus;
pub mod config;
pub mod db;
pub mod delivery;
pub mod error;
pub mod events;
pub mod http;
pub mod jobs;
pub mod lifecycle;
pub mod role;
pub mod rpc;
pub mod secret;
pub mod service;
pub mod shared;
pub mod telemetry;
pub mod testing;
pub mod tls;

pub use error::{Kind, Problem};
pub use role::Role;
pub use secret::Secret;
