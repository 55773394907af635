//! The SQL in a file, decompressed if need be, and whether it is whole.

use std::io;

use async_compression::tokio::bufread::GzipDecoder;
use tokio::io::{AsyncRead, AsyncReadExt, BufReader};

use crate::content::{self, Content, HEAD, TAIL};
use crate::error::Error;
use crate::plaintext::Plaintext;
use crate::stored::PIECE;

pub(crate) type Text = Box<dyn AsyncRead + Send + Unpin>;

pub(crate) fn text(plaintext: &Plaintext, content: Content) -> Text {
    let stream = BufReader::with_capacity(PIECE as usize, plaintext.stream());
    match content {
        Content::Gzip => {
            let mut decoder = GzipDecoder::new(stream);
            // As gunzip has it; and whatever follows the last one is then an error.
            decoder.multiple_members(true);
            Box::new(decoder)
        }
        _ => Box::new(stream),
    }
}

/// Reads a dump to its end: that it begins and ends as pg_dump does, and what gzip's checksum and length say. Its bytes, decompressed.
pub(crate) async fn check(name: &str, plaintext: &Plaintext, content: Content) -> Result<u64, Error> {
    let failed = |source: io::Error| match content {
        Content::Gzip => Error::Gzip { name: name.to_owned(), source },
        _ => Error::Read { name: name.to_owned(), source },
    };
    let mut text = text(plaintext, content);
    let mut buffer = vec![0; 256 << 10];
    let (mut kept, mut bytes, mut known) = (0, 0u64, false);
    loop {
        let read = text.read(&mut buffer[kept..]).await.map_err(failed)?;
        bytes += read as u64;
        let filled = kept + read;
        if !known && (bytes >= HEAD || read == 0) {
            known = Content::of(&buffer[..filled]) == Content::Sql;
            if !known {
                return Err(Error::NoDump { name: name.to_owned() });
            }
        }
        if read == 0 {
            let whole = content::is_complete(&buffer[..filled]);
            return if whole { Ok(bytes) } else { Err(Error::Incomplete { name: name.to_owned() }) };
        }
        // The beginning stays until it was looked at.
        kept = if known { filled.min(TAIL) } else { filled };
        buffer.copy_within(filled - kept..filled, 0);
    }
}
