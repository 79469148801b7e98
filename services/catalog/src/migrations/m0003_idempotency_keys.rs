use amphi_chassis::db::{create_index, create_table};
use sea_orm_migration::prelude::*;

use super::index;

pub(super) fn changes() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        create_table("catalog_0010_create_idempotency_keys", idempotency_keys),
        create_index("catalog_0011_index_idempotency_keys_by_time", || {
            index(
                "ix_idempotency_keys_created",
                "idempotency_keys",
                &["created_at_us"],
            )
        }),
    ]
}

fn idempotency_keys() -> TableCreateStatement {
    Table::create()
        .table("idempotency_keys")
        .col(ColumnDef::new("account_id").uuid().not_null())
        .col(ColumnDef::new("key_digest").string_len(64).not_null())
        .col(ColumnDef::new("fingerprint").string_len(64).not_null())
        .col(ColumnDef::new("created_id").uuid().not_null())
        .col(ColumnDef::new("created_at_us").big_integer().not_null())
        .primary_key(Index::create().col("account_id").col("key_digest"))
        .take()
}
