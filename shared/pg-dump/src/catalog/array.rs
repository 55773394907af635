//! The text form of PostgreSQL's arrays.

/// Reads a one-dimensional array without NULLs, such as `{a,"b \"c\""}`; `None` if the text is none.
pub(crate) fn parse(text: &str) -> Option<Vec<String>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut elements = Vec::new();
    if inner.is_empty() {
        return Some(elements);
    }
    let mut rest = inner.chars();
    loop {
        let mut element = String::new();
        let (mut quoted, mut ended) = (false, true);
        while let Some(c) = rest.next() {
            match c {
                '"' => quoted = !quoted,
                '\\' => element.push(rest.next()?),
                ',' if !quoted => {
                    ended = false;
                    break;
                }
                '{' | '}' if !quoted => return None,
                c => element.push(c),
            }
        }
        if quoted {
            return None;
        }
        elements.push(element);
        if ended {
            return Some(elements);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn arrays_are_read_as_they_are_written() {
        assert_eq!(parse("{}"), Some(vec![]));
        assert_eq!(parse("{a,b c,}").map(|list| list.len()), Some(3));
        assert_eq!(parse(r#"{"a,\"b\\",c}"#), Some(vec!["a,\"b\\".to_owned(), "c".to_owned()]));
        assert_eq!(parse(r#"{"",x}"#), Some(vec![String::new(), "x".to_owned()]));
        for broken in ["", "{", "a", "{\"a}", "{{a}}", "{a\\}"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }
}
