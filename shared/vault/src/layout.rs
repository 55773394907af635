//! Where things are: `{environment}/{kind}/2026/11/22/{id}/{object}`.

use crate::environment::{Environment, Kind};
use crate::id::BackupId;

pub(crate) const MANIFEST: &str = "manifest.enc";
pub(crate) const SUMMARY: &str = "summary.json";

/// `{environment}/{kind}/`
pub(crate) fn prefix(environment: &Environment, kind: Kind) -> String {
    format!("{environment}/{kind}/")
}

/// `{environment}/{kind}/2026/11/22/{id}/`
pub(crate) fn folder(environment: &Environment, kind: Kind, id: &BackupId) -> String {
    let date = id.start().date();
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    format!("{environment}/{kind}/{year:04}/{month:02}/{day:02}/{id}/")
}

/// `volume-0001.sql.zst.enc`
pub(crate) fn volume(number: u32, extension: &str) -> String {
    format!("volume-{number:04}.{extension}.enc")
}

/// The id and the object's name of a key, if that is where such an object belongs.
pub(crate) fn parse<'a>(environment: &Environment, kind: Kind, key: &'a str) -> Option<(BackupId, &'a str)> {
    let (before, object) = key.rsplit_once('/')?;
    let id: BackupId = before.rsplit_once('/')?.1.parse().ok()?;
    (key == folder(environment, kind, &id) + object && !object.is_empty()).then_some((id, object))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn key_reads_as_documented_and_back() {
        let environment: Environment = "production".parse().unwrap();
        let id: BackupId = "20261122T121433Z-shop-00010203040506ab".parse().unwrap();
        let key = folder(&environment, Kind::Database, &id) + &volume(1, "sql.zst");
        let expected = "production/database/2026/11/22/20261122T121433Z-shop-00010203040506ab/volume-0001.sql.zst.enc";
        assert_eq!(key, expected);
        assert_eq!(parse(&environment, Kind::Database, &key), Some((id, "volume-0001.sql.zst.enc")));
        assert_eq!(parse(&environment, Kind::Files, &key), None);
        assert_eq!(parse(&environment, Kind::Database, &key.replace("/22/", "/23/")), None);
        assert_eq!(parse(&environment, Kind::Database, &key.replace("/volume", "/x/volume")), None);
    }
}
