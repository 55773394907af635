use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::format_description::FormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::error::Error;

const START: &[FormatItem<'static>] = format_description!("[year][month][day]T[hour][minute][second]Z");
const START_LEN: usize = 16;
const ATTEMPT_LEN: usize = 16;
const MAX_NAME: usize = 64;

/// A backup's name and folder: `20261122T121433Z-{name}-{attempt}`.
///
/// The start comes first, so lexicographic order is time order. The attempt is 8 random bytes, new in every invocation:
/// no run can block another, and none can be guessed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackupId {
    start: OffsetDateTime,
    name: String,
    attempt: [u8; 8],
}

impl BackupId {
    /// The id of a run that begins now.
    ///
    /// In the id, every character of the source's name outside `A-Z a-z 0-9 . _` becomes `_`, and 64 are kept: it is there
    /// for people. Two names may become one; the attempt keeps their ids apart, and the manifest has the true name.
    ///
    /// # Errors
    /// [`Error::Random`] without random numbers, [`Error::Clock`] before year 0 or after 9999.
    pub fn new(start: OffsetDateTime, name: &str) -> Result<Self, Error> {
        let mut attempt = [0; 8];
        getrandom::fill(&mut attempt).map_err(Error::Random)?;
        Self::with_attempt(start, name, attempt)
    }

    fn with_attempt(start: OffsetDateTime, name: &str, attempt: [u8; 8]) -> Result<Self, Error> {
        let start = start.to_offset(time::UtcOffset::UTC).replace_nanosecond(0).map_err(|_| Error::Clock)?;
        if !(0..=9999).contains(&start.year()) {
            return Err(Error::Clock);
        }
        Ok(Self { start, name: Self::name_of(name), attempt })
    }

    /// What becomes of a source's name in an id.
    pub(crate) fn name_of(source: &str) -> String {
        let mut name: String = source.chars().take(MAX_NAME).map(|c| if safe(c) { c } else { '_' }).collect();
        if name.is_empty() {
            name.push('_');
        }
        name
    }

    /// When the run began, in whole seconds UTC.
    pub fn start(&self) -> OffsetDateTime {
        self.start
    }

    /// The source's name as far as an id can hold it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn safe(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '.' || c == '_'
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, time) = (self.start.date(), self.start.time());
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        let (hour, minute, second) = time.as_hms();
        write!(f, "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z-")?;
        write!(f, "{}-{}", self.name, hex::encode(self.attempt))
    }
}

impl FromStr for BackupId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).ok_or_else(|| Error::Id(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<BackupId> {
    let (start, rest) = text.split_at_checked(START_LEN)?;
    let (name, attempt) = rest.strip_prefix('-')?.rsplit_once('-')?;
    if attempt.len() != ATTEMPT_LEN || attempt.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(safe) {
        return None;
    }
    let mut bytes = [0; 8];
    hex::decode_to_slice(attempt, &mut bytes).ok()?;
    let start = PrimitiveDateTime::parse(start, START).ok()?.assume_utc();
    Some(BackupId { start, name: name.to_owned(), attempt: bytes })
}

impl TryFrom<String> for BackupId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<BackupId> for String {
    fn from(id: BackupId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use time::macros::datetime;

    fn id(name: &str) -> BackupId {
        BackupId::with_attempt(datetime!(2026-11-22 12:14:33.9 UTC), name, [0, 1, 2, 3, 4, 5, 6, 0xab]).unwrap()
    }

    #[test]
    fn id_reads_as_documented_and_back() {
        let id = id("shop");
        assert_eq!(id.to_string(), "20261122T121433Z-shop-00010203040506ab");
        assert_eq!(id.to_string().parse::<BackupId>().unwrap(), id);
    }

    #[test]
    fn id_of_any_database_name_stays_listable() {
        let long = "x".repeat(200);
        for name in ["", "a-b", "a/../b", "näïve \"db\"\n", "日本", &long, ".."] {
            let text = id(name).to_string();
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)), "{text}");
            assert_eq!(text.parse::<BackupId>().unwrap(), id(name), "{text}");
        }
        assert_eq!(id("a/b-c").name(), "a_b_c");
    }

    #[test]
    fn id_in_another_time_zone_says_utc() {
        let east = BackupId::with_attempt(datetime!(2026-11-23 01:14:33 +13), "shop", [0; 8]).unwrap();
        assert!(east.to_string().starts_with("20261122T121433Z-"));
    }

    #[test]
    fn ids_sort_by_time() {
        let later = BackupId::with_attempt(datetime!(2027-01-01 0:00 UTC), "a", [0; 8]).unwrap();
        assert!(id("z") < later && id("z").to_string() < later.to_string());
    }

    #[test]
    fn text_that_is_no_id_is_refused() {
        for bad in [
            "",
            "latest",
            "20261122T121433Z-shop",
            "20261322T121433Z-shop-00010203040506ab",
            "20261122T121433Z-shop-00010203040506AB",
            "20261122T121433Z-shop-00010203040506",
            "20261122T121433Z--00010203040506ab",
            "20261122T121433Z-a/b-00010203040506ab",
            "２０２６1122T121433Z-shop-00010203040506ab",
        ] {
            assert!(bad.parse::<BackupId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_of_one_second_differ() {
        let start = datetime!(2026-11-22 12:14:33 UTC);
        assert_ne!(BackupId::new(start, "shop").unwrap(), BackupId::new(start, "shop").unwrap());
    }
}
