//! The servers that tests run against: databases, brokers and caches.
//!
//! Each is the one that its `AMPHI_TEST_*` variable names (a URL without a database), else the one on the standard local
//! port, else one started for this process from the installed packages. None at all fails the test: it is never skipped.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::ports::free_address;

/// `postgres://user@host:port`
pub(super) fn postgres() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        named_or_standard(
            "AMPHI_TEST_POSTGRES",
            5432,
            "postgres://postgres@127.0.0.1:5432",
        )
        .unwrap_or_else(start_postgres)
    })
}

/// `mysql://user@host:port`; MariaDB stands for both.
pub(super) fn mysql() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        named_or_standard("AMPHI_TEST_MYSQL", 3306, "mysql://root@127.0.0.1:3306")
            .unwrap_or_else(start_mariadb)
    })
}

/// `amqp://user:password@host:port/vhost`
#[cfg(feature = "rabbitmq")]
pub(super) fn rabbitmq() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        named_or_standard(
            "AMPHI_TEST_RABBITMQ",
            5672,
            "amqp://guest:guest@127.0.0.1:5672/%2f",
        )
        .unwrap_or_else(start_rabbitmq)
    })
}

/// `redis://host:port`
#[cfg(feature = "redis")]
pub(super) fn redis() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        named_or_standard("AMPHI_TEST_REDIS", 6379, "redis://127.0.0.1:6379")
            .unwrap_or_else(start_redis)
    })
}

fn named_or_standard(variable: &str, standard_port: u16, standard_url: &str) -> Option<String> {
    if let Ok(url) = std::env::var(variable) {
        return Some(url.trim_end_matches('/').to_owned());
    }
    let standard = SocketAddr::from((Ipv4Addr::LOCALHOST, standard_port));
    TcpStream::connect_timeout(&standard, Duration::from_millis(500))
        .is_ok()
        .then(|| standard_url.to_owned())
}

fn start_postgres() -> String {
    let bin = newest_postgres()
        .expect("Postgres is neither running nor installed: apt-get install postgresql");
    let port = start(
        "postgres",
        &bin,
        r#"
        "$BIN/initdb" -D "$DIR/data" -U postgres -A trust >/dev/null &&
        "$BIN/pg_ctl" -D "$DIR/data" -w -l "$DIR/log" -o "-p $PORT -k $DIR -h 127.0.0.1 -F" start >/dev/null &&
        echo started &&
        cat >/dev/null
        "$BIN/pg_ctl" -D "$DIR/data" -m immediate stop >/dev/null
        rm -rf "$DIR"
        "#,
    );
    format!("postgres://postgres@127.0.0.1:{port}")
}

fn start_mariadb() -> String {
    let bin = Path::new("/usr/sbin");
    assert!(
        bin.join("mariadbd").exists(),
        "MariaDB is neither running nor installed: apt-get install mariadb-server"
    );
    let port = start(
        "mysql",
        bin,
        r#"
        mariadb-install-db --no-defaults --datadir="$DIR/data" --auth-root-authentication-method=normal >"$DIR/log" 2>&1 &&
        { "$BIN/mariadbd" --no-defaults --datadir="$DIR/data" --bind-address=127.0.0.1 --port="$PORT" \
            --socket="$DIR/socket" --pid-file="$DIR/pid" --innodb-flush-log-at-trx-commit=0 >>"$DIR/log" 2>&1 & } &&
        for _ in $(seq 300); do mariadb-admin --no-defaults --socket="$DIR/socket" -u root ping >/dev/null 2>&1 && break; sleep 0.1; done &&
        mariadb --no-defaults --socket="$DIR/socket" -u root \
            -e "CREATE USER root@'127.0.0.1'; GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION" >>"$DIR/log" 2>&1 &&
        echo started &&
        cat >/dev/null
        kill -KILL "$(cat "$DIR/pid")"
        rm -rf "$DIR"
        "#,
    );
    format!("mysql://root@127.0.0.1:{port}")
}

#[cfg(feature = "rabbitmq")]
fn start_rabbitmq() -> String {
    let bin = Path::new("/usr/lib/rabbitmq/bin");
    assert!(
        bin.join("rabbitmq-server").exists(),
        "RabbitMQ is neither running nor installed: apt-get install rabbitmq-server"
    );
    let port = start(
        "rabbitmq",
        bin,
        r#"
        export HOME="$DIR" RABBITMQ_NODENAME="amphi-test-$PORT@localhost" RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 \
            RABBITMQ_NODE_PORT="$PORT" RABBITMQ_DIST_PORT="$PORT2" RABBITMQ_MNESIA_BASE="$DIR/data" RABBITMQ_LOG_BASE="$DIR" \
            RABBITMQ_PID_FILE="$DIR/pid" RABBITMQ_ENABLED_PLUGINS_FILE="$DIR/plugins"
        "$BIN/rabbitmq-server" -detached >"$DIR/log" 2>&1 &&
        "$BIN/rabbitmqctl" --timeout 60 await_startup >>"$DIR/log" 2>&1 &&
        echo started &&
        cat >/dev/null
        "$BIN/rabbitmqctl" stop >/dev/null 2>&1
        rm -rf "$DIR"
        "#,
    );
    format!("amqp://guest:guest@127.0.0.1:{port}/%2f")
}

#[cfg(feature = "redis")]
fn start_redis() -> String {
    let bin = Path::new("/usr/bin");
    assert!(
        bin.join("redis-server").exists(),
        "Redis is neither running nor installed: apt-get install redis-server"
    );
    let port = start(
        "redis",
        bin,
        r#"
        { "$BIN/redis-server" --port "$PORT" --bind 127.0.0.1 --dir "$DIR" --save "" --appendonly no >"$DIR/log" 2>&1 & } &&
        server=$! &&
        for _ in $(seq 300); do "$BIN/redis-cli" -p "$PORT" ping >/dev/null 2>&1 && break; sleep 0.1; done &&
        echo started &&
        cat >/dev/null
        kill -KILL "$server"
        rm -rf "$DIR"
        "#,
    );
    format!("redis://127.0.0.1:{port}")
}

/// Runs a script that makes a server's data folder, starts it, says `started`, waits for the end of its input, and ends it
/// again: the server goes with this process, whatever way that ends. It listens on loopback and holds nothing worth keeping.
fn start(user: &str, bin: &Path, script: &str) -> u16 {
    static SHELLS: Mutex<Vec<Child>> = Mutex::new(Vec::new());
    let folder = tempfile::Builder::new()
        .prefix(&format!("amphi-test-{user}-"))
        .tempdir()
        .unwrap()
        .keep();
    let (port, second_port) = (free_address().port(), free_address().port());
    let mut shell = unprivileged_shell(user, &folder)
        .args(["-c", script])
        .env("BIN", bin)
        .env("DIR", &folder)
        .env("PORT", port.to_string())
        .env("PORT2", second_port.to_string())
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = std::io::BufReader::new(shell.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    assert_eq!(
        line.trim(),
        "started",
        "the server could not be started; see {}/log",
        folder.display()
    );
    SHELLS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(shell);
    port
}

/// Such servers refuse to run as root.
fn unprivileged_shell(user: &str, folder: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new("sh");
    }
    let owned = Command::new("chown")
        .arg(user)
        .arg(folder)
        .status()
        .unwrap();
    assert!(owned.success(), "the user {user} is missing");
    let mut command = Command::new("setpriv");
    command.args([
        &format!("--reuid={user}"),
        &format!("--regid={user}"),
        "--clear-groups",
        "sh",
    ]);
    command
}

fn newest_postgres() -> Option<PathBuf> {
    let version =
        |bin: &PathBuf| -> Option<u32> { bin.parent()?.file_name()?.to_str()?.parse().ok() };
    std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .max_by_key(version)
}
