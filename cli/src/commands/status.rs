use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vault::{Expected, Finding, Kind, Listing, LockPolicy, LockStatus, Problem, Standing, State};

use crate::exit;
use crate::place::{VaultLock, VaultPlace};
use crate::progress::{age, bytes};

/// As the template's parameters DatabaseHours and FilesHours.
const DATABASE_HOURS: u32 = 3;
const FILES_HOURS: u32 = 30;
/// Gaps that are told one by one.
const NAMED: usize = 20;

/// Say whether the vault holds what it should: the newest backup of each database and bucket and its age, gaps, the lock, findings.
///
/// The exit status is 3 if a backup is too old or missing, if the vault does not lock, or if somebody wrote over or deleted something. Gaps that
/// are over and runs that left no backup are told, and are no reason for 3. A database or bucket that has been late for longer than the vault
/// locks is no longer missed, unless it was the last one that was backed up.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  offsite status --vault BUCKET --environment production\n  offsite status --database-hours 2 --files-hours 26 --lock-days 35 --json --vault BUCKET --environment production"
)]
pub(crate) struct Status {
    /// Age in hours from which the newest backup of each database is too old, 3 if absent; if given, there must be one.
    #[arg(long, value_name = "HOURS")]
    database_hours: Option<u32>,
    /// The same of files, 30 if absent.
    #[arg(long, value_name = "HOURS")]
    files_hours: Option<u32>,
    /// A database or bucket that is not backed up any more; may be given again.
    #[arg(long, value_name = "NAME")]
    ended: Vec<String>,
    /// One JSON object instead of lines for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    lock: VaultLock,
    #[command(flatten)]
    place: VaultPlace,
}

#[derive(Debug, Serialize)]
struct Answer {
    /// Nothing is wrong.
    ok: bool,
    /// What is wrong.
    wrong: Vec<String>,
    /// Each database and each bucket, and a kind of which there is nothing.
    sources: Vec<Standing>,
    /// Days for which the vault locks what is written; `null` if unknown or not asked for.
    lock_days: Option<u32>,
    findings: Vec<String>,
}

impl Status {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let vault = self.place.open().await?;
        let listing = vault.list(None).await?;
        let lock = match self.lock.policy() {
            policy @ LockPolicy::Required { .. } => vault.check_lock_policy(policy).await,
            LockPolicy::NotRequired => Ok(None),
        };
        let limits =
            [(Kind::Database, self.database_hours, DATABASE_HOURS), (Kind::Files, self.files_hours, FILES_HOURS)];
        let locked = match &lock {
            Ok(Some(LockStatus::Locked { days })) => Some(*days),
            _ => None,
        };
        let ended = self.ended.into_iter().collect();
        let mut answer = assess(&listing, limits, &ended, locked, OffsetDateTime::now_utc());
        match lock {
            Ok(_) => {}
            Err(unlocked @ vault::Error::Unlocked { .. }) => answer.wrong.push(unlocked.to_string()),
            Err(error) => return Err(error.into()),
        }
        answer.ok = answer.wrong.is_empty();
        if self.json {
            println!("{}", serde_json::to_string(&answer)?);
        } else {
            answer.print()?;
        }
        Ok(if answer.ok { ExitCode::SUCCESS } else { ExitCode::from(exit::WRONG_IN_VAULT) })
    }
}

fn assess(
    listing: &Listing,
    limits: [(Kind, Option<u32>, u32); 2],
    ended: &BTreeSet<String>,
    lock_days: Option<u32>,
    now: OffsetDateTime,
) -> Answer {
    let (mut sources, mut wrong) = (Vec::new(), Vec::new());
    for (kind, asked, usual) in limits {
        let expected = Expected { hours: asked.unwrap_or(usual), lock_days, ended };
        for standing in Standing::of_each(listing, kind, expected, now) {
            match (standing.state, &standing.newest) {
                (State::Late, Some(newest)) => wrong.push(format!(
                    "the newest backup of {} is {} old, and {} hours are allowed",
                    standing.name(),
                    age(time::Duration::seconds(newest.age_seconds)),
                    expected.hours
                )),
                (State::Late, None) => {
                    wrong.push(format!("no backup of {} is of a time that can be believed", standing.name()));
                }
                (State::Missing, _) if asked.is_some() => wrong.push(format!("there is no backup of {}", what(kind))),
                _ => {}
            }
            sources.push(standing);
        }
    }
    if sources.iter().all(|source| source.newest.is_none()) && wrong.is_empty() {
        wrong.push("there is no backup".to_owned());
    }
    // Somebody did this. A run that left no backup has told so itself, and one that is under way looks the same. After the lock's
    // end the bucket's lifecycle deletes.
    let harmless = |finding: &&Finding| match &finding.problem {
        Problem::Incomplete { .. } => true,
        Problem::DeleteMarker { days } => lock_days.is_some_and(|locked| *days >= locked),
        _ => false,
    };
    wrong.extend(listing.findings.iter().filter(|finding| !harmless(finding)).map(ToString::to_string));
    let findings = listing.findings.iter().map(ToString::to_string).collect();
    Answer { ok: false, wrong, sources, lock_days, findings }
}

fn what(kind: Kind) -> &'static str {
    match kind {
        Kind::Database => "a database",
        Kind::Files => "files",
    }
}

impl Answer {
    fn print(&self) -> Result<()> {
        let shown = |instant: OffsetDateTime| anyhow::Ok(instant.replace_nanosecond(0)?.format(&Rfc3339)?);
        for source in &self.sources {
            let Some(newest) = &source.newest else {
                println!("{:9} no backups", source.kind.as_str());
                continue;
            };
            let (ago, gaps) = (age(time::Duration::seconds(newest.age_seconds)), &source.gaps);
            println!(
                "{:9} {}: {} backups, {}; the newest is of {}, {ago} ago{}",
                source.kind.as_str(),
                source.source.as_deref().unwrap_or_default(),
                source.backups,
                bytes(source.stored_bytes),
                shown(newest.snapshot)?,
                if source.state == State::Ended { ", and no longer missed" } else { "" }
            );
            println!("          {}", newest.backup);
            for (code, count) in &newest.warnings {
                println!("          warning: {code} ({count})");
            }
            for gap in gaps.iter().take(NAMED) {
                println!("          gap of {} after {}", age(gap.before - gap.after), shown(gap.after)?);
            }
            if gaps.len() > NAMED {
                println!("          and {} earlier gaps", gaps.len() - NAMED);
            }
        }
        match self.lock_days {
            Some(days) => println!("lock      {days} days, in which nobody can delete what is written"),
            None => println!("lock      not known"),
        }
        for finding in &self.findings {
            println!("finding: {finding}");
        }
        for wrong in &self.wrong {
            println!("wrong: {wrong}");
        }
        println!("{}", if self.ok { "all is well" } else { "not all is well" });
        Ok(())
    }
}
