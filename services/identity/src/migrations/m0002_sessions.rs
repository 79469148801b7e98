use amphi_chassis::db::{create_index, create_table};
use sea_orm_migration::prelude::*;

use super::index;

pub(super) fn changes() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        create_table("identity_0003_create_sessions", sessions),
        create_index("identity_0004_index_sessions_by_revocation", || {
            index("ix_sessions_revoked", "sessions", &["revoked_at_us", "id"])
        }),
        create_index("identity_0005_index_sessions_by_expiry", || {
            index("ix_sessions_expires", "sessions", &["expires_at_us"])
        }),
        create_table("identity_0006_create_refresh_tokens", refresh_tokens),
        create_index("identity_0007_index_refresh_tokens_by_session", || {
            index(
                "ix_refresh_tokens_session",
                "refresh_tokens",
                &["session_id"],
            )
        }),
        create_index("identity_0008_index_refresh_tokens_by_expiry", || {
            index(
                "ix_refresh_tokens_expires",
                "refresh_tokens",
                &["expires_at_us"],
            )
        }),
    ]
}

fn sessions() -> TableCreateStatement {
    Table::create()
        .table("sessions")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("account_id").uuid().not_null())
        .col(ColumnDef::new("created_at_us").big_integer().not_null())
        .col(ColumnDef::new("expires_at_us").big_integer().not_null())
        .col(ColumnDef::new("revoked_at_us").big_integer().null())
        .take()
}

fn refresh_tokens() -> TableCreateStatement {
    Table::create()
        .table("refresh_tokens")
        .col(
            ColumnDef::new("digest")
                .string_len(64)
                .not_null()
                .primary_key(),
        )
        .col(ColumnDef::new("session_id").uuid().not_null())
        .col(ColumnDef::new("expires_at_us").big_integer().not_null())
        .col(ColumnDef::new("spent_at_us").big_integer().null())
        .col(ColumnDef::new("successor_nonce").string_len(43).null())
        .take()
}
