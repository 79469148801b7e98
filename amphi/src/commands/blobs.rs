//! `amphi blobs`: rows held against blobs.

use std::error::Error as _;
use std::time::Duration;

use amphi_chassis::blob::Blobs;
use amphi_chassis::config::Config;
use amphi_chassis::db::{self, Db};
use amphi_chassis::{Problem, Role};
use amphi_media::inventory::{Inventory, Wrong};
use anyhow::{Context as _, bail};

use super::Exit;
use crate::cli::{BlobsGc, BlobsVerify};

/// Whatever `media.orphan_age_s` says: bytes come before the rows that name them.
const AGE_MIN: Duration = Duration::from_secs(60);

/// `amphi blobs verify`
pub async fn verify(args: &BlobsVerify, config: &Config) -> anyhow::Result<Exit> {
    let verified = open(config).await?.verify().await.map_err(in_words)?;
    if args.json {
        println!("{}", serde_json::to_string(&verified)?);
    } else {
        for fault in &verified.faults {
            let wrong = match fault.wrong {
                Wrong::Missing => "missing".to_owned(),
                Wrong::Length {
                    expected_bytes,
                    found_bytes,
                } => format!("{found_bytes} bytes, not {expected_bytes}"),
            };
            println!("{}  {}: {wrong}", fault.video_id, fault.key);
        }
        print_unlisted(verified.faults_count, verified.faults.len());
        println!(
            "{}, {} looked for, {} wrong.",
            counted(verified.videos, "video"),
            counted(verified.blobs, "blob"),
            verified.faults_count
        );
    }
    Ok(if verified.faults_count == 0 {
        Exit::Done
    } else {
        Exit::FoundProblems
    })
}

/// `amphi blobs gc`
pub async fn gc(args: &BlobsGc, config: &Config) -> anyhow::Result<Exit> {
    let inventory = open(config).await?;
    let older_than = args
        .older_than
        .map_or(inventory.orphan_age().max(AGE_MIN), Duration::from_secs);
    let collecting = inventory.collect(older_than, args.delete);
    let collected = collecting.await.map_err(in_words)?;
    if args.json {
        let mut report = serde_json::to_value(&collected)?;
        report["deleted"] = args.delete.into();
        println!("{report}");
        return Ok(Exit::Done);
    }
    for orphan in &collected.orphans {
        println!("{:>12}  {}", orphan.bytes, orphan.key);
    }
    print_unlisted(collected.orphans_count, collected.orphans.len());
    let done = if args.delete {
        "deleted"
    } else {
        "nobody needs"
    };
    println!(
        "{} looked at; {} of {} {done}.",
        counted(collected.blobs, "blob"),
        collected.orphans_count,
        counted(collected.orphans_bytes, "byte")
    );
    if collected.foreign > 0 {
        println!(
            "{} lie where this platform keeps nothing; they are left alone.",
            collected.foreign
        );
    }
    if collected.older_than_database > 0 {
        println!(
            "{} belong to videos that this database knows nothing of and are older than it; they are left alone: is it the right \
             database, and has its backup been restored?",
            collected.older_than_database
        );
    }
    if collected.may_be_more {
        println!(
            "The store does not list unfinished uploads in parts, or not to these credentials: give the bucket a rule that aborts them after some days."
        );
    }
    if !args.delete && collected.orphans_count > 0 {
        println!("Nothing was deleted; --delete does it.");
    }
    Ok(Exit::Done)
}

async fn open(config: &Config) -> anyhow::Result<Inventory> {
    // Looking must not make a database of what is only about to be one.
    if let Some(file) = config.database_file(Role::Media)
        && !file.exists()
    {
        bail!(
            "there is no platform here: {} does not exist; say with --data where it is",
            file.display()
        );
    }
    let settings: db::Settings = config.section("database")?;
    let db = Db::connect(&settings, Role::Media, config.data_dir())
        .await
        .context("the database of media cannot be opened")?;
    let blobs = Blobs::open_configured(config)
        .await
        .context("the blobs cannot be opened")?;
    Ok(Inventory::new(db, blobs, &config.section("media")?))
}

/// With the cause, which a caller from elsewhere would not be told.
fn in_words(problem: Problem) -> anyhow::Error {
    let mut words = problem.detail.to_string();
    let mut next = problem.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !words.ends_with(&said) {
            words = format!("{words}: {said}");
        }
        next = cause.source();
    }
    anyhow::Error::msg(words)
}

fn counted(count: u64, one: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {one}{plural}")
}

fn print_unlisted(count: u64, listed: usize) {
    let unlisted = count.saturating_sub(listed as u64);
    if unlisted > 0 {
        println!("… and {unlisted} more");
    }
}
