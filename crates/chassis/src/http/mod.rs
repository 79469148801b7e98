//! What HTTP handlers of all roles share: the stack around them, JSON bodies, ranges, blobs as answers.

mod client_ip;
mod fallback;
mod idle_body;
mod json;
mod lingering_body;
pub mod ranges;
mod request_id;
mod serve_blob;
mod stack;

pub use client_ip::{TrustedProxies, TrustedProxiesError, client_ip};
pub use fallback::{method_not_allowed, no_such_route};
pub use idle_body::{Idle, limit_idle_time};
pub use json::{Json, OptionalJson};
pub use ranges::Validators;
pub use request_id::RequestId;
pub use serve_blob::{Representation, serve_blob};
pub use stack::HttpStack;
