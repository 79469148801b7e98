//! The rows. Counts are signed because no database here has unsigned ones.

pub mod asset {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "assets")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub video_id: Uuid,
        pub owner_id: Uuid,
        pub state: String,
        pub state_reason: Option<String>,
        pub progress: f64,
        pub duration_ms: Option<i64>,
        pub width: Option<i32>,
        pub height: Option<i32>,
        /// The source's whole length; 0 while it is not known.
        pub upload_bytes: i64,
        pub received_bytes: i64,
        pub source_key: Option<String>,
        /// The upload that it is made of; none on rows from before it was kept.
        pub upload_id: Option<Uuid>,
        #[sea_orm(column_type = "Text", nullable)]
        pub source_info: Option<String>,
        pub images_token: String,
        pub has_poster: bool,
        pub has_storyboard: bool,
        pub viewable_at_us: Option<i64>,
        pub last_leased_at_us: i64,
        pub traceparent: Option<String>,
        pub version: i64,
        pub created_at_us: i64,
        pub updated_at_us: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod upload {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "uploads")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub video_id: Uuid,
        pub owner_id: Uuid,
        pub state: String,
        pub refusal: Option<String>,
        pub length: Option<i64>,
        pub received: i64,
        #[sea_orm(column_type = "Text")]
        pub metadata: String,
        pub expires_at_us: i64,
        pub traceparent: Option<String>,
        pub created_at_us: i64,
        pub updated_at_us: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod rendition {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "renditions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub video_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        /// Order within the asset.
        pub position: i32,
        pub kind: String,
        pub codec: String,
        pub width: i32,
        pub height: i32,
        pub frame_rate: f64,
        pub bandwidth_bps: i64,
        pub average_bandwidth_bps: i64,
        pub language: String,
        pub name: String,
        pub channels: i32,
        pub sample_rate: i32,
        /// Ticks per second of its segments' times.
        pub timescale: i32,
        pub segments_total: i32,
        /// Size of its initialization segment, once that is here.
        pub init_bytes: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod segment {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "segments")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub video_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub rendition_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i32,
        pub start_ticks: i64,
        pub duration_ticks: i64,
        pub bytes: i64,
        pub created_at_us: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod task {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "encode_tasks")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub video_id: Uuid,
        /// Order within the video.
        pub ordinal: i32,
        /// 0 for what a video needs to be viewable, 1 for the rest.
        pub urgency: i32,
        pub kind: String,
        /// JSON of media-kit's task.
        #[sea_orm(column_type = "Text")]
        pub spec: String,
        /// Its share of the video's encoding, for the progress.
        pub weight: f64,
        pub state: String,
        /// Raised with each lease: what an older lease hands in is refused.
        pub fence: i64,
        /// How often an encoder has reported a failure.
        pub failures: i32,
        /// How often in a row a lease ended without a word and without a new segment.
        pub lost_leases: i32,
        pub encoder_id: Option<String>,
        pub lease_expires_at_us: i64,
        pub not_before_us: i64,
        pub progress: f64,
        pub last_error: Option<String>,
        pub traceparent: Option<String>,
        pub created_at_us: i64,
        pub updated_at_us: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
