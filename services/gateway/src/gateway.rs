//! What every route has at hand.

use std::sync::Arc;

use amphi_chassis::auth::TokenVerifier;
use amphi_chassis::rpc::Clients;
use amphi_chassis::service::Context;
use tokio_util::sync::CancellationToken;

use crate::dto::about::About;
use crate::event_streams::EventStreams;
use crate::rate_limit::{RateLimit, RefreshLimit};
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
    auth_limit: RateLimit,
    refresh_limit: RefreshLimit,
    browser_spans_limit: RateLimit,
    event_streams: EventStreams,
    web_files: CompressedFiles,
    is_https: bool,
    shutdown: CancellationToken,
}

impl Gateway {
    #[must_use]
    pub fn new(ctx: &Context, settings: Settings, about: About) -> Self {
        let public_url = ctx.config.server.public_url.as_deref();
        Self {
            inner: Arc::new(Inner {
                clients: ctx.clients.clone(),
                verifier: ctx.verifier.clone(),
                auth_limit: RateLimit::per_minute(settings.auth_attempts_per_minute),
                refresh_limit: RefreshLimit::per_minute(
                    settings.refreshes_per_minute,
                    settings.refreshes_per_address_per_minute,
                ),
                browser_spans_limit: RateLimit::per_minute(settings.browser_spans_per_minute),
                event_streams: EventStreams::new(
                    settings.event_streams_max,
                    settings.event_streams_per_caller_max,
                ),
                web_files: CompressedFiles::default(),
                is_https: public_url.is_some_and(|url| url.starts_with("https://")),
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

    /// Signing in and registering, by client address.
    #[must_use]
    pub fn auth_limit(&self) -> &RateLimit {
        &self.inner.auth_limit
    }

    /// Exchanging refresh tokens.
    #[must_use]
    pub fn refresh_limit(&self) -> &RefreshLimit {
        &self.inner.refresh_limit
    }

    /// Spans that browsers send, by client address.
    #[must_use]
    pub fn browser_spans_limit(&self) -> &RateLimit {
        &self.inner.browser_spans_limit
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
