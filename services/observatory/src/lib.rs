//! The observatory: what the platform's own calls cost.
//!
//! It takes the spans of its own process from the tracing layer's feed, and those of other processes and of browsers by
//! OTLP over gRPC and HTTP on the internal port. From them it tells one trace as a waterfall (a tree on one clock, with
//! self times and the critical path), finds traces, and draws the service map with the latency of each node and edge.
//!
//! **What it keeps is in memory alone, and bounded**: the spans of the last while by count and bytes ([`store`] says who
//! goes first), the traffic of the last hour in slots ([`domain::service_map`]). A restart forgets it all. An installation
//! runs one observatory: a trace can only be told where all its spans are.
//!
//! - [`domain`]: the rules, pure
//! - [`store`]: spans by trace, and what traces are found by
//! - [`collector`]: takes in, counts, answers
//! - [`otlp`]: the ways in for other processes
//! - [`rpc`]: the gRPC service

pub mod collector;
pub mod domain;
pub mod otlp;
pub mod rpc;
mod settings;
pub mod store;
#[cfg(test)]
mod testing;

use amphi_chassis::Role;
use amphi_chassis::service::{Context, Service, StartError};

use collector::Collector;
pub use settings::Settings;
use store::SpanStore;

/// Builds the role. Spans that end from now on are taken in once it runs.
///
/// # Errors
/// The section `[observatory]` of the configuration is not valid.
pub async fn build(context: &Context) -> Result<Service, StartError> {
    let settings: Settings = context.settings()?;
    let collector = Collector::new(SpanStore::new(settings.limits()));
    collector::describe_metrics();
    let feed = context.spans.subscribe();
    let bytes_max = settings.request_bytes_max;
    Ok(Service::new(Role::Observatory)
        .grpc(rpc::server(collector.clone()))
        .grpc(otlp::grpc::server(collector.clone(), bytes_max))
        .http(otlp::http::router(collector.clone(), bytes_max))
        .worker("spans", move |shutdown| collector.run(feed, shutdown)))
}
