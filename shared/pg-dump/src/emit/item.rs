//! One entry of the dump, and its text.

use sql_text::quote::{comment, identifier};

/// Where an entry stands towards the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Section {
    PreData,
    PostData,
}

/// Privileges come after every object, and what acts by itself after every privilege.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pass {
    Main,
    Privileges,
    /// Event triggers and the refreshing of materialised views.
    AfterPrivileges,
}

/// An entry: what its header says, and its statements.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// As in the header, such as `TABLE`.
    pub(crate) kind: &'static str,
    /// Name in the header.
    pub(crate) tag: String,
    pub(crate) schema: Option<String>,
    /// `None` prints as `-`, and the empty string as nothing.
    pub(crate) owner: Option<String>,
    /// The tablespace it is made in by `default_tablespace`; empty is the database's own.
    pub(crate) tablespace: Option<String>,
    /// The access method it is made with by `default_table_access_method`.
    pub(crate) access_method: Option<String>,
    pub(crate) section: Section,
    pub(crate) pass: Pass,
    /// Statements, each ended by a newline.
    pub(crate) definition: String,
    /// What `ALTER … OWNER TO` names, such as `TABLE public.t`.
    pub(crate) alter_owner: Option<String>,
    /// Statements that follow the owner's.
    pub(crate) afterwards: String,
}

impl Item {
    pub(crate) fn new(kind: &'static str, tag: impl Into<String>) -> Self {
        Self {
            kind,
            tag: tag.into(),
            schema: None,
            owner: None,
            tablespace: None,
            access_method: None,
            section: Section::PreData,
            pass: Pass::Main,
            definition: String::new(),
            alter_owner: None,
            afterwards: String::new(),
        }
    }

    pub(crate) fn schema(mut self, schema: &str) -> Self {
        self.schema = Some(schema.to_owned());
        self
    }

    pub(crate) fn owner(mut self, owner: &str) -> Self {
        self.owner = Some(owner.to_owned());
        self
    }

    pub(crate) fn definition(mut self, sql: String) -> Self {
        self.definition = sql;
        self
    }

    pub(crate) fn alter_owner(mut self, what: String) -> Self {
        self.alter_owner = Some(what);
        self
    }

    pub(crate) fn tablespace(mut self, tablespace: &str) -> Self {
        self.tablespace = Some(tablespace.to_owned());
        self
    }

    /// The header comment, up to the empty line after it. `prefix` is empty or `Data for `.
    pub(crate) fn header(&self, prefix: &str) -> String {
        let schema = self.schema.as_deref().map_or("-".into(), comment);
        let owner = self.owner.as_deref().map_or("-".into(), comment);
        let mut header = format!(
            "--\n-- {prefix}Name: {}; Type: {}; Schema: {schema}; Owner: {owner}",
            comment(&self.tag),
            self.kind
        );
        if let Some(tablespace) = self.tablespace.as_deref().filter(|name| !name.is_empty()) {
            header.push_str("; Tablespace: ");
            header.push_str(&comment(tablespace));
        }
        header.push_str("\n--\n\n");
        header
    }

    /// Header, definition and owner.
    pub(crate) fn text(&self) -> String {
        let mut text = self.header("");
        if !self.definition.is_empty() {
            text.push_str(&self.definition);
            text.push_str("\n\n");
        }
        if let (Some(what), Some(owner)) = (&self.alter_owner, &self.owner) {
            text.push_str(&format!("ALTER {what} OWNER TO {};\n\n", identifier(owner)));
        }
        text.push_str(&self.afterwards);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_out_of_its_header() {
        let item = Item::new("TABLE", "t\nDROP TABLE x; --").schema("s\n1").owner("o\r2");
        assert_eq!(item.header(""), "--\n-- Name: t DROP TABLE x; --; Type: TABLE; Schema: s 1; Owner: o 2\n--\n\n");
    }

    #[test]
    fn the_owner_is_set_after_the_definition() {
        let item =
            Item::new("SCHEMA", "a").owner("Me").definition("CREATE SCHEMA a;\n".into()).alter_owner("SCHEMA a".into());
        assert!(item.text().ends_with("CREATE SCHEMA a;\n\n\nALTER SCHEMA a OWNER TO \"Me\";\n\n"));
    }
}
