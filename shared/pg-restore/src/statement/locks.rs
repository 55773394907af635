//! What a statement behind the data locks: what of it may run beside others.

use crate::statement::words::{Name, Words};

/// How a statement may be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It sets something for the statements behind it: on every connection.
    Setting,
    /// Beside others, but for those that lock the same.
    Beside(Vec<Lock>),
    /// A foreign key: beside others likewise, behind all that isn't one.
    ForeignKey(Vec<Lock>),
    /// Belongs to what was made right before it.
    Behind,
    /// When all before it is done, and before all behind it.
    Alone,
}

/// A table that a statement locks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lock {
    pub(crate) table: Name,
    /// Whether others must stay away from the table: several indexes of one may be made at once.
    pub(crate) alone: bool,
}

/// Whether one may run while the other does.
pub(crate) fn compatible(some: &[Lock], others: &[Lock]) -> bool {
    !some.iter().any(|lock| others.iter().any(|other| lock.table == other.table && (lock.alone || other.alone)))
}

impl Way {
    pub(crate) fn of(sql: &[u8]) -> Self {
        let mut words = Words::new(sql);
        if is_setting(sql) {
            return Self::Setting;
        }
        if words.take(&["create", "index"]) || words.take(&["create", "unique", "index"]) {
            let named = words.name().is_some() && words.take(&["on"]);
            words.take(&["only"]);
            return match words.qualified().filter(|_| named) {
                Some(table) => Self::Beside(vec![Lock { table, alone: false }]),
                None => Self::Alone,
            };
        }
        if words.take(&["alter", "table"]) {
            return Self::of_altered_table(words);
        }
        let remark = words.take(&["comment", "on", "index"]) || words.take(&["comment", "on", "constraint"]);
        if remark || (words.take(&["alter", "index"]) && !words.behind("attach")) {
            return Self::Behind;
        }
        Self::Alone
    }

    fn of_altered_table(mut words: Words<'_>) -> Self {
        words.take(&["only"]);
        let Some(table) = words.qualified() else { return Self::Alone };
        if words.take(&["cluster", "on"]) || words.take(&["replica", "identity", "using", "index"]) {
            return Self::Behind;
        }
        if !words.take(&["add", "constraint"]) || words.name().is_none() {
            return Self::Alone;
        }
        let mut locks = vec![Lock { table, alone: true }];
        if !words.take(&["foreign", "key"]) {
            let known = words.take_any(&["primary", "unique", "exclude", "check"]);
            return if known { Self::Beside(locks) } else { Self::Alone };
        }
        match words.behind("references").then(|| words.qualified()).flatten() {
            Some(table) => locks.push(Lock { table, alone: true }),
            None => return Self::Alone,
        }
        Self::ForeignKey(locks)
    }
}

/// `SET …`, `RESET …`, `SELECT pg_catalog.set_config(…)`.
pub(crate) fn is_setting(sql: &[u8]) -> bool {
    let mut words = Words::new(sql);
    if words.take_any(&["set", "reset"]) {
        return true;
    }
    words.take(&["select"]) && words.qualified().is_some_and(|(_, function)| function == "set_config")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(table: &str, alone: bool) -> Lock {
        Lock { table: ("public".to_owned(), table.to_owned()), alone }
    }

    #[test]
    fn statements_behind_the_data_lock_their_tables() {
        for (sql, way) in [
            ("SET default_tablespace = fast;", Way::Setting),
            ("SELECT pg_catalog.set_config('search_path', '', false);", Way::Setting),
            ("SELECT pg_catalog.setval('a', 1, true);", Way::Alone),
            (
                "CREATE UNIQUE INDEX i ON ONLY public.t USING btree (lower(\"on\"));",
                Way::Beside(vec![lock("t", false)]),
            ),
            (
                "ALTER TABLE ONLY public.t\n    ADD CONSTRAINT \"primary\" PRIMARY KEY (a);",
                Way::Beside(vec![lock("t", true)]),
            ),
            ("ALTER TABLE public.t ADD CONSTRAINT c CHECK ((a > 0)) NOT VALID;", Way::Beside(vec![lock("t", true)])),
            (
                "ALTER TABLE ONLY public.t\n    ADD CONSTRAINT f FOREIGN KEY (a, \"references\") REFERENCES public.u(a, b) ON DELETE CASCADE;",
                Way::ForeignKey(vec![lock("t", true), lock("u", true)]),
            ),
            ("ALTER TABLE public.t CLUSTER ON i;", Way::Behind),
            ("ALTER TABLE ONLY public.t REPLICA IDENTITY USING INDEX i;", Way::Behind),
            ("ALTER INDEX public.i ALTER COLUMN 1 SET STATISTICS 400;", Way::Behind),
            ("COMMENT ON CONSTRAINT c ON public.t IS 'x';", Way::Behind),
            ("ALTER INDEX public.i ATTACH PARTITION public.j;", Way::Alone),
            ("ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;", Way::Alone),
            ("CREATE TRIGGER x BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.f();", Way::Alone),
            ("REFRESH MATERIALIZED VIEW public.v;", Way::Alone),
        ] {
            assert_eq!(Way::of(sql.as_bytes()), way, "{sql}");
        }
    }

    #[test]
    fn indexes_of_one_table_are_compatible_and_its_constraints_are_not() {
        let (index, key, other) = ([lock("t", false)], [lock("t", true)], [lock("u", true)]);
        assert!(compatible(&index, &index) && compatible(&key, &other));
        assert!(!compatible(&index, &key) && !compatible(&key, &index) && !compatible(&key, &key));
    }
}
