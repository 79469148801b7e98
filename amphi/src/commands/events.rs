//! `amphi events`: the events that their consumers have refused until they were given up.
//!
//! With the local bus they wait in the outbox of their publisher, with a broker in a queue of their consumer's.

use std::sync::Arc;

use amphi_chassis::Role;
use amphi_chassis::bus::{self, Broker};
use amphi_chassis::config::Config;
use amphi_chassis::db::{self, Db};
use amphi_chassis::events::{dead_letters, replay_dead_letters};
use amphi_contracts::proto::events::v1::Event;
use anyhow::{Context as _, bail};
use serde::Serialize;

use super::Exit;
use crate::cli::{DeadLetters, Replay};
use crate::compose;

/// Of one outbox or one queue; who has more has one cause for all of them.
const LISTED_MAX: u16 = 1_000;

/// One event that was given up.
#[derive(Debug, Serialize)]
struct Row {
    /// The outbox or the queue that keeps it.
    r#where: String,
    consumer: String,
    r#type: String,
    subject: String,
    time: String,
    /// Unknown of those at a broker.
    refusals: Option<u32>,
    error: Option<String>,
}

impl Row {
    fn new(place: &Place, consumer: String, event: Event) -> Self {
        Self {
            r#where: place.name(),
            consumer,
            r#type: event.r#type,
            subject: event.subject,
            time: jiff::Timestamp::from_microsecond(event.time_us)
                .map_or_else(|_| event.time_us.to_string(), |time| format!("{time:.0}")),
            refusals: None,
            error: None,
        }
    }
}

/// `amphi events dead-letters`
pub async fn show(args: &DeadLetters, config: &Config) -> anyhow::Result<Exit> {
    let mut rows = Vec::new();
    for place in places(config, &args.roles).await? {
        rows.extend(place.look().await?);
    }
    if args.json {
        println!("{}", serde_json::json!({ "dead_letters": rows }));
    } else if rows.is_empty() {
        println!("No event was given up.");
    } else {
        print_table(&rows);
        println!("\nOnce the cause is mended, `amphi events replay --all` delivers them again.");
    }
    Ok(Exit::Done)
}

/// `amphi events replay`
pub async fn replay(args: &Replay, config: &Config) -> anyhow::Result<Exit> {
    let places = places(config, &args.roles).await?;
    if !args.all {
        let mut count = 0;
        for place in &places {
            count += place.look().await?.len();
        }
        bail!(
            "{count} events were given up (`amphi events dead-letters` lists them); to put them all back, give --all"
        );
    }
    let mut replayed = Vec::new();
    for place in places {
        let count = place.replay().await?;
        replayed.push((place.name(), count));
    }
    if args.json {
        let places: Vec<_> = replayed
            .iter()
            .map(|(place, count)| serde_json::json!({ "where": place, "replayed": count }))
            .collect();
        println!("{}", serde_json::json!({ "replayed": places }));
        return Ok(Exit::Done);
    }
    for (place, count) in replayed.iter().filter(|(_, count)| *count > 0) {
        println!("{place}: {count} put back");
    }
    let total: u64 = replayed.iter().map(|(_, count)| count).sum();
    println!("{total} events are delivered again as soon as the platform runs.");
    Ok(Exit::Done)
}

/// Where events that were given up wait.
enum Place {
    Outbox(Db),
    Queue(Role, Arc<dyn Broker>),
}

impl Place {
    fn name(&self) -> String {
        match self {
            Self::Outbox(db) => format!("{} outbox", db.role()),
            Self::Queue(role, _) => format!("{role} queue"),
        }
    }

    /// The oldest first.
    async fn look(&self) -> anyhow::Result<Vec<Row>> {
        let rows = match self {
            Self::Outbox(db) => dead_letters(db, LISTED_MAX.into())
                .await
                .with_context(|| self.failure("read"))?
                .into_iter()
                .map(|letter| Row {
                    refusals: Some(letter.refusals),
                    error: Some(letter.error),
                    ..Row::new(self, letter.consumer, letter.event)
                })
                .collect(),
            Self::Queue(role, broker) => broker
                .dead_letters(*role, LISTED_MAX.into())
                .await
                .with_context(|| self.failure("read"))?
                .into_iter()
                .map(|event| Row::new(self, role.to_string(), event))
                .collect(),
        };
        Ok(rows)
    }

    /// Puts all back; returns how many there were.
    async fn replay(&self) -> anyhow::Result<u64> {
        match self {
            Self::Outbox(db) => replay_dead_letters(db)
                .await
                .with_context(|| self.failure("written")),
            Self::Queue(role, broker) => broker
                .replay_dead_letters(*role)
                .await
                .with_context(|| self.failure("written")),
        }
    }

    fn failure(&self, done: &str) -> String {
        let cure = match self {
            Self::Outbox(_) => "; is it up to date (`amphi migrate`)?",
            Self::Queue(..) => "",
        };
        format!("the {} cannot be {done}{cure}", self.name())
    }
}

/// The outboxes of `roles`, or of all, and with a broker the queues of those that consume.
async fn places(config: &Config, roles: &[Role]) -> anyhow::Result<Vec<Place>> {
    let asked_for = compose::or_all(roles);
    let is_asked_for = |role: &Role| asked_for.contains(role);
    let settings: db::Settings = config.section("database")?;
    let mut places = Vec::new();
    for role in compose::roles_with_database().filter(is_asked_for) {
        // Looking must not make a database of what is only about to be one.
        if config
            .database_file(role)
            .is_some_and(|file| !file.exists())
        {
            continue;
        }
        let db = Db::connect(&settings, role, config.data_dir())
            .await
            .with_context(|| format!("{role}: the database cannot be opened"))?;
        places.push(Place::Outbox(db));
    }
    if let Some(broker) = bus::open(&config.section("bus")?).await? {
        let queues = compose::consumers().filter(is_asked_for);
        places.extend(queues.map(|role| Place::Queue(role, Arc::clone(&broker))));
    }
    Ok(places)
}

/// Columns as wide as their widest cell.
fn print_table(rows: &[Row]) {
    let head = ["WHERE", "CONSUMER", "TYPE", "SUBJECT", "TIME", "REFUSALS"].map(str::to_owned);
    let cells: Vec<[String; 6]> = std::iter::once(head)
        .chain(rows.iter().map(|row| {
            [
                row.r#where.clone(),
                row.consumer.clone(),
                row.r#type.clone(),
                row.subject.clone(),
                row.time.clone(),
                row.refusals
                    .map_or_else(|| "-".to_owned(), |it| it.to_string()),
            ]
        }))
        .collect();
    let width = |column: usize| cells.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let errors = std::iter::once("ERROR").chain(rows.iter().map(|row| {
        row.error
            .as_deref()
            .unwrap_or("see the log of the consumer")
    }));
    for (row, error) in cells.iter().zip(errors) {
        for (cell, width) in row.iter().zip(widths) {
            print!("{cell:<width$}  ");
        }
        println!("{error}");
    }
}
