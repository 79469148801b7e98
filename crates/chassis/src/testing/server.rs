//! A server started from the installed packages, that a test can stop and start again over the same data.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use super::ports::free_address;

/// How long any of them may take to start or to stop on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKind {
    Postgres,
    MariaDb,
    RabbitMq,
    Redis,
}

/// Listens on loopback. Its data is made for it and goes with it: with the value, or with this process, whatever way that ends.
#[derive(Debug)]
pub struct TestServer {
    kind: ServerKind,
    address: SocketAddr,
    folder: PathBuf,
    shell: Child,
    /// Closed, it ends the shell, and the shell its server.
    orders: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl TestServer {
    /// Makes a data folder and starts a server over it.
    ///
    /// # Panics
    /// When it is not installed or does not start; its log is named.
    #[must_use]
    pub fn start(kind: ServerKind) -> Self {
        let folder = tempfile::Builder::new()
            .prefix(&format!("amphi-test-{}-", kind.user()))
            .tempdir()
            .unwrap()
            .keep();
        let address = free_address();
        let mut shell = unprivileged_shell(kind.user(), &folder)
            .args(["-c", &format!("{}\n{SUPERVISE}", kind.script())])
            .env("BIN", kind.bin())
            .env("DIR", &folder)
            .env("PORT", address.port().to_string())
            .env("PORT2", free_address().port().to_string())
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, answers) = sync_channel(1);
        let output = BufReader::new(shell.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        let mut server = Self {
            kind,
            address,
            folder,
            orders: shell.stdin.take(),
            shell,
            answers,
        };
        server.expect("prepared");
        server.start_again();
        server
    }

    /// Starts it over the data it had, and waits until it lets clients in.
    ///
    /// # Panics
    /// When it does not come.
    pub fn start_again(&mut self) {
        self.order("start");
        let started = Instant::now();
        while !self.is_ready() {
            assert!(started.elapsed() < PATIENCE, "{}", self.failure("start"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks it to end, as an operator would, and waits until it has.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&mut self) {
        self.order("stop");
    }

    /// Ends it with all its processes, as a power cut would but for what the disk holds.
    ///
    /// # Panics
    /// When it does not end.
    pub fn kill(&mut self) {
        self.order("kill");
    }

    /// Runs a line of shell as the server's user, with its environment: `"$BIN"/…` is a program of the same package.
    ///
    /// # Panics
    /// When it fails; the log has what it said.
    pub fn run(&mut self, line: &str) {
        self.order(&format!("run {line}"));
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, without a database, when it is reached at `address`.
    #[must_use]
    pub fn url_by(&self, address: SocketAddr) -> String {
        match self.kind {
            ServerKind::Postgres => format!("postgres://postgres@{address}"),
            ServerKind::MariaDb => format!("mysql://root@{address}"),
            ServerKind::RabbitMq => format!("amqp://guest:guest@{address}/%2f"),
            ServerKind::Redis => format!("redis://{address}"),
        }
    }

    #[must_use]
    pub fn url(&self) -> String {
        self.url_by(self.address)
    }

    fn is_ready(&self) -> bool {
        let limit = Duration::from_millis(500);
        let listens = TcpStream::connect_timeout(&self.address, limit).is_ok();
        // Postgres listens before it has read its log; the others only then.
        listens && (self.kind != ServerKind::Postgres || self.postgres_is_ready())
    }

    fn postgres_is_ready(&self) -> bool {
        let mut ask = Command::new(self.kind.bin().join("pg_isready"));
        ask.args(["-q", "-t", "2", "-h", "127.0.0.1", "-p"])
            .arg(self.address.port().to_string());
        ask.status().unwrap().success()
    }

    fn order(&mut self, order: &str) {
        let told = writeln!(self.orders.as_mut().unwrap(), "{order}");
        told.unwrap_or_else(|error| panic!("{}: {error}", self.failure(order)));
        self.expect(order);
    }

    fn expect(&mut self, word: &str) {
        let answer = self.answers.recv_timeout(PATIENCE);
        assert_eq!(answer.as_deref(), Ok(word), "{}", self.failure(word));
    }

    fn failure(&self, order: &str) -> String {
        let log = self.folder.join("log");
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(20)..].join("\n");
        format!("{:?} at {}: {order}\n{last}", self.kind, self.address)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.orders = None;
        self.shell.wait().ok();
    }
}

impl ServerKind {
    /// Whose server it is when tests run as root.
    const fn user(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MariaDb => "mysql",
            Self::RabbitMq => "rabbitmq",
            Self::Redis => "redis",
        }
    }

    /// The folder of its programs.
    fn bin(self) -> PathBuf {
        let (bin, program, package) = match self {
            Self::Postgres => (newest_postgres(), "initdb", "postgresql"),
            Self::MariaDb => ("/usr/sbin".into(), "mariadbd", "mariadb-server"),
            Self::RabbitMq => (
                "/usr/lib/rabbitmq/bin".into(),
                "rabbitmq-server",
                "rabbitmq-server",
            ),
            Self::Redis => ("/usr/bin".into(), "redis-server", "redis-server"),
        };
        assert!(
            bin.join(program).exists(),
            "{self:?} is not installed: apt-get install {package}"
        );
        bin
    }

    /// `prepare` makes the data; `serve` becomes the server; `$STOP` ends it in peace. What was committed outlives the process
    /// but not the machine: that is quick, and nothing here is worth keeping.
    const fn script(self) -> &'static str {
        match self {
            Self::Postgres => {
                r#"
                STOP=INT
                prepare() { "$BIN/initdb" -D "$DIR/data" -U postgres -A trust --no-sync; }
                serve() { exec "$BIN/postgres" -D "$DIR/data" -p "$PORT" -k "$DIR" -h 127.0.0.1 -F; }
                "#
            }
            Self::MariaDb => {
                r#"
                STOP=TERM
                prepare() {
                    printf '%s;\n' "CREATE USER IF NOT EXISTS root@'127.0.0.1'" \
                        "GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION" >"$DIR/init.sql" &&
                    mariadb-install-db --no-defaults --datadir="$DIR/data" --auth-root-authentication-method=normal
                }
                serve() {
                    exec "$BIN/mariadbd" --no-defaults --datadir="$DIR/data" --bind-address=127.0.0.1 --port="$PORT" \
                        --socket="$DIR/socket" --pid-file="$DIR/pid" --init-file="$DIR/init.sql" --innodb-flush-log-at-trx-commit=2
                }
                "#
            }
            Self::RabbitMq => {
                r#"
                STOP=TERM
                export HOME="$DIR" RABBITMQ_NODENAME="amphi-test-$PORT@localhost" RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 \
                    RABBITMQ_NODE_PORT="$PORT" RABBITMQ_DIST_PORT="$PORT2" RABBITMQ_MNESIA_BASE="$DIR/data" \
                    RABBITMQ_LOG_BASE="$DIR" RABBITMQ_PID_FILE="$DIR/pid" RABBITMQ_ENABLED_PLUGINS_FILE="$DIR/plugins" \
                    RABBITMQ_CONFIG_FILE="$DIR/rabbitmq.conf" RABBITMQ_CONF_ENV_FILE="$DIR/env"
                export ERL_EPMD_ADDRESS=127.0.0.1 ERL_FLAGS="-kernel inet_dist_use_interface {127,0,0,1}"
                # This machine's own settings are not for it.
                prepare() { : >"$DIR/env" && : >"$DIR/rabbitmq.conf"; }
                serve() { exec "$BIN/rabbitmq-server"; }
                "#
            }
            Self::Redis => {
                r#"
                STOP=TERM
                prepare() { :; }
                serve() { exec "$BIN/redis-server" --port "$PORT" --bind 127.0.0.1 --dir "$DIR" --save "" --appendonly no; }
                "#
            }
        }
    }
}

/// Obeys orders until there are no more, answers each, and takes the server and its data away in the end.
const SUPERVISE: &str = r#"
server=
family() { echo "$1"; for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do family "$child"; done; }
end() {
    [ -n "$server" ] || return 0
    kill -"$1" $2 2>/dev/null
    wait "$server" 2>/dev/null
    server=
}
prepare >"$DIR/log" 2>&1 && echo prepared || echo failed
while read -r order; do
    case $order in
        start) serve </dev/null >>"$DIR/log" 2>&1 & server=$! ;;
        stop) end "$STOP" "$server" ;;
        kill) end KILL "$(family "$server")" ;;
        run\ *) (eval "${order#run }") </dev/null >>"$DIR/log" 2>&1 || order=failed ;;
    esac
    echo "$order"
done
[ -z "$server" ] || end KILL "$(family "$server")"
rm -rf "$DIR"
"#;

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

fn newest_postgres() -> PathBuf {
    let version =
        |bin: &PathBuf| -> Option<u32> { bin.parent()?.file_name()?.to_str()?.parse().ok() };
    std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .max_by_key(version)
        .unwrap_or_else(|| "/usr/lib/postgresql".into())
}
