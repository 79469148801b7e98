//! Addresses by which whoever has one reads one blob for a while, without credentials of their own.

use std::time::Duration;

use http::Method;
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer as _};

use super::Area;
use super::connect::{client, place, prefix};
use super::errors::told;
use crate::blob::{BlobError, BlobKey};
use crate::config::S3Config;

/// The bytes at one key stay the same while a player may know the address, but the address is one viewer's.
const CACHE_CONTROL: &str = "private, max-age=31536000, immutable";

/// Signs addresses of blobs in a bucket (SigV4 in the query).
#[derive(Debug)]
pub struct S3Presigner {
    store: AmazonS3,
    prefix: String,
}

impl S3Presigner {
    /// `endpoint` is that of players, if it differs from ours. Calls nobody.
    ///
    /// # Errors
    /// The settings are not those of a store.
    pub fn new(settings: &S3Config, endpoint: Option<&str>) -> Result<Self, BlobError> {
        let mut settings = settings.clone();
        if let Some(endpoint) = endpoint {
            settings.endpoint = Some(endpoint.to_owned());
        }
        let store = client(&settings).map_err(|error| BlobError::Setup {
            place: place(&settings),
            reason: error.to_string(),
        })?;
        Ok(Self {
            store,
            prefix: prefix(&settings),
        })
    }

    /// Whether there is such a blob is not looked up. The store answers with `content_type`, whatever it was told before.
    ///
    /// # Errors
    /// There are no credentials to sign with.
    pub async fn address(
        &self,
        key: &BlobKey,
        content_type: &str,
        lifetime: Duration,
    ) -> Result<String, BlobError> {
        let path = Path::from(format!("{}{}/{key}", self.prefix, Area::Blobs.folder()));
        let options = SignedUrlOptions::new().with_query([
            ("response-content-type", content_type),
            ("response-cache-control", CACHE_CONTROL),
        ]);
        let signing = self
            .store
            .signed_url_opts(Method::GET, &path, lifetime, &options);
        let url = signing.await;
        let url = url.map_err(|error| told("signing an address of", key.as_str(), error))?;
        Ok(url.into())
    }
}
