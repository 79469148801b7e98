//! What a platform stands on: how it is spread over processes, and the engines under it.

use amphi_chassis::bus;
use amphi_chassis::testing::{Engine, TestBroker, TestDatabases, TestRedis, TestS3, TestTlsFiles};

/// Every role in one process, or each in its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    OneProcess,
    RolesApart,
}

/// A combination that the suite is run on.
#[derive(Debug, Clone, Copy)]
pub struct Ground {
    pub topology: Topology,
    engine: Engine,
    broker: bus::Kind,
    /// The roles find each other through a registry, rather than by a list.
    pub has_registry: bool,
    has_s3: bool,
    pub has_mutual_tls: bool,
}

impl Ground {
    /// On the embedded defaults.
    pub const fn one_process() -> Self {
        Self {
            topology: Topology::OneProcess,
            engine: Engine::Sqlite,
            broker: bus::Kind::Local,
            has_registry: false,
            has_s3: false,
            has_mutual_tls: false,
        }
    }

    /// On the embedded defaults, one folder for all.
    pub const fn roles_apart() -> Self {
        Self {
            topology: Topology::RolesApart,
            ..Self::one_process()
        }
    }

    pub const fn on(self, engine: Engine) -> Self {
        Self { engine, ..self }
    }

    pub const fn with_registry(self) -> Self {
        Self {
            has_registry: true,
            ..self
        }
    }

    /// And with Redis: who needs one of them has more than one machine, and has use for both.
    pub const fn with_rabbitmq(self) -> Self {
        Self {
            broker: bus::Kind::RabbitMq,
            ..self
        }
    }

    /// And with Redis, as above.
    pub const fn with_kafka(self) -> Self {
        Self {
            broker: bus::Kind::Kafka,
            ..self
        }
    }

    /// The roles call each other over mutual TLS.
    pub const fn with_mutual_tls(self) -> Self {
        Self {
            has_mutual_tls: true,
            ..self
        }
    }

    pub const fn with_s3(self) -> Self {
        Self {
            has_s3: true,
            ..self
        }
    }
}

/// What one platform holds of the servers under it; gone when it is dropped.
pub struct Held {
    databases: Option<TestDatabases>,
    queues: Option<TestBroker>,
    s3: Option<TestS3>,
    redis: Option<TestRedis>,
    tls: Option<TestTlsFiles>,
}

impl Held {
    pub fn of(ground: Ground) -> Self {
        // SQLite lives in the data folder, as it does for everybody.
        let has_server = ground.engine != Engine::Sqlite;
        Self {
            databases: has_server.then(|| TestDatabases::create(ground.engine)),
            queues: match ground.broker {
                bus::Kind::Local => None,
                bus::Kind::RabbitMq => Some(TestBroker::rabbitmq()),
                bus::Kind::Kafka => Some(TestBroker::kafka()),
            },
            s3: ground.has_s3.then(TestS3::start),
            redis: (ground.broker != bus::Kind::Local).then(TestRedis::create),
            tls: ground.has_mutual_tls.then(TestTlsFiles::any),
        }
    }

    /// The environment that leads a process there.
    pub fn settings(&self) -> Vec<(String, String)> {
        let mut settings = Vec::new();
        let mut set = |key: &str, value: &str| settings.push((key.to_owned(), value.to_owned()));
        if let Some(databases) = &self.databases {
            set("AMPHI_DATABASE__URL", &databases.url());
        }
        if let Some(queues) = &self.queues {
            set("AMPHI_BUS__KIND", queues.kind());
            set("AMPHI_BUS__URL", &queues.url());
            set("AMPHI_BUS__PREFIX", queues.prefix());
            // One broker, and few processes.
            set("AMPHI_BUS__KAFKA__PARTITIONS", "3");
            set("AMPHI_BUS__KAFKA__REPLICATION_FACTOR", "1");
        }
        for (key, value) in self.s3.iter().flat_map(TestS3::variables) {
            set(key, &value);
        }
        if let Some(redis) = &self.redis {
            set("AMPHI_SHARED__URL", &redis.url());
            set("AMPHI_SHARED__PREFIX", redis.prefix());
        }
        for (key, value) in self.tls.iter().flat_map(TestTlsFiles::settings) {
            set(&variable(key), &value);
        }
        settings
    }

    /// The store that the blobs are in, if they are in a bucket.
    pub fn s3(&self) -> Option<&TestS3> {
        self.s3.as_ref()
    }

    /// What is in the bucket, if the blobs are in one.
    pub fn objects(&self) -> Option<Vec<String>> {
        self.s3.as_ref().map(TestS3::objects)
    }
}

/// The environment variable of a setting.
pub fn variable(key: &str) -> String {
    format!("AMPHI_{}", key.to_uppercase().replace('.', "__"))
}
