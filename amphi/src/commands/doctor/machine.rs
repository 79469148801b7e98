//! The machine itself: programs, ports, disk, clock.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use amphi_chassis::Role;
use amphi_chassis::config::{Config, ConfigError};
use amphi_media_kit::run::{Tools, ToolsError};

use super::Check;

/// Below this, uploads will soon be refused.
const DISK_FREE_BYTES_MIN: u64 = 5 << 30;
/// A clock before this cannot be right: tokens would be refused everywhere. 2026-01-01.
const CLOCK_EARLIEST_S: u64 = 1_767_225_600;

/// The two programs that a role runs.
type Programs = (PathBuf, PathBuf);

/// Whether the programs are here that these roles are told to run, and can do what is asked of them.
pub(super) async fn ffmpeg(config: &Config, roles: &BTreeSet<Role>) -> Vec<Check> {
    let mut wanted: BTreeMap<Programs, Vec<&str>> = BTreeMap::new();
    for role in roles {
        match programs_of(config, *role) {
            Ok(Some(programs)) => wanted.entry(programs).or_default().push(role.as_str()),
            Ok(None) => {}
            Err(error) => {
                return vec![Check::bad(
                    "ffmpeg",
                    error.to_string(),
                    "see `amphi config dump`",
                )];
            }
        }
    }
    let mut checks = Vec::new();
    for ((ffmpeg, ffprobe), roles) in wanted {
        checks.push(match Tools::detect(&ffmpeg, &ffprobe, 1).await {
            Ok(tools) => Check::good(
                "ffmpeg",
                format!(
                    "{} {} writes H.264 (libx264), AAC and JPEG, for {}",
                    ffmpeg.display(),
                    tools.version,
                    roles.join(" and ")
                ),
            ),
            Err(error) => unusable(&error, &roles),
        });
    }
    checks
}

fn programs_of(config: &Config, role: Role) -> Result<Option<Programs>, ConfigError> {
    Ok(match role {
        Role::Media => {
            let settings: amphi_media::Settings = config.section(role.as_str())?;
            Some((settings.ffmpeg, settings.ffprobe))
        }
        Role::Encoder => {
            let settings: amphi_encoder::Settings = config.section(role.as_str())?;
            Some((settings.ffmpeg, settings.ffprobe))
        }
        _ => None,
    })
}

fn unusable(error: &ToolsError, roles: &[&str]) -> Check {
    let keys: Vec<String> = roles
        .iter()
        .map(|role| format!("`{role}.ffmpeg`"))
        .collect();
    let cure = match error {
        ToolsError::EncoderMissing(_) => "install a full build of ffmpeg, with libx264",
        ToolsError::Missing { .. } | ToolsError::NotFfmpeg(_) => {
            "install ffmpeg 5.1 or newer, for example: sudo apt-get install ffmpeg"
        }
    };
    let cure = format!("{cure}; or name another in {}", keys.join(" and "));
    Check::bad("ffmpeg", error.to_string(), cure)
}

pub(super) fn ports(config: &Config) -> Check {
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
pub(super) fn existing(folder: &Path) -> &Path {
    folder
        .ancestors()
        .find(|folder| folder.exists())
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// How long a durable write takes there, or what is said of a folder that cannot be written.
pub(super) fn try_to_write(folder: &Path) -> Result<Duration, String> {
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

pub(super) fn disk(data: &Path) -> Check {
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

/// Of the encoder, which two processes cannot share.
pub(super) fn work_folder(config: &Config) -> Check {
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

pub(super) fn clock() -> Check {
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
