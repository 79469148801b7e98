//! What must hold for players to be sent elsewhere for their segments.

use super::{BlobsKind, Config, ConfigError, DeliveryKind};
use crate::delivery::SigningKey;

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    check_presigned(config)?;
    check_cloudfront(config)
}

fn check_presigned(config: &Config) -> Result<(), ConfigError> {
    if config.delivery.kind != DeliveryKind::Presigned {
        return Ok(());
    }
    if config.blobs.kind != BlobsKind::S3 {
        let message = "players can be sent to a bucket only if the blobs are in one: set `blobs.kind` to \"s3\", or this to \"through\"";
        return Err(config.invalid("delivery.kind", message.to_owned()));
    }
    let endpoint = config.delivery.presigned.endpoint.as_deref();
    let is_plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    if is_plain && !config.blobs.s3.allow_http {
        let message = "whoever listens on http:// can read the addresses, and use them: use https://, or set `blobs.s3.allow_http`";
        return Err(config.invalid("delivery.presigned.endpoint", message.to_owned()));
    }
    Ok(())
}

fn check_cloudfront(config: &Config) -> Result<(), ConfigError> {
    let cloudfront = &config.delivery.cloudfront;
    let private_key = cloudfront.private_key.expose();
    if !private_key.is_empty()
        && let Err(error) = SigningKey::from_pem(private_key)
    {
        return Err(config.invalid("delivery.cloudfront.private_key", error.to_string()));
    }
    if config.delivery.kind != DeliveryKind::CloudFront {
        return Ok(());
    }
    let missing: Vec<&str> = [
        ("url", cloudfront.url.is_none()),
        ("key_pair_id", cloudfront.key_pair_id.is_empty()),
        ("private_key", private_key.is_empty()),
    ]
    .into_iter()
    .filter_map(|(name, is_missing)| is_missing.then_some(name))
    .collect();
    if !missing.is_empty() {
        let message = format!(
            "addresses cannot be signed without {} in [delivery.cloudfront]",
            missing
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(" and ")
        );
        return Err(config.invalid("delivery.kind", message));
    }
    check_cookie_domain(config)
}

/// A cookie reaches the CDN if both it and we are below its domain, and both are reached by TLS if it is: browsers take no secure
/// cookie from a plain page. Of us, only `server.public_url` can be known.
fn check_cookie_domain(config: &Config) -> Result<(), ConfigError> {
    let domain = config.delivery.cloudfront.cookie_domain.as_str();
    if domain.is_empty() {
        return Ok(());
    }
    let is_below = |url: &str| {
        let uri: Option<http::Uri> = url.parse().ok();
        uri.as_ref()
            .and_then(http::Uri::host)
            .and_then(|host| host.strip_suffix(domain))
            .is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    for (key, url) in [
        (
            "delivery.cloudfront.url",
            config.delivery.cloudfront.url.as_deref(),
        ),
        ("server.public_url", config.server.public_url.as_deref()),
    ] {
        if let Some(url) = url.filter(|url| !is_below(url)) {
            let message = format!(
                "browsers would not send the cookie there: `{key}` is {url}, which is not below {domain}"
            );
            return Err(config.invalid("delivery.cloudfront.cookie_domain", message));
        }
    }
    let starts_with =
        |url: Option<&str>, scheme: &str| url.is_some_and(|it| it.starts_with(scheme));
    let public_url = config.server.public_url.as_deref();
    let is_secure = starts_with(config.delivery.cloudfront.url.as_deref(), "https://");
    if is_secure && starts_with(public_url, "http://") {
        let message = "browsers take no secure cookie from a page by http://: let `server.public_url` begin with https://, or leave this empty";
        return Err(config.invalid("delivery.cloudfront.cookie_domain", message.to_owned()));
    }
    Ok(())
}
