//! The definitions of a database, without a dump around them: for comparing what a dump was restored to with the dump.

use pg_client::Session;

use crate::catalog::Catalog;
use crate::encoding::encode;
use crate::error::Error;
use crate::selection::Selection;
use crate::session::fault;

/// What a dump would say of a database, but for rows, the values of sequences and the bytes of large objects.
#[derive(Clone, Debug)]
pub struct Definitions {
    /// SQL in the database's encoding, cut at the ends of entries, each of which begins with its header.
    pub texts: Vec<Vec<u8>>,
    /// The encoding's name.
    pub encoding: String,
    /// What can't be told: a dump would refuse it.
    pub not_told: Vec<String>,
}

/// The settings under which definitions become text, for the rest of the transaction.
pub(crate) const SETTINGS: &str = "\
    SET LOCAL search_path = ''; SET LOCAL quote_all_identifiers = off; SET LOCAL extra_float_digits = 3; \
    SET LOCAL DateStyle = 'ISO'; SET LOCAL IntervalStyle = 'postgres'; SET LOCAL TimeZone = 'UTC'; \
    SET LOCAL standard_conforming_strings = on; SET LOCAL bytea_output = 'hex'";

/// Reads the definitions of the database that `session` is connected to, as the transaction sees it that `session` is in. That
/// transaction's settings are others then; nothing is locked, so an object that is dropped meanwhile may be an error.
///
/// # Errors
/// [`Error`].
pub async fn definitions(session: &Session) -> Result<Definitions, Error> {
    let set = session.client.batch_execute(SETTINGS).await;
    set.map_err(|error| fault(session, "prepare to read the catalog", error))?;
    let whole = Selection { allow_partial: true, ..Selection::default() };
    let catalog = Catalog::read_selected(&session.client, &session.client, whole, &[]).await?;
    let encoding = catalog.database.encoding.clone();
    let not_told = catalog.not_dumped.clone();
    let texts = encode(session, &encoding, catalog.into_texts()).await?;
    Ok(Definitions { texts, encoding, not_told })
}
