//! Where verifiers get identity's public keys and the list of revoked sessions.

use std::collections::HashMap;

use amphi_contracts::SessionId;
use amphi_contracts::proto::identity::v1::{GetKeySetRequest, ListRevokedSessionsRequest};
use futures::future::BoxFuture;
use tonic::Status;

use crate::rpc::WeakClients;

/// Sessions that were revoked since a moment.
#[derive(Debug, Clone, Default)]
pub struct RevokedSessions {
    pub session_ids: Vec<SessionId>,
    /// From when to ask the next time, microseconds since the Unix epoch.
    pub as_of_us: i64,
    /// Whether these are not all yet.
    pub has_more: bool,
}

/// What a verifier needs of identity.
pub trait KeySource: Send + Sync + 'static {
    /// The JWK set (RFC 7517), JSON.
    fn key_set(&self) -> BoxFuture<'_, Result<String, Status>>;
    /// Sessions revoked at or after `since_us`, microseconds since the Unix epoch.
    fn revoked_sessions(&self, since_us: i64) -> BoxFuture<'_, Result<RevokedSessions, Status>>;
}

/// Asks the identity service, wherever it runs, on the process's own account.
pub(crate) struct IdentityKeySource {
    clients: WeakClients,
}

impl IdentityKeySource {
    /// Holds the clients weakly: they hold the verifier through the services they reach in process.
    pub(crate) const fn new(clients: WeakClients) -> Self {
        Self { clients }
    }

    fn identity(
        &self,
    ) -> Result<
        amphi_contracts::proto::identity::v1::identity_service_client::IdentityServiceClient<
            crate::rpc::Channel,
        >,
        Status,
    > {
        let clients = self
            .clients
            .upgrade()
            .ok_or_else(|| Status::unavailable("this process is stopping"))?;
        Ok(clients.as_service().identity())
    }
}

impl KeySource for IdentityKeySource {
    fn key_set(&self) -> BoxFuture<'_, Result<String, Status>> {
        Box::pin(async move {
            let answer = self.identity()?.get_key_set(GetKeySetRequest {}).await?;
            Ok(answer.into_inner().jwks)
        })
    }

    fn revoked_sessions(&self, since_us: i64) -> BoxFuture<'_, Result<RevokedSessions, Status>> {
        Box::pin(async move {
            let request = ListRevokedSessionsRequest { since_us };
            let answer = self.identity()?.list_revoked_sessions(request).await?;
            let answer = answer.into_inner();
            let session_ids = answer
                .session_ids
                .iter()
                .filter_map(|id| id.parse().ok())
                .collect();
            Ok(RevokedSessions {
                session_ids,
                as_of_us: answer.as_of_us,
                has_more: answer.has_more,
            })
        })
    }
}

/// Keys by their id.
pub(super) type Keys = HashMap<String, jsonwebtoken::DecodingKey>;

/// The Ed25519 keys of a JWK set. Keys of other kinds are left out: the algorithm is pinned.
pub(super) fn ed25519_keys(jwks: &str) -> Result<Keys, serde_json::Error> {
    use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, JwkSet};
    let set: JwkSet = serde_json::from_str(jwks)?;
    let mut keys = Keys::new();
    for jwk in set.keys {
        let AlgorithmParameters::OctetKeyPair(parameters) = &jwk.algorithm else {
            continue;
        };
        if parameters.curve != EllipticCurve::Ed25519 {
            continue;
        }
        let Some(kid) = jwk.common.key_id else {
            continue;
        };
        if let Ok(key) = jsonwebtoken::DecodingKey::from_ed_components(&parameters.x) {
            keys.insert(kid, key);
        }
    }
    Ok(keys)
}
