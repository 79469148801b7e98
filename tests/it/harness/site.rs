//! Where a platform is going to run, or runs: its engines and its data folder.

use std::path::Path;

use amphi_chassis::db::{self, Db};
use amphi_chassis::{Role, Secret};
use tempfile::TempDir;

use super::ground::{Ground, Held};

/// The roles that keep a database.
pub const KEEPERS: [Role; 4] = [Role::Identity, Role::Catalog, Role::Media, Role::Playback];

/// Gone with the value.
pub struct Site {
    pub(super) ground: Ground,
    pub(super) held: Held,
    pub data: TempDir,
}

impl Site {
    pub fn of(ground: Ground) -> Self {
        Self {
            ground,
            held: Held::of(ground),
            data: tempfile::Builder::new()
                .prefix("amphi-test-")
                .tempdir()
                .unwrap(),
        }
    }

    /// The environment that leads a process to the engines.
    pub fn settings(&self) -> Vec<(String, String)> {
        self.held.settings()
    }

    /// The database of a role, made if it is missing; its schema is as it was.
    pub async fn database(&self, role: Role) -> Db {
        open(&self.held, self.data.path(), role).await
    }
}

pub async fn open(held: &Held, data: &Path, role: Role) -> Db {
    let named = held
        .settings()
        .into_iter()
        .find(|(key, _)| key == "AMPHI_DATABASE__URL");
    let url = named.map_or_else(
        || "sqlite:{data_dir}/db/{service}.sqlite".to_owned(),
        |(_, url)| url,
    );
    let settings = db::Settings {
        url: Secret::new(url),
        max_connections: 2,
        statement_timeout_ms: 10_000,
        migrate_at_start: false,
    };
    Db::connect(&settings, role, data).await.unwrap()
}
