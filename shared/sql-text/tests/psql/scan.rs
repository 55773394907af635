//! psql's lexer (`psqlscan.l`, of version 18) as a model of its own: line by line, rule by rule, sharing nothing with ours.

/// What psql makes of a text that it reads while it is in the middle of a statement.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// It is within a literal, a quoted identifier, a dollar quote or a comment at the end.
    pub within: bool,
    /// Parentheses that are open at the end.
    pub parentheses: usize,
    /// Bodies, `BEGIN` and `CASE`, that are open at the end.
    pub bodies: usize,
    /// Statements that it ended.
    pub ended: usize,
    /// It met a command of its own, or `\;`.
    pub backslash: bool,
    /// It looked for a variable.
    pub variable: bool,
}

enum State {
    Initial,
    Comment(usize),
    Plain,
    Escapes,
    Identifier,
    Dollar(Vec<u8>),
}

/// Scans `text` after `before`, which are words.
pub fn scan(before: &str, text: &[u8]) -> Scan {
    let (mut scan, mut state, mut words) = (Scan::default(), State::Initial, Vec::new());
    for line in before.as_bytes().split(|_| false).chain(text.split(|byte| *byte == b'\n')) {
        let mut rest = line;
        while !rest.is_empty() {
            let taken = match &mut state {
                State::Initial => initial(rest, &mut state, &mut scan, &mut words),
                State::Comment(depth) => {
                    if rest.starts_with(b"/*") {
                        *depth += 1;
                        2
                    } else if rest.starts_with(b"*/") {
                        *depth -= 1;
                        if *depth == 0 {
                            state = State::Initial;
                        }
                        2
                    } else {
                        1
                    }
                }
                State::Plain | State::Escapes if rest.starts_with(b"''") => 2,
                State::Plain | State::Escapes if rest[0] == b'\'' => {
                    state = State::Initial;
                    1
                }
                State::Escapes if rest[0] == b'\\' => rest.len().min(2),
                State::Identifier if rest.starts_with(b"\"\"") => 2,
                State::Identifier if rest[0] == b'"' => {
                    state = State::Initial;
                    1
                }
                State::Dollar(tag) if rest.starts_with(tag) => {
                    let length = tag.len();
                    state = State::Initial;
                    length
                }
                _ => 1,
            };
            rest = &rest[taken..];
        }
    }
    scan.within = !matches!(state, State::Initial);
    scan
}

fn letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn length(rest: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    rest.iter().position(|byte| !belongs(*byte)).unwrap_or(rest.len())
}

fn word(rest: &[u8]) -> usize {
    if rest.first().is_some_and(|first| letter(*first)) {
        length(rest, |byte| letter(byte) || byte.is_ascii_digit() || byte == b'$')
    } else {
        0
    }
}

fn initial(rest: &[u8], state: &mut State, scan: &mut Scan, words: &mut Vec<Vec<u8>>) -> usize {
    let second = rest.get(1).copied().unwrap_or(0);
    match (rest[0], second) {
        (b'-', b'-') => return length(rest, |byte| byte != b'\r'),
        (b'/', b'*') => *state = State::Comment(1),
        (b'e' | b'E', b'\'') => *state = State::Escapes,
        (b'b' | b'B' | b'x' | b'X', b'\'') => *state = State::Plain,
        (b'u' | b'U', b'&') if rest.get(2) == Some(&b'\'') => {
            *state = State::Plain;
            return 3;
        }
        (b'u' | b'U', b'&') if rest.get(2) == Some(&b'"') => {
            *state = State::Identifier;
            return 3;
        }
        _ => return single(rest, second, state, scan, words),
    }
    2
}

fn single(rest: &[u8], second: u8, state: &mut State, scan: &mut Scan, words: &mut Vec<Vec<u8>>) -> usize {
    match rest[0] {
        b'\'' => *state = State::Plain,
        b'"' => *state = State::Identifier,
        b'(' => scan.parentheses += 1,
        b')' => scan.parentheses = scan.parentheses.saturating_sub(1),
        b';' if scan.parentheses == 0 && scan.bodies == 0 => scan.ended += 1,
        b'\\' => scan.backslash = true,
        b':' if second == b':' || second == b'=' => return 2,
        b':' => scan.variable |= letter(second) || second.is_ascii_digit() || b"'\"{".contains(&second),
        b'$' if second.is_ascii_digit() => {
            let digits = 1 + length(&rest[1..], |byte| byte.is_ascii_digit());
            return digits + word(&rest[digits..]);
        }
        b'$' => {
            let tag = 1 + length(&rest[1..], |byte| letter(byte) || byte.is_ascii_digit());
            if rest.get(tag) == Some(&b'$') {
                *state = State::Dollar(rest[..=tag].to_vec());
                return tag + 1;
            }
        }
        first if letter(first) => return keyword(&rest[..word(rest)], scan, words),
        b'.' if second.is_ascii_digit() => return number(rest),
        first if first.is_ascii_digit() => return number(rest),
        _ => {}
    }
    1
}

fn number(rest: &[u8]) -> usize {
    let digits = |from: usize| from + length(&rest[from..], |byte| byte.is_ascii_digit());
    let mut end = digits(0);
    if rest.get(end) == Some(&b'.') && rest.get(end + 1) != Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(rest.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits((end + 1 + sign).min(rest.len()));
        if exponent > end + 1 + sign {
            // What is longer wins: the number, or one without exponent and the word behind it.
            end = exponent.max(end + word(&rest[end..]));
        } else if sign > 0 {
            return end + 2;
        }
    }
    end + word(&rest[end..])
}

fn keyword(text: &[u8], scan: &mut Scan, words: &mut Vec<Vec<u8>>) -> usize {
    words.push(text.to_ascii_lowercase());
    let first: Vec<&[u8]> = words.iter().take(4).map(Vec::as_slice).collect();
    let routine = |word: &[u8]| word == b"function" || word == b"procedure";
    let creates = match first[..] {
        [b"create", b"or", b"replace", what] | [b"create", what, ..] => routine(what),
        _ => false,
    };
    if creates && scan.parentheses == 0 {
        match words[words.len() - 1].as_slice() {
            b"begin" => scan.bodies += 1,
            b"case" if scan.bodies > 0 => scan.bodies += 1,
            b"end" => scan.bodies = scan.bodies.saturating_sub(1),
            _ => {}
        }
    }
    text.len()
}
