//! What stands around the routes. The chassis has put request ids, tracing and authentication around all of it.

pub mod compression;
pub mod cors;
pub mod limits;
pub mod security;
