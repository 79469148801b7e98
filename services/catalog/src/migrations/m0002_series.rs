use amphi_chassis::db::{create_index, create_table};
use sea_orm_migration::prelude::*;

use super::index;

pub(super) fn changes() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        create_table("catalog_0004_create_series", series),
        create_index("catalog_0005_index_series_by_kind", || {
            index("ix_series_kind", "series", &["kind", "created_at_us", "id"])
        }),
        create_index("catalog_0006_index_series_by_time", || {
            index("ix_series_created", "series", &["created_at_us", "id"])
        }),
        create_table("catalog_0007_create_episodes", episodes),
        create_index("catalog_0008_unique_episodes_number", || {
            index("ux_episodes_number", "episodes", &["series_id", "number"])
                .unique()
                .take()
        }),
        create_index("catalog_0009_unique_episodes_video", || {
            index("ux_episodes_video", "episodes", &["video_id", "series_id"])
                .unique()
                .take()
        }),
    ]
}

fn series() -> TableCreateStatement {
    Table::create()
        .table("series")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("owner_id").uuid().not_null())
        .col(ColumnDef::new("kind").string_len(16).not_null())
        .col(ColumnDef::new("title").string_len(200).not_null())
        .col(ColumnDef::new("description").text().not_null())
        .col(ColumnDef::new("created_at_us").big_integer().not_null())
        .take()
}

fn episodes() -> TableCreateStatement {
    Table::create()
        .table("episodes")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("series_id").uuid().not_null())
        .col(ColumnDef::new("number").big_integer().not_null())
        .col(ColumnDef::new("title").string_len(200).not_null())
        .col(ColumnDef::new("video_id").uuid().not_null())
        .col(ColumnDef::new("created_at_us").big_integer().not_null())
        .foreign_key(
            ForeignKey::create()
                .name("fk_episodes_series")
                .from("episodes", "series_id")
                .to("series", "id"),
        )
        .foreign_key(
            ForeignKey::create()
                .name("fk_episodes_video")
                .from("episodes", "video_id")
                .to("videos", "id"),
        )
        .take()
}
