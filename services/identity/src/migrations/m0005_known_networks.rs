use amphi_chassis::db::create_index;
use sea_orm_migration::prelude::*;

use super::index;

/// Finds an account's sign-ins among any number of wrong passwords.
pub(super) fn changes() -> Vec<Box<dyn MigrationTrait>> {
    vec![create_index(
        "identity_0015_index_login_records_by_outcome",
        || {
            index(
                "ix_login_records_outcome",
                "login_records",
                &["account_id", "outcome", "at_us"],
            )
        },
    )]
}
