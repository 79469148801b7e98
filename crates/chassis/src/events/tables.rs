//! The tables of the outbox and the inbox.

use sea_orm::sea_query::{Index, IndexCreateStatement, Table, TableCreateStatement};
use sea_orm_migration::MigrationTrait;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, integer, pk_uuid, string_len, text, text_null, uuid,
};

use crate::db::{create_index, create_table};

/// One row per event and consumer, deleted once delivered.
pub(super) mod outbox {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "outbox")]
    pub struct Model {
        /// Rises in the order of publication: writers of one subject wait for each other on the subject's own rows.
        #[sea_orm(primary_key)]
        pub position: i64,
        pub consumer: String,
        pub event_id: Uuid,
        pub source: String,
        pub event_type: String,
        pub subject: String,
        pub time_us: i64,
        pub traceparent: String,
        #[sea_orm(column_type = "Text")]
        pub data: String,
        /// Refusals of this event by its consumer; an unreachable consumer does not count.
        pub attempts: i32,
        /// While it lies ahead, later events of the subject wait too.
        pub next_attempt_us: i64,
        #[sea_orm(column_type = "Text", nullable)]
        pub last_error: Option<String>,
        /// Set when it was given up.
        pub dead_at_us: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Which relay delivers to a consumer at present: one at a time, or the order would be lost.
pub(super) mod outbox_lease {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "outbox_lease")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub consumer: String,
        pub owner: Uuid,
        pub until_us: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The events that this service has consumed lately.
pub(super) mod inbox {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "inbox")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub event_id: Uuid,
        pub received_at_us: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        create_table("chassis_0001_outbox", outbox_table),
        create_index("chassis_0002_outbox_by_consumer", outbox_by_consumer),
        create_index(
            "chassis_0003_outbox_by_next_attempt",
            outbox_by_next_attempt,
        ),
        create_table("chassis_0004_outbox_lease", outbox_lease_table),
        create_table("chassis_0005_inbox", inbox_table),
        create_index("chassis_0006_inbox_by_time", inbox_by_time),
    ]
}

fn outbox_table() -> TableCreateStatement {
    use outbox::Column;
    Table::create()
        .table(outbox::Entity)
        .col(big_pk_auto(Column::Position))
        .col(string_len(Column::Consumer, 32))
        .col(uuid(Column::EventId))
        .col(string_len(Column::Source, 64))
        .col(string_len(Column::EventType, 128))
        .col(string_len(Column::Subject, 128))
        .col(big_integer(Column::TimeUs))
        .col(string_len(Column::Traceparent, 64))
        .col(text(Column::Data))
        .col(integer(Column::Attempts))
        .col(big_integer(Column::NextAttemptUs))
        .col(text_null(Column::LastError))
        .col(big_integer_null(Column::DeadAtUs))
        .take()
}

fn outbox_by_consumer() -> IndexCreateStatement {
    Index::create()
        .name("outbox_by_consumer")
        .table(outbox::Entity)
        .col(outbox::Column::Consumer)
        .col(outbox::Column::DeadAtUs)
        .col(outbox::Column::Position)
        .take()
}

fn outbox_by_next_attempt() -> IndexCreateStatement {
    Index::create()
        .name("outbox_by_next_attempt")
        .table(outbox::Entity)
        .col(outbox::Column::DeadAtUs)
        .col(outbox::Column::NextAttemptUs)
        .take()
}

fn outbox_lease_table() -> TableCreateStatement {
    use outbox_lease::Column;
    Table::create()
        .table(outbox_lease::Entity)
        .col(string_len(Column::Consumer, 32).primary_key())
        .col(uuid(Column::Owner))
        .col(big_integer(Column::UntilUs))
        .take()
}

fn inbox_table() -> TableCreateStatement {
    use inbox::Column;
    Table::create()
        .table(inbox::Entity)
        .col(pk_uuid(Column::EventId))
        .col(big_integer(Column::ReceivedAtUs))
        .take()
}

fn inbox_by_time() -> IndexCreateStatement {
    Index::create()
        .name("inbox_by_time")
        .table(inbox::Entity)
        .col(inbox::Column::ReceivedAtUs)
        .take()
}
