//! News by way of Redis: a generation per topic, one channel for all, and what processes keep together.

use std::time::Duration;

use redis::aio::MultiplexedConnection;

use super::Redis;
use super::line::Line;
use crate::shared::topics::Topics;

/// Of one thing that is kept; what is larger is not worth the way.
const KEPT_BYTES_MAX: usize = 1 << 20;

impl Redis {
    pub(super) fn news_channel(&self) -> String {
        format!("{}:news", self.prefix)
    }

    pub(super) fn generation_key(&self, topic: &str) -> String {
        format!("{}:generation:{topic}", self.prefix)
    }

    fn kept_key(&self, place: &str) -> String {
        format!("{}:kept:{place}", self.prefix)
    }

    /// The topic's new generation, once Redis has told it to all.
    pub(super) async fn tell_news(&self, topic: &str, message: &str) -> Option<u64> {
        self.ask(async |line| {
            let mut invocation = self.tell.key(self.generation_key(topic));
            invocation
                .arg(self.news_channel())
                .arg(&self.teller)
                .arg(topic)
                .arg(message);
            invocation.invoke_async(&mut line.connection()).await
        })
        .await
    }

    /// For a connection that was just made: tells what was not told, and asks what was missed.
    pub(super) async fn catch_up(&self, line: &Line) {
        for topic in self.topics.all() {
            let generation = if topic.take_untold() {
                let told = self.tell_news(topic.name, "").await;
                if told.is_none() {
                    topic.set_untold();
                }
                told
            } else {
                let key = self.generation_key(topic.name);
                let mut connection: MultiplexedConnection = line.connection();
                let asking = async move {
                    let get = redis::cmd("GET").arg(key).to_owned();
                    get.query_async::<Option<u64>>(&mut connection).await
                };
                line.answer(self.timeout, asking).await.flatten()
            };
            // One that nobody has told of yet has no generation to keep anything under.
            let generation = match generation {
                Some(generation) => Some(generation),
                None => self.tell_news(topic.name, "").await,
            };
            topic.begin_anew(generation.unwrap_or(0));
        }
    }

    pub(super) async fn recall_kept(&self, place: &str) -> Option<Vec<u8>> {
        let key = self.kept_key(place);
        self.ask(async |line| {
            let get = redis::cmd("GET").arg(key).to_owned();
            get.query_async::<Option<Vec<u8>>>(&mut line.connection())
                .await
        })
        .await
        .flatten()
    }

    pub(super) async fn keep_for(&self, place: &str, value: &[u8], lifetime: Duration) {
        if value.len() > KEPT_BYTES_MAX {
            return;
        }
        let key = self.kept_key(place);
        let lifetime_ms = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
        self.ask(async |line| {
            let mut set = redis::cmd("SET");
            set.arg(key).arg(value).arg("PX").arg(lifetime_ms.max(1));
            set.query_async::<()>(&mut line.connection()).await
        })
        .await;
    }
}

/// Passes on what another process has told. Of the own only the generation is taken, which its teller may have waited for in
/// vain.
pub(super) fn hear_news(text: &[u8], own: &str, topics: &Topics) {
    let parsed = str::from_utf8(text).ok().and_then(|text| {
        let mut parts = text.splitn(4, '\n');
        let (teller, topic) = (parts.next()?, parts.next()?);
        let generation: u64 = parts.next()?.parse().ok()?;
        Some((teller, topic, generation, parts.next()?))
    });
    let Some((teller, topic, generation, message)) = parsed else {
        tracing::debug!("something else than news is on their channel");
        return;
    };
    let Some(topic) = topics.find(topic) else {
        return;
    };
    if teller == own {
        topic.at_least(generation);
    } else {
        topic.hear(generation, message);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn of_news_of_our_own_that_come_back_the_generation_is_taken() {
        let topics = Topics::default();
        let topic = topics.open("t", None);
        let before = topic.generation();
        hear_news(b"us\nt\n7\na", "us", &topics);
        let after = topic.generation();
        assert_ne!(after, before);
        hear_news(b"us\nt\n6\na", "us", &topics);
        assert_eq!(topic.generation(), after);
    }
}
