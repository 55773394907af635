//! Definitions come to us in UTF-8; a dump is in the encoding of its database, as COPY's text is.

use pg_client::Session;

use crate::error::Error;

/// Texts in `encoding`.
///
/// # Errors
/// A character that the encoding doesn't have, which a definition that came out of the database can't hold.
pub(crate) async fn encode(session: &Session, encoding: &str, texts: Vec<String>) -> Result<Vec<Vec<u8>>, Error> {
    // SQL_ASCII's bytes are whatever they are, and those that aren't UTF-8 don't get this far.
    let same = matches!(encoding, "UTF8" | "SQL_ASCII");
    let other: Vec<&str> = texts.iter().map(String::as_str).filter(|text| !same && !text.is_ascii()).collect();
    if other.is_empty() {
        return Ok(texts.into_iter().map(String::into_bytes).collect());
    }
    let rows = session
        .client
        .query(
            "SELECT pg_catalog.convert_to(text, $2)
             FROM pg_catalog.unnest($1::text[]) WITH ORDINALITY AS texts (text, place) ORDER BY place",
            &[&other, &encoding],
        )
        .await
        .map_err(|source| Error::Encoding { encoding: encoding.to_owned(), source })?;
    let mut converted = rows.iter().map(|row| row.get(0));
    let done: Option<Vec<Vec<u8>>> = texts
        .into_iter()
        .map(|text| if text.is_ascii() { Some(text.into_bytes()) } else { converted.next() })
        .collect();
    done.ok_or(Error::ReaderDied)
}
