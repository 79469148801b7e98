//! Whether the process is ready for requests, and what is missing if not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::Role;
use crate::service::{Databases, ReadyCheck};

/// A check that takes longer has failed.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, Clone)]
pub(super) struct Health {
    databases: Databases,
    checks: Vec<(Role, ReadyCheck)>,
    is_serving: Arc<AtomicBool>,
}

/// The body of `/readyz`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub ready: bool,
    /// What was asked, and `ok` or what is missing.
    checks: BTreeMap<String, String>,
}

impl Health {
    pub fn new(databases: Databases) -> Self {
        Self {
            databases,
            checks: Vec::new(),
            is_serving: Arc::default(),
        }
    }

    pub fn add(&mut self, role: Role, checks: Vec<ReadyCheck>) {
        self.checks
            .extend(checks.into_iter().map(|check| (role, check)));
    }

    /// Says whether the process takes requests: from its start to the moment it is asked to stop.
    pub fn set_serving(&self, is_serving: bool) {
        self.is_serving.store(is_serving, Ordering::SeqCst);
    }

    pub async fn report(&self) -> Report {
        let mut checks = BTreeMap::new();
        for db in self.databases.all() {
            let outcome = within_time(async { db.ping().await.map_err(|error| error.to_string()) });
            checks.insert(format!("{} database", db.role()), outcome.await);
        }
        for (role, check) in &self.checks {
            checks.insert(
                format!("{role} {}", check.name),
                within_time((check.check)()).await,
            );
        }
        let is_serving = self.is_serving.load(Ordering::SeqCst);
        let process = if is_serving {
            OK
        } else {
            "starting or stopping"
        };
        checks.insert("process".to_owned(), process.to_owned());
        Report {
            ready: checks.values().all(|outcome| outcome == OK),
            checks,
        }
    }
}

const OK: &str = "ok";

async fn within_time(check: impl Future<Output = Result<(), String>>) -> String {
    match tokio::time::timeout(CHECK_TIMEOUT, check).await {
        Ok(Ok(())) => OK.to_owned(),
        Ok(Err(missing)) => missing,
        Err(_) => format!("no answer within {} s", CHECK_TIMEOUT.as_secs()),
    }
}
