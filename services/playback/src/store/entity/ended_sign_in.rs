use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "playback_ended_sign_ins")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub sign_in_id: Uuid,
    pub ended_at_us: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
