//! `amphi events tail`: the events that go by at the broker.

use std::io::Write as _;

use amphi_chassis::Role;
use amphi_chassis::bus::{self, Tailed};
use amphi_chassis::config::Config;
use anyhow::{Context as _, bail};
use serde_json::json;

use super::Exit;
use crate::cli::Tail;
use crate::compose;

pub async fn run(args: &Tail, config: &Config) -> anyhow::Result<Exit> {
    let Some(broker) = bus::open(&config.section("bus")?).await? else {
        bail!(
            "with bus.kind = \"local\" events go straight from process to process, and there is no place to listen in; what is \
             refused is shown by `amphi events dead-letters`, and what was delivered by the traces of the observatory"
        );
    };
    let asked_for = compose::or_all(&args.roles);
    let roles: Vec<Role> = compose::consumers()
        .filter(|role| asked_for.contains(role))
        .collect();
    if roles.is_empty() {
        let consumers: Vec<&str> = compose::consumers().map(Role::as_str).collect();
        bail!(
            "none of these roles consumes events; those that do: {}",
            consumers.join(", ")
        );
    }
    let mut tail = broker.tail(&roles).await?;
    eprintln!("Showing events from now on; Ctrl-C ends it.");
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 {
        let tailed = tail
            .recv()
            .await
            .context("the broker has ended the connection")?;
        let line = if args.json {
            in_json(&tailed)?
        } else {
            in_text(&tailed)
        };
        if writeln!(std::io::stdout(), "{line}").is_err() {
            // Nobody reads on.
            break;
        }
        left -= 1;
    }
    Ok(Exit::Done)
}

fn in_json(tailed: &Tailed) -> anyhow::Result<String> {
    let event = bus::to_cloud_event(&tailed.event).map_err(anyhow::Error::msg)?;
    let line = json!({ "consumer": tailed.consumer, "event": event });
    Ok(line.to_string())
}

fn in_text(Tailed { consumer, event }: &Tailed) -> String {
    let time = jiff::Timestamp::from_microsecond(event.time_us)
        .map_or_else(|_| event.time_us.to_string(), |time| format!("{time:.3}"));
    format!(
        "{time}  {:<28}  {}  to {:<8}  {}",
        event.r#type,
        event.subject,
        consumer.as_str(),
        event.data
    )
}

#[cfg(test)]
mod tests {
    use amphi_contracts::proto::events::v1::Event;

    use super::*;

    #[test]
    fn a_line_says_when_what_of_what_and_to_whom() {
        let tailed = Tailed {
            consumer: Role::Catalog,
            event: Event {
                id: "0190a5d0-ac96-774b-bcce-b302099a8057".to_owned(),
                source: "/amphi/media".to_owned(),
                r#type: "amphi.media.asset.changed.v1".to_owned(),
                subject: "0190a5d0-0000-774b-bcce-b302099a8057".to_owned(),
                time_us: 1_700_000_000_123_456,
                traceparent: String::new(),
                data: r#"{"state":"ready"}"#.to_owned(),
            },
        };
        assert_eq!(
            in_text(&tailed),
            "2023-11-14T22:13:20.123Z  amphi.media.asset.changed.v1  0190a5d0-0000-774b-bcce-b302099a8057  to catalog   \
             {\"state\":\"ready\"}"
        );
        let json: serde_json::Value =
            serde_json::from_str(&in_json(&tailed).expect("it is an event")).expect("it is JSON");
        assert_eq!(json["consumer"], "catalog");
        assert_eq!(json["event"]["specversion"], "1.0");
        assert_eq!(json["event"]["data"]["state"], "ready");
    }
}
