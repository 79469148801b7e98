//! `amphi doctor`: is everything here that Amphi needs, and if not, what is to be done?

mod cluster;
mod engines;
mod machine;

use amphi_chassis::Role;
use amphi_chassis::config::Config;
use serde::Serialize;

use super::Exit;
use crate::cli::Doctor;
use crate::compose;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Good,
    Warning,
    Bad,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    finding: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    cure: Option<String>,
}

impl Check {
    fn good(name: &'static str, finding: impl Into<String>) -> Self {
        Self {
            name,
            verdict: Verdict::Good,
            finding: finding.into(),
            cure: None,
        }
    }

    fn bad(name: &'static str, finding: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            name,
            verdict: Verdict::Bad,
            finding: finding.into(),
            cure: Some(cure.into()),
        }
    }

    fn warning(name: &'static str, finding: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Warning,
            ..Self::bad(name, finding, cure)
        }
    }
}

pub async fn run(args: &Doctor, config: &Config) -> anyhow::Result<Exit> {
    let roles = compose::or_all(&args.roles);
    let mut checks = machine::ffmpeg(config, &roles).await;
    checks.push(machine::ports(config));
    checks.push(machine::disk(config.data_dir()));
    if roles.contains(&Role::Encoder) {
        checks.push(machine::work_folder(config));
    }
    checks.extend(engines::database(config, &roles).await);
    checks.push(engines::broker(config).await);
    checks.push(engines::blobs(config).await);
    checks.push(engines::shared_state(config).await);
    checks.extend(cluster::look(config, &roles).await);
    checks.push(machine::clock());
    checks.extend(settings(config));

    if args.json {
        println!("{}", serde_json::json!({ "checks": checks }));
    } else {
        for check in &checks {
            show(check);
        }
    }
    let is_ill = checks.iter().any(|check| check.verdict == Verdict::Bad);
    Ok(if is_ill {
        Exit::FoundProblems
    } else {
        Exit::Done
    })
}

fn show(check: &Check) {
    let sign = match check.verdict {
        Verdict::Good => '✓',
        Verdict::Warning => '!',
        Verdict::Bad => '✗',
    };
    println!("{sign} {:<9} {}", check.name, check.finding);
    if let Some(cure) = &check.cure {
        println!("            → {cure}");
    }
}

fn settings(config: &Config) -> Vec<Check> {
    let mut checks: Vec<Check> = compose::check_settings(config)
        .into_iter()
        .map(|error| Check::bad("settings", error.to_string(), "see `amphi config dump`"))
        .collect();
    checks.extend(
        config
            .warnings()
            .iter()
            .map(|warning| Check::warning("settings", warning.clone(), "see `amphi config dump`")),
    );
    checks
}
