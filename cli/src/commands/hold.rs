use anyhow::{Context, Result, bail};
use clap::Args;
use time::format_description::FormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime, Time};
use vault::BackupId;

use crate::place::VaultPlace;

/// As the break-glass role of `infra/vault.yaml` may.
const MOST_DAYS: i64 = 3653;
const DAY: &[FormatItem<'static>] = format_description!("[year]-[month]-[day]");

/// Keep a backup for longer: locks it until a later day. No lock can be shortened or taken off again, by anybody.
#[derive(Args)]
#[command(
    after_help = "Example, with the credentials of the vault's break-glass role:\n  offsite hold 20261122T121433Z-shop-0123456789abcdef --until 2027-06-30 --vault BUCKET --environment production"
)]
pub(crate) struct Hold {
    /// The backup's id, as `offsite list` shows it.
    backup: BackupId,
    /// A day of which nothing is deleted yet, such as 2027-06-30, or an instant, such as 2027-06-30T12:00:00Z. Days are those of UTC.
    #[arg(long, value_name = "DATE")]
    until: String,
    /// One JSON object instead of a line for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: VaultPlace,
}

impl Hold {
    pub(crate) async fn run(self) -> Result<()> {
        let until = within_bounds(parse(&self.until)?, OffsetDateTime::now_utc())?;
        let vault = self.place.open().await?;
        let held = vault
            .hold(&self.backup, until)
            .await
            .context("hold the backup (what is locked by now stays so; run it again for the rest)")?;
        if self.json {
            let until = until.format(&Rfc3339)?;
            let (objects, lengthened) = (held.versions, held.lengthened);
            println!(
                "{}",
                serde_json::json!({"backup": self.backup.to_string(), "until": until, "objects": objects, "lengthened": lengthened, "whole": held.whole})
            );
        } else {
            println!(
                "{} is locked until {} or longer: {} objects, of which {} were locked for less",
                self.backup,
                until.format(&Rfc3339)?,
                held.versions,
                held.lengthened
            );
        }
        if !held.whole {
            bail!(
                "{} is locked, but has no summary: it is no whole backup. HINT: `offsite list` shows those.",
                self.backup
            );
        }
        Ok(())
    }
}

fn parse(text: &str) -> Result<OffsetDateTime> {
    if let Ok(instant) = OffsetDateTime::parse(text, &Rfc3339) {
        return Ok(instant);
    }
    let day = Date::parse(text, DAY).ok().and_then(Date::next_day).with_context(|| {
        format!("{text:?} is no day. HINT: Give it as 2027-06-30, or with a time as 2027-06-30T12:00:00Z.")
    })?;
    Ok(day.with_time(Time::MIDNIGHT).assume_utc())
}

/// A lock by a slip of the pen can't be undone.
fn within_bounds(until: OffsetDateTime, now: OffsetDateTime) -> Result<OffsetDateTime> {
    if until <= now {
        bail!("{} has passed. HINT: Give a day to come.", until.format(&Rfc3339)?);
    }
    if until > now + Duration::days(MOST_DAYS) {
        bail!(
            "{} is more than ten years away, and this lock could never be undone. HINT: Give an earlier day.",
            until.format(&Rfc3339)?
        );
    }
    Ok(until)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use time::macros::datetime;

    #[test]
    fn day_counts_to_its_end_in_utc_and_an_instant_as_it_is() {
        assert_eq!(parse("2027-06-30").unwrap(), datetime!(2027-07-01 0:00 UTC));
        assert_eq!(parse("2027-12-31").unwrap(), datetime!(2028-01-01 0:00 UTC));
        assert_eq!(parse("2027-06-30T12:00:00+02:00").unwrap(), datetime!(2027-06-30 10:00 UTC));
        for wrong in ["", "30.6.2027", "2027-02-30", "2027-06-30T12:00", "forever"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn neither_a_past_day_nor_one_beyond_ten_years_is_taken() {
        let now = datetime!(2026-11-22 12:00 UTC);
        assert!(within_bounds(now, now).is_err());
        assert!(within_bounds(now + Duration::seconds(1), now).is_ok());
        assert!(within_bounds(now + Duration::days(MOST_DAYS), now).is_ok());
        assert!(within_bounds(now + Duration::days(MOST_DAYS) + Duration::seconds(1), now).is_err());
    }
}
