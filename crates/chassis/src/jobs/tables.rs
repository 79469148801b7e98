//! The table of jobs.

use sea_orm::sea_query::{Index, IndexCreateStatement, Table, TableCreateStatement};
use sea_orm_migration::MigrationTrait;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, integer, pk_uuid, string_len, string_len_null, text, text_null,
    uuid_null,
};

use crate::db::{create_index, create_table};

pub(super) const QUEUED: &str = "queued";
pub(super) const RUNNING: &str = "running";
pub(super) const DEAD: &str = "dead";

pub(super) const KIND_BYTES_MAX: u32 = 64;
pub(super) const DEDUP_KEY_BYTES_MAX: u32 = 190;

/// One row per job that is not done.
pub(super) mod job {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "jobs")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub kind: String,
        /// Of the jobs of one kind that are queued or running, one may have it.
        pub dedup_key: Option<String>,
        #[sea_orm(column_type = "Text")]
        pub payload: String,
        pub traceparent: String,
        pub state: String,
        /// When a worker may take it: its time to run, or the end of the lease of the worker that runs it. None once dead.
        pub due_at_us: Option<i64>,
        /// Counted when it is taken, so that a job that kills its worker comes to an end too.
        pub attempts: i32,
        pub max_attempts: i32,
        pub lease_owner: Option<Uuid>,
        #[sea_orm(column_type = "Text", nullable)]
        pub last_error: Option<String>,
        pub created_at_us: i64,
        pub updated_at_us: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        create_table("chassis_0007_jobs", jobs_table),
        create_index("chassis_0008_jobs_dedup", jobs_dedup),
        create_index("chassis_0009_jobs_due", jobs_due),
        create_index("chassis_0010_jobs_by_state", jobs_by_state),
    ]
}

fn jobs_table() -> TableCreateStatement {
    use job::Column;
    Table::create()
        .table(job::Entity)
        .col(pk_uuid(Column::Id))
        .col(string_len(Column::Kind, KIND_BYTES_MAX))
        .col(string_len_null(Column::DedupKey, DEDUP_KEY_BYTES_MAX))
        .col(text(Column::Payload))
        .col(string_len(Column::Traceparent, 64))
        .col(string_len(Column::State, 16))
        .col(big_integer_null(Column::DueAtUs))
        .col(integer(Column::Attempts))
        .col(integer(Column::MaxAttempts))
        .col(uuid_null(Column::LeaseOwner))
        .col(text_null(Column::LastError))
        .col(big_integer(Column::CreatedAtUs))
        .col(big_integer(Column::UpdatedAtUs))
        .take()
}

fn jobs_dedup() -> IndexCreateStatement {
    Index::create()
        .name("jobs_dedup")
        .table(job::Entity)
        .col(job::Column::Kind)
        .col(job::Column::DedupKey)
        .unique()
        .take()
}

fn jobs_due() -> IndexCreateStatement {
    Index::create()
        .name("jobs_due")
        .table(job::Entity)
        .col(job::Column::Kind)
        .col(job::Column::DueAtUs)
        .take()
}

fn jobs_by_state() -> IndexCreateStatement {
    Index::create()
        .name("jobs_by_state")
        .table(job::Entity)
        .col(job::Column::State)
        .col(job::Column::UpdatedAtUs)
        .take()
}
