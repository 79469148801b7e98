//! `amphi completions`

use clap::CommandFactory as _;

use crate::cli::{Cli, Completions};

pub fn run(args: &Completions) {
    clap_complete::generate(
        args.shell,
        &mut Cli::command(),
        "amphi",
        &mut std::io::stdout(),
    );
}
