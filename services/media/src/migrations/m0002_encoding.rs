//! What an asset is made into: renditions with their segments, and the tasks that make them.

use amphi_chassis::db::{create_index, create_table};
use sea_orm_migration::prelude::*;

use super::{REASON_CHARS_MAX, RENDITION_ID_CHARS_MAX, TRACEPARENT_CHARS_MAX, index};

pub(super) fn changes() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        create_table("media_0007_create_renditions", renditions),
        create_table("media_0008_create_segments", segments),
        create_table("media_0009_create_encode_tasks", encode_tasks),
        create_index("media_0010_index_encode_tasks_by_state", || {
            index(
                "ix_encode_tasks_state",
                "encode_tasks",
                &["state", "not_before_us"],
            )
        }),
        create_index("media_0011_index_encode_tasks_by_video", || {
            index(
                "ix_encode_tasks_video",
                "encode_tasks",
                &["video_id", "ordinal"],
            )
        }),
        create_index("media_0012_index_encode_tasks_by_encoder", || {
            index("ix_encode_tasks_encoder", "encode_tasks", &["encoder_id"])
        }),
    ]
}

fn renditions() -> TableCreateStatement {
    Table::create()
        .table("renditions")
        .col(ColumnDef::new("video_id").uuid().not_null())
        .col(
            ColumnDef::new("id")
                .string_len(RENDITION_ID_CHARS_MAX)
                .not_null(),
        )
        .col(ColumnDef::new("position").integer().not_null())
        .col(ColumnDef::new("kind").string_len(16).not_null())
        .col(ColumnDef::new("codec").string_len(64).not_null())
        .col(ColumnDef::new("width").integer().not_null())
        .col(ColumnDef::new("height").integer().not_null())
        .col(ColumnDef::new("frame_rate").double().not_null())
        .col(ColumnDef::new("bandwidth_bps").big_integer().not_null())
        .col(
            ColumnDef::new("average_bandwidth_bps")
                .big_integer()
                .not_null(),
        )
        .col(ColumnDef::new("language").string_len(40).not_null())
        .col(ColumnDef::new("name").string_len(200).not_null())
        .col(ColumnDef::new("channels").integer().not_null())
        .col(ColumnDef::new("sample_rate").integer().not_null())
        .col(ColumnDef::new("timescale").integer().not_null())
        .col(ColumnDef::new("segments_total").integer().not_null())
        .col(ColumnDef::new("init_bytes").big_integer().null())
        .primary_key(Index::create().col("video_id").col("id"))
        .take()
}

fn segments() -> TableCreateStatement {
    Table::create()
        .table("segments")
        .col(ColumnDef::new("video_id").uuid().not_null())
        .col(
            ColumnDef::new("rendition_id")
                .string_len(RENDITION_ID_CHARS_MAX)
                .not_null(),
        )
        .col(ColumnDef::new("number").integer().not_null())
        .col(ColumnDef::new("start_ticks").big_integer().not_null())
        .col(ColumnDef::new("duration_ticks").big_integer().not_null())
        .col(ColumnDef::new("bytes").big_integer().not_null())
        .col(ColumnDef::new("created_at_us").big_integer().not_null())
        .primary_key(
            Index::create()
                .col("video_id")
                .col("rendition_id")
                .col("number"),
        )
        .take()
}

fn encode_tasks() -> TableCreateStatement {
    Table::create()
        .table("encode_tasks")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("video_id").uuid().not_null())
        .col(ColumnDef::new("ordinal").integer().not_null())
        .col(ColumnDef::new("urgency").integer().not_null())
        .col(ColumnDef::new("kind").string_len(16).not_null())
        .col(ColumnDef::new("spec").text().not_null())
        .col(ColumnDef::new("weight").double().not_null())
        .col(ColumnDef::new("state").string_len(16).not_null())
        .col(ColumnDef::new("fence").big_integer().not_null())
        .col(ColumnDef::new("failures").integer().not_null())
        .col(ColumnDef::new("lost_leases").integer().not_null())
        .col(ColumnDef::new("encoder_id").string_len(100).null())
        .col(
            ColumnDef::new("lease_expires_at_us")
                .big_integer()
                .not_null(),
        )
        .col(ColumnDef::new("not_before_us").big_integer().not_null())
        .col(ColumnDef::new("progress").double().not_null())
        .col(
            ColumnDef::new("last_error")
                .string_len(REASON_CHARS_MAX)
                .null(),
        )
        .col(
            ColumnDef::new("traceparent")
                .string_len(TRACEPARENT_CHARS_MAX)
                .null(),
        )
        .col(ColumnDef::new("created_at_us").big_integer().not_null())
        .col(ColumnDef::new("updated_at_us").big_integer().not_null())
        .take()
}
