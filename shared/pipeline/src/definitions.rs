//! The definitions of a restored database, as a dump would tell them: a backup says the same where nothing differs.

use async_trait::async_trait;
use pg_client::Session;
use pg_restore::{Describe, Described, SourceError};

/// Tells them in the words of our own dump.
pub(crate) struct AsDumped;

#[async_trait]
impl Describe for AsDumped {
    async fn describe(&self, session: &Session) -> Result<Described, SourceError> {
        let pg_dump::Definitions { texts, encoding, not_told } = pg_dump::definitions(session).await?;
        Ok(Described { texts, encoding, not_told })
    }
}
