//! Each upload for a video has a place of its own among the blobs, so an asset tells which one it is made of.

use amphi_chassis::db::alter_table;
use sea_orm_migration::prelude::*;

pub(super) fn changes() -> Vec<Box<dyn MigrationTrait>> {
    vec![alter_table("media_0013_assets_upload_id", || {
        Table::alter()
            .table("assets")
            .add_column(ColumnDef::new("upload_id").uuid().null())
            .take()
    })]
}
