use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vault::{Backup, Kind, LockEnd};

use crate::place::VaultPlace;
use crate::progress::{age, bytes};

/// Show the backups of a vault, newest first, each with its age, its size and the end of its lock, and what is not as it should be.
///
/// The lock is that of the object that is locked for the least time. Whoever may not read locks gets to know the rest.
#[derive(Args)]
#[command(after_help = "Examples:
  offsite list --vault BUCKET --environment production
  offsite list --kind database --source shop --json --vault BUCKET --environment production")]
pub(crate) struct List {
    /// Only those of this kind: `database` or `files`.
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// Only those of this database or bucket.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// One JSON object instead of lines for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: VaultPlace,
}

impl List {
    pub(crate) async fn run(self) -> Result<()> {
        let vault = self.place.open().await?;
        let mut listing = vault.list(self.kind).await?;
        if let Some(source) = &self.source {
            listing.backups.retain(|backup| backup.is_of(source));
        }
        let ends = vault.lock_ends(&listing.backups).await?;
        let now = OffsetDateTime::now_utc();
        // Those of no backup, or of one that is not shown.
        let shown = |finding| listing.backups.iter().any(|backup| backup.findings.contains(finding));
        let others = listing.findings.iter().filter(|finding| !shown(finding));
        if self.json {
            let backups = listing.backups.iter().zip(&ends).map(|(backup, end)| as_json(backup, *end, now));
            let backups = backups.collect::<Result<Vec<_>>>()?;
            let findings: Vec<_> = listing.findings.iter().map(ToString::to_string).collect();
            println!("{}", json!({ "backups": backups, "findings": findings }));
            return Ok(());
        }
        for slot in listing.slots() {
            for (number, backup) in slot.backups.iter().enumerate() {
                let end = listing.backups.iter().position(|one| one.id == backup.id && one.kind == backup.kind);
                let end = end.map_or(LockEnd::NotKnown, |at| ends[at]);
                let again = if number > 0 { ", same slot as the one above" } else { "" };
                print(backup, end, now, again)?;
            }
        }
        if listing.backups.is_empty() {
            println!("no backups");
        }
        for finding in others {
            println!("finding: {finding}");
        }
        Ok(())
    }
}

fn print(backup: &Backup, end: LockEnd, now: OffsetDateTime, again: &str) -> Result<()> {
    let summary = &backup.summary;
    println!(
        "{}  {:9}  {:>9}  {:>12} {}  {} ago, {}{again}",
        summary.snapshot.replace_nanosecond(0)?.format(&Rfc3339)?,
        backup.kind.as_str(),
        bytes(summary.bytes),
        summary.rows,
        if backup.kind == Kind::Database { "rows" } else { "files" },
        age(now - summary.snapshot),
        match end {
            LockEnd::Until(end) => format!("locked until {}", end.format(&Rfc3339)?),
            LockEnd::Unlocked => "NOT LOCKED".to_owned(),
            LockEnd::NotKnown => "lock not known".to_owned(),
        },
    );
    println!("    {}", backup.id);
    for finding in &backup.findings {
        println!("    finding: {finding}");
    }
    Ok(())
}

/// The summary, and what the vault tells of it.
fn as_json(backup: &Backup, end: LockEnd, now: OffsetDateTime) -> Result<Value> {
    let mut told = serde_json::to_value(&backup.summary)?;
    told["age_seconds"] = json!((now - backup.summary.snapshot).whole_seconds());
    (told["locked"], told["locked_until"]) = match end {
        LockEnd::Until(end) => (json!(true), json!(end.format(&Rfc3339)?)),
        LockEnd::Unlocked => (json!(false), Value::Null),
        LockEnd::NotKnown => (Value::Null, Value::Null),
    };
    let object = |(name, object): (&String, &vault::ObjectVersion)| {
        (name.clone(), json!({ "key": object.key, "version_id": object.version, "bytes": object.bytes }))
    };
    told["objects_stored"] = backup.objects.iter().map(object).collect::<serde_json::Map<_, _>>().into();
    told["findings"] = backup.findings.iter().map(ToString::to_string).collect();
    Ok(told)
}
