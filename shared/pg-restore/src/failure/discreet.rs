//! PostgreSQL's words without the values of rows. The classes of SQLSTATE are those of its appendix A.

/// Message and detail of an error met by a statement that had rows at hand.
pub(super) fn words(code: &str, message: &str, detail: Option<&str>) -> (String, Option<String>) {
    match code.get(..2) {
        // Data exception: `invalid input syntax for type integer: "…"`, `invalid byte sequence for encoding "UTF8": 0xe9`.
        Some("22") => (masked(message), None),
        // Integrity constraint violation: messages hold names only, the detail begins with `Key (columns)=(values)`.
        Some("23") => (message.to_owned(), detail.and_then(key_columns)),
        // PL/pgSQL: whatever a function of the database says.
        Some("P0") => ("a function of the database raised an exception, whose message may hold rows".to_owned(), None),
        // Access rules, missing objects, resources, programs' limits: about objects.
        Some("08" | "0A" | "25" | "2F" | "3D" | "3F" | "40" | "42" | "53" | "54" | "55" | "57" | "58") => {
            (message.to_owned(), None)
        }
        _ => (masked(message), None),
    }
}

/// Everything from the first to the last double quote, and what follows the last colon if it is a byte in hexadecimal, is masked.
fn masked(message: &str) -> String {
    let mut masked = message.to_owned();
    if let (Some(first), Some(last)) = (message.find('"'), message.rfind('"')) {
        masked.replace_range(first + 1..last.max(first + 1), "…");
    }
    if let Some(bytes) = masked.find(": 0x") {
        masked.truncate(bytes);
    }
    masked
}

/// `Key (a, b)` of `Key (a, b)=(1, 2) already exists.`
fn key_columns(detail: &str) -> Option<String> {
    let (columns, _) = detail.split_once(")=(")?;
    columns.starts_with("Key (").then(|| format!("{columns})"))
}

/// The line and column of a COPY, and the functions that were called, of an error's context.
pub(super) fn place(context: &str) -> Option<String> {
    let lines = context.lines().filter_map(|line| {
        if line.starts_with("COPY ") {
            // What follows the colon is the row or the value.
            return Some(line.split(": ").next().unwrap_or(line).to_owned());
        }
        (line.starts_with("PL/pgSQL function ") && !line.contains(crate::apply::EXECUTOR)).then(|| line.to_owned())
    });
    let place: Vec<String> = lines.collect();
    (!place.is_empty()).then(|| place.join(", in "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_masked_and_names_kept() {
        for (code, message, detail, expected, expected_detail) in [
            (
                "22P02",
                "invalid input syntax for type integer: \"x\"y\"",
                None,
                "invalid input syntax for type integer: \"…\"",
                None,
            ),
            (
                "22003",
                "value \"99\" is out of range for type integer",
                None,
                "value \"…\" is out of range for type integer",
                None,
            ),
            (
                "22021",
                "invalid byte sequence for encoding \"UTF8\": 0xe9 0x20",
                None,
                "invalid byte sequence for encoding \"…\"",
                None,
            ),
            ("22P04", "extra data after last expected column", None, "extra data after last expected column", None),
            (
                "23505",
                "could not create unique index \"u\"",
                Some("Key (a, lower(b))=(1, x) is duplicated."),
                "could not create unique index \"u\"",
                Some("Key (a, lower(b))"),
            ),
            (
                "23514",
                "new row for relation \"t\" violates check constraint \"c\"",
                Some("Failing row contains (1, secret)."),
                "new row for relation \"t\" violates check constraint \"c\"",
                None,
            ),
            ("42P01", "relation \"t\" does not exist", None, "relation \"t\" does not exist", None),
            ("XX000", "what \"is\" this", None, "what \"…\" this", None),
        ] {
            assert_eq!(words(code, message, detail), (expected.to_owned(), expected_detail.map(str::to_owned)));
        }
        assert!(!words("P0001", "secret", Some("secret")).0.contains("secret"));
    }

    #[test]
    fn context_keeps_line_and_column_without_the_row() {
        assert_eq!(place("COPY t, line 3, column a: \"x: y\"").as_deref(), Some("COPY t, line 3, column a"));
        assert_eq!(place("COPY t, line 3: \"1\t2\"").as_deref(), Some("COPY t, line 3"));
        assert_eq!(
            place("JSON data, line 1: {secret\nCOPY t, line 1, column j: \"{secret\"").as_deref(),
            Some("COPY t, line 1, column j")
        );
        assert_eq!(
            place("PL/pgSQL function public.f(text) line 3 at RAISE\nCOPY t, line 1: \"x\"").as_deref(),
            Some("PL/pgSQL function public.f(text) line 3 at RAISE, in COPY t, line 1")
        );
        assert_eq!(place("SQL statement \"SELECT 'secret'\""), None);
    }
}
