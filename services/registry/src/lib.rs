//! The registry: which instances of which services there are, kept as leases.
//!
//! An instance registers, renews its lease while it lives, and gives it back when it stops; a lease that runs out is dropped.
//! The protocol is the REST interface of Netflix's Eureka (v2, as its 1.x releases and Spring Cloud speak it), under `/eureka`
//! on the internal port, so that services written with any of its clients stand beside our own roles.
//!
//! **What it keeps is in memory alone, and bounded.** A restart forgets it all, and loses nothing: it learns from the other
//! registries of the installation what they know, and every client whose renewal is answered with 404 registers anew.
//!
//! - [`domain`]: instances, leases, who is dropped when; no I/O
//! - [`http`]: the protocol: who is let in, JSON and XML
//! - [`replication`]: learns from other registries, and tells them what this one is told

pub mod domain;
pub mod http;
pub mod replication;
mod settings;

use std::sync::Arc;

use amphi_chassis::Role;
use amphi_chassis::service::{Context, Service, StartError};

use domain::Registry;
use http::Authenticator;
use replication::Peers;
pub use settings::Settings;

/// Builds the role.
///
/// # Errors
/// The section `[registry]` of the configuration is not valid.
pub async fn build(context: &Context) -> Result<Service, StartError> {
    let settings: Settings = context.settings()?;
    domain::describe_metrics();
    let registry = Registry::new(settings.limits());
    let token_of = context.clone();
    let peers = Peers::new(
        &settings.peers,
        registry.clone(),
        Arc::new(move || token_of.registry_token()),
        settings.replication_waiting_max(),
        settings.empty_start_wait,
        context.tls.as_ref(),
    )
    .map_err(|error| StartError::service(Role::Registry, "cannot call other registries", error))?;
    let authenticator = Authenticator::new(context.verifier.clone(), settings.password.clone());
    let router = http::router(
        registry.clone(),
        peers.clone(),
        authenticator,
        settings.body_bytes_max,
    );
    let interval = settings.eviction_interval;
    Ok(Service::new(Role::Registry)
        .foreign(router)
        .worker("replication", |shutdown| peers.run(shutdown))
        .worker("eviction", move |shutdown| {
            registry.evict_expired(interval, shutdown)
        }))
}
