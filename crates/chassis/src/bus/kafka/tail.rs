//! Listening in: a reader of its own, which belongs to no group and commits nothing, so that no consumer notices.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use super::super::{BusError, TAIL_AHEAD, Tail, Tailed, envelope};
use super::client::{CONNECT_TIMEOUT, Link, Watch, blocking};
use super::topics;
use crate::Role;

const POLL: Duration = Duration::from_millis(100);

pub(super) async fn tail(link: &Arc<Link>, roles: &[Role]) -> Result<Tail, BusError> {
    let roles = roles.to_vec();
    let (sent, tail) = mpsc::channel(TAIL_AHEAD);
    blocking(link, move |link| {
        let reader = Reader::open(link, roles)?;
        std::thread::Builder::new()
            .name("kafka tail".to_owned())
            .spawn(move || reader.run(&sent))
            .map(drop)
            .map_err(|error| BusError::Unreachable {
                target: link.target(),
                reason: format!("no thread can be started: {error}"),
            })
    })
    .await?;
    Ok(tail)
}

struct Reader {
    consumer: BaseConsumer<Watch>,
    topics: Vec<(String, Role)>,
}

impl Reader {
    /// Stands at the end of every partition.
    fn open(link: &Link, roles: Vec<Role>) -> Result<Self, BusError> {
        let (looker, watch) = link.looker("tail")?;
        let consumer: BaseConsumer<Watch> = link
            .reader("tail")
            .create_with_context(watch.clone())
            .map_err(|error| link.explain(&watch, &error))?;
        let mut ends = TopicPartitionList::new();
        let mut topics = Vec::new();
        for role in roles {
            topics::ensure(link, role)?;
            let topic = link.topic(role);
            let failed = |error| topics::failed(link, &watch, &topic, &error);
            for partition in link.partitions_of(&looker, &watch, &topic)? {
                let (_, end) = consumer
                    .fetch_watermarks(&topic, partition, CONNECT_TIMEOUT)
                    .map_err(failed)?;
                ends.add_partition_offset(&topic, partition, Offset::Offset(end))
                    .map_err(failed)?;
            }
            topics.push((topic, role));
        }
        consumer
            .assign(&ends)
            .map_err(|error| link.explain(&watch, &error))?;
        Ok(Self { consumer, topics })
    }

    /// Until nobody listens.
    fn run(self, sent: &mpsc::Sender<Tailed>) {
        while !sent.is_closed() {
            let message = match self.consumer.poll(POLL) {
                None => continue,
                Some(Ok(message)) => message,
                // It goes on trying by itself.
                Some(Err(error)) => {
                    tracing::debug!(%error, "events are shown");
                    continue;
                }
            };
            let role = self
                .topics
                .iter()
                .find(|(topic, _)| topic == message.topic());
            let event = envelope::decode(message.payload().unwrap_or_default());
            if let (Some((_, role)), Ok(event)) = (role, event)
                && sent
                    .blocking_send(Tailed {
                        consumer: *role,
                        event,
                    })
                    .is_err()
            {
                return;
            }
        }
    }
}
