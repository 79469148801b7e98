//! What a piece of code asks of its database.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber as _;
use tracing::span::{Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

use super::plans;
use crate::db::Db;

/// The statements that were sent while some code ran, without their values.
#[derive(Debug, Clone, Default)]
pub struct Statements(Arc<Mutex<Vec<String>>>);

impl Statements {
    /// Runs `code` and notes what it sends. Tasks that it spawns are not seen.
    pub async fn of<F: Future>(code: F) -> (F::Output, Self) {
        let statements = Self::default();
        let subscriber = tracing_subscriber::registry().with(statements.clone());
        let output = code.with_subscriber(subscriber).await;
        (output, statements)
    }

    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Those that a process has logged: JSON, with `sqlx::query` at level debug.
    #[must_use]
    pub fn of_log(log: &str) -> Self {
        let texts: BTreeSet<String> = log
            .lines()
            .filter(|line| line.contains("db.statement"))
            .filter_map(|line| statement_in(&serde_json::from_str(line).ok()?))
            .collect();
        Self(Arc::new(Mutex::new(texts.into_iter().collect())))
    }

    /// What the plans of those that select read from end to end, or sort, because no index serves it.
    pub async fn without_index(&self, db: &Db) -> Vec<String> {
        let (complaints, foreign) = self.judged(db).await;
        assert!(foreign.is_empty(), "no plan: {foreign:#?}");
        complaints
    }

    /// The same, and those that are for another database.
    pub async fn judged(&self, db: &Db) -> (Vec<String>, Vec<String>) {
        let (mut complaints, mut foreign) = (Vec::new(), Vec::new());
        for text in self.texts() {
            if !text.starts_with("SELECT") {
                continue;
            }
            match plans::complaints(db, &text).await {
                Ok(found) => complaints.extend(found),
                Err(_) => foreign.push(text),
            }
        }
        (complaints, foreign)
    }
}

fn statement_in(line: &Value) -> Option<String> {
    match line {
        Value::Object(fields) => match fields.get("db.statement") {
            Some(Value::String(text)) => Some(text.trim().to_owned()),
            _ => fields.values().find_map(statement_in),
        },
        _ => None,
    }
}

impl<S: tracing::Subscriber> Layer<S> for Statements {
    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut Noting(self));
    }
}

struct Noting<'s>(&'s Statements);

impl Visit for Noting<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "db.statement" {
            self.0
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
