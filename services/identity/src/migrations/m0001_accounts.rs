use amphi_chassis::db::{create_index, create_table};
use sea_orm_migration::prelude::*;

use super::index;

pub(super) fn changes() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        create_table("identity_0001_create_accounts", accounts),
        create_index("identity_0002_unique_accounts_email_key", || {
            index("ux_accounts_email_key", "accounts", &["email_key"])
                .unique()
                .take()
        }),
    ]
}

fn accounts() -> TableCreateStatement {
    Table::create()
        .table("accounts")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("email").string_len(254).not_null())
        .col(ColumnDef::new("email_key").string_len(254).not_null())
        .col(ColumnDef::new("name").string_len(80).not_null())
        .col(ColumnDef::new("role").string_len(16).not_null())
        .col(ColumnDef::new("password_hash").string_len(255).not_null())
        .col(ColumnDef::new("created_at_us").big_integer().not_null())
        .take()
}
