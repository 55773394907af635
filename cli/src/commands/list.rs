use anyhow::Result;
use clap::Args;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::place::VaultPlace;
use crate::progress::bytes;

/// Show the backups of a vault, newest first, and what is not as it should be.
#[derive(Args)]
#[command(after_help = "Example:\n  offsite list --vault BUCKET --environment production")]
pub(crate) struct List {
    /// One JSON object instead of lines for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: VaultPlace,
}

impl List {
    pub(crate) async fn run(self) -> Result<()> {
        let listing = self.place.open().await?.list(None).await?;
        if self.json {
            let backups: Vec<_> = listing.backups.iter().map(|backup| &backup.summary).collect();
            let findings: Vec<_> = listing.findings.iter().map(ToString::to_string).collect();
            println!("{}", serde_json::json!({ "backups": backups, "findings": findings }));
            return Ok(());
        }
        let now = OffsetDateTime::now_utc();
        for slot in listing.slots() {
            for (number, backup) in slot.backups.iter().enumerate() {
                let summary = &backup.summary;
                println!(
                    "{}  {:9}  {:>9}  {:>12} {}  {} ago{}",
                    summary.snapshot.replace_nanosecond(0)?.format(&Rfc3339)?,
                    backup.kind.as_str(),
                    bytes(summary.bytes),
                    summary.rows,
                    if backup.kind == vault::Kind::Database { "rows" } else { "files" },
                    age(now - summary.snapshot),
                    if number > 0 { ", same slot as the one above" } else { "" },
                );
                println!("    {}", backup.id);
            }
        }
        if listing.backups.is_empty() {
            println!("no backups");
        }
        for finding in &listing.findings {
            println!("finding: {finding}");
        }
        Ok(())
    }
}

/// A duration as a person says it.
fn age(since: time::Duration) -> String {
    match (since.whole_days(), since.whole_hours(), since.whole_minutes()) {
        (days, _, _) if days > 1 => format!("{days} days"),
        (_, hours, _) if hours > 1 => format!("{hours} hours"),
        (_, _, minutes) => format!("{} minutes", minutes.max(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn age_is_said_in_the_largest_unit_that_fits_twice() {
        let minutes = |count| time::Duration::minutes(count);
        assert_eq!(
            [0, 119, 120, 60 * 47, 60 * 48].map(|m| age(minutes(m))),
            ["0 minutes", "119 minutes", "2 hours", "47 hours", "2 days"]
        );
    }
}
