use anyhow::Result;
use clap::Args;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::place::VaultPlace;
use crate::progress::{age, bytes};

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
