use async_trait::async_trait;
use sql_volume::{DatabaseProperties, DigestSeed, Requirements, SectionEntry, TableTotals};

/// Why a backup can't be read.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// A backup, section by section.
#[async_trait]
pub trait SectionSource: Send {
    /// How the database must be created.
    fn database(&self) -> &DatabaseProperties;

    /// What must exist at the server.
    fn requires(&self) -> &Requirements;

    /// The seed of the backup's digests.
    fn digest_seed(&self) -> DigestSeed;

    /// All sections in order, if the backup tells before it is read; otherwise it can only be restored whole.
    fn entries(&self) -> Option<Vec<SectionEntry>> {
        None
    }

    /// Begins anew, and returns these sections only, whose numbers rise. Called only if there are [`SectionSource::entries`].
    fn choose(&mut self, _sections: Vec<u32>) {}

    /// SQL that makes the roles which the backup names, if it has it.
    fn roles(&self) -> Option<Vec<u8>> {
        None
    }

    /// The next section in order of `seq`, with its SQL text (uncompressed, its length and digest compared with the entry); `None`
    /// when all were returned. Read ahead as memory allows: nothing is fetched while the caller applies a section, otherwise.
    ///
    /// # Errors
    /// Anything that keeps it from that, an early end included.
    async fn next(&mut self) -> Result<Option<(SectionEntry, Vec<u8>)>, SourceError>;

    /// Called after the last section: that everything was checked, the end of every volume and the sizes included.
    ///
    /// # Errors
    /// If anything was not.
    async fn verified(&mut self) -> Result<(), SourceError>;

    /// The backup's totals per table, over all volumes. Asked for after the last section.
    fn tables(&self) -> Vec<TableTotals>;
}
