//! The list of everything, which clients ask for again and again.

use axum::body::Bytes;
use tokio::sync::Mutex;

use super::{Format, wire};
use crate::domain::Registry;

/// The last list in each format. What it says of renewals may be as old as the last change of any instance.
#[derive(Debug, Default)]
pub(super) struct ListCache {
    json: Mutex<Option<Encoded>>,
    xml: Mutex<Option<Encoded>>,
}

#[derive(Debug)]
struct Encoded {
    /// Of the leases.
    version: u64,
    body: Bytes,
}

impl ListCache {
    /// Made once for each version; who asks meanwhile waits for it rather than to make it, too.
    pub async fn all(&self, registry: &Registry, format: Format) -> Bytes {
        let cache = match format {
            Format::Json => &self.json,
            Format::Xml => &self.xml,
        };
        let mut last = cache.lock().await;
        let version = registry.leases().version();
        if let Some(encoded) = last.as_ref().filter(|encoded| encoded.version == version) {
            return encoded.body.clone();
        }
        let snapshot = registry.leases().snapshot(|_| true);
        let body = format.encode("applications", wire::applications(&snapshot, format));
        *last = Some(Encoded {
            version: snapshot.version,
            body: body.clone(),
        });
        body
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::Moment;
    use crate::domain::testing::{LIMITS, instance};

    #[tokio::test]
    async fn a_list_is_made_anew_for_each_version_and_only_then() {
        let registry = Registry::new(LIMITS);
        let cache = ListCache::default();
        let put = |id: &str| {
            let instance = instance("SHOP", id);
            registry.leases().register(instance, Moment::now()).unwrap();
        };
        put("shop-1");
        let first = cache.all(&registry, Format::Json).await;
        registry
            .leases()
            .renew("SHOP", "shop-1", None, Moment::now());
        let same = cache.all(&registry, Format::Json).await;
        assert_eq!(first.as_ptr(), same.as_ptr());
        put("shop-2");
        let next = cache.all(&registry, Format::Json).await;
        assert!(String::from_utf8_lossy(&next).contains("shop-2"));
        let xml = cache.all(&registry, Format::Xml).await;
        assert!(xml.starts_with(b"<?xml"));
    }
}
