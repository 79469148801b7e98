//! A small service of the tests: one table of notes, beside those of the chassis.

#![allow(clippy::unwrap_used)]

use amphi_chassis::Role;
use amphi_chassis::db::{Db, create_table};
use amphi_chassis::testing::TestDatabases;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Table, TableCreateStatement};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QueryOrder};
use sea_orm_migration::schema::{big_integer, big_pk_auto, string_len};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

pub mod note {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "notes")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub position: i64,
        pub name: String,
        pub value: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub struct Notes;

impl MigratorTrait for Notes {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![create_table("test_0001_notes", notes_table)]
    }
}

fn notes_table() -> TableCreateStatement {
    Table::create()
        .table(note::Entity)
        .col(big_pk_auto(note::Column::Position))
        .col(string_len(note::Column::Name, 64))
        .col(big_integer(note::Column::Value))
        .take()
}

pub async fn notes_of(databases: &TestDatabases, role: Role) -> Db {
    databases.connect::<Notes>(role).await
}

pub async fn add_note(txn: &impl ConnectionTrait, name: &str, value: i64) -> Result<(), DbErr> {
    note::Entity::insert(note::ActiveModel {
        position: NotSet,
        name: Set(name.to_owned()),
        value: Set(value),
    })
    .exec_without_returning(txn)
    .await?;
    Ok(())
}

/// The names of all notes, in the order they were written.
pub async fn note_names(db: &Db) -> Vec<String> {
    let notes = note::Entity::find()
        .order_by_asc(note::Column::Position)
        .all(db.read())
        .await
        .unwrap();
    notes.into_iter().map(|note| note.name).collect()
}
