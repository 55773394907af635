use std::pin::pin;

use bytes::Bytes;
use futures_util::SinkExt;
use sql_text::quote::literal;
use sql_volume::RowDigest;

use crate::apply::{Applied, Applier, Current};
use crate::error::Error;

/// Bytes per message of COPY: large enough for few messages, small against a section.
const CHUNK: usize = 256 * 1024;

impl Applier {
    /// Sends the rows of a COPY, and compares the number that PostgreSQL stored with the number sent.
    pub(super) async fn copy(&mut self, current: &Current<'_>, rows: Bytes) -> Result<Applied, Error> {
        let (seed, counted) = (self.seed, rows.clone());
        // Hashing a section takes milliseconds: beside the sending, off the async threads.
        let digest = tokio::task::spawn_blocking(move || {
            let mut digest = RowDigest::default();
            digest.add_rows(seed, &counted);
            digest
        });
        if let Some(table) = current.entry.schema.clone().zip(current.entry.table.clone())
            && let Some(why) = self.refusal(current, &table).await?
        {
            let digest = digest.await.map_err(|_| Error::Interrupted)?;
            return Ok(self.not_filled(current, why, table, digest));
        }
        let command = self.copy_command(current).await?;
        let stored = self.send(&command, rows).await.map_err(|error| self.failed(current, error))?;
        let digest = digest.await.map_err(|_| Error::Interrupted)?;
        if stored != digest.rows() {
            let (section, sent) = (current.entry.seq, digest.rows());
            let table = super::excerpt::object(current.entry, current.sql);
            return Err(Error::RowsLost { table, section, sent, stored });
        }
        Ok(Applied { statements: 1, rows: Some(digest), ..Applied::default() })
    }

    async fn send(&self, command: &str, mut rows: Bytes) -> Result<u64, tokio_postgres::Error> {
        let mut sink = pin!(self.session.client.copy_in::<_, Bytes>(command).await?);
        while !rows.is_empty() {
            let chunk = rows.split_to(rows.len().min(CHUNK));
            // If it fails, finishing tells why: the sink itself only knows that it is closed.
            if sink.send(chunk).await.is_err() {
                break;
            }
        }
        sink.finish().await
    }

    /// The command in UTF-8; rows in another encoding are announced by COPY's own option.
    async fn copy_command(&self, current: &Current<'_>) -> Result<String, Error> {
        let text = current.sql.text;
        let Some(encoding) = &self.encoding else {
            return String::from_utf8(text.to_vec()).map_err(|_| Error::Contradiction {
                what: format!("section {} is not in UTF-8, as it says", current.entry.seq),
            });
        };
        let text = match std::str::from_utf8(text) {
            Ok(text) if text.is_ascii() => text.to_owned(),
            _ => {
                let converted = "SELECT pg_catalog.convert_from($1, $2)";
                let row = self.session.client.query_one(converted, &[&text, &encoding]).await;
                row.map_err(|error| self.failed(current, error))?.get(0)
            }
        };
        let without_end = text.trim_end_matches([';', ' ', '\n']);
        if !without_end.to_ascii_lowercase().ends_with("stdin") {
            let what = format!("section {} has a COPY with options, and is not in UTF-8", current.entry.seq);
            return Err(Error::Contradiction { what });
        }
        Ok(format!("{without_end} WITH (ENCODING {})", literal(encoding)))
    }
}
