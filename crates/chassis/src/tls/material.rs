//! What the files of `[internal_tls]` hold.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, RootCertStore};

use super::refusal::certificate_in_words;
use crate::config::InternalTlsConfig;

/// Some hundred authorities. A file beyond that was named by mistake.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Later than any certificate ends: 9999-12-31, the last moment that one may name (RFC 5280 §4.1.2.5).
const END_OF_TIME: Duration = Duration::from_secs(253_402_300_799);

const CA: &str = "internal_tls.ca";
const CERTIFICATE: &str = "internal_tls.certificate";
const KEY: &str = "internal_tls.key";

/// SHA-256 over all files: tells whether they have changed.
pub(super) type Digest = [u8; 32];

/// Certificate, key and authorities that belong together.
pub(super) struct Material {
    pub own: Arc<CertifiedKey>,
    /// That every certificate bears.
    pub name: ServerName<'static>,
    pub servers: Arc<WebPkiServerVerifier>,
    pub clients: Arc<dyn ClientCertVerifier>,
    pub expires_at: Option<SystemTime>,
    pub digest: Digest,
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Material")
            .field("name", &self.name)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// A file that cannot be used by itself.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot be read: {0}")]
    Unreadable(#[source] std::io::Error),
    #[error("is larger than {FILE_BYTES_MAX} bytes, which no file of certificates is")]
    TooLarge,
    #[error("holds no {0} in PEM form (-----BEGIN {1}-----)")]
    NotPem(&'static str, &'static str),
    #[error("holds a certificate that is none: {0}")]
    NotACertificate(String),
    #[error("holds a key of a kind that is not known here; use ECDSA P-256, RSA or Ed25519")]
    UnknownKey,
}

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    #[error("{} {source}", path.display())]
    File {
        setting: &'static str,
        path: PathBuf,
        #[source]
        source: FileError,
    },
    #[error(
        "the key in {} is not that of the certificate in {}: put the two in place that were made together",
        key.display(), certificate.display()
    )]
    KeyMismatch {
        key: PathBuf,
        certificate: PathBuf,
        digest: Box<Digest>,
    },
    /// Other processes would refuse it.
    #[error("of the certificate in {}: {why}", path.display())]
    NotBelieved {
        path: PathBuf,
        why: String,
        digest: Box<Digest>,
    },
}

impl MaterialError {
    /// The setting to look at.
    #[must_use]
    pub const fn setting(&self) -> &'static str {
        match self {
            Self::File { setting, .. } => setting,
            Self::KeyMismatch { .. } => KEY,
            Self::NotBelieved { .. } => CERTIFICATE,
        }
    }

    /// Of the files, if all could be read.
    pub(super) fn digest(&self) -> Option<Digest> {
        match self {
            Self::File { .. } => None,
            Self::KeyMismatch { digest, .. } | Self::NotBelieved { digest, .. } => Some(**digest),
        }
    }
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The bytes of the files.
struct Files {
    ca: Vec<u8>,
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    fn read(settings: &InternalTlsConfig) -> Result<Self, MaterialError> {
        Ok(Self {
            ca: read(CA, &settings.ca)?,
            certificate: read(CERTIFICATE, &settings.certificate)?,
            key: read(KEY, &settings.key)?,
        })
    }

    fn digest(&self) -> Digest {
        let mut hash = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        for file in [&self.ca, &self.certificate, &self.key] {
            hash.update(&(file.len() as u64).to_be_bytes());
            hash.update(file);
        }
        let mut digest = Digest::default();
        digest.copy_from_slice(hash.finish().as_ref());
        digest
    }
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, MaterialError> {
    let mut bytes = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    let source = match read {
        Ok(read) if read as u64 <= FILE_BYTES_MAX => return Ok(bytes),
        Ok(_) => FileError::TooLarge,
        Err(error) => FileError::Unreadable(error),
    };
    Err(file_error(setting, path, source))
}

fn file_error(setting: &'static str, path: &Path, source: FileError) -> MaterialError {
    MaterialError::File {
        setting,
        path: path.to_owned(),
        source,
    }
}

impl Material {
    pub fn load(settings: &InternalTlsConfig) -> Result<Self, MaterialError> {
        Self::of(settings, &Files::read(settings)?)
    }

    /// `None` when the files are as they were.
    pub fn load_if_changed(
        settings: &InternalTlsConfig,
        known: Digest,
    ) -> Result<Option<Self>, MaterialError> {
        let files = Files::read(settings)?;
        if files.digest() == known {
            return Ok(None);
        }
        Self::of(settings, &files).map(Some)
    }

    fn of(settings: &InternalTlsConfig, files: &Files) -> Result<Self, MaterialError> {
        let digest = files.digest();
        let roots = Arc::new(roots(&settings.ca, &files.ca)?);
        let own = Arc::new(certified_key(settings, files)?);
        let bad_ca = |error: rustls::server::VerifierBuilderError| {
            let source = FileError::NotACertificate(error.to_string());
            file_error(CA, &settings.ca, source)
        };
        let material = Self {
            servers: WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), provider())
                .build()
                .map_err(bad_ca)?,
            clients: WebPkiClientVerifier::builder_with_provider(roots, provider())
                .build()
                .map_err(bad_ca)?,
            own,
            name: settings.name.clone(),
            expires_at: None,
            digest,
        };
        material.check_own(settings)?;
        Ok(Self {
            expires_at: material.own_expiry(),
            ..material
        })
    }

    /// Judges the own certificate as other processes will, which have the same authorities.
    fn check_own(&self, settings: &InternalTlsConfig) -> Result<(), MaterialError> {
        let now = UnixTime::now();
        self.verify_own_as_server(now)
            .and_then(|()| self.verify_own_as_client(now))
            .map_err(|error| MaterialError::NotBelieved {
                path: settings.certificate.clone(),
                why: certificate_in_words(&error, &self.name),
                digest: Box::new(self.digest),
            })
    }

    fn verify_own_as_server(&self, at: UnixTime) -> Result<(), rustls::Error> {
        let leaf = self.own.end_entity_cert()?;
        self.servers
            .verify_server_cert(leaf, self.own_chain(), &self.name, &[], at)
            .map(drop)
    }

    fn verify_own_as_client(&self, at: UnixTime) -> Result<(), rustls::Error> {
        let leaf = self.own.end_entity_cert()?;
        self.clients
            .verify_client_cert(leaf, self.own_chain(), at)
            .map(drop)
    }

    /// What the verifier says of it when everything has expired.
    fn own_expiry(&self) -> Option<SystemTime> {
        match self.verify_own_as_server(UnixTime::since_unix_epoch(END_OF_TIME)) {
            Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext {
                not_after,
                ..
            })) => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(not_after.as_secs())),
            _ => None,
        }
    }

    /// The authorities between the certificate and one of the roots.
    fn own_chain(&self) -> &[CertificateDer<'static>] {
        self.own.cert.get(1..).unwrap_or_default()
    }
}

fn roots(path: &Path, pem: &[u8]) -> Result<RootCertStore, MaterialError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(CA, path, pem)? {
        roots
            .add(certificate)
            .map_err(|error| file_error(CA, path, FileError::NotACertificate(error.to_string())))?;
    }
    Ok(roots)
}

fn certificates(
    setting: &'static str,
    path: &Path,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, MaterialError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| {
            let source = FileError::NotACertificate(error.to_string());
            file_error(setting, path, source)
        })?;
    if certificates.is_empty() {
        let source = FileError::NotPem("certificate", "CERTIFICATE");
        return Err(file_error(setting, path, source));
    }
    Ok(certificates)
}

fn certified_key(
    settings: &InternalTlsConfig,
    files: &Files,
) -> Result<CertifiedKey, MaterialError> {
    let chain = certificates(CERTIFICATE, &settings.certificate, &files.certificate)?;
    // What the parser says could quote the key.
    let key = PrivateKeyDer::from_pem_slice(&files.key).map_err(|_| {
        let source = FileError::NotPem("private key", "PRIVATE KEY");
        file_error(KEY, &settings.key, source)
    })?;
    let key = provider()
        .key_provider
        .load_private_key(key)
        .map_err(|_| file_error(KEY, &settings.key, FileError::UnknownKey))?;
    let own = CertifiedKey::new(chain, key);
    match own.keys_match() {
        Ok(()) => Ok(own),
        Err(rustls::Error::InconsistentKeys(_)) => Err(MaterialError::KeyMismatch {
            key: settings.key.clone(),
            certificate: settings.certificate.clone(),
            digest: Box::new(files.digest()),
        }),
        Err(error) => Err(file_error(
            CERTIFICATE,
            &settings.certificate,
            FileError::NotACertificate(error.to_string()),
        )),
    }
}
