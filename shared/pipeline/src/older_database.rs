//! The restore of a dump that an older tool wrote: open → decrypt → decompress → read once → apply → rename.

use std::sync::Arc;
use std::time::Instant;

use legacy::Encryption;
use pg_client::ConnectOptions;
use pg_restore::{PlainDump, PlainFacts, RestoreOptions, Target};
use serde::Serialize;

use crate::deadline::Deadline;
use crate::error::Error;
use crate::older_place::{OlderKeys, OlderPlace};
use crate::progress::Progress;

/// One restore of one such dump into a new database.
pub struct OlderDatabaseRestore<'a> {
    /// Where the file is.
    pub place: OlderPlace,
    /// What it is decrypted with.
    pub keys: &'a OlderKeys,
    /// The server, with a database to connect to while the new one does not exist.
    pub target: &'a ConnectOptions,
    /// The new database's name: a plain dump does not say what its database was called.
    pub into: String,
    /// How it is applied. It can't be compared.
    pub options: RestoreOptions,
    /// When to give up.
    pub deadline: Deadline,
    /// Told how far the run is.
    pub progress: Progress,
}

/// The report of a successful restore of a dump of an older tool.
#[derive(Clone, Debug, Serialize)]
pub struct OlderDatabaseReport {
    /// `ok`: a failed run reports an error instead.
    pub status: &'static str,
    /// The file.
    pub file: String,
    /// `server_version` of the database that was dumped, as the dump says.
    pub source_version: String,
    /// Whether anything shows that the file is as it was written. `openssl enc` and gzip have nothing of the kind.
    pub authenticated: bool,
    /// What was applied. It is never `equal`: an older backup holds nothing to compare with.
    #[serde(flatten)]
    pub restored: pg_restore::RestoreReport,
    /// Wall time.
    pub seconds: f64,
}

impl OlderDatabaseRestore<'_> {
    /// Restores. The dump is read to its end before anything is changed, and again while it is applied; the database gets its name at the
    /// very end.
    ///
    /// # Errors
    /// [`Error`]; then no database has the name, and what this run created is dropped.
    pub async fn run(self) -> Result<OlderDatabaseReport, Error> {
        let clock = Instant::now();
        let name = self.place.name();
        let (file, facts) = self.deadline.reading(self.read(&name)).await??;
        self.progress.expect(facts.bytes());
        tracing::info!(file = name, into = self.into, bytes = facts.bytes(), "the restore begins");
        let target = Target { options: self.target.clone(), name: self.into };
        let mut options = self.options;
        options.deadline = self.deadline.publish_by();
        options.compare = false;
        let progress = self.progress;
        options.progress = Some(Arc::new(move |reached| progress.reach(reached.bytes)));
        let source_version = facts.server_version().to_owned();
        let dump = PlainDump::new(facts, file.sql()?);
        let restored = pg_restore::restore_into_new(target, dump, options).await?;
        Ok(OlderDatabaseReport {
            status: "ok",
            file: name,
            source_version,
            authenticated: file.encryption() == Encryption::AesCrypt,
            restored,
            seconds: clock.elapsed().as_secs_f64(),
        })
    }

    async fn read(&self, name: &str) -> Result<(legacy::OlderFile, PlainFacts), Error> {
        let file = self.place.open(self.keys).await?;
        self.deadline.estimate(name, file.plaintext().length())?;
        // To the end of the stream, where gzip's checksum is.
        let facts = PlainFacts::read(name, file.sql()?).await;
        Ok((file, facts.map_err(|source| Error::OlderDump { name: name.to_owned(), source })?))
    }
}
