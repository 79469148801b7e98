//! Where players fetch the bytes of blobs from: from us, or by an address that works for a while, from a bucket or a CDN.

mod cloudfront;
mod key;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use moka::future::Cache;

use crate::blob::{BlobError, BlobKey};
use crate::config::{Config, DeliveryKind};

pub use cloudfront::CloudFront;
pub use key::{InvalidKey, SigningFailed, SigningKey};

#[cfg(feature = "s3")]
use crate::blob::S3Presigner;

/// Addresses remembered, some 400 bytes each.
const ADDRESSES_KEPT: u64 = 20_000;
/// What is signed with a role's credentials ends with them, and those at hand are good for five minutes at least.
const REUSE_MAX: Duration = Duration::from_secs(150);

/// Why addresses cannot be given out.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error(transparent)]
    Key(#[from] InvalidKey),
    #[error(transparent)]
    Signing(#[from] SigningFailed),
    #[error("`delivery.{0}` is not set")]
    Missing(&'static str),
}

impl From<DeliveryError> for crate::Problem {
    fn from(error: DeliveryError) -> Self {
        match error {
            DeliveryError::Blob(error) => error.into(),
            error => Self::internal(error),
        }
    }
}

/// Gives out addresses. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Delivery {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    way: Way,
    lifetime: Duration,
    /// The same address is given out for the first half of its life: a browser that seeks back then finds in its cache what
    /// it fetched by it, and a much-watched segment is signed for once.
    given: Cache<String, Arc<str>>,
}

#[derive(Debug)]
enum Way {
    Through,
    #[cfg(feature = "s3")]
    Presigned(S3Presigner),
    CloudFront(Distribution),
}

/// A distribution of CloudFront before the blobs.
#[derive(Debug)]
struct Distribution {
    origin: String,
    signer: CloudFront,
    /// Empty: no cookies.
    cookie_domain: String,
}

impl Delivery {
    /// What the settings say.
    ///
    /// # Errors
    /// What no configuration has that was checked.
    pub fn configured(config: &Config) -> Result<Self, DeliveryError> {
        let settings = &config.delivery;
        let way = match settings.kind {
            DeliveryKind::Through => Way::Through,
            #[cfg(feature = "s3")]
            DeliveryKind::Presigned => {
                let endpoint = settings.presigned.endpoint.as_deref();
                Way::Presigned(S3Presigner::new(&config.blobs.s3, endpoint)?)
            }
            #[cfg(not(feature = "s3"))]
            DeliveryKind::Presigned => return Err(BlobError::NotBuilt { kind: "s3" }.into()),
            DeliveryKind::CloudFront => {
                let cloudfront = &settings.cloudfront;
                let missing = DeliveryError::Missing("cloudfront.url");
                let key = SigningKey::from_pem(cloudfront.private_key.expose())?;
                Way::CloudFront(Distribution {
                    origin: cloudfront.url.clone().ok_or(missing)?,
                    signer: CloudFront::new(&cloudfront.key_pair_id, key),
                    cookie_domain: cloudfront.cookie_domain.clone(),
                })
            }
        };
        Ok(Self::by(way, settings.address_lifetime))
    }

    fn by(way: Way, lifetime: Duration) -> Self {
        Self {
            inner: Arc::new(Inner {
                way,
                lifetime,
                given: Cache::builder()
                    .max_capacity(ADDRESSES_KEPT)
                    .time_to_live((lifetime / 2).min(REUSE_MAX))
                    .build(),
            }),
        }
    }

    /// Where a player gets the blob, for at least half of `delivery.address_lifetime_s` (signed with a role's credentials: for at
    /// least 150 s of it); `None` if from us.
    ///
    /// # Errors
    /// There are no credentials to sign with.
    pub async fn address(
        &self,
        key: &str,
        content_type: &str,
    ) -> Result<Option<Arc<str>>, DeliveryError> {
        if matches!(self.inner.way, Way::Through) {
            return Ok(None);
        }
        let key = BlobKey::parse(key)?;
        if let Some(given) = self.inner.given.get(key.as_str()).await {
            return Ok(Some(given));
        }
        let address: Arc<str> = match &self.inner.way {
            Way::Through => return Ok(None),
            #[cfg(feature = "s3")]
            Way::Presigned(presigner) => {
                let lifetime = self.inner.lifetime;
                presigner
                    .address(&key, content_type, lifetime)
                    .await?
                    .into()
            }
            Way::CloudFront(distribution) => {
                let url = format!("{}/{key}", distribution.origin);
                let lifetime_s = i64::try_from(self.inner.lifetime.as_secs()).unwrap_or(i64::MAX);
                let expires_at_s = Timestamp::now().as_second().saturating_add(lifetime_s);
                distribution.signer.signed_url(&url, expires_at_s)?.into()
            }
        };
        let given = Arc::clone(&address);
        self.inner.given.insert(key.to_string(), given).await;
        Ok(Some(address))
    }

    /// Where players that have the cookies for the folder `prefix` get what is in it; `None` if there are no cookies.
    #[must_use]
    pub fn folder(&self, prefix: &str) -> Option<String> {
        let distribution = self.with_cookies()?;
        Some(format!("{}/{prefix}", distribution.origin))
    }

    /// Values of `Set-Cookie` for the folder `prefix` until `expires_at_s`, seconds since the Unix epoch; empty if there are no
    /// cookies.
    ///
    /// # Errors
    /// They cannot be signed.
    pub fn cookies(&self, prefix: &str, expires_at_s: i64) -> Result<Vec<String>, DeliveryError> {
        let Some(distribution) = self.with_cookies() else {
            return Ok(Vec::new());
        };
        let prefix = BlobKey::parse(prefix)?;
        let resource = format!("{}/{prefix}/*", distribution.origin);
        let is_secure = distribution.origin.starts_with("https://");
        let attributes = format!(
            "Domain={}; Path=/{prefix}/; Max-Age={}; HttpOnly; SameSite=Lax{}",
            distribution.cookie_domain,
            expires_at_s
                .saturating_sub(Timestamp::now().as_second())
                .max(0),
            if is_secure { "; Secure" } else { "" }
        );
        let cookies = distribution.signer.cookies(&resource, expires_at_s)?;
        Ok(cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}; {attributes}"))
            .collect())
    }

    fn with_cookies(&self) -> Option<&Distribution> {
        match &self.inner.way {
            Way::CloudFront(distribution) if !distribution.cookie_domain.is_empty() => {
                Some(distribution)
            }
            _ => None,
        }
    }
}

/// The origin that pages of ours must be allowed to fetch from besides their own, if there is one.
#[must_use]
pub fn foreign_origin(config: &Config) -> Option<String> {
    match config.delivery.kind {
        DeliveryKind::Through => None,
        DeliveryKind::Presigned => {
            let mut store = config.blobs.s3.clone();
            if let Some(endpoint) = &config.delivery.presigned.endpoint {
                store.endpoint = Some(endpoint.clone());
            }
            Some(store.origin())
        }
        DeliveryKind::CloudFront => config.delivery.cloudfront.url.clone(),
    }
}
