use amphi_chassis::db::{create_index, create_table};
use sea_orm_migration::prelude::*;

use super::index;

pub(super) fn changes() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        create_table("identity_0009_create_login_records", login_records),
        create_index("identity_0010_index_login_records_by_account", || {
            index(
                "ix_login_records_account",
                "login_records",
                &["account_id", "at_us", "id"],
            )
        }),
        create_index("identity_0011_index_login_records_by_time", || {
            index("ix_login_records_at", "login_records", &["at_us"])
        }),
        create_table("identity_0012_create_login_failures", login_failures),
        create_index("identity_0013_index_login_failures_by_window", || {
            index(
                "ix_login_failures_window",
                "login_failures",
                &["window_started_at_us"],
            )
        }),
    ]
}

fn login_records() -> TableCreateStatement {
    Table::create()
        .table("login_records")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("account_id").uuid().not_null())
        .col(ColumnDef::new("at_us").big_integer().not_null())
        .col(ColumnDef::new("outcome").string_len(32).not_null())
        .col(ColumnDef::new("ip").string_len(45).not_null())
        .col(ColumnDef::new("user_agent").string_len(256).not_null())
        .take()
}

fn login_failures() -> TableCreateStatement {
    Table::create()
        .table("login_failures")
        .col(
            ColumnDef::new("subject")
                .string_len(80)
                .not_null()
                .primary_key(),
        )
        .col(ColumnDef::new("failures").big_integer().not_null())
        .col(
            ColumnDef::new("window_started_at_us")
                .big_integer()
                .not_null(),
        )
        .take()
}
