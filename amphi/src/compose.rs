//! The composition root: the one place that knows every service.

use std::collections::BTreeSet;

use amphi_chassis::config::{Config, ConfigError};
use amphi_chassis::db::Db;
use amphi_chassis::service::{BuildFn, build_fn};
use amphi_chassis::{Role, auth, bus, shared};
use sea_orm::DbErr;

/// How each role is built.
#[must_use]
pub fn builder(role: Role) -> BuildFn {
    match role {
        Role::Gateway => build_fn(|context| Box::pin(amphi_gateway::build(context))),
        Role::Identity => build_fn(|context| Box::pin(amphi_identity::build(context))),
        Role::Catalog => build_fn(|context| Box::pin(amphi_catalog::build(context))),
        Role::Media => build_fn(|context| Box::pin(amphi_media::build(context))),
        Role::Encoder => build_fn(|context| Box::pin(amphi_encoder::build(context))),
        Role::Playback => build_fn(|context| Box::pin(amphi_playback::build(context))),
        Role::Observatory => build_fn(|context| Box::pin(amphi_observatory::build(context))),
        Role::Registry => build_fn(|context| Box::pin(amphi_registry::build(context))),
    }
}

/// Reads every section that is not read with the configuration itself, as its owner will, and tells what does not make
/// sense: by itself, or when every value does, together.
pub fn check_settings(config: &Config) -> Vec<ConfigError> {
    let chassis = [
        config.section::<auth::Settings>("auth").map(drop),
        config.section::<bus::Settings>("bus").map(drop),
        config.section::<shared::Settings>("shared").map(drop),
    ];
    let roles = Role::ALL.into_iter().map(|role| {
        let section = role.as_str();
        match role {
            Role::Gateway => config.section::<amphi_gateway::Settings>(section).map(drop),
            Role::Identity => config
                .section::<amphi_identity::Settings>(section)
                .map(drop),
            Role::Catalog => config.section::<amphi_catalog::Settings>(section).map(drop),
            Role::Media => config.section::<amphi_media::Settings>(section).map(drop),
            Role::Encoder => config.section::<amphi_encoder::Settings>(section).map(drop),
            Role::Playback => config
                .section::<amphi_playback::Settings>(section)
                .map(drop),
            Role::Observatory => config
                .section::<amphi_observatory::Settings>(section)
                .map(drop),
            Role::Registry => config
                .section::<amphi_registry::Settings>(section)
                .map(drop),
        }
    });
    let values: Vec<ConfigError> = chassis
        .into_iter()
        .chain(roles)
        .filter_map(Result::err)
        .collect();
    if !values.is_empty() {
        return values;
    }
    Role::ALL
        .into_iter()
        .filter_map(|role| config.check_rules_of(role).err())
        .collect()
}

/// The roles that a command was given, or all where it was given none.
pub fn or_all(roles: &[Role]) -> BTreeSet<Role> {
    if roles.is_empty() {
        return Role::ALL.into_iter().collect();
    }
    roles.iter().copied().collect()
}

/// The roles that keep a database.
pub fn roles_with_database() -> impl Iterator<Item = Role> {
    [Role::Identity, Role::Catalog, Role::Media, Role::Playback].into_iter()
}

/// The roles that consume events.
pub fn consumers() -> impl Iterator<Item = Role> {
    [Role::Catalog, Role::Media, Role::Playback].into_iter()
}

#[must_use]
pub fn has_database(role: Role) -> bool {
    roles_with_database().any(|it| it == role)
}

/// Applies what is pending of a role's migrations, and tells their names.
pub async fn migrate(role: Role, db: &Db) -> Result<Vec<String>, DbErr> {
    match role {
        Role::Identity => db.migrate::<amphi_identity::Migrator>().await,
        Role::Catalog => db.migrate::<amphi_catalog::Migrator>().await,
        Role::Media => db.migrate::<amphi_media::Migrator>().await,
        Role::Playback => db.migrate::<amphi_playback::Migrator>().await,
        Role::Gateway | Role::Encoder | Role::Observatory | Role::Registry => Ok(Vec::new()),
    }
}
