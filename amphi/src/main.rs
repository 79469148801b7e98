//! The `amphi` binary: the command line and the composition of the services into a process.

mod cli;
mod client;
mod commands;
mod compose;
mod demo;

use std::process::ExitCode;

use amphi_chassis::config::{Config, Sources};
use clap::Parser as _;

use cli::{
    AdminCommand, BlobsCommand, Cli, Command, ConfigArgs, ConfigCommand, Configured, EventsCommand,
    Serve,
};
use commands::Exit;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("amphi: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let checks_configuration = matches!(
        cli.command,
        Command::Config(ConfigArgs {
            command: ConfigCommand::Check,
            ..
        })
    );
    let answers_in_json = cli.command.answers_in_json();
    match runtime.block_on(run(cli)) {
        Ok(exit) => exit.into(),
        Err(error) => {
            let exit = commands::report(&error, answers_in_json);
            if checks_configuration {
                return Exit::FoundProblems.into();
            }
            exit
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<Exit> {
    match cli.command {
        Command::Serve(args) => {
            let config = load(&args.configured, serve_flags(&args))?;
            commands::serve::run(&args, config).await
        }
        Command::Upload(args) => commands::upload::run(args).await,
        Command::Config(args) => {
            let config = load(&args.configured, Vec::new())?;
            Ok(match args.command {
                ConfigCommand::Check => commands::config::check(&config),
                ConfigCommand::Dump { diff } => commands::config::dump(&config, diff),
            })
        }
        Command::Migrate(args) => {
            let config = load(&args.configured, Vec::new())?;
            commands::migrate::run(&args, &config).await
        }
        Command::Admin(args) => {
            let quiet = commands::admin::QUIET.map(|(key, value)| (key, value.to_owned()));
            let config = load(&args.configured, quiet.into())?;
            let AdminCommand::CreateUser(args) = args.command;
            commands::admin::create_user(args, config).await
        }
        Command::Events(args) => {
            let config = load(&args.configured, Vec::new())?;
            match &args.command {
                EventsCommand::DeadLetters(args) => commands::events::show(args, &config).await,
                EventsCommand::Replay(args) => commands::events::replay(args, &config).await,
                EventsCommand::Tail(args) => commands::tail::run(args, &config).await,
            }
        }
        Command::Blobs(args) => {
            let config = load(&args.configured, Vec::new())?;
            match &args.command {
                BlobsCommand::Verify(args) => commands::blobs::verify(args, &config).await,
                BlobsCommand::Gc(args) => commands::blobs::gc(args, &config).await,
            }
        }
        Command::Health(args) => {
            let listen = args
                .internal_listen
                .map(|it| ("server.internal_listen", it.to_string()));
            let config = load(&args.configured, listen.into_iter().collect())?;
            commands::health::run(&config).await
        }
        Command::Doctor(args) => {
            let config = load(&args.configured, Vec::new())?;
            commands::doctor::run(&args, &config).await
        }
        Command::Openapi => commands::openapi::run(),
        Command::Completions(args) => {
            commands::completions::run(&args);
            Ok(Exit::Done)
        }
    }
}

type Flag = (&'static str, String);

fn serve_flags(args: &Serve) -> Vec<Flag> {
    let listen = args.listen.map(|it| ("server.listen", it.to_string()));
    let internal = args
        .internal_listen
        .map(|it| ("server.internal_listen", it.to_string()));
    listen.into_iter().chain(internal).collect()
}

fn load(configured: &Configured, flags: Vec<Flag>) -> anyhow::Result<Config> {
    let mut sources = Sources {
        file: configured.config.clone(),
        ..Sources::default()
    }
    .with_process_env();
    if let Some(data) = &configured.data {
        sources = sources.with_flag("server.data_dir", data.to_string_lossy().into_owned());
    }
    for (key, value) in flags {
        sources = sources.with_flag(key, value);
    }
    Ok(Config::load(sources)?)
}
