//! The roles that a statement of a dump names.

use std::collections::BTreeMap;
use std::ops::Range;

use sql_text::TokenKind;
use sql_text::quote::identifier;

use crate::statement::words::{Word, Words};

/// What a statement does with roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Gives something an owner.
    Owner,
    /// Grants, revokes, or sets in whose name that is done.
    Privileges,
    /// Names roles for another purpose, or none.
    Other,
}

/// What a statement does with roles, and where it names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Roles {
    pub(crate) used: Use,
    named: Vec<(Range<usize>, String)>,
}

/// Words that stand where a role may, and are none.
const NO_ROLES: [&str; 4] = ["public", "current_user", "session_user", "current_role"];

impl Roles {
    pub(crate) fn of(sql: &[u8]) -> Self {
        let mut words = Words::new(sql);
        let mut roles = Self { used: Use::Other, named: Vec::new() };
        match words.name().as_deref() {
            Some("alter") if words.take(&["default", "privileges"]) => {
                roles.used = Use::Privileges;
                if words.take(&["for", "role"]) {
                    roles.role(&mut words);
                }
                roles.granted(words);
            }
            Some("alter") if words.behind("owner") && words.take(&["to"]) => {
                roles.used = Use::Owner;
                roles.role(&mut words);
            }
            Some("grant" | "revoke") => {
                roles.used = Use::Privileges;
                roles.granted(words);
            }
            Some("set") if words.take(&["session", "authorization"]) => {
                roles.used = Use::Privileges;
                roles.role(&mut words);
            }
            Some("reset") if words.take(&["session", "authorization"]) => roles.used = Use::Privileges,
            Some("create") if words.take(&["user", "mapping", "for"]) => roles.role(&mut words),
            // ON table [AS …] [FOR …] [TO role, …] [USING (…)]
            Some("create") if words.take(&["policy"]) && words.behind("on") && words.behind("to") => {
                roles.list(&mut words);
            }
            _ => {}
        }
        roles
    }

    /// Names of all of them.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(|(_, name)| name.as_str())
    }

    /// The statement with other roles; `None` if none of its own is renamed.
    pub(crate) fn renamed(&self, sql: &[u8], names: &BTreeMap<String, String>) -> Option<Vec<u8>> {
        let mut text = Vec::with_capacity(sql.len() + 32);
        let mut copied = 0;
        for (range, name) in &self.named {
            let Some(new) = names.get(name) else { continue };
            text.extend_from_slice(&sql[copied..range.start]);
            text.extend_from_slice(identifier(new).as_bytes());
            copied = range.end;
        }
        text.extend_from_slice(&sql[copied..]);
        (copied > 0).then_some(text)
    }

    /// `… TO role, … [WITH GRANT OPTION] [GRANTED BY role]`, or FROM.
    fn granted(&mut self, mut words: Words<'_>) {
        let mut ahead = words.clone();
        if !ahead.behind("to") {
            ahead = words.clone();
            if !ahead.behind("from") {
                return;
            }
        }
        words = ahead;
        self.list(&mut words);
        if words.behind("granted") && words.take(&["by"]) {
            self.role(&mut words);
        }
    }

    fn list(&mut self, words: &mut Words<'_>) {
        loop {
            words.take(&["group"]);
            self.role(words);
            let mut ahead = words.clone();
            match ahead.next() {
                Some(comma) if comma.text == b"," => *words = ahead,
                _ => return,
            }
        }
    }

    fn role(&mut self, words: &mut Words<'_>) {
        let Some(word) = words.next() else { return };
        let Word { kind, range, .. } = &word;
        let unquoted = *kind == TokenKind::Word;
        if let Some(name) = word.name().filter(|name| !unquoted || !NO_ROLES.contains(&name.as_str())) {
            self.named.push((range.clone(), name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_found_and_renamed_where_they_are_named() {
        let names = BTreeMap::from([("app".to_owned(), "New App".to_owned()), ("a b".to_owned(), "b".to_owned())]);
        for (sql, used, renamed) in [
            ("ALTER TABLE public.app OWNER TO app;", Use::Owner, Some("ALTER TABLE public.app OWNER TO \"New App\";")),
            (
                "GRANT SELECT,INSERT(app) ON TABLE public.app TO PUBLIC, app, \"a b\" WITH GRANT OPTION GRANTED BY app;",
                Use::Privileges,
                Some(
                    "GRANT SELECT,INSERT(app) ON TABLE public.app TO PUBLIC, \"New App\", b WITH GRANT OPTION GRANTED BY \"New App\";",
                ),
            ),
            ("REVOKE ALL ON SCHEMA app FROM app;", Use::Privileges, Some("REVOKE ALL ON SCHEMA app FROM \"New App\";")),
            ("REVOKE ALL ON SCHEMA app FROM other;", Use::Privileges, None),
            (
                "ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA app GRANT SELECT ON TABLES TO other;",
                Use::Privileges,
                Some("ALTER DEFAULT PRIVILEGES FOR ROLE \"New App\" IN SCHEMA app GRANT SELECT ON TABLES TO other;"),
            ),
            ("SET SESSION AUTHORIZATION app;", Use::Privileges, Some("SET SESSION AUTHORIZATION \"New App\";")),
            ("RESET SESSION AUTHORIZATION;", Use::Privileges, None),
            (
                "CREATE POLICY app ON public.app FOR SELECT TO app, other USING ((a = 'to app'::text));",
                Use::Other,
                Some("CREATE POLICY app ON public.app FOR SELECT TO \"New App\", other USING ((a = 'to app'::text));"),
            ),
            ("CREATE POLICY app ON public.app USING (true);", Use::Other, None),
            (
                "CREATE USER MAPPING FOR app SERVER app;",
                Use::Other,
                Some("CREATE USER MAPPING FOR \"New App\" SERVER app;"),
            ),
            ("CREATE USER MAPPING FOR PUBLIC SERVER app;", Use::Other, None),
            ("SET default_tablespace = app;", Use::Other, None),
            ("CREATE TABLE app (app int);", Use::Other, None),
        ] {
            let roles = Roles::of(sql.as_bytes());
            assert_eq!(roles.used, used, "{sql}");
            assert_eq!(roles.renamed(sql.as_bytes(), &names).as_deref(), renamed.map(str::as_bytes), "{sql}");
        }
    }
}
