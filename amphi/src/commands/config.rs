//! `amphi config`

use amphi_chassis::config::Config;
use amphi_chassis::tls::InternalTls;

use super::Exit;
use crate::compose;

/// `amphi config check`: every section, those of the services too.
pub fn check(config: &Config) -> Exit {
    let mut problems = compose::check_settings(config);
    problems.extend(InternalTls::open(config).err());
    for problem in &problems {
        eprintln!("{problem}");
    }
    for warning in config.warnings() {
        eprintln!("warning: {warning}");
    }
    if !problems.is_empty() {
        return Exit::FoundProblems;
    }
    println!("The configuration is valid.");
    Exit::Done
}

/// `amphi config dump`
pub fn dump(config: &Config, only_differing: bool) -> Exit {
    print!("{}", config.dump(only_differing));
    Exit::Done
}
