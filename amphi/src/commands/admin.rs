//! `amphi admin`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use amphi_chassis::config::{Config, without_password};
use amphi_chassis::lifecycle::Process;
use amphi_chassis::{Problem, Role, telemetry};
use amphi_contracts::proto::identity::v1::{AccountRole as ProtoRole, CreateAccountRequest};
use anyhow::bail;

use super::Exit;
use super::input::{ask_password, read_secret};
use crate::cli::{AccountRole, CreateUser};
use crate::compose;

impl From<AccountRole> for ProtoRole {
    fn from(role: AccountRole) -> Self {
        match role {
            AccountRole::Viewer => Self::Viewer,
            AccountRole::Creator => Self::Creator,
            AccountRole::Admin => Self::Admin,
        }
    }
}

/// `amphi admin create-user`: builds identity in this process, over the same database, so that the rules are the same
/// whether the platform runs at the moment or not.
pub async fn create_user(args: CreateUser, config: Config) -> anyhow::Result<Exit> {
    if !args.create {
        check_there_is_a_platform(&config)?;
    }
    let password = match &args.password_file {
        Some(file) => read_secret(file)?,
        None => ask_password()?,
    };
    let default_name = args.email.split('@').next().unwrap_or_default();
    let request = CreateAccountRequest {
        email: args.email.clone(),
        name: args.name.clone().unwrap_or_else(|| default_name.to_owned()),
        password: password.expose().clone(),
        role: ProtoRole::from(args.role).into(),
    };
    let place = place_of_accounts(&config);
    let config = Arc::new(config);
    let telemetry = telemetry::init(&config)?;
    let running = Process::new(Arc::clone(&config), telemetry)
        .role(Role::Identity, compose::builder(Role::Identity))
        .start()
        .await?;
    let outcome = running
        .clients()
        .as_service()
        .identity()
        .create_account(request)
        .await;
    running.stop();
    running.wait().await?;
    let account = match outcome {
        Ok(answer) => answer.into_inner(),
        Err(status) => bail!(in_words(&Problem::from(status))),
    };
    if args.json {
        println!(
            "{}",
            serde_json::json!({
                "id": account.id,
                "email": account.email,
                "name": account.name,
                "kept_in": place,
            })
        );
    } else {
        println!(
            "{} may sign in now. Accounts are kept in {place}.",
            account.email
        );
    }
    Ok(Exit::Done)
}

/// An account in a new, empty platform that nobody serves helps nobody: most often --data was forgotten.
fn check_there_is_a_platform(config: &Config) -> anyhow::Result<()> {
    let Some(file) = config.database_file(Role::Identity) else {
        return Ok(());
    };
    if file.exists() {
        return Ok(());
    }
    bail!(
        "there is no Amphi in {}: {} is not there. Name the folder that `amphi serve` uses with --data DIR, or give \
         --create to begin a new platform with this account",
        absolute(config.data_dir()).display(),
        file.display()
    );
}

/// Where the account goes, in words for people.
fn place_of_accounts(config: &Config) -> String {
    match config.database_file(Role::Identity) {
        Some(_) => absolute(config.data_dir()).display().to_string(),
        None => format!(
            "the database {}",
            without_password(config.database_url(Role::Identity).expose())
        ),
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A command has no use for fixed ports, nor its reader for a log.
pub const QUIET: [(&str, &str); 2] = [
    ("server.internal_listen", "127.0.0.1:0"),
    ("log.filter", "error"),
];

fn in_words(problem: &Problem) -> String {
    let mut text = problem.detail.clone();
    for field in &problem.fields {
        text.push_str(&format!(
            "\n  {}: {}",
            field.pointer.trim_start_matches('/'),
            field.detail
        ));
    }
    text
}
