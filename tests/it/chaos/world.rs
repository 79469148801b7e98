//! A platform whose every line can fail: each role a process of its own, on engines of its own.

use std::net::SocketAddr;

use amphi_chassis::Role;
use amphi_chassis::Secret;
use amphi_chassis::db::{self, Db};
use amphi_chassis::testing::{ServerKind, TestS3, TestServer, free_address};
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::Value;

use super::faults::{Fault, Place};
use super::people::all_of;
use crate::harness::{Actor, Errand, Platform, ROLES, amphi, eventually, service};

/// Half of the services keep their rows in each of the servers.
const IN_POSTGRES: [Role; 2] = [Role::Identity, Role::Catalog];
const IN_MARIADB: [Role; 2] = [Role::Media, Role::Playback];
/// Those that others call.
const CALLED: [&str; 4] = ["identity", "catalog", "media", "playback"];

pub struct World {
    pub platform: Platform,
    // Dropped after the platform.
    places: Vec<Place>,
}

impl World {
    pub async fn on_servers() -> Self {
        Self::start(servers().await).await
    }

    pub async fn on_kafka() -> Self {
        Self::start(vec![Place::kafka("kafka").await]).await
    }

    async fn start(mut places: Vec<Place>) -> Self {
        let addresses = ROLES.map(|_| free_address());
        for (role, address) in ROLES.iter().zip(addresses) {
            if CALLED.contains(role) {
                places.push(Place::role(role, address).await);
            }
        }
        let common = common_settings(&places, &addresses);
        let platform = tokio::task::block_in_place(|| {
            Platform::start_each_at(&addresses, |role| {
                let mut settings = common.clone();
                let url = Role::ALL
                    .into_iter()
                    .find(|it| it.to_string() == role)
                    .and_then(|role| database_url(&places, role));
                settings.extend(url.map(|url| ("AMPHI_DATABASE__URL".to_owned(), url)));
                settings
            })
        });
        Self { platform, places }
    }

    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.places.iter()
    }

    pub async fn begin(&mut self, place: &str, fault: Fault) {
        self.place(place).begin(fault).await;
    }

    pub async fn mend(&mut self, place: &str, fault: Fault) {
        self.place(place).mend(fault).await;
    }

    fn place(&mut self, name: &str) -> &mut Place {
        self.places.iter_mut().find(|it| it.name == name).unwrap()
    }

    /// Removes what there is and shows that nothing is left: no blob, no event on its way or given up, no job to be done.
    pub async fn ends_empty(mut self, ann: &Actor) {
        // What was created without an answer is there, too, and goes like the rest.
        for video in all_of(ann, "/api/v1/videos?owner=me&limit=100").await {
            let path = format!("/api/v1/videos/{}", video["id"].as_str().unwrap());
            ann.delete(&path).await.expect(204);
        }
        eventually("every event to arrive, and the blobs to go", || async {
            let blobs = find(&self.places, "s3")
                .map_or_else(|| self.platform.blobs(), |place| place.s3().objects());
            blobs.is_empty().then_some(())
        })
        .await;
        for role in IN_POSTGRES.into_iter().chain(IN_MARIADB) {
            let db = match database_url(&self.places, role) {
                Some(url) => database(url, role).await,
                None => self.platform.database(role).await,
            };
            // What comes again and again is always there.
            for table in ["outbox", "jobs WHERE kind <> 'media.sweep'"] {
                eventually(&format!("no rows of {role} in {table}"), || async {
                    (rows(&db, table).await == 0).then_some(())
                })
                .await;
            }
        }
        assert_eq!(self.dead_letters().await, Value::Array(Vec::new()));
        assert!(self.platform.stop(), "every process ends in peace");
    }

    /// What consumers have refused until it was given up; such events wait at the broker.
    async fn dead_letters(&self) -> Value {
        let mut command = amphi();
        command
            .args(["events", "dead-letters", "--json", "--data"])
            .arg(self.platform.data.path())
            .envs(broker_settings(&self.places));
        let (status, said, error) = Errand::start(&mut command).ended().await;
        assert!(status.success(), "{error}");
        let report: Value = serde_json::from_str(&said).unwrap();
        report["dead_letters"].clone()
    }
}

/// All but Kafka.
async fn servers() -> Vec<Place> {
    let kinds = [
        ("postgres", ServerKind::Postgres),
        ("mariadb", ServerKind::MariaDb),
        ("rabbitmq", ServerKind::RabbitMq),
        ("redis", ServerKind::Redis),
    ];
    // They take some seconds each.
    let starting = kinds.map(|(name, kind)| {
        let server = tokio::task::spawn_blocking(move || TestServer::start(kind));
        (name, server)
    });
    let mut places = Vec::new();
    for (name, server) in starting {
        places.push(Place::engine(name, server.await.unwrap()).await);
    }
    places.push(Place::store("s3", TestS3::start()).await);
    places
}

fn find<'p>(places: &'p [Place], name: &str) -> Option<&'p Place> {
    places.iter().find(|it| it.name == name)
}

fn common_settings(places: &[Place], addresses: &[SocketAddr]) -> Vec<(String, String)> {
    let mut settings = broker_settings(places);
    let mut set = |key: &str, value: String| settings.push((key.to_owned(), value));
    if let Some(redis) = find(places, "redis") {
        set("AMPHI_SHARED__URL", redis.url());
    }
    if let Some(s3) = find(places, "s3") {
        for (key, value) in s3.s3().variables_by(s3.address()) {
            set(key, value);
        }
    }
    set("AMPHI_DATABASE__STATEMENT_TIMEOUT_MS", "3000".to_owned());
    set("AMPHI_ENCODER__NICENESS", "0".to_owned());
    // Everybody here comes from one address.
    set("AMPHI_GATEWAY__AUTH_ATTEMPTS_PER_MINUTE", "0".to_owned());
    for (role, address) in ROLES.iter().zip(addresses) {
        let address = find(places, role).map_or(*address, Place::address);
        settings.extend(service(role, &format!("http://{address}")));
    }
    settings
}

fn broker_settings(places: &[Place]) -> Vec<(String, String)> {
    let is_broker = |place: &&Place| ["rabbitmq", "kafka"].contains(&place.name);
    let broker = places.iter().find(is_broker).unwrap();
    let settings = [
        ("AMPHI_BUS__KIND", broker.name.to_owned()),
        ("AMPHI_BUS__URL", broker.url()),
        // One broker, and few processes.
        ("AMPHI_BUS__KAFKA__PARTITIONS", "3".to_owned()),
        ("AMPHI_BUS__KAFKA__REPLICATION_FACTOR", "1".to_owned()),
    ];
    settings.map(|(key, value)| (key.to_owned(), value)).into()
}

fn database_url(places: &[Place], role: Role) -> Option<String> {
    let server = if IN_POSTGRES.contains(&role) {
        "postgres"
    } else if IN_MARIADB.contains(&role) {
        "mariadb"
    } else {
        return None;
    };
    Some(format!("{}/amphi_{{service}}", find(places, server)?.url()))
}

async fn database(url: String, role: Role) -> Db {
    let settings = db::Settings {
        url: Secret::new(url),
        max_connections: 2,
        statement_timeout_ms: 10_000,
        migrate_at_start: false,
    };
    let nowhere = tempfile::tempdir().unwrap();
    Db::connect(&settings, role, nowhere.path()).await.unwrap()
}

async fn rows(db: &Db, table: &str) -> i64 {
    let count = Statement::from_string(db.engine(), format!("SELECT COUNT(*) AS n FROM {table}"));
    let row = db.read().query_one_raw(count).await.unwrap().unwrap();
    row.try_get("", "n").unwrap()
}
