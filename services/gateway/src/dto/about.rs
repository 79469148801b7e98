use serde::Serialize;
use utoipa::ToSchema;

/// What this installation is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct About {
    pub name: &'static str,
    pub version: &'static str,
    /// Whether anyone may open an account.
    pub registration_open: bool,
    /// The largest file that may be uploaded.
    pub upload_max_bytes: u64,
}

/// How the public address is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Health {
    /// `healthy`, or `draining` while the process ends.
    pub status: &'static str,
}
