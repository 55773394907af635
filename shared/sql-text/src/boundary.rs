/// psql's rule for which semicolons end a statement: those outside of parentheses and of an SQL-standard function body
/// (`BEGIN ATOMIC … END`, 14+). What psql takes for such a body is decided as in its `psqlscan.l`: in a statement that begins
/// with `CREATE [OR REPLACE] {FUNCTION | PROCEDURE}`, the words BEGIN and, within, CASE open and END closes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Boundary {
    parentheses: usize,
    bodies: usize,
    words: usize,
    /// What the first four words are, as far as the rule asks.
    beginning: [Beginning; 4],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Beginning {
    #[default]
    Any,
    Create,
    Or,
    Replace,
    Routine,
}

impl Boundary {
    /// A statement that began as `CREATE FUNCTION`.
    pub(crate) fn within_create_function() -> Self {
        let mut boundary = Self::default();
        boundary.word(b"create");
        boundary.word(b"function");
        boundary
    }

    pub(crate) fn open(&mut self) {
        self.parentheses += 1;
    }

    /// Whether there was something to close.
    pub(crate) fn close(&mut self) -> bool {
        let balanced = self.parentheses > 0;
        self.parentheses = self.parentheses.saturating_sub(1);
        balanced
    }

    pub(crate) fn word(&mut self, word: &[u8]) {
        if let Some(place) = self.beginning.get_mut(self.words) {
            *place = if word.eq_ignore_ascii_case(b"create") {
                Beginning::Create
            } else if word.eq_ignore_ascii_case(b"or") {
                Beginning::Or
            } else if word.eq_ignore_ascii_case(b"replace") {
                Beginning::Replace
            } else if word.eq_ignore_ascii_case(b"function") || word.eq_ignore_ascii_case(b"procedure") {
                Beginning::Routine
            } else {
                Beginning::Any
            };
        }
        self.words += 1;
        if self.parentheses == 0 && self.creates_routine() {
            if word.eq_ignore_ascii_case(b"begin") || (self.bodies > 0 && word.eq_ignore_ascii_case(b"case")) {
                self.bodies += 1;
            } else if word.eq_ignore_ascii_case(b"end") {
                self.bodies = self.bodies.saturating_sub(1);
            }
        }
    }

    /// Whether a semicolon here ends the statement, and nothing is open.
    pub(crate) fn at_top_level(&self) -> bool {
        self.parentheses == 0 && self.bodies == 0
    }

    /// Whether parentheses are open.
    pub(crate) fn in_parentheses(&self) -> bool {
        self.parentheses > 0
    }

    fn creates_routine(&self) -> bool {
        use Beginning::{Create, Or, Replace, Routine};
        matches!(self.beginning, [Create, Routine, ..] | [Create, Or, Replace, Routine])
    }
}
