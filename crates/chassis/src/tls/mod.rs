//! Mutual TLS between the processes of one installation, on their internal ports.
//!
//! Whom to trust is decided by two things, the same in both directions: a certificate is signed by an authority of
//! `internal_tls.ca`, and bears the name `internal_tls.name`. The address that a process was found at (a list, DNS, a
//! registry) plays no part, so that whoever forges one leads to nobody who would be believed; and an authority that signs for
//! others, too, lets none of them in.
//!
//! - [`material`]: what the files hold, and whether it would be believed
//! - [`verify`]: judges the other side by what the files hold now
//! - [`connect`]: connections to other processes
//! - [`accept`]: connections from them
//! - [`refusal`]: why a connection was refused, in words

mod accept;
mod connect;
mod material;
mod refusal;
#[cfg(all(test, feature = "testing-tls"))]
mod tests;
mod verify;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::Resumption;
use rustls::server::NoServerSessionStorage;
use rustls::{ClientConfig, ServerConfig};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub(crate) use accept::{HasCertificate, require_certificate};
pub(crate) use connect::Connector;
use material::{Digest, Material, provider};
pub use material::{FileError, MaterialError};
pub(crate) use refusal::{is_certificate_alert, words_for};
use verify::{Current, OtherSide, OwnCertificate};

use crate::config::{Config, ConfigError, InternalTlsConfig, InternalTlsKind};

/// Certificate, key and authorities of this process. Cheap to clone; clones see files that have changed alike.
#[derive(Debug, Clone)]
pub struct InternalTls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: InternalTlsConfig,
    current: Arc<Current>,
    /// Counts how often the files were taken anew.
    generation: watch::Sender<u64>,
    client: ClientConfig,
    server: Arc<ServerConfig>,
}

impl InternalTls {
    /// Reads the files; `None` when `internal_tls.kind` is off.
    ///
    /// # Errors
    /// A file cannot be read, they do not belong together, or other processes would refuse the certificate; with the setting
    /// to look at.
    pub fn open(config: &Config) -> Result<Option<Self>, ConfigError> {
        let settings = &config.internal_tls;
        if settings.kind == InternalTlsKind::Off {
            return Ok(None);
        }
        let invalid = |error: MaterialError| config.invalid(error.setting(), error.to_string());
        let material = Material::load(settings).map_err(invalid)?;
        describe(&material);
        let current = Arc::new(Current::new(material));
        let (client, server) = configs(&current)
            .map_err(|error| config.invalid("internal_tls.kind", error.to_string()))?;
        Ok(Some(Self(Arc::new(Inner {
            settings: settings.clone(),
            current,
            generation: watch::Sender::new(0),
            client,
            server: Arc::new(server),
        }))))
    }

    /// For clients that connect by themselves. It follows the files, too.
    #[must_use]
    pub fn client_config(&self) -> ClientConfig {
        self.0.client.clone()
    }

    /// When the certificate of this process runs out.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.0.current.get().expires_at
    }

    /// Takes the files anew whenever they have changed, until it is told to stop. Files that do not belong together or would
    /// not be believed change nothing.
    pub(crate) async fn follow(self, shutdown: CancellationToken) {
        let mut watcher = Watcher::default();
        let rounds = async {
            loop {
                tokio::time::sleep(self.0.settings.reload_interval).await;
                let (tls, known) = (self.clone(), self.0.current.get().digest);
                let reading = move || Material::load_if_changed(&tls.0.settings, known);
                match tokio::task::spawn_blocking(reading).await {
                    Ok(outcome) => watcher.take(&self, outcome),
                    Err(error) => tracing::error!(%error, "reading the certificate's files failed"),
                }
            }
        };
        shutdown.run_until_cancelled(rounds).await;
    }

    fn replace(&self, material: Material) {
        describe(&material);
        self.0.current.set(material);
        self.0.generation.send_modify(|generation| *generation += 1);
    }
}

/// What has been said of the files, so that it is said once.
#[derive(Debug, Default)]
struct Watcher {
    unusable: Option<Digest>,
    is_unreadable: bool,
    is_expired: bool,
}

impl Watcher {
    fn take(&mut self, tls: &InternalTls, outcome: Result<Option<Material>, MaterialError>) {
        match outcome {
            Ok(None) => self.is_unreadable = false,
            Ok(Some(material)) => {
                tls.replace(material);
                *self = Self::default();
                metrics::counter!("internal.tls.reloads", "outcome" => "taken").increment(1);
                tracing::info!(
                    certificate = %tls.0.settings.certificate.display(),
                    expires_at = %shown(tls.expires_at()),
                    "took the certificate of internal calls anew; connections are made anew with it"
                );
            }
            Err(error) => self.report(&error),
        }
        let is_expired = tls.expires_at().is_some_and(|at| at <= SystemTime::now());
        if is_expired && !std::mem::replace(&mut self.is_expired, true) {
            tracing::error!(
                certificate = %tls.0.settings.certificate.display(),
                "the certificate of internal calls has expired: other processes refuse this one. Put a new one in its place; \
                 it is taken without a restart"
            );
        }
    }

    /// A folder of secrets is changed file by file where it is no volume of Kubernetes: only what lasts is said.
    fn report(&mut self, error: &MaterialError) {
        let is_known = match error.digest() {
            Some(digest) => self.unusable.replace(digest) == Some(digest),
            None => std::mem::replace(&mut self.is_unreadable, true),
        };
        if !is_known {
            metrics::counter!("internal.tls.reloads", "outcome" => "refused").increment(1);
            tracing::warn!(setting = error.setting(), %error, "the files of internal TLS have changed and cannot be used; going on with what was read before");
        }
    }
}

fn configs(current: &Arc<Current>) -> Result<(ClientConfig, ServerConfig), rustls::Error> {
    // Nothing older is in use here, and nothing newer is needed.
    let versions = [&rustls::version::TLS13];
    let other_side = Arc::new(OtherSide(Arc::clone(current)));
    let own = Arc::new(OwnCertificate(Arc::clone(current)));
    let mut client = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&versions)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&other_side) as _)
        .with_client_cert_resolver(Arc::clone(&own) as _);
    // A resumed session would be believed by a certificate that has been judged long ago.
    client.resumption = Resumption::disabled();
    let mut server = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&versions)?
        .with_client_cert_verifier(other_side)
        .with_cert_resolver(own);
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok((client, server))
}

fn describe(material: &Material) {
    metrics::describe_gauge!(
        "internal.tls.certificate.expires",
        "When the certificate of internal calls runs out, seconds since 1970"
    );
    let since_1970 = material
        .expires_at
        .and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    metrics::gauge!("internal.tls.certificate.expires")
        .set(since_1970.map_or(0.0, |at: Duration| at.as_secs_f64()));
}

/// A point in time as logs and the doctor show it.
#[must_use]
pub fn shown(at: Option<SystemTime>) -> String {
    at.and_then(|at| jiff::Timestamp::try_from(at).ok())
        .map_or_else(|| "never".to_owned(), |at| at.to_string())
}
