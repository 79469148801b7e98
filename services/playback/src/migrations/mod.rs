//! The tables of playback: forward only, one statement per migration.

use amphi_chassis::db::{create_index, create_table};
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_query::{IndexCreateStatement, TableCreateStatement};

use crate::store::entity::{ended_sign_in, resume_position, session, signing_key, video_lock};

#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            create_table("playback_0001_sessions", sessions),
            create_index("playback_0002_sessions_by_expiry", sessions_by_expiry),
            create_table("playback_0003_signing_keys", signing_keys),
            create_table("playback_0004_video_locks", video_locks),
            create_table("playback_0005_ended_sign_ins", ended_sign_ins),
            create_table("playback_0006_resume_positions", resume_positions),
            create_index(
                "playback_0007_resume_positions_by_video",
                resume_positions_by_video,
            ),
            create_index("playback_0008_resume_positions_by_time", || {
                by_time(
                    "playback_resume_positions_by_time",
                    resume_position::Entity,
                    resume_position::Column::UpdatedAtUs,
                )
            }),
            create_index("playback_0009_video_locks_by_time", || {
                by_time(
                    "playback_video_locks_by_time",
                    video_lock::Entity,
                    video_lock::Column::LockedAtUs,
                )
            }),
            create_index("playback_0010_ended_sign_ins_by_time", || {
                by_time(
                    "playback_ended_sign_ins_by_time",
                    ended_sign_in::Entity,
                    ended_sign_in::Column::EndedAtUs,
                )
            }),
        ]
    }
}

/// For the sweep.
fn by_time(
    name: &'static str,
    table: impl IntoTableRef,
    time: impl IntoIndexColumn,
) -> IndexCreateStatement {
    Index::create().name(name).table(table).col(time).take()
}

fn sessions() -> TableCreateStatement {
    use session::Column;
    Table::create()
        .table(session::Entity)
        .col(ColumnDef::new(Column::Id).uuid().not_null().primary_key())
        .col(ColumnDef::new(Column::AccountId).uuid())
        .col(ColumnDef::new(Column::SignInId).uuid())
        .col(ColumnDef::new(Column::VideoId).uuid())
        .col(ColumnDef::new(Column::SeesPrivate).boolean().not_null())
        .col(ColumnDef::new(Column::CreatedAtUs).big_integer().not_null())
        .col(ColumnDef::new(Column::ExpiresAtUs).big_integer().not_null())
        .col(ColumnDef::new(Column::RevokedAtUs).big_integer())
        .take()
}

fn sessions_by_expiry() -> IndexCreateStatement {
    Index::create()
        .name("playback_sessions_by_expiry")
        .table(session::Entity)
        .col(session::Column::ExpiresAtUs)
        .take()
}

fn signing_keys() -> TableCreateStatement {
    use signing_key::Column;
    Table::create()
        .table(signing_key::Entity)
        .col(
            ColumnDef::new(Column::Number)
                .integer()
                .not_null()
                .primary_key(),
        )
        .col(ColumnDef::new(Column::Secret).var_binary(32).not_null())
        .col(ColumnDef::new(Column::CreatedAtUs).big_integer().not_null())
        .take()
}

fn video_locks() -> TableCreateStatement {
    use video_lock::Column;
    Table::create()
        .table(video_lock::Entity)
        .col(
            ColumnDef::new(Column::VideoId)
                .uuid()
                .not_null()
                .primary_key(),
        )
        .col(ColumnDef::new(Column::Reason).string_len(16).not_null())
        .col(ColumnDef::new(Column::LockedAtUs).big_integer().not_null())
        .take()
}

fn ended_sign_ins() -> TableCreateStatement {
    use ended_sign_in::Column;
    Table::create()
        .table(ended_sign_in::Entity)
        .col(
            ColumnDef::new(Column::SignInId)
                .uuid()
                .not_null()
                .primary_key(),
        )
        .col(ColumnDef::new(Column::EndedAtUs).big_integer().not_null())
        .take()
}

fn resume_positions() -> TableCreateStatement {
    use resume_position::Column;
    Table::create()
        .table(resume_position::Entity)
        .col(ColumnDef::new(Column::AccountId).uuid().not_null())
        .col(ColumnDef::new(Column::VideoId).uuid().not_null())
        .col(ColumnDef::new(Column::PositionMs).big_integer().not_null())
        .col(ColumnDef::new(Column::UpdatedAtUs).big_integer().not_null())
        .primary_key(Index::create().col(Column::AccountId).col(Column::VideoId))
        .take()
}

fn resume_positions_by_video() -> IndexCreateStatement {
    Index::create()
        .name("playback_resume_positions_by_video")
        .table(resume_position::Entity)
        .col(resume_position::Column::VideoId)
        .take()
}
