//! Who somebody is.
//!
//! Identity owns accounts and their credentials, sessions with their refresh tokens, records of sign-ins, and the keys
//! that sign access tokens. Whoever wants to verify a token asks it for the public keys and for the sessions that were
//! revoked lately, and for nothing else.

mod domain;
mod hasher;
mod jobs;
mod keys;
mod login_throttle;
mod migrations;
mod rpc;
mod settings;
mod sign_in;
mod signer;
mod store;
mod turns;

use std::sync::Arc;

use amphi_chassis::service::{Context, Service, StartError};
use amphi_contracts::proto::identity::v1::identity_service_server::IdentityServiceServer;

pub use migrations::Migrator;
pub use settings::Settings;

use hasher::Hasher;
use keys::KeyKeeper;
use rpc::IdentityRpc;
use sign_in::SignIn;
use signer::Signer;
use store::Store;

/// Builds the service; nothing runs until the lifecycle starts its workers.
///
/// # Errors
/// When its settings or its database cannot be used, or no signing key can be made.
pub async fn build(ctx: &Context) -> Result<Service, StartError> {
    let settings: Arc<Settings> = Arc::new(ctx.settings()?);
    let failed = |what: &'static str| move |error| StartError::service(ctx.role, what, error);

    let store = Store::new(ctx.database::<Migrator>().await?);
    let hasher = Hasher::new(&settings.argon2).map_err(failed("cannot hash passwords"))?;
    let signer = Signer::default();
    let keys = KeyKeeper::new(store.clone(), signer.clone(), settings.rotation());
    keys.check()
        .await
        .map_err(failed("has no key to sign tokens with"))?;

    let rpc = IdentityRpc {
        sign_in: SignIn::new(
            store.clone(),
            hasher,
            signer,
            ctx.verifier.clone(),
            Arc::clone(&settings),
        ),
        store: store.clone(),
        keys: keys.clone(),
        settings: Arc::clone(&settings),
    };
    Ok(Service::new(ctx.role)
        .grpc(IdentityServiceServer::new(rpc))
        .worker("signing-keys", |shutdown| jobs::rotate_keys(keys, shutdown))
        .worker("housekeeping", |shutdown| {
            jobs::clean_up(store, settings, shutdown)
        }))
}
