use amphi_chassis::db::{create_index, create_table};
use sea_orm_migration::prelude::*;

use super::index;

pub(super) fn changes() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        create_table("catalog_0001_create_videos", videos),
        create_index("catalog_0002_index_videos_by_listing", || {
            index(
                "ix_videos_listed",
                "videos",
                &["listed", "created_at_us", "id"],
            )
        }),
        create_index("catalog_0003_index_videos_by_owner", || {
            index(
                "ix_videos_owner",
                "videos",
                &["owner_id", "created_at_us", "id"],
            )
        }),
    ]
}

fn videos() -> TableCreateStatement {
    Table::create()
        .table("videos")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("owner_id").uuid().not_null())
        .col(ColumnDef::new("title").string_len(200).not_null())
        .col(ColumnDef::new("description").text().not_null())
        .col(ColumnDef::new("visibility").string_len(16).not_null())
        .col(ColumnDef::new("state").string_len(16).not_null())
        .col(ColumnDef::new("state_reason").string_len(1000).null())
        .col(ColumnDef::new("listed").boolean().not_null())
        .col(ColumnDef::new("duration_ms").big_integer().null())
        .col(ColumnDef::new("width").big_integer().null())
        .col(ColumnDef::new("height").big_integer().null())
        .col(ColumnDef::new("poster_path").string_len(512).null())
        .col(ColumnDef::new("asset_version").big_integer().not_null())
        .col(ColumnDef::new("version").big_integer().not_null())
        .col(ColumnDef::new("created_at_us").big_integer().not_null())
        .col(ColumnDef::new("updated_at_us").big_integer().not_null())
        .take()
}
