//! The engines that the configuration points to.

use std::collections::BTreeSet;
use std::time::Duration;

use amphi_chassis::Role;
use amphi_chassis::blob::{Blobs, Examined};
use amphi_chassis::bus;
use amphi_chassis::config::Config;
use amphi_chassis::db::{self, Db};
use amphi_chassis::shared::{self, Shared};

use super::Check;
use super::machine::{existing, try_to_write};
use crate::compose;

const DATABASE_TIMEOUT: Duration = Duration::from_secs(5);
/// Stores refuse signatures that are some minutes off.
const STORE_CLOCK_OFF_S_MAX: i64 = 60;

/// The databases of these roles; nothing if none of them keeps one.
pub(super) async fn database(config: &Config, roles: &BTreeSet<Role>) -> Option<Check> {
    const NAME: &str = "database";
    let settings: db::Settings = match config.section(NAME) {
        Ok(settings) => settings,
        Err(error) => {
            return Some(Check::bad(
                NAME,
                error.to_string(),
                "see `amphi config dump`",
            ));
        }
    };
    // Looking must not make a database of what is only about to be one.
    let is_to_be_made =
        |role: &Role| matches!(config.database_file(*role), Some(file) if !file.exists());
    let (to_be_made, there): (Vec<Role>, Vec<Role>) = compose::roles_with_database()
        .filter(|role| roles.contains(role))
        .partition(is_to_be_made);
    for role in &there {
        if let Err((finding, cure)) = answers(config, &settings, *role).await {
            return Some(Check::bad(NAME, format!("{role}: {finding}"), cure));
        }
    }
    let mut findings = Vec::new();
    if !there.is_empty() {
        findings.push(format!("{} answer", names(&there)));
    }
    if !to_be_made.is_empty() {
        findings.push(format!(
            "{} will be made at the first start",
            names(&to_be_made)
        ));
    }
    let url = config.database_url(*there.first().or(to_be_made.first())?);
    let kind = url.expose().split(':').next().unwrap_or_default();
    Some(Check::good(
        NAME,
        format!("{kind}: {}", findings.join("; ")),
    ))
}

fn names(roles: &[Role]) -> String {
    let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    names.join(", ")
}

/// Or what is wrong, and what to do.
async fn answers(
    config: &Config,
    settings: &db::Settings,
    role: Role,
) -> Result<(), (String, &'static str)> {
    let opening = async {
        let db = Db::connect(settings, role, config.data_dir()).await?;
        db.ping().await.ok();
        db.close().await.ok();
        Ok::<_, db::ConnectError>(())
    };
    match tokio::time::timeout(DATABASE_TIMEOUT, opening).await {
        Ok(Ok(())) => Ok(()),
        // The error itself says what to do.
        Ok(Err(error)) => Err((
            error.to_string(),
            "see `database.url` in `amphi config dump`",
        )),
        Err(_) => Err((
            format!("no answer within {} s", DATABASE_TIMEOUT.as_secs()),
            "is the server reachable from here? See `database.url`",
        )),
    }
}

pub(super) async fn broker(config: &Config) -> Check {
    let settings: bus::Settings = match config.section("bus") {
        Ok(settings) => settings,
        Err(error) => return Check::bad("bus", error.to_string(), "see `amphi config dump`"),
    };
    match bus::open(&settings).await {
        Ok(None) => Check::good("bus", "local: events go from process to process"),
        Ok(Some(_)) => Check::good("bus", format!("{:?}: the broker answers", settings.kind)),
        // The error itself says what to do.
        Err(error) => Check::bad(
            "bus",
            error.to_string(),
            "see `bus.url` in `amphi config dump`",
        ),
    }
}

pub(super) async fn blobs(config: &Config) -> Check {
    let examined = match Blobs::examine(config).await {
        Ok(Some(examined)) => examined,
        Ok(None) => {
            let folder = config.blobs_dir();
            return match try_to_write(existing(&folder)) {
                Ok(_) => Check::good("blobs", format!("files below {}", folder.display())),
                Err(finding) => Check::bad(
                    "blobs",
                    finding,
                    "give blobs.dir a folder that this user may write",
                ),
            };
        }
        Err(error) => {
            return Check::bad(
                "blobs",
                error.to_string(),
                "mend the setting named, then run this again",
            );
        }
    };
    let Examined {
        place,
        clock_ahead_s,
    } = examined;
    let finding = format!(
        "{place}: can be listed, written, read and deleted; its clock is {} s {}",
        clock_ahead_s.abs(),
        if clock_ahead_s < 0 { "behind" } else { "ahead" }
    );
    if clock_ahead_s.abs() > STORE_CLOCK_OFF_S_MAX {
        return Check::warning(
            "blobs",
            finding,
            "switch on time synchronisation (timedatectl set-ntp true): beyond 15 minutes every request is refused",
        );
    }
    Check::good("blobs", finding)
}

pub(super) async fn shared_state(config: &Config) -> Check {
    let settings: shared::Settings = match config.section("shared") {
        Ok(settings) => settings,
        Err(error) => return Check::bad("shared", error.to_string(), "see `amphi config dump`"),
    };
    if settings.is_in_memory() {
        return Check::good("shared", "memory: each process counts by itself");
    }
    match Shared::check(&settings).await {
        Ok(()) => Check::good("shared", "redis: answers"),
        // The error itself says what to do.
        Err(error) => Check::bad(
            "shared",
            error.to_string(),
            "see `shared.url` in `amphi config dump`",
        ),
    }
}
