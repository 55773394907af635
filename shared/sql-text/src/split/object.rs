use std::fmt;

use memchr::memmem;

/// What pg_dump's comment before an entry says:
/// `-- Name: …; Type: …; Schema: …; Owner: …` or `-- Data for Name: …; Type: TABLE DATA; …`.
///
/// A comment, and so only good for messages. A name that imitates the comment's own words may be cut at the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectHeader<'a> {
    /// The entry's name (pg_dump's tag: a table's name, a function's signature, `table constraint`…).
    pub name: &'a [u8],
    /// pg_dump's word for its kind, such as `TABLE` or `FK CONSTRAINT`.
    pub kind: &'a [u8],
    /// The schema, if it is in one.
    pub schema: Option<&'a [u8]>,
}

impl<'a> ObjectHeader<'a> {
    /// Reads a `--` comment; `None` if it isn't such a header.
    pub(crate) fn read(comment: &'a [u8]) -> Option<Self> {
        let rest = comment
            .strip_prefix(b"-- Name: ")
            .or_else(|| comment.strip_prefix(b"-- Data for Name: "))
            .or_else(|| comment.strip_prefix(b"-- Statistics for Name: "))?;
        let (rest, schema) = cut_last(rest, b"; Schema: ")?;
        let (name, kind) = cut_last(rest, b"; Type: ")?;
        let schema = cut_last(schema, b"; Owner: ").map_or(schema, |(schema, _)| schema);
        Some(Self { name, kind, schema: (schema != b"-").then_some(schema) })
    }
}

fn cut_last<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let found = memmem::rfind(text, separator)?;
    Some((&text[..found], &text[found + separator.len()..]))
}

impl fmt::Display for ObjectHeader<'_> {
    /// `TABLE public.orders`; bytes that aren't UTF-8 are replaced.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", String::from_utf8_lossy(self.kind))?;
        if let Some(schema) = self.schema {
            write!(f, "{}.", String::from_utf8_lossy(schema))?;
        }
        f.write_str(&String::from_utf8_lossy(self.name))
    }
}
