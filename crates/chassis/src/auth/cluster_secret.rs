//! The secret that all processes of one cluster share, made on the first start when none is configured.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Secret;

const FILE_NAME: &str = "cluster.secret";
const RANDOM_BYTES: usize = 32;
/// A configured secret must be hard to guess: it lets its holder speak for every service.
const LENGTH_MIN: usize = 32;

#[derive(Debug, thiserror::Error)]
pub enum ClusterSecretError {
    #[error(
        "cluster.secret is too short: it has {length} characters and needs at least {LENGTH_MIN}; make one with `openssl rand -base64 32`"
    )]
    TooShort { length: usize },
    #[error("cannot {action} the cluster secret in {path}")]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "the cluster secret in {path} may be read by others (mode {mode:o}): run `chmod 600 {path}`"
    )]
    Exposed { path: PathBuf, mode: u32 },
}

/// The configured secret, or when it is empty the one in `data_dir/cluster.secret`, which the first process makes.
///
/// Processes that share the folder and start at the same moment agree: the file appears whole, by a link that only one
/// of them can make.
///
/// # Errors
/// When the secret is too short, or the file cannot be made, cannot be read, or may be read by others.
pub fn load_or_create(
    configured: &Secret<String>,
    data_dir: &Path,
) -> Result<Secret<String>, ClusterSecretError> {
    let configured = configured.expose().trim();
    if !configured.is_empty() {
        return long_enough(configured.to_owned());
    }
    let path = data_dir.join(FILE_NAME);
    match read(&path) {
        Ok(secret) => return long_enough(secret),
        Err(ClusterSecretError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    create(data_dir, &path)?;
    read(&path).and_then(long_enough)
}

fn long_enough(secret: String) -> Result<Secret<String>, ClusterSecretError> {
    if secret.len() < LENGTH_MIN {
        return Err(ClusterSecretError::TooShort {
            length: secret.len(),
        });
    }
    Ok(Secret::new(secret))
}

fn read(path: &Path) -> Result<String, ClusterSecretError> {
    let failed = |source| ClusterSecretError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(ClusterSecretError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let mut secret = String::new();
    file.read_to_string(&mut secret).map_err(failed)?;
    Ok(secret.trim().to_owned())
}

/// Writes a temporary file and links it to its name, which fails when another process was first: then its secret holds.
fn create(data_dir: &Path, path: &Path) -> Result<(), ClusterSecretError> {
    let failed = |source| ClusterSecretError::Io {
        action: "create",
        path: path.to_owned(),
        source,
    };
    std::fs::create_dir_all(data_dir).map_err(failed)?;
    let temporary = data_dir.join(format!(".{FILE_NAME}.{}", uuid::Uuid::new_v4()));
    let written = write_secret(&temporary).and_then(|()| std::fs::hard_link(&temporary, path));
    let removed = std::fs::remove_file(&temporary);
    match written {
        Ok(()) => {
            removed.map_err(failed)?;
            File::open(data_dir)
                .and_then(|folder| folder.sync_all())
                .map_err(failed)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

fn write_secret(path: &Path) -> io::Result<()> {
    let mut random = [0u8; RANDOM_BYTES];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| io::Error::other("no randomness"))?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{}", URL_SAFE_NO_PAD.encode(random))?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn none() -> Secret<String> {
        Secret::new(String::new())
    }

    #[test]
    fn processes_that_start_at_once_agree_on_one_secret() {
        let folder = tempfile::tempdir().unwrap();
        let secrets: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16)
                .map(|_| scope.spawn(|| load_or_create(&none(), folder.path()).unwrap()))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap().expose().clone())
                .collect()
        });
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "temporary files stay behind: {left:?}");
    }

    #[test]
    fn the_file_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        load_or_create(&none(), folder.path()).unwrap();
        let path = folder.path().join(FILE_NAME);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = load_or_create(&none(), folder.path()).unwrap_err();
        assert!(matches!(
            error,
            ClusterSecretError::Exposed { mode: 0o644, .. }
        ));
    }

    #[test]
    fn a_short_secret_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = load_or_create(&Secret::new("short".to_owned()), folder.path()).unwrap_err();
        assert!(matches!(error, ClusterSecretError::TooShort { length: 5 }));
    }

    #[test]
    fn a_configured_secret_makes_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let configured = Secret::new("x".repeat(40));
        let secret = load_or_create(&configured, folder.path()).unwrap();
        assert_eq!(secret, configured);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
