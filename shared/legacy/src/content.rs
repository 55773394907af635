//! What a file holds, by its first bytes.

/// Enough to tell.
pub(crate) const HEAD: u64 = 64;

/// As every version of pg_dump begins.
const DUMP: &[u8] = b"--\n-- PostgreSQL database dump\n";
/// Magic, the only method, and the flags that are not reserved (RFC 1952, 2.3).
const GZIP: &[u8] = &[0x1f, 0x8b, 8];
/// A local header, or the end of a ZIP without entries.
const ZIP: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];

/// What a file holds, decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// SQL as pg_dump writes it.
    Sql,
    /// Compressed, probably SQL.
    Gzip,
    /// Files.
    Zip,
    /// Anything else.
    Other,
}

impl Content {
    /// By the first [`HEAD`] bytes.
    pub(crate) fn of(head: &[u8]) -> Self {
        if head.starts_with(DUMP) {
            Self::Sql
        } else if head.starts_with(GZIP) && head.get(3).is_some_and(|flags| flags & 0xe0 == 0) {
            Self::Gzip
        } else if ZIP.iter().any(|magic| head.starts_with(magic)) {
            Self::Zip
        } else {
            Self::Other
        }
    }
}

/// Whether a dump whose last bytes these are is complete: pg_dump's last comment, then at most `\unrestrict` with its token, which it
/// writes since August 2025.
pub(crate) fn is_complete(tail: &[u8]) -> bool {
    let tail = tail.trim_ascii_end();
    let line = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let before = match tail[line..].strip_prefix(b"\\unrestrict ") {
        Some(token) if token.iter().all(u8::is_ascii_alphanumeric) => tail[..line].trim_ascii_end(),
        _ => tail,
    };
    before.ends_with(b"\n--\n-- PostgreSQL database dump complete\n--")
}

/// Bytes at the end of a text that [`is_complete`] needs at most.
pub(crate) const TAIL: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dump_is_complete_only_with_its_last_comment_at_its_end() {
        let end = "SELECT 1;\n\n--\n-- PostgreSQL database dump complete\n--\n\n";
        let unrestrict = "\\unrestrict 0aZ9\n\n";
        for whole in [end.to_owned(), format!("{end}{unrestrict}"), end.trim_end().to_owned()] {
            assert!(is_complete(whole.as_bytes()), "{whole}");
        }
        for cut in (0..end.trim_end().len()).map(|length| &end[..length]) {
            assert!(!is_complete(cut.as_bytes()), "{cut}");
        }
        for other in [format!("{end}SELECT 2;\n"), format!("{end}\\! id\n"), format!("{end}\\unrestrict a b\n")] {
            assert!(!is_complete(other.as_bytes()), "{other}");
        }
    }
}
