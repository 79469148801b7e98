//! What every route has at hand.

use std::sync::Arc;

use amphi_chassis::auth::TokenVerifier;
use amphi_chassis::delivery;
use amphi_chassis::rpc::Clients;
use amphi_chassis::service::Context;
use http::HeaderValue;
use tokio_util::sync::CancellationToken;

use crate::cache::ResponseCache;
use crate::dto::about::About;
use crate::event_streams::EventStreams;
use crate::layers::security;
use crate::rate_limits::Limits;
use crate::settings::Settings;
use crate::web::CompressedFiles;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gateway {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    clients: Clients,
    verifier: TokenVerifier,
    settings: Settings,
    about: About,
    limits: Limits,
    cache: ResponseCache,
    event_streams: EventStreams,
    web_files: CompressedFiles,
    is_https: bool,
    security_policy: HeaderValue,
    shutdown: CancellationToken,
}

impl Gateway {
    #[must_use]
    pub fn new(ctx: &Context, settings: Settings, about: About) -> Self {
        let public_url = ctx.config.server.public_url.as_deref();
        let segments_origin = delivery::foreign_origin(&ctx.config);
        let policy = security::content_security_policy(segments_origin.as_deref());
        Self {
            inner: Arc::new(Inner {
                clients: ctx.clients.clone(),
                verifier: ctx.verifier.clone(),
                limits: Limits::new(&ctx.shared, &settings),
                cache: ResponseCache::new(&ctx.shared, &settings),
                event_streams: EventStreams::new(
                    settings.event_streams_max,
                    settings.event_streams_per_caller_max,
                ),
                web_files: CompressedFiles::default(),
                is_https: public_url.is_some_and(|url| url.starts_with("https://")),
                // Of a configured origin, which is checked to be an address.
                security_policy: HeaderValue::from_str(&policy)
                    .unwrap_or_else(|_| HeaderValue::from_static("default-src 'self'")),
                shutdown: ctx.shutdown.clone(),
                about,
                settings,
            }),
        }
    }

    #[must_use]
    pub fn clients(&self) -> &Clients {
        &self.inner.clients
    }

    #[must_use]
    pub fn verifier(&self) -> &TokenVerifier {
        &self.inner.verifier
    }

    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    #[must_use]
    pub fn about(&self) -> &About {
        &self.inner.about
    }

    /// How often clients may do what costs much or guesses.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// Answers that are the same for everybody.
    #[must_use]
    pub fn cache(&self) -> &ResponseCache {
        &self.inner.cache
    }

    #[must_use]
    pub fn web_files(&self) -> &CompressedFiles {
        &self.inner.web_files
    }

    /// Whether browsers reach us over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.inner.is_https
    }

    /// What browsers let pages of ours do.
    #[must_use]
    pub fn security_policy(&self) -> &HeaderValue {
        &self.inner.security_policy
    }

    /// Cancelled when live updates must end.
    #[must_use]
    pub fn shutdown(&self) -> &CancellationToken {
        &self.inner.shutdown
    }

    /// Live updates that are open.
    #[must_use]
    pub fn event_streams(&self) -> &EventStreams {
        &self.inner.event_streams
    }
}
