//! From settings to a store that has answered.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey as Key};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use uuid::Uuid;

use super::{Inner, S3Blobs};
use crate::blob::BlobError;
use crate::config::S3Config;

/// What of the environment is heeded: who we are, in the words of every AWS tool. Where the bucket is, settings alone say.
const CREDENTIAL_KEYS: &[Key] = &[
    Key::AccessKeyId,
    Key::SecretAccessKey,
    Key::Token,
    Key::WebIdentityTokenFile,
    Key::RoleArn,
    Key::RoleSessionName,
    Key::StsEndpoint,
    Key::ContainerCredentialsRelativeUri,
    Key::ContainerCredentialsFullUri,
    Key::ContainerAuthorizationTokenFile,
    Key::MetadataEndpoint,
];

impl S3Blobs {
    /// The store that the settings name, which has answered.
    ///
    /// # Errors
    /// What is wrong, with the setting to mend, within 5 s.
    pub async fn open(settings: &S3Config) -> Result<Self, BlobError> {
        let blobs = Self::connect(settings)?;
        blobs.look().await?;
        Ok(blobs)
    }

    /// Calls nobody yet.
    pub(super) fn connect(settings: &S3Config) -> Result<Self, BlobError> {
        let place = place(settings);
        let store = client(settings).map_err(|error| BlobError::Setup {
            place: place.clone(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            inner: Arc::new(Inner {
                store: Arc::new(store),
                prefix: prefix(settings),
                place,
                instance: Uuid::new_v4(),
                taken: Mutex::new(HashSet::new()),
            }),
        })
    }
}

/// What all names of objects begin with.
pub(super) fn prefix(settings: &S3Config) -> String {
    match settings.prefix.as_str() {
        "" => String::new(),
        prefix => format!("{prefix}/"),
    }
}

pub(super) fn place(settings: &S3Config) -> String {
    let folder = format!("s3://{}/{}", settings.bucket, settings.prefix);
    match &settings.endpoint {
        Some(endpoint) => format!("{folder} at {endpoint}"),
        None => folder,
    }
}

pub(super) fn client(settings: &S3Config) -> object_store::Result<AmazonS3> {
    let options = ClientOptions::new()
        .with_allow_http(settings.allow_http)
        .with_connect_timeout(settings.connect_timeout)
        .with_timeout(settings.timeout);
    let retry = RetryConfig {
        max_retries: settings.retries_max as usize,
        retry_timeout: settings.timeout,
        backoff: BackoffConfig {
            init_backoff: std::time::Duration::from_millis(100),
            max_backoff: std::time::Duration::from_secs(2),
            base: 2.0,
        },
    };
    let mut builder = with_credentials(settings)
        .with_bucket_name(&settings.bucket)
        .with_virtual_hosted_style_request(!settings.path_style)
        // Not every store knows how to delete many at once.
        .with_disable_bulk_delete(true)
        .with_retry(retry)
        .with_client_options(options);
    if !settings.region.is_empty() {
        builder = builder.with_region(&settings.region);
    }
    if settings.endpoint.is_some() {
        builder = builder.with_endpoint(settings.origin());
    }
    builder.build()
}

fn with_credentials(settings: &S3Config) -> AmazonS3Builder {
    let builder = AmazonS3Builder::new();
    if !settings.access_key_id.is_empty() {
        return builder
            .with_access_key_id(&settings.access_key_id)
            .with_secret_access_key(settings.access_key_secret.expose());
    }
    std::env::vars_os()
        .filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            let key: Key = name
                .starts_with("AWS_")
                .then(|| name.to_ascii_lowercase().parse().ok())??;
            CREDENTIAL_KEYS
                .contains(&key)
                .then_some((key, value.into_string().ok()?))
        })
        .fold(builder, |builder, (key, value)| {
            builder.with_config(key, value)
        })
}
