//! The schema's history: forward only, one DDL statement each, the same on SQLite, Postgres and MySQL.
//!
//! Times are microseconds since the Unix epoch. Everything that is compared by its text is ASCII, so that the databases'
//! collations agree about it.

mod m0001_accounts;
mod m0002_sessions;
mod m0003_sign_in;
mod m0004_signing_keys;
mod m0005_known_networks;

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_query::IndexCreateStatement;

#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut all = m0001_accounts::changes();
        all.extend(m0002_sessions::changes());
        all.extend(m0003_sign_in::changes());
        all.extend(m0004_signing_keys::changes());
        all.extend(m0005_known_networks::changes());
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
