//! The schema's history: forward only, one DDL statement each, the same on SQLite, Postgres and MySQL.
//!
//! Times are microseconds since the Unix epoch.

mod m0001_videos;
mod m0002_series;
mod m0003_idempotency_keys;

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_query::IndexCreateStatement;

#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut all = m0001_videos::changes();
        all.extend(m0002_series::changes());
        all.extend(m0003_idempotency_keys::changes());
        all
    }
}

fn index(
    name: &'static str,
    table: &'static str,
    columns: &[&'static str],
) -> IndexCreateStatement {
    let mut index = Index::create().name(name).table(table).take();
    for column in columns {
        index.col(*column);
    }
    index
}
