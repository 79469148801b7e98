//! Answers that are the same for everybody: public lists, which most visitors ask for and few change.
//!
//! Each is kept under the generation of what it shows (see [`amphi_chassis::shared::Topic`]): a change makes all of them be
//! made anew, also those that are being made while it happens. Of many who ask at once one makes the answer. What is made is
//! made for nobody, without the token of whoever asked first, so that nothing of one caller can reach another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use amphi_chassis::Problem;
use amphi_chassis::shared::{Generation, Shared, Topic};
use amphi_contracts::topics::CATALOG;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use moka::future::Cache;
use serde::Serialize;

use crate::etag;
use crate::settings::Settings;

/// RFC 9211.
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// What an entry costs beside its bytes.
const ENTRY_BYTES: usize = 256;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct ResponseCache {
    /// `None` when nothing is to be kept.
    answers: Option<Cache<Key, Arc<Answer>>>,
    catalog: Topic,
    lifetime: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    generation: Generation,
    address: String,
}

/// JSON, and where the next page is.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    body: Bytes,
    link: Option<HeaderValue>,
}

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Source {
    Kept,
    /// Kept by another gateway.
    KeptElsewhere,
    Made,
}

impl ResponseCache {
    #[must_use]
    pub fn new(shared: &Shared, settings: &Settings) -> Self {
        describe();
        let answers = (!settings.cache_ttl.is_zero()).then(|| {
            Cache::builder()
                .max_capacity(settings.cache_bytes)
                .weigher(|key: &Key, answer: &Arc<Answer>| {
                    let bytes = ENTRY_BYTES + key.address.len() + answer.body.len();
                    u32::try_from(bytes).unwrap_or(u32::MAX)
                })
                .time_to_live(settings.cache_ttl)
                .build()
        });
        Self {
            answers,
            catalog: shared.topic(CATALOG),
            lifetime: settings.cache_ttl,
        }
    }

    /// The answer at an address, path and query in one form: a kept one, or what `make` makes.
    ///
    /// # Errors
    /// That of `make`, which is not kept.
    pub async fn answer(
        &self,
        headers: &HeaderMap,
        address: String,
        make: impl Future<Output = Result<Answer, Problem>> + Send,
    ) -> Result<Response, Problem> {
        let Some(answers) = &self.answers else {
            return make.await?.respond(headers, "amphi; fwd=bypass");
        };
        // Before anything is read.
        let key = Key {
            generation: self.catalog.generation(),
            address,
        };
        let from = AtomicU8::new(Source::Kept as u8);
        let (place, generation) = (key.address.clone(), key.generation);
        let making = async {
            if let Some(answer) = self.recall(generation, &place).await {
                from.store(Source::KeptElsewhere as u8, Ordering::Relaxed);
                return Ok(Arc::new(answer));
            }
            let answer = make.await?;
            from.store(Source::Made as u8, Ordering::Relaxed);
            let kept = answer.to_bytes();
            self.catalog
                .keep(generation, &place, &kept, self.lifetime)
                .await;
            Ok(Arc::new(answer))
        };
        let answer = answers
            .try_get_with(key, making)
            .await
            .map_err(|problem: Arc<Problem>| problem.again())?;
        let from = from.into_inner();
        let (outcome, status) = match from {
            _ if from == Source::Made as u8 => ("miss", "amphi; fwd=miss; stored"),
            _ if from == Source::KeptElsewhere as u8 => ("shared_hit", "amphi; hit; detail=shared"),
            _ => ("hit", "amphi; hit"),
        };
        metrics::counter!("gateway.cache.requests", "outcome" => outcome).increment(1);
        answer.respond(headers, status)
    }

    /// To be called after a change by way of this gateway, before its caller is told: then the caller sees it at once, also
    /// where the catalog is a process that nothing is shared with.
    pub async fn changed(&self) {
        self.catalog.tell("").await;
    }

    async fn recall(&self, generation: Generation, place: &str) -> Option<Answer> {
        Answer::from_bytes(&self.catalog.recall(generation, place).await?)
    }
}

impl Answer {
    /// A page of a list.
    ///
    /// # Errors
    /// The list does not serialize.
    pub fn page(link: Option<HeaderValue>, list: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(list).map_err(Problem::internal)?;
        Ok(Self {
            body: body.into(),
            link,
        })
    }

    /// For one caller.
    pub fn uncached(&self) -> Response {
        let json = HeaderValue::from_static("application/json");
        let mut response = ([(header::CONTENT_TYPE, json)], self.body.clone()).into_response();
        if let Some(link) = &self.link {
            response.headers_mut().insert(header::LINK, link.clone());
        }
        response
    }

    /// The link and a line break before the body.
    fn to_bytes(&self) -> Vec<u8> {
        let link = self.link.as_ref().map_or(&b""[..], HeaderValue::as_bytes);
        [link, b"\n", &self.body].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (link, body) = (bytes.get(..end)?, bytes.get(end + 1..)?);
        let link = match link {
            [] => None,
            link => Some(HeaderValue::from_bytes(link).ok()?),
        };
        Some(Self {
            body: Bytes::copy_from_slice(body),
            link,
        })
    }

    fn respond(&self, headers: &HeaderMap, status: &'static str) -> Result<Response, Problem> {
        let tag = etag::tag_of_bytes(&self.body)?;
        let mut response = if etag::if_none_match(headers, &tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            self.uncached()
        };
        let answered = response.headers_mut();
        answered.insert(header::ETAG, tag);
        answered.insert(CACHE_STATUS, HeaderValue::from_static(status));
        if let Some(link) = &self.link {
            answered.insert(header::LINK, link.clone());
        }
        Ok(response)
    }
}

fn describe() {
    metrics::describe_counter!(
        "gateway.cache.requests",
        "Requests for public lists, by where their answers came from"
    );
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_answer_kept_for_others_comes_back_as_it_was() {
        for link in [
            None,
            Some(HeaderValue::from_static("</v?cursor=n>; rel=\"next\"")),
        ] {
            let answer = Answer::page(link, &["a\nb", ""]).unwrap();
            assert_eq!(Answer::from_bytes(&answer.to_bytes()).unwrap(), answer);
        }
        assert_eq!(Answer::from_bytes(b"no line break"), None);
    }
}
