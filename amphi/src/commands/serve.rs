//! `amphi serve`

use std::collections::BTreeSet;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use amphi_chassis::Role;
use amphi_chassis::config::Config;
use amphi_chassis::lifecycle::{Process, Running};
use amphi_chassis::service::StartError;
use amphi_chassis::telemetry;
use anyhow::{Context as _, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Exit, WrongUsage};
use crate::cli::Serve;
use crate::{compose, demo};

/// As a shell reports a process that Ctrl-C has ended.
const EXIT_INTERRUPTED: i32 = 130;

pub async fn run(args: &Serve, config: Config) -> anyhow::Result<Exit> {
    let roles = compose::or_all(&args.roles);
    if args.demo && roles.len() != Role::ALL.len() {
        let contradiction = "--demo needs every role in this process: leave --roles out";
        bail!(WrongUsage(contradiction.to_owned()));
    }
    let config = Arc::new(config);
    let telemetry = telemetry::init(&config)?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }

    let scratch = config.data_dir().join("demo");
    let mut process = Process::new(Arc::clone(&config), telemetry);
    for role in start_order(&roles) {
        process = process.role(role, compose::builder(role));
    }
    let running = process.start().await.map_err(in_words)?;
    stop_on_signals(running.stop_handle())?;

    if args.demo {
        demo::open_accounts(running.clients())
            .await
            .context("cannot open the demo accounts")?;
    }
    announce(&running);
    if let (true, Some(http)) = (args.demo, running.http) {
        tokio::spawn(fill_demo(base_url(http), scratch, running.stop_handle()));
    }
    running.wait().await.map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        anyhow::anyhow!("{error}: {}", cause.unwrap_or_default())
    })?;
    Ok(Exit::Done)
}

/// Workers start in this order and stop in reverse: who is called before who calls.
fn start_order(roles: &BTreeSet<Role>) -> impl Iterator<Item = Role> {
    [
        Role::Registry,
        Role::Observatory,
        Role::Identity,
        Role::Catalog,
        Role::Media,
        Role::Encoder,
        Role::Playback,
        Role::Gateway,
    ]
    .into_iter()
    .filter(|role| roles.contains(role))
}

/// Adds what to do to the errors that a newcomer meets.
fn in_words(error: StartError) -> anyhow::Error {
    match &error {
        StartError::Listen {
            key,
            address,
            source,
        } => {
            let flag = match *key {
                "server.listen" => "--listen",
                _ => "--internal-listen",
            };
            let cure = match source.kind() {
                ErrorKind::AddrInUse => "Is amphi running already? Otherwise choose",
                ErrorKind::AddrNotAvailable => "This machine has no such address: choose",
                ErrorKind::PermissionDenied => {
                    "Ports below 1024 are for root and for who is given CAP_NET_BIND_SERVICE: have that, or choose"
                }
                _ => "Choose",
            };
            anyhow::anyhow!(
                "{error}: {source}. {cure} another address than {address} with {flag} ADDR"
            )
        }
        StartError::DataFolder { source, .. } => {
            anyhow::anyhow!(
                "{error}: {source}. Give a folder that this user may write with --data DIR"
            )
        }
        _ => anyhow::Error::new(error),
    }
}

/// The first signal asks the process to stop in peace, the second ends it at once.
fn stop_on_signals(stop: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        for count in 1.. {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if count > 1 {
                std::process::exit(EXIT_INTERRUPTED);
            }
            tracing::info!("stopping; a second signal stops at once");
            stop.cancel();
        }
    });
    Ok(())
}

fn base_url(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// The one line on standard output that scripts wait for.
fn announce(running: &Running) {
    let http = running.http.map_or_else(|| "none".to_owned(), base_url);
    let mut stdout = std::io::stdout().lock();
    // Nobody has to listen.
    let scheme = match running.context().tls {
        Some(_) => "https",
        None => "http",
    };
    writeln!(
        stdout,
        "ready http={http} internal={scheme}://{}",
        running.internal
    )
    .ok();
    stdout.flush().ok();
}

async fn fill_demo(base: String, scratch: PathBuf, stop: CancellationToken) {
    show_welcome(&base);
    let filling = demo::fill_library(&base, &scratch);
    match stop.run_until_cancelled(filling).await {
        Some(Ok(())) => tracing::info!("the demo library is complete"),
        Some(Err(error)) => {
            let error = format!("{error:#}");
            tracing::error!(
                error,
                "the demo library is not complete; it goes on at the next start"
            );
        }
        None => {}
    }
}

fn show_welcome(base: &str) {
    let port = base.rsplit(':').next().unwrap_or_default();
    let (bold, plain) = if std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
    {
        ("\u{1b}[1m", "\u{1b}[0m")
    } else {
        ("", "")
    };
    let accounts: String = demo::ACCOUNTS
        .iter()
        .map(|(email, _, role)| {
            format!(
                "    {email:<22} {}\n",
                role.as_str_name()
                    .trim_start_matches("ACCOUNT_ROLE_")
                    .to_lowercase()
            )
        })
        .collect();
    eprintln!(
        "
  {bold}Amphi{plain}   {bold}http://localhost:{port}{plain}

  Accounts (password of each: {})
{accounts}
  Try
    · play an episode, then press “What happened when I pressed play”
    · sign in as the creator and drop a file of your own on Upload
    · sign in as the administrator and open Observatory
    · make a hop slow: AMPHI_FAULT__DELAY_MS__CATALOG=300 amphi serve --demo

  The dramas and the course are being encoded now; the first episodes play in a few seconds.
",
        demo::PASSWORD
    );
}
