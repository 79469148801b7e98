use amphi_chassis::db::create_table;
use sea_orm_migration::prelude::*;

pub(super) fn changes() -> Vec<Box<dyn MigrationTrait>> {
    vec![create_table(
        "identity_0014_create_signing_keys",
        signing_keys,
    )]
}

/// The generation is the primary key: of two replicas that rotate at once, one fails to insert.
fn signing_keys() -> TableCreateStatement {
    Table::create()
        .table("signing_keys")
        .col(
            ColumnDef::new("generation")
                .big_integer()
                .not_null()
                .primary_key(),
        )
        .col(ColumnDef::new("kid").string_len(36).not_null())
        .col(ColumnDef::new("private_key").string_len(255).not_null())
        .col(ColumnDef::new("public_key").string_len(64).not_null())
        .col(ColumnDef::new("created_at_us").big_integer().not_null())
        .take()
}
