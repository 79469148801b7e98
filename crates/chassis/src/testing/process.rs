//! A process with some roles of the test's choosing.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use amphi_contracts::AccountId;
use tempfile::TempDir;

use super::TestKeys;
use crate::Role;
use crate::Secret;
use crate::auth::{AccountRole, ServiceTokens};
use crate::config::{Config, Sources};
use crate::db::Db;
use crate::lifecycle::{Process, RunError, Running};
use crate::rpc::Clients;
use crate::service::{BuildFn, Context, Service, StartError};
use crate::telemetry;

const CLUSTER_SECRET: &str = "a secret that only tests share, long enough";

/// What the process is to be. See [`TestProcess::builder`].
#[derive(Debug)]
pub struct TestProcessBuilder {
    folder: TempDir,
    roles: Vec<(Role, BuildFnHolder)>,
    sources: Sources,
    keys: TestKeys,
}

struct BuildFnHolder(BuildFn);

impl std::fmt::Debug for BuildFnHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BuildFn")
    }
}

impl TestProcessBuilder {
    fn over(folder: TempDir, keys: TestKeys) -> Self {
        let sources = Sources::default()
            .with_flag("server.listen", "127.0.0.1:0")
            .with_flag("server.internal_listen", "127.0.0.1:0")
            .with_flag("cluster.secret", CLUSTER_SECRET);
        Self {
            folder,
            roles: Vec::new(),
            sources,
            keys,
        }
    }

    /// A role with its builder.
    #[must_use]
    pub fn role(mut self, role: Role, build: BuildFn) -> Self {
        self.roles.push((role, BuildFnHolder(build)));
        self
    }

    /// A stand-in: a service made by the test.
    #[must_use]
    pub fn stand_in(self, service: impl Fn() -> Service + Send + Sync + 'static) -> Self {
        let role = service().role;
        self.role(
            role,
            Arc::new(move |_: &Context| {
                let service = service();
                Box::pin(std::future::ready(Ok(service)))
            }),
        )
    }

    /// A setting by its dotted key, for example `media.lease_ms`.
    #[must_use]
    pub fn setting(mut self, key: &str, value: impl Into<toml::Value>) -> Self {
        self.sources = self.sources.with_flag(key, value);
        self
    }

    /// Believes the access tokens of these keys, so that several processes believe the same.
    #[must_use]
    pub fn keys(mut self, keys: TestKeys) -> Self {
        self.keys = keys;
        self
    }

    /// The folder in which the process will keep its data.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    /// # Panics
    /// When the process cannot start, with the reason.
    pub async fn start(self) -> TestProcess {
        self.try_start()
            .await
            .unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)))
    }

    /// Like [`Self::start`], for tests of what goes wrong.
    ///
    /// # Errors
    /// Why the process cannot start.
    ///
    /// # Panics
    /// When a setting is wrong.
    pub async fn try_start(self) -> Result<TestProcess, StartError> {
        let data_dir = self.folder.path().to_str().unwrap();
        let sources = self.sources.with_flag("server.data_dir", data_dir);
        let config = Arc::new(Config::load(sources).unwrap_or_else(|error| panic!("{error}")));
        let telemetry = telemetry::init(&config).unwrap();
        let keys = self.keys;
        let has_identity = self.roles.iter().any(|(role, _)| *role == Role::Identity);
        let mut process = Process::new(config, telemetry);
        if !has_identity {
            process = process.keys(keys.clone());
        }
        for (role, build) in self.roles {
            process = process.role(role, build.0);
        }
        let running = process.start().await?;
        Ok(TestProcess {
            running,
            keys,
            folder: self.folder,
        })
    }
}

/// A running process. It stops with the runtime of its test; its folder goes when it is dropped.
#[derive(Debug)]
pub struct TestProcess {
    running: Running,
    keys: TestKeys,
    folder: TempDir,
}

impl TestProcess {
    /// # Panics
    /// When there is no temporary folder.
    #[must_use]
    pub fn builder() -> TestProcessBuilder {
        let folder = tempfile::Builder::new().prefix("amphi-").tempdir().unwrap();
        TestProcessBuilder::over(folder, TestKeys::generate())
    }

    #[must_use]
    pub const fn context(&self) -> &Context {
        self.running.context()
    }

    #[must_use]
    pub fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    /// The internal address, as others name it.
    #[must_use]
    pub fn internal_url(&self) -> String {
        let scheme = match self.context().tls {
            Some(_) => "https",
            None => "http",
        };
        format!("{scheme}://{}", self.internal())
    }

    /// The internal address.
    #[must_use]
    pub const fn internal(&self) -> SocketAddr {
        self.running.internal
    }

    /// The public address.
    ///
    /// # Panics
    /// Without a gateway.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.running.http.unwrap()
    }

    /// The database of a role of this process.
    ///
    /// # Panics
    /// When the role has none.
    #[must_use]
    pub fn database(&self, role: Role) -> Db {
        let databases = self.context().databases.all();
        databases.into_iter().find(|db| db.role() == role).unwrap()
    }

    /// Clients that call as nobody.
    #[must_use]
    pub fn anonymous(&self) -> Clients {
        self.running.clients().with_token(None)
    }

    /// Clients that call with a token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Clients {
        self.running.clients().with_token(Some(token.into()))
    }

    /// An access token, believed unless the real identity is in the process.
    #[must_use]
    pub fn token(&self, account_id: AccountId, role: AccountRole) -> String {
        self.keys.token(account_id, role)
    }

    /// Clients that call as an account.
    #[must_use]
    pub fn account(&self, account_id: AccountId, role: AccountRole) -> Clients {
        self.with_token(&self.token(account_id, role))
    }

    /// Clients that call as a service.
    #[must_use]
    pub fn service(&self, role: Role) -> Clients {
        self.with_token(&self.service_token(role))
    }

    /// The token of a service.
    #[must_use]
    pub fn service_token(&self, role: Role) -> String {
        let tokens = ServiceTokens::new(&Secret::new(CLUSTER_SECRET.to_owned()));
        tokens.token_for(role).to_string()
    }

    /// The token of a service for registries.
    #[must_use]
    pub fn registry_token(&self, role: Role) -> String {
        let tokens = ServiceTokens::new(&Secret::new(CLUSTER_SECRET.to_owned()));
        tokens.registry_token_for(role).to_string()
    }

    /// Stops in peace and gives the data folder back, so that a process can be started over it again.
    ///
    /// # Panics
    /// When a part of the process had failed.
    pub async fn stop(self) -> TestProcessBuilder {
        self.running.stop();
        self.running.wait().await.unwrap();
        TestProcessBuilder::over(self.folder, self.keys)
    }

    /// Asks the process to stop, without waiting.
    pub fn ask_to_stop(&self) {
        self.running.stop();
    }

    /// Waits until the process has stopped by itself, or because it was asked to.
    ///
    /// # Errors
    /// When a part of the process had failed.
    pub async fn wait(self) -> Result<(), RunError> {
        self.running.wait().await
    }
}
