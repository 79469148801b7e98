//! `amphi migrate`

use std::collections::BTreeMap;

use amphi_chassis::Role;
use amphi_chassis::config::Config;
use amphi_chassis::db::{self, Db};
use anyhow::Context as _;

use super::Exit;
use crate::cli::Migrate;
use crate::compose;

pub async fn run(args: &Migrate, config: &Config) -> anyhow::Result<Exit> {
    let settings: db::Settings = config.section("database")?;
    let mut applied = BTreeMap::new();
    if !args.json {
        for role in args
            .roles
            .iter()
            .filter(|role| !compose::has_database(**role))
        {
            println!("{role}: keeps no database, so there is nothing to migrate");
        }
    }
    let asked_for = compose::or_all(&args.roles);
    for role in compose::roles_with_database().filter(|role| asked_for.contains(role)) {
        let names = migrate(role, &settings, config)
            .await
            .with_context(|| format!("{role}: the database cannot be brought up to date"))?;
        if !args.json {
            match names.len() {
                0 => println!("{role}: up to date"),
                count => println!("{role}: {count} applied"),
            }
        }
        applied.insert(role, names);
    }
    if args.json {
        println!("{}", serde_json::json!({ "applied": applied }));
    }
    Ok(Exit::Done)
}

/// Returns the names of what was applied.
async fn migrate(
    role: Role,
    settings: &db::Settings,
    config: &Config,
) -> anyhow::Result<Vec<String>> {
    let db = Db::connect(settings, role, config.data_dir()).await?;
    let outcome = compose::migrate(role, &db).await;
    db.close().await?;
    Ok(outcome?)
}
