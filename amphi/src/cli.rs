//! The command line. Its help text is documentation: it is snapshot-tested.

use std::net::SocketAddr;
use std::path::PathBuf;

use amphi_chassis::Role;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

const AFTER_HELP: &str = "\
Examples:
  amphi serve --demo                      everything in one process, with something to watch
  amphi serve --data /srv/amphi           the same, empty, with its data in /srv/amphi
  amphi serve --roles gateway,catalog     only these roles; where the others are is configuration
  amphi upload talk.mp4 --title \"A talk\"  upload a file and print where to watch it
  amphi doctor                            is everything here that Amphi needs?

Configuration comes from, each overruling the one before: built-in defaults, --config FILE,
AMPHI_<SECTION>__<KEY> in the environment, flags. `amphi config dump` shows the outcome.";

const CONFIG_HELP: &str = "\
Examples:
  amphi config check --config /etc/amphi.toml          is it valid? Each error says what to change
  amphi config dump                                    every setting in force
  amphi config dump --diff                             what differs from the defaults, and who said so
  AMPHI_SERVER__LISTEN=[::]:8080 amphi config check    settings come from the environment, too";

const EVENTS_HELP: &str = "\
Examples:
  amphi events dead-letters --data /srv/amphi          what was given up, by whom, and why
  amphi events replay --all --data /srv/amphi          deliver it again, once the cause is mended
  amphi events tail --config /etc/amphi.toml --json    what is published from now on

What was given up waits in the outbox of the role that published it or, with a broker, in a queue
or topic of the role that consumes it. A tail listens at the broker, and no consumer notices. The
platform may run meanwhile.";

const BLOBS_HELP: &str = "\
Examples:
  amphi blobs verify --data /srv/amphi                 is every source, segment and picture there, and whole?
  amphi blobs gc --data /srv/amphi                     what takes room and is needed by nothing
  amphi blobs gc --delete --data /srv/amphi            the same, and away with it

Run where media runs, with its configuration. The platform may run meanwhile.

Exit codes of verify: 0 all is there, 1 it could not be looked at, 3 something is missing or has another
length.";

const UPLOAD_HELP: &str = "\
Examples:
  amphi upload talk.mp4 --email ann@example.org --password-file ~/.amphi-password
  AMPHI_EMAIL=ann@example.org AMPHI_PASSWORD=… amphi upload talk.mp4 --title \"A talk\"
  amphi upload talk.mp4 --visibility unlisted --url https://media.example.org --token \"$TOKEN\"

Sign in with --token, or with --email and --password-file (or AMPHI_EMAIL and AMPHI_PASSWORD).
A token is not renewed: for what takes longer than it holds, sign in with email and password.

A lost connection or a restart of the platform is waited for and gone on from. An upload that was
interrupted goes on where it stopped when the same command is run again.

Exit codes: 0 it can be watched, 1 it failed, 2 wrong usage, 3 the file is no video that can be
played, 4 interrupted: run it again. With --json an error is one object on standard error:
{\"error\": …, \"code\": …}, the code as at /docs/problems of the platform.";

/// Streaming and teaching on your own machine, with its own delays in plain sight.
#[derive(Debug, Parser)]
#[command(name = "amphi", version, about, after_help = AFTER_HELP, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of the commands that work with a configuration.
#[derive(Debug, Args)]
pub struct Configured {
    /// Configuration file (TOML); `amphi config dump` lists every key
    #[arg(long, global = true, value_name = "FILE", env = "AMPHI_CONFIG", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Folder that holds all data [default: ./amphi-data]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the platform, or some roles of it
    Serve(Serve),
    /// Upload a video and print where to watch it
    Upload(Upload),
    /// Look at the configuration
    Config(ConfigArgs),
    /// Bring the databases up to date, then exit
    Migrate(Migrate),
    /// Administer accounts
    Admin(AdminArgs),
    /// Show events as they are published, and those that were given up, to deliver them again
    Events(EventsArgs),
    /// Hold the blobs against the database: what is missing, what is too much
    Blobs(BlobsArgs),
    /// Check that this machine has what Amphi needs
    Doctor(Doctor),
    /// Ask the process that runs here whether it is ready, for supervisors: exits with 3 when it is not
    Health(Health),
    /// Print the OpenAPI document of the REST interface
    Openapi,
    /// Print shell completions, for example: amphi completions bash > /etc/bash_completion.d/amphi
    Completions(Completions),
}

impl Command {
    /// Whether scripts read the answer, and so the error too.
    pub const fn answers_in_json(&self) -> bool {
        match self {
            Self::Upload(args) => args.json,
            Self::Migrate(args) => args.json,
            Self::Admin(AdminArgs {
                command: AdminCommand::CreateUser(args),
                ..
            }) => args.json,
            Self::Events(args) => match &args.command {
                EventsCommand::DeadLetters(args) => args.json,
                EventsCommand::Replay(args) => args.json,
                EventsCommand::Tail(args) => args.json,
            },
            Self::Blobs(args) => match &args.command {
                BlobsCommand::Verify(args) => args.json,
                BlobsCommand::Gc(args) => args.json,
            },
            Self::Doctor(args) => args.json,
            Self::Serve(_)
            | Self::Config(_)
            | Self::Health(_)
            | Self::Openapi
            | Self::Completions(_) => false,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = roles_help())]
pub struct Serve {
    /// Roles to run, separated by commas [default: all]
    #[arg(long, value_delimiter = ',', value_name = "ROLE,…")]
    pub roles: Vec<Role>,
    /// Address of the public port [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Address of the internal port: gRPC, health, metrics [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR")]
    pub internal_listen: Option<SocketAddr>,
    /// Create demo accounts, two dramas and a course, from clips that ffmpeg generates
    #[arg(long)]
    pub demo: bool,
    #[command(flatten)]
    pub configured: Configured,
}

fn roles_help() -> String {
    let roles: Vec<String> = Role::ALL
        .into_iter()
        .map(|role| format!("  {:<12} {}", role.as_str(), role.summary()))
        .collect();
    format!(
        "Examples:
  amphi serve --demo                               everything, with something to watch
  amphi serve --data /srv/amphi --listen [::]:80   everything, for the network
  amphi serve --roles media,encoder --internal-listen 10.0.0.2:9000

Roles:\n{}\n\nWhen ready, one line goes to stdout: ready http=http://… internal=http://…",
        roles.join("\n")
    )
}

#[derive(Debug, Args)]
#[command(after_help = UPLOAD_HELP)]
pub struct Upload {
    /// The file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Title of the video [default: the file's name]
    #[arg(long)]
    pub title: Option<String>,
    /// What it is about
    #[arg(long)]
    pub description: Option<String>,
    /// Who may watch it
    #[arg(long, value_enum, default_value_t = Visibility::Public)]
    pub visibility: Visibility,
    /// Address of the platform
    #[arg(long, env = "AMPHI_URL", default_value = "http://localhost:8080", value_hint = ValueHint::Url)]
    pub url: String,
    #[command(flatten)]
    pub credentials: Credentials,
    /// Do not wait until it plays; return when the upload is complete
    #[arg(long)]
    pub no_wait: bool,
    /// How long to go on trying without any progress, for example while the platform restarts
    #[arg(long, value_name = "SECONDS", default_value_t = crate::client::GIVE_UP_AFTER.as_secs())]
    pub give_up_after: u64,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// Who is calling.
#[derive(Args)]
pub struct Credentials {
    /// Access token
    #[arg(long, env = "AMPHI_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Email of the account
    #[arg(long, env = "AMPHI_EMAIL")]
    pub email: Option<String>,
    /// File that holds the password (`-` reads standard input)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub password_file: Option<PathBuf>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("email", &self.email)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Visibility {
    /// Everybody, and it is listed
    Public,
    /// Everybody who has the link
    Unlisted,
    /// You alone
    Private,
}

impl Visibility {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Unlisted => "unlisted",
            Self::Private => "private",
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = CONFIG_HELP)]
pub struct ConfigArgs {
    #[command(flatten)]
    pub configured: Configured,
    #[command(subcommand)]
    pub command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check the configuration and exit with 3 when something is wrong
    Check,
    /// Print the configuration in force, with where each value comes from; secrets are not shown
    Dump {
        /// Only what differs from the defaults
        #[arg(long)]
        diff: bool,
    },
}

#[derive(Debug, Args)]
pub struct Migrate {
    /// Roles whose databases are migrated [default: all]
    #[arg(long, value_delimiter = ',', value_name = "ROLE,…")]
    pub roles: Vec<Role>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub configured: Configured,
}

#[derive(Debug, Args)]
#[command(after_help = EVENTS_HELP)]
pub struct EventsArgs {
    #[command(flatten)]
    pub configured: Configured,
    #[command(subcommand)]
    pub command: EventsCommand,
}

#[derive(Debug, Subcommand)]
pub enum EventsCommand {
    /// List the events that their consumers refused until they were given up, the oldest first
    DeadLetters(DeadLetters),
    /// Put all of them back, as if they had never been tried
    Replay(Replay),
    /// Show events as they are published, until interrupted; needs a broker (bus.kind)
    Tail(Tail),
}

#[derive(Debug, Args)]
pub struct DeadLetters {
    /// Roles whose outboxes and queues are looked at [default: all]
    #[arg(long, value_delimiter = ',', value_name = "ROLE,…")]
    pub roles: Vec<Role>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Replay {
    /// Put back all there are
    #[arg(long)]
    pub all: bool,
    /// Roles whose outboxes and queues are emptied [default: all]
    #[arg(long, value_delimiter = ',', value_name = "ROLE,…")]
    pub roles: Vec<Role>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Tail {
    /// Consumers whose events are shown [default: all]
    #[arg(long, value_delimiter = ',', value_name = "ROLE,…")]
    pub roles: Vec<Role>,
    /// End after so many events [default: never]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Print one JSON object per line: the event as a CloudEvent, and the consumer it goes to
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = BLOBS_HELP)]
pub struct BlobsArgs {
    #[command(flatten)]
    pub configured: Configured,
    #[command(subcommand)]
    pub command: BlobsCommand,
}

#[derive(Debug, Subcommand)]
pub enum BlobsCommand {
    /// Look for every blob that the database counts on, and compare lengths
    Verify(BlobsVerify),
    /// Find the blobs that nothing counts on, and what dead writers have left
    Gc(BlobsGc),
}

#[derive(Debug, Args)]
pub struct BlobsVerify {
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct BlobsGc {
    /// Delete them
    #[arg(long)]
    pub delete: bool,
    /// Leave alone what was written within this time, at least 60 [default: media.orphan_age_s]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(60..=315_360_000))]
    pub older_than: Option<u64>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct AdminArgs {
    #[command(flatten)]
    pub configured: Configured,
    #[command(subcommand)]
    pub command: AdminCommand,
}

#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Open an account; the password is read from a file or from standard input
    CreateUser(CreateUser),
}

#[derive(Debug, Args)]
pub struct CreateUser {
    /// Email to sign in with
    #[arg(long)]
    pub email: String,
    /// Name that others see [default: the part of the email before the @]
    #[arg(long)]
    pub name: Option<String>,
    /// What the account may do
    #[arg(long, value_enum, default_value_t = AccountRole::Creator)]
    pub role: AccountRole,
    /// File that holds the password (`-` reads standard input) [default: asks]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub password_file: Option<PathBuf>,
    /// Begin a new platform if there is none in the data folder
    #[arg(long)]
    pub create: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AccountRole {
    /// Watches
    Viewer,
    /// Watches and uploads
    Creator,
    /// May do everything
    Admin,
}

#[derive(Debug, Args)]
pub struct Health {
    /// Address of the internal port, if the process was told by a flag [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR")]
    pub internal_listen: Option<SocketAddr>,
    #[command(flatten)]
    pub configured: Configured,
}

#[derive(Debug, Args)]
pub struct Doctor {
    /// Roles that are to run here; the others are asked where the configuration says that they are [default: all]
    #[arg(long, value_delimiter = ',', value_name = "ROLE,…")]
    pub roles: Vec<Role>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub configured: Configured,
}

#[derive(Debug, Args)]
pub struct Completions {
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}
