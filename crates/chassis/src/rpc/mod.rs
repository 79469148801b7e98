//! Calls between services: one client type per service whatever the wiring, the same layers around both ways.
//!
//! A call goes through the client stack ([`client`]) to a [`transport`]: the role's router in this process, called
//! directly, or a balanced HTTP/2 connection to another. On the other side the server stack ([`server`]) stands before
//! the service, the same for both. What a call carries on for its caller (deadline, credentials) is its [`CallContext`].

mod body;
mod breaker;
mod call_context;
mod client;
mod clients;
mod discovery;
mod fault;
mod guard;
mod http_channel;
mod intake;
mod leases;
mod method;
mod peers;
mod reclaimable;
mod retry;
mod server;
mod transport;
mod wiring;

pub use call_context::{CallContext, ServerTimings};
pub use clients::{Channel, Clients, WeakClients};
pub use http_channel::HttpChannel;
pub(crate) use intake::{IntakeDispatcher, RoleIntake};
pub(crate) use leases::Leases;
pub use leases::{LIST_COMPLETE, LIST_PARTIAL, LIST_STATE};
pub(crate) use peers::connect_lazy;
pub(crate) use server::{GrpcServices, ServerStack, authenticate, bearer_token, panic_message};
pub(crate) use wiring::{LocalRole, Wiring};

/// A gRPC service behind its server stack, or part of it.
pub(crate) type GrpcService = tower::util::BoxCloneSyncService<
    http::Request<tonic::body::Body>,
    http::Response<tonic::body::Body>,
    std::convert::Infallible,
>;
