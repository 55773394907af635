//! The backup of a database: dump → compress → encrypt → upload → (all volumes complete) → manifest → summary.

use std::io;
use std::time::Instant;

use envelope::{Encryptor, Recipients};
use pg_client::ConnectOptions;
use pg_dump::{Dump, DumpOptions};
use sql_volume::DigestSeed;
use time::OffsetDateTime;
use tokio_util::io::StreamReader;
use vault::{BackupId, Kind, LockPolicy, StoredObject, Vault};

use crate::context::{context, volume_part};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::manifest::About;
use crate::progress::Progress;
use crate::publish::Publish;
use crate::report::{DatabaseBackupReport, Load};
use crate::volumes::{Abandoned, IndexHead, SectionSink, Volumes, volumes};

/// zstd's level: its default, at which it keeps up with PostgreSQL.
const LEVEL: i32 = 3;
/// A volume closes at the first section boundary after this many bytes of plaintext (64 GiB).
const VOLUME_BYTES: u64 = 64 << 30;

/// One backup of one database.
pub struct DatabaseBackup<'a> {
    /// Where it goes.
    pub vault: &'a Vault,
    /// Who can decrypt it.
    pub recipients: &'a Recipients,
    /// Where it comes from.
    pub source: &'a ConnectOptions,
    /// How it is read.
    pub dump: DumpOptions,
    /// When the schedule meant it to run.
    pub scheduled: Option<OffsetDateTime>,
    /// What is asked of the vault's lock.
    pub lock: LockPolicy,
    /// When to give up.
    pub deadline: Deadline,
    /// Told how far the run is.
    pub progress: Progress,
    /// Bytes of plaintext after which a volume closes; `None` for 64 GiB.
    pub volume_bytes: Option<u64>,
}

impl DatabaseBackup<'_> {
    /// Makes the backup. It is visible once [`Vault::commit`] has succeeded, and not before.
    ///
    /// # Errors
    /// [`Error`]; then nothing is visible as a backup and nothing is left open on the source's server.
    pub async fn run(self) -> Result<DatabaseBackupReport, Error> {
        let clock = Instant::now();
        let started = OffsetDateTime::now_utc();
        if self.recipients.is_empty() {
            return Err(Error::NoRecipient);
        }
        let lock = self.vault.check_lock_policy(self.lock).await?;
        let dump = self.deadline.reading(Dump::open(self.source, self.dump.clone())).await??;
        let (id, about, head) = match self.prepare(&dump, started) {
            Ok(prepared) => prepared,
            Err(error) => {
                dump.abort().await;
                return Err(error);
            }
        };
        tracing::info!(backup = %id, bytes = dump.estimate(), "the snapshot is taken");
        let (sink, mut plaintexts) = volumes(head, LEVEL, self.volume_bytes.unwrap_or(VOLUME_BYTES));
        self.progress.expect(dump.estimate());
        let producer = tokio::spawn(produce(dump, sink, self.deadline, self.progress.clone()));

        let uploaded = self.deadline.publishing(self.upload(&id, &mut plaintexts)).await;
        let totals = plaintexts.totals().clone();
        // Before anything else is decided: the producer ends, by itself or because nobody takes its sections any more.
        drop(plaintexts);
        let produced = producer.await.map_err(|_| Error::Stopped("the dump of the database"))?;
        let (volumes, dumped) = match (uploaded, produced) {
            // The uploader saw the producer's error as a text in its source: the error itself says more.
            (_, Err(Produce::Failed(error))) => return Err(error),
            (Ok(Ok(volumes)), Ok(summary)) => (volumes, summary),
            (Err(error) | Ok(Err(error)), _) => return Err(error),
            (Ok(Ok(_)), Err(Produce::Abandoned)) => return Err(Error::Stopped("the dump of the database")),
        };

        let tables = dumped.tables.iter().map(|table| (&table.schema, &table.table));
        totals.check(dumped.sections, tables).map_err(|what| Error::Incomplete { backup: id.to_string(), what })?;
        let (sections, load) = (u64::from(dumped.sections), Load::of(&dumped));
        let manifest = about.manifest(&self, &id, volumes, &totals, dumped, lock);
        let publish = Publish { vault: self.vault, recipients: self.recipients, kind: Kind::Database, id: &id };
        let summary = self.deadline.publishing(publish.describe(&manifest)).await??;
        // The one commit point. Not under the deadline: a request that was given up might still be obeyed, and then "nothing was
        // published" would be a lie. It has seconds of retries of its own.
        self.vault.commit(&id, Kind::Database, &summary).await?;
        Ok(DatabaseBackupReport::of(&manifest, &summary, sections, load, clock.elapsed()))
    }

    /// What must be settled before the first row is read: whether it can fit, what it is called, what restores must know.
    fn prepare(&self, dump: &Dump, started: OffsetDateTime) -> Result<(BackupId, About, IndexHead), Error> {
        let database = dump.database();
        self.deadline.estimate(&format!("database {}", database.name), dump.estimate())?;
        let id = BackupId::new(started, &database.name)?;
        let about = About::of(dump, &id, self.scheduled, started)?;
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(|error| Error::Random(error.to_string()))?;
        let columns =
            dump.tables().iter().map(|table| ((table.schema.clone(), table.table.clone()), table.columns.clone()));
        let head = IndexHead {
            roles: dump.roles().to_owned(),
            database: database.clone(),
            requires: dump.requires().clone(),
            seed: DigestSeed::new(seed),
            columns: columns.collect(),
        };
        Ok((id, about, head))
    }

    async fn upload(&self, id: &BackupId, plaintexts: &mut Volumes) -> Result<Vec<StoredObject>, Error> {
        let mut stored = Vec::new();
        while !plaintexts.exhausted() {
            let number = plaintexts.number() + 1;
            let part = volume_part(number);
            let source = StreamReader::new(Box::pin(plaintexts.open()));
            let context = context(self.vault.environment(), Kind::Database, id, &part);
            let encrypted = Encryptor::new(source, self.recipients, context)
                .await
                .map_err(|source| Error::Envelope { part: format!("encrypt {part} of backup {id}"), source })?;
            stored.push(self.vault.write_volume(id, Kind::Database, number, "sql.zst", encrypted).await?);
        }
        Ok(stored)
    }
}

enum Produce {
    Failed(Error),
    Abandoned,
}

/// Pulls sections out of the dump until it says that all are there, or ends it.
async fn produce(
    mut dump: Dump,
    sink: SectionSink,
    deadline: Deadline,
    progress: Progress,
) -> Result<pg_dump::Summary, Produce> {
    loop {
        let section = match deadline.reading(dump.next()).await {
            Ok(Ok(section)) => section,
            Ok(Err(error)) => return Err(give_up(dump, sink, error.into()).await),
            Err(error) => return Err(give_up(dump, sink, error).await),
        };
        let Some(section) = section else { break };
        progress.advance(section.sql.len() as u64);
        match deadline.reading(sink.send(section)).await {
            Ok(Ok(())) => {}
            Ok(Err(Abandoned)) => {
                dump.abort().await;
                return Err(Produce::Abandoned);
            }
            Err(error) => return Err(give_up(dump, sink, error).await),
        }
    }
    let finished = deadline.publishing(dump.finish()).await.and_then(|finished| finished.map_err(Error::from));
    match finished {
        Ok(summary) => {
            sink.end().await;
            Ok(summary)
        }
        Err(error) => {
            sink.fail(io::Error::other(error.to_string())).await;
            Err(Produce::Failed(error))
        }
    }
}

async fn give_up(dump: Dump, sink: SectionSink, error: Error) -> Produce {
    dump.abort().await;
    sink.fail(io::Error::other(error.to_string())).await;
    Produce::Failed(error)
}
