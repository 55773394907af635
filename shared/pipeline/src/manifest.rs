//! What the manifest of a database backup says, and how a restore reads it.

use envelope::Identities;
use pg_dump::Dump;
use sql_volume::{RowDigest, TableTotals};
use time::OffsetDateTime;
use vault::{
    Backup, BackupChoice, BackupId, Kind, LockStatus, Manifest, ObjectTotals, Source, StoredObject, Vault, Warning,
};

use crate::backup_database::DatabaseBackup;
use crate::context::{MANIFEST, context};
use crate::error::Error;
use crate::publish::{TOOL, standing_warnings};
use crate::volumes::Totals;

/// What is known of a dump when its snapshot is taken, and must be said when it is gone.
pub(crate) struct About {
    source: Source,
    scheduled: Option<OffsetDateTime>,
    started: OffsetDateTime,
    snapshot: OffsetDateTime,
    inventory: std::collections::BTreeMap<String, u64>,
    requirements: serde_json::Value,
}

impl About {
    pub(crate) fn of(
        dump: &Dump,
        id: &BackupId,
        scheduled: Option<OffsetDateTime>,
        started: OffsetDateTime,
    ) -> Result<Self, Error> {
        let database = dump.database();
        Ok(Self {
            source: Source { name: database.name.clone(), version: Some(database.server_version.clone()) },
            scheduled,
            started,
            snapshot: dump.snapshot_time(),
            inventory: dump.inventory().clone(),
            requirements: requirements(dump).map_err(|source| Error::Manifest { backup: id.to_string(), source })?,
        })
    }

    pub(crate) fn manifest(
        self,
        backup: &DatabaseBackup<'_>,
        id: &BackupId,
        volumes: Vec<StoredObject>,
        totals: &Totals,
        dumped: pg_dump::Summary,
        lock: Option<LockStatus>,
    ) -> Manifest {
        let mut warnings: Vec<Warning> = dumped.warnings.into_iter().map(warning).collect();
        warnings.extend(standing_warnings(backup.recipients, lock));
        Manifest {
            format: 1,
            backup: id.clone(),
            environment: backup.vault.environment().clone(),
            kind: Kind::Database,
            source: self.source,
            scheduled: self.scheduled,
            started: self.started,
            snapshot: self.snapshot,
            finished: OffsetDateTime::now_utc(),
            tool: TOOL.into(),
            lock,
            volumes,
            objects: totals
                .tables
                .iter()
                .map(|((schema, name), digest)| object_totals(schema, name, *digest))
                .collect(),
            inventory: self.inventory,
            warnings,
            contents: Vec::new(),
            requirements: self.requirements,
        }
    }
}

fn warning(warning: pg_dump::Warning) -> Warning {
    let message = match warning.code {
        "not-dumped" => "not in the backup, since this version can't dump it or its role may not read it".to_owned(),
        "rows-not-dumped" => "in the backup without rows or values, which its role may not read".to_owned(),
        "unlogged-on-standby" => "in the backup without rows, which a standby doesn't have".to_owned(),
        "extension-table-changed" => {
            "on a table of an extension, which makes it again without what a user added: not in the backup".to_owned()
        }
        "circular-foreign-keys" => {
            "tables whose foreign keys go in a circle: their rows alone can't be put in an order".to_owned()
        }
        "roles-not-read" => "catalogs that were not readable: what they say is not among the backup's roles".to_owned(),
        code => format!("{} of the database", code.replace('-', " ")),
    };
    Warning { code: warning.code.replace('-', "_"), message, names: warning.objects }
}

/// What the source had and its backup has not, or not whole.
pub(crate) fn not_in_backup(warnings: &[Warning]) -> Vec<String> {
    let lossy = ["not_dumped", "rows_not_dumped", "unlogged_on_standby", "extension_table_changed"];
    let lossy = warnings.iter().filter(|warning| lossy.contains(&warning.code.as_str()));
    lossy.flat_map(|warning| warning.names.iter().cloned()).collect()
}

fn object_totals(schema: &str, name: &str, digest: RowDigest) -> ObjectTotals {
    ObjectTotals {
        schema: Some(schema.to_owned()),
        name: name.to_owned(),
        rows: digest.rows(),
        bytes: digest.bytes(),
        digest: Some(digest.sum_hex()),
    }
}

/// What must be there before a restore: the roles, extensions and tablespaces, and how the database is created.
fn requirements(dump: &Dump) -> Result<serde_json::Value, serde_json::Error> {
    let mut requirements = serde_json::to_value(dump.requires())?;
    requirements["database"] = serde_json::to_value(dump.database())?;
    Ok(requirements)
}

/// Finds the backup that is meant, and reads and verifies its manifest.
///
/// # Errors
/// [`Error`]; [`Error::OtherSource`] if an id's name fits what was asked for, and the true name does not.
pub(crate) async fn find(
    vault: &Vault,
    identities: &Identities,
    kind: Kind,
    choice: &BackupChoice,
) -> Result<(Backup, Manifest), Error> {
    let backup = vault.find(kind, choice).await?;
    let manifest = read(vault, identities, kind, &backup).await?;
    match &choice.source {
        Some(asked) if *asked != manifest.source.name && asked != backup.id.name() => {
            Err(Error::OtherSource { backup: backup.id.to_string(), is: manifest.source.name, asked: asked.clone() })
        }
        _ => Ok((backup, manifest)),
    }
}

/// Reads and verifies a backup's manifest: nothing else about the backup is believed.
///
/// # Errors
/// [`Error`], when it can't be decrypted, or contradicts its place or the summary.
pub(crate) async fn read(
    vault: &Vault,
    identities: &Identities,
    kind: Kind,
    backup: &Backup,
) -> Result<Manifest, Error> {
    let id = &backup.id;
    let encrypted = vault.read_manifest(backup).await?;
    let json = envelope::decrypt_to_vec(&encrypted, identities, context(vault.environment(), kind, id, MANIFEST))
        .await
        .map_err(|source| Error::Envelope { part: format!("decrypt the manifest of backup {id}"), source })?;
    let manifest = Manifest::parse(&json)?;
    if manifest.kind != kind || manifest.environment != *vault.environment() {
        return Err(contradiction(id, "its manifest is of another kind or environment".into()));
    }
    backup.holds(&manifest)?;
    Ok(manifest)
}

/// The rows that the volumes' indexes promise must be those of the manifest.
pub(crate) fn check_totals<'a>(
    id: &BackupId,
    manifest: &Manifest,
    tables: impl Iterator<Item = &'a TableTotals>,
) -> Result<(), Error> {
    let promised: Vec<ObjectTotals> =
        tables.map(|table| object_totals(&table.schema, &table.table, table.digest)).collect();
    if promised != manifest.objects {
        return Err(contradiction(id, "its volumes promise other rows than its manifest".into()));
    }
    Ok(())
}

pub(crate) fn contradiction(id: &BackupId, what: String) -> Error {
    Error::Contradiction { backup: id.to_string(), what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: &str, names: &[&str]) -> Warning {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Warning { code: code.to_owned(), message: String::new(), names }
    }

    #[test]
    fn what_a_partial_backup_lacks_is_named() {
        let warnings = [
            told("not_dumped", &["operator family f", "large object 5"]),
            told("only_wrapping_keys", &["key"]),
            told("rows_not_dumped", &["public.secret"]),
            told("unlogged_on_standby", &["public.cache"]),
            told("extension_table_changed", &["index public.added"]),
        ];
        assert_eq!(
            not_in_backup(&warnings),
            ["operator family f", "large object 5", "public.secret", "public.cache", "index public.added"]
        );
        assert!(not_in_backup(&warnings[1..2]).is_empty());
    }
}
