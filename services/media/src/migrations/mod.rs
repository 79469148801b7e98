//! The tables of the media service, forward only: one statement per migration, because MySQL commits each by itself.

mod m0001_assets;
mod m0002_encoding;
mod m0003_places;

use sea_orm_migration::prelude::*;

/// The migrations in order. What has been released is never changed, only followed.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut all = m0001_assets::changes();
        all.extend(m0002_encoding::changes());
        all.extend(m0003_places::changes());
        all
    }
}

const RENDITION_ID_CHARS_MAX: u32 = 16;
const REASON_CHARS_MAX: u32 = 1_000;
const KEY_CHARS_MAX: u32 = 200;
const TRACEPARENT_CHARS_MAX: u32 = 64;

fn index(
    name: &'static str,
    table: &'static str,
    columns: &[&'static str],
) -> IndexCreateStatement {
    let mut statement = Index::create();
    statement.name(name).table(table);
    for column in columns {
        statement.col(*column);
    }
    statement.take()
}
