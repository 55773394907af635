use zeroize::Zeroizing;

/// Passwords to be tried, in this order. Never shown.
#[derive(Clone, Default)]
pub struct Passwords(Vec<Zeroizing<Vec<u8>>>);

impl Passwords {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more, taken as it is; nothing is done for an empty one or one that is there.
    pub fn add(&mut self, password: &[u8]) {
        if !password.is_empty() && !self.0.iter().any(|known| known.as_slice() == password) {
            self.0.push(Zeroizing::new(password.to_vec()));
        }
    }

    /// Every line of a text, without its end: a password can't hold a line end, which both older tools read it up to.
    pub fn add_lines(&mut self, text: &[u8]) {
        for line in text.split(|byte| *byte == b'\n') {
            self.add(line.strip_suffix(b"\r").unwrap_or(line));
        }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|password| password.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_password_and_none_is_tried_twice() {
        let mut passwords = Passwords::new();
        passwords.add(b"one ");
        passwords.add_lines("zwei ✓\r\n\none \n three".as_bytes());
        let all: Vec<_> = passwords.iter().collect();
        assert_eq!(all, [&b"one "[..], "zwei ✓".as_bytes(), b" three"]);
    }
}
