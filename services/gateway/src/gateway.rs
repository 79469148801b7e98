//! What every route has at hand.

use std::sync::Arc;

use amphi_chassis::auth::TokenVerifier;
use amphi_chassis::rpc::Clients;
use amphi_chassis::service::Context;
use tokio_util::sync::CancellationToken;

use crate::dto::about::About;
use crate::event_streams::EventStreams;
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
                limits: Limits::new(&ctx.shared, &settings),
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

    /// How often clients may do what costs much or guesses.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
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
