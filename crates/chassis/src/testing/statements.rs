//! What a piece of code asks of its database.

#![allow(clippy::unwrap_used)]

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};
use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber as _;
use tracing::span::{Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

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

    /// What the plans of the statements read from end to end, or sort, because no index serves it. Of SQLite and Postgres,
    /// which tell it for a statement whose values are not known; MySQL does not.
    pub async fn without_index(&self, db: &Db) -> Vec<String> {
        let mut complaints = Vec::new();
        for text in self.texts() {
            if !text.starts_with("SELECT") {
                continue;
            }
            let plan = match db.engine() {
                DbBackend::Sqlite => sqlite_plan(db, &text).await,
                DbBackend::Postgres => postgres_plan(db, &text).await,
                _ => Vec::new(),
            };
            let bad = plan.into_iter().filter(|step| is_without_index(step));
            complaints.extend(bad.map(|step| format!("{}: {text}", step.trim())));
        }
        complaints
    }
}

fn is_without_index(step: &str) -> bool {
    let step = step.trim_start_matches([' ', '-', '>']);
    let sqlite_scan = step.starts_with("SCAN ") && !step.contains("INDEX");
    sqlite_scan
        || step.starts_with("USE TEMP B-TREE FOR ORDER BY")
        || step.starts_with("Seq Scan")
        || step.starts_with("Sort ")
}

async fn sqlite_plan(db: &Db, text: &str) -> Vec<String> {
    let statement = Statement::from_string(DbBackend::Sqlite, format!("EXPLAIN QUERY PLAN {text}"));
    let rows = db.read().query_all_raw(statement).await.unwrap();
    rows.iter()
        .map(|row| row.try_get("", "detail").unwrap())
        .collect()
}

/// The plan for whatever values, with reading a whole table as the last resort: an empty table would always be read so.
async fn postgres_plan(db: &Db, text: &str) -> Vec<String> {
    let parameters = highest_parameter(text);
    let nulls = vec!["NULL"; parameters].join(", ");
    let execute = if parameters == 0 {
        "EXPLAIN EXECUTE asked".to_owned()
    } else {
        format!("EXPLAIN EXECUTE asked({nulls})")
    };
    let txn = db.read().begin().await.unwrap();
    for setting in [
        "SET LOCAL plan_cache_mode = force_generic_plan",
        "SET LOCAL enable_seqscan = off",
        "SET LOCAL enable_bitmapscan = off",
    ] {
        txn.execute_unprepared(setting).await.unwrap();
    }
    txn.execute_unprepared(&format!("PREPARE asked AS {text}"))
        .await
        .unwrap();
    let statement = Statement::from_string(DbBackend::Postgres, execute);
    let rows = txn.query_all_raw(statement).await.unwrap();
    txn.execute_unprepared("DEALLOCATE asked").await.unwrap();
    txn.rollback().await.unwrap();
    rows.iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect()
}

fn highest_parameter(text: &str) -> usize {
    text.split('$')
        .skip(1)
        .filter_map(|after| {
            let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        })
        .max()
        .unwrap_or(0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_index_serves_is_found_in_the_plans_of_either_engine() {
        for step in [
            "SCAN videos",
            "USE TEMP B-TREE FOR ORDER BY",
            "        ->  Seq Scan on videos  (cost=0.00..1.00 rows=1 width=16)",
            "  ->  Sort  (cost=8.18..8.19 rows=1 width=8)",
        ] {
            assert!(is_without_index(step), "{step}");
        }
        for step in [
            "SEARCH videos USING INDEX videos_listed (listed=?)",
            "SCAN videos USING COVERING INDEX videos_listed",
            "Limit  (cost=0.15..8.17 rows=1 width=16)",
            "  ->  Index Scan using videos_listed on videos",
        ] {
            assert!(!is_without_index(step), "{step}");
        }
        assert_eq!(highest_parameter("a = $1 AND b = $12 AND c = $2"), 12);
    }
}
