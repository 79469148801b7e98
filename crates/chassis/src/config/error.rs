//! What can be wrong with a configuration, said so that it can be put right.

use std::fmt;
use std::path::PathBuf;

/// Where a value was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The compiled-in defaults.
    Default,
    /// The configuration file; `line` counts from 1.
    File { path: PathBuf, line: usize },
    /// An environment variable.
    Env { variable: String },
    /// A file that an environment variable `…_FILE` points to.
    EnvFile { variable: String, path: PathBuf },
    /// A command line flag.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Env { variable } => write!(f, "environment variable {variable}"),
            Self::EnvFile { variable, path } => {
                write!(f, "{} (from {variable})", path.display())
            }
            Self::Flag => f.write_str("command line"),
        }
    }
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the file {}, named by {origin}: {source}", path.display())]
    Unreadable {
        path: PathBuf,
        origin: String,
        source: std::io::Error,
    },
    #[error("{origin}: not valid TOML: {message}")]
    Syntax { origin: Origin, message: String },
    #[error("{origin}: there is no setting `{name}`{}", Suggestion(nearest))]
    Unknown {
        name: String,
        origin: Origin,
        nearest: Option<String>,
    },
    #[error("{origin}: `{key}` must be {expected}, but is {found}")]
    WrongType {
        key: String,
        origin: Origin,
        expected: &'static str,
        found: String,
    },
    #[error("{origin}: `{key}` is not valid: {message}")]
    Invalid {
        key: String,
        origin: Origin,
        message: String,
    },
    #[error("`{key}` is set twice, by {variable} and by {variable}_FILE; keep one")]
    SetTwice { key: String, variable: String },
    #[error("there is no section `{0}` in the defaults")]
    NoSection(String),
    #[error("{}", Lines(.0))]
    Several(Vec<ConfigError>),
}

impl ConfigError {
    /// One error of many; `None` of none.
    pub(super) fn from_all(mut errors: Vec<Self>) -> Option<Self> {
        match errors.len() {
            0 => None,
            1 => errors.pop(),
            _ => Some(Self::Several(errors)),
        }
    }
}

struct Suggestion<'a>(&'a Option<String>);

impl fmt::Display for Suggestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "; did you mean `{name}`?"),
            None => f.write_str("; `amphi config dump` lists all"),
        }
    }
}

struct Lines<'a>(&'a [ConfigError]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}
