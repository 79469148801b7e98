//! `amphi doctor`: is everything here that Amphi needs, and if not, what is to be done?

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use amphi_chassis::Role;
use amphi_chassis::blob::{Blobs, Examined};
use amphi_chassis::bus;
use amphi_chassis::config::Config;
use amphi_chassis::db::{self, Db};
use amphi_chassis::shared::{self, Shared};
use amphi_chassis::tls::{self, InternalTls};
use serde::Serialize;

use super::Exit;
use crate::cli::Doctor;
use crate::compose;

/// Below this, uploads will soon be refused.
const DISK_FREE_BYTES_MIN: u64 = 5 << 30;
const DATABASE_TIMEOUT: Duration = Duration::from_secs(5);
/// Stores refuse signatures that are some minutes off.
const STORE_CLOCK_OFF_S_MAX: i64 = 60;
/// A clock before this cannot be right: tokens would be refused everywhere. 2026-01-01.
const CLOCK_EARLIEST_S: u64 = 1_767_225_600;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Good,
    Warning,
    Bad,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    finding: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    cure: Option<String>,
}

impl Check {
    fn good(name: &'static str, finding: impl Into<String>) -> Self {
        Self {
            name,
            verdict: Verdict::Good,
            finding: finding.into(),
            cure: None,
        }
    }

    fn bad(name: &'static str, finding: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            name,
            verdict: Verdict::Bad,
            finding: finding.into(),
            cure: Some(cure.into()),
        }
    }

    fn warning(name: &'static str, finding: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Warning,
            ..Self::bad(name, finding, cure)
        }
    }
}

pub async fn run(args: &Doctor, config: &Config) -> anyhow::Result<Exit> {
    let mut checks = vec![
        ffmpeg(),
        codecs(),
        ports(config),
        disk(config.data_dir()),
        work_folder(config),
        database(config).await,
        broker(config).await,
        blobs(config).await,
        shared_state(config).await,
        internal_tls(config),
        clock(),
    ];
    checks.extend(settings(config));

    if args.json {
        println!("{}", serde_json::json!({ "checks": checks }));
    } else {
        for check in &checks {
            let sign = match check.verdict {
                Verdict::Good => '✓',
                Verdict::Warning => '!',
                Verdict::Bad => '✗',
            };
            println!("{sign} {:<9} {}", check.name, check.finding);
            if let Some(cure) = &check.cure {
                println!("            → {cure}");
            }
        }
    }
    let is_ill = checks.iter().any(|check| check.verdict == Verdict::Bad);
    Ok(if is_ill {
        Exit::FoundProblems
    } else {
        Exit::Done
    })
}

fn output_of(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

const FFMPEG_CURE: &str = "install ffmpeg 5 or newer, for example: sudo apt-get install ffmpeg";

fn ffmpeg() -> Check {
    let version = |program| {
        let text = output_of(program, &["-version"])?;
        text.split_whitespace().nth(2).map(str::to_owned)
    };
    match (version("ffmpeg"), version("ffprobe")) {
        (Some(ffmpeg), Some(ffprobe)) => {
            Check::good("ffmpeg", format!("ffmpeg {ffmpeg}, ffprobe {ffprobe}"))
        }
        (None, _) => Check::bad(
            "ffmpeg",
            "ffmpeg is not there or does not start",
            FFMPEG_CURE,
        ),
        (_, None) => Check::bad(
            "ffmpeg",
            "ffprobe is not there or does not start",
            FFMPEG_CURE,
        ),
    }
}

fn codecs() -> Check {
    let Some(encoders) = output_of("ffmpeg", &["-hide_banner", "-encoders"]) else {
        return Check::bad("codecs", "cannot be asked for without ffmpeg", FFMPEG_CURE);
    };
    let has = |name: &&str| {
        encoders
            .lines()
            .any(|line| line.split_whitespace().nth(1) == Some(name))
    };
    let missing: Vec<&str> = ["libx264", "aac", "mjpeg"]
        .into_iter()
        .filter(|name| !has(name))
        .collect();
    if missing.is_empty() {
        return Check::good("codecs", "H.264 (libx264), AAC and JPEG can be written");
    }
    let finding = format!("this ffmpeg lacks {}", missing.join(", "));
    Check::bad(
        "codecs",
        finding,
        "install a full build of ffmpeg, with libx264",
    )
}

fn ports(config: &Config) -> Check {
    let wanted = [
        ("server.listen", "--listen", config.server.listen),
        (
            "server.internal_listen",
            "--internal-listen",
            config.server.internal_listen,
        ),
    ];
    for (key, flag, address) in wanted {
        if let Err(error) = TcpListener::bind(address) {
            let finding = format!("{address} ({key}) cannot be listened on: {error}");
            let cure =
                format!("is amphi running already? Otherwise choose another with {flag} ADDR");
            return Check::warning("ports", finding, cure);
        }
    }
    let list = wanted.map(|(_, _, address): (_, _, SocketAddr)| address.to_string());
    Check::good("ports", format!("{} are free", list.join(" and ")))
}

/// The folder, or the one in which it would be made.
fn existing(folder: &Path) -> &Path {
    folder
        .ancestors()
        .find(|folder| folder.exists())
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// How long a durable write takes there, or what is said of a folder that cannot be written.
fn try_to_write(folder: &Path) -> Result<Duration, String> {
    let probe = folder.join(format!(".amphi-doctor-{}", std::process::id()));
    let started = Instant::now();
    let written = std::fs::File::create(&probe).and_then(|file| {
        std::io::Write::write_all(&mut &file, b"amphi")?;
        file.sync_all()
    });
    let took = started.elapsed();
    std::fs::remove_file(&probe).ok();
    written
        .map(|()| took)
        .map_err(|error| format!("{} cannot be written: {error}", folder.display()))
}

fn disk(data: &Path) -> Check {
    let existing = existing(data);
    let sync_ms = match try_to_write(existing) {
        Ok(took) => took.as_secs_f64() * 1_000.0,
        Err(finding) => {
            return Check::bad(
                "disk",
                finding,
                "give --data a folder that this user may write",
            );
        }
    };
    let free =
        rustix::fs::statvfs(existing).map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    #[allow(clippy::cast_precision_loss)]
    let free_gib = free as f64 / f64::from(1 << 30);
    let finding = format!(
        "{free_gib:.1} GiB free at {}, a durable write takes {sync_ms:.1} ms",
        existing.display()
    );
    if free < DISK_FREE_BYTES_MIN {
        return Check::warning("disk", finding, "make room, or give --data a larger disk");
    }
    Check::good("disk", finding)
}

async fn database(config: &Config) -> Check {
    let settings: db::Settings = match config.section("database") {
        Ok(settings) => settings,
        Err(error) => return Check::bad("database", error.to_string(), "see `amphi config dump`"),
    };
    let url = config.database_url(Role::Catalog);
    let kind = url
        .expose()
        .split(':')
        .next()
        .unwrap_or_default()
        .to_owned();
    // Looking must not make a database of what is only about to be one.
    if config
        .database_file(Role::Catalog)
        .is_some_and(|file| !file.exists())
    {
        return Check::good(
            "database",
            format!("{kind}: will be made at the first start"),
        );
    }
    for role in compose::roles_with_database() {
        let opening = async {
            let db = Db::connect(&settings, role, config.data_dir()).await?;
            db.ping().await.ok();
            db.close().await.ok();
            Ok::<_, db::ConnectError>(())
        };
        match tokio::time::timeout(DATABASE_TIMEOUT, opening).await {
            Ok(Ok(())) => {}
            // The error itself says what to do.
            Ok(Err(error)) => {
                return Check::bad(
                    "database",
                    format!("{role}: {error}"),
                    "see `database.url` in `amphi config dump`",
                );
            }
            Err(_) => {
                let finding = format!("{role}: no answer within {} s", DATABASE_TIMEOUT.as_secs());
                return Check::bad(
                    "database",
                    finding,
                    "is the server reachable from here? See `database.url`",
                );
            }
        }
    }
    let roles: Vec<&str> = compose::roles_with_database().map(Role::as_str).collect();
    Check::good("database", format!("{kind}: {} answer", roles.join(", ")))
}

/// Of the encoder, which two processes cannot share.
fn work_folder(config: &Config) -> Check {
    let settings: amphi_encoder::Settings = match config.section("encoder") {
        Ok(settings) => settings,
        Err(error) => return Check::bad("folder", error.to_string(), "see `amphi config dump`"),
    };
    let folder = settings.work_folder(config.data_dir());
    match amphi_encoder::check_is_free(&folder) {
        Ok(()) => Check::good(
            "folder",
            format!("{} is free to encode in", folder.display()),
        ),
        Err(taken) => Check::warning(
            "folder",
            taken.to_string(),
            "if that is the platform itself, which runs already, all is well",
        ),
    }
}

async fn broker(config: &Config) -> Check {
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

async fn blobs(config: &Config) -> Check {
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

async fn shared_state(config: &Config) -> Check {
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

fn internal_tls(config: &Config) -> Check {
    const NAME: &str = "mtls";
    match InternalTls::open(config) {
        Ok(None) => Check::good(NAME, "off: internal calls are plain"),
        Ok(Some(tls)) => {
            let expires_at = tls::shown(tls.expires_at());
            Check::good(NAME, format!("the certificate is good until {expires_at}"))
        }
        Err(error) => Check::bad(
            NAME,
            error.to_string(),
            "put certificate, key and authorities in place that belong together; docs/operations says how to make them",
        ),
    }
}

fn clock() -> Check {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let shown = jiff::Timestamp::now();
    if now < CLOCK_EARLIEST_S {
        let finding = format!("it says {shown}, which cannot be");
        return Check::bad(
            "clock",
            finding,
            "set the clock, or switch on time synchronisation (timedatectl set-ntp true)",
        );
    }
    Check::good("clock", format!("{shown}"))
}

fn settings(config: &Config) -> Vec<Check> {
    let mut checks: Vec<Check> = compose::check_settings(config)
        .into_iter()
        .map(|error| Check::bad("settings", error.to_string(), "see `amphi config dump`"))
        .collect();
    checks.extend(
        config
            .warnings()
            .iter()
            .map(|warning| Check::warning("settings", warning.clone(), "see `amphi config dump`")),
    );
    checks
}
