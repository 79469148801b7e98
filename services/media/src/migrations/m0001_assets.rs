//! Assets and the uploads that bring their sources.

use amphi_chassis::db::{create_index, create_table};
use sea_orm_migration::prelude::*;

use super::{KEY_CHARS_MAX, REASON_CHARS_MAX, TRACEPARENT_CHARS_MAX, index};

pub(super) fn changes() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        create_table("media_0001_create_assets", assets),
        create_index("media_0002_index_assets_by_images_token", || {
            index("ix_assets_images_token", "assets", &["images_token"])
        }),
        create_table("media_0003_create_uploads", uploads),
        create_index("media_0004_index_uploads_by_owner", || {
            index("ix_uploads_owner", "uploads", &["owner_id", "state"])
        }),
        create_index("media_0005_index_uploads_by_expiry", || {
            index("ix_uploads_expiry", "uploads", &["expires_at_us"])
        }),
        create_index("media_0006_index_uploads_by_video", || {
            index("ix_uploads_video", "uploads", &["video_id"])
        }),
    ]
}

fn assets() -> TableCreateStatement {
    Table::create()
        .table("assets")
        .col(ColumnDef::new("video_id").uuid().not_null().primary_key())
        .col(ColumnDef::new("owner_id").uuid().not_null())
        .col(ColumnDef::new("state").string_len(16).not_null())
        .col(
            ColumnDef::new("state_reason")
                .string_len(REASON_CHARS_MAX)
                .null(),
        )
        .col(ColumnDef::new("progress").double().not_null())
        .col(ColumnDef::new("duration_ms").big_integer().null())
        .col(ColumnDef::new("width").integer().null())
        .col(ColumnDef::new("height").integer().null())
        .col(ColumnDef::new("upload_bytes").big_integer().not_null())
        .col(ColumnDef::new("received_bytes").big_integer().not_null())
        .col(
            ColumnDef::new("source_key")
                .string_len(KEY_CHARS_MAX)
                .null(),
        )
        .col(ColumnDef::new("source_info").text().null())
        .col(ColumnDef::new("images_token").string_len(32).not_null())
        .col(ColumnDef::new("has_poster").boolean().not_null())
        .col(ColumnDef::new("has_storyboard").boolean().not_null())
        .col(ColumnDef::new("viewable_at_us").big_integer().null())
        .col(ColumnDef::new("last_leased_at_us").big_integer().not_null())
        .col(
            ColumnDef::new("traceparent")
                .string_len(TRACEPARENT_CHARS_MAX)
                .null(),
        )
        .col(ColumnDef::new("version").big_integer().not_null())
        .col(ColumnDef::new("created_at_us").big_integer().not_null())
        .col(ColumnDef::new("updated_at_us").big_integer().not_null())
        .take()
}

fn uploads() -> TableCreateStatement {
    Table::create()
        .table("uploads")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("video_id").uuid().not_null())
        .col(ColumnDef::new("owner_id").uuid().not_null())
        .col(ColumnDef::new("state").string_len(16).not_null())
        .col(
            ColumnDef::new("refusal")
                .string_len(REASON_CHARS_MAX)
                .null(),
        )
        .col(ColumnDef::new("length").big_integer().null())
        .col(ColumnDef::new("received").big_integer().not_null())
        .col(ColumnDef::new("metadata").text().not_null())
        .col(ColumnDef::new("expires_at_us").big_integer().not_null())
        .col(
            ColumnDef::new("traceparent")
                .string_len(TRACEPARENT_CHARS_MAX)
                .null(),
        )
        .col(ColumnDef::new("created_at_us").big_integer().not_null())
        .col(ColumnDef::new("updated_at_us").big_integer().not_null())
        .take()
}
