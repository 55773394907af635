//! Access control lists as GRANT and REVOKE: the difference to what a new object would have.

use sql_text::quote::{identifier, qualified};

use super::Target;
use crate::catalog::{CatalogError, Row, array};
use crate::object::{ObjectId, class};

/// Privileges of an object: `relacl` and the like, as the text of an `aclitem[]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccessList {
    /// `None` when nothing was ever granted or revoked.
    pub(crate) current: Option<String>,
    /// What `acldefault()` says.
    pub(crate) default: String,
}

/// Statements, and the roles that they name.
#[derive(Default)]
pub(super) struct Statements {
    pub(super) sql: String,
    pub(super) roles: Vec<String>,
}

impl AccessList {
    /// From the columns `acl` and `acldefault`.
    pub(crate) fn read(row: &Row) -> Result<Self, CatalogError> {
        Ok(Self { current: row.optional("acl")?, default: row.optional("acldefault")?.unwrap_or_default() })
    }
}

/// One item of a list: `grantee=privileges/grantor`.
struct Grant {
    /// Empty for PUBLIC.
    grantee: String,
    grantor: String,
    /// Names of the privileges without grant option, or `ALL`; empty if there are none.
    plain: String,
    /// Names of those with grant option.
    with_option: String,
}

/// GRANTs and REVOKEs that lead from `initial` (an extension's or initdb's), or else from the default, to the current list.
pub(super) fn statements(
    target: &Target<'_>,
    column: Option<&str>,
    list: &AccessList,
    initial: Option<&str>,
) -> Result<Statements, CatalogError> {
    let current = list.current.as_deref().unwrap_or(&list.default);
    let base = initial.unwrap_or(&list.default);
    if current == base {
        return Ok(Statements::default());
    }
    // Privileges on a foreign table are granted as a table's.
    let on = match (target.kind, target.schema) {
        (kind, Some(schema)) => format!("{kind} {}.{}", identifier(schema), target.name),
        (kind, None) => format!("{kind} {}", target.name),
    };
    difference(target, column, &on, "", current, base)
}

/// ALTER DEFAULT PRIVILEGES statements; `prefix` is `ALTER DEFAULT PRIVILEGES FOR ROLE … ` with its schema.
pub(super) fn defaults(target: &Target<'_>, prefix: &str, list: &AccessList) -> Result<Statements, CatalogError> {
    let current = list.current.as_deref().unwrap_or_default();
    difference(target, None, target.kind, prefix, current, &list.default)
}

/// The same for a database, whose quoted name is `name`.
pub(crate) fn of_database(name: &str, owner: &str, list: &AccessList) -> Result<String, CatalogError> {
    let id = ObjectId::new(class::DATABASE, 0);
    let target = Target { id, column: 0, kind: "DATABASE", name, schema: None, owner };
    Ok(statements(&target, None, list, None)?.sql)
}

fn difference(
    target: &Target<'_>,
    column: Option<&str>,
    on: &str,
    prefix: &str,
    current: &str,
    base: &str,
) -> Result<Statements, CatalogError> {
    let unreadable = |list: &str| CatalogError::AccessList {
        object: format!(
            "{} {}",
            target.kind,
            target.schema.map_or(target.name.to_owned(), |s| qualified(s, target.name))
        ),
        list: list.to_owned(),
    };
    let items = |list: &str| {
        if list.is_empty() { Ok(Vec::new()) } else { array::parse(list).ok_or_else(|| unreadable(list)) }
    };
    let (current, base) = (items(current)?, items(base)?);
    let read =
        |item: &String, options: bool| Grant::read(item, target.kind, column, options).ok_or_else(|| unreadable(item));

    let mut statements = Statements::default();
    for item in base.iter().filter(|item| !current.contains(item)) {
        // Revoking a privilege takes its grant option along.
        let grant = read(item, false)?;
        if !grant.plain.is_empty() {
            let privileges = &grant.plain;
            let from = role(&grant.grantee);
            statements.sql.push_str(&format!("{prefix}REVOKE {privileges} ON {on} FROM {from};\n"));
            statements.roles.extend([grant.grantee].into_iter().filter(|name| !name.is_empty()));
        }
    }
    // The owner's own grants come first, since others' may rest on them; else the order of granting is kept.
    let mut others = String::new();
    for item in current.iter().filter(|item| !base.contains(item)) {
        let grant = read(item, true)?;
        if grant.plain.is_empty() && grant.with_option.is_empty() {
            continue;
        }
        let by_owner = grant.grantor.is_empty() || grant.grantor == target.owner;
        let sql = if by_owner && grant.grantee == target.owner { &mut statements.sql } else { &mut others };
        if !by_owner {
            sql.push_str(&format!("SET SESSION AUTHORIZATION {};\n", identifier(&grant.grantor)));
        }
        let to = role(&grant.grantee);
        if !grant.plain.is_empty() {
            sql.push_str(&format!("{prefix}GRANT {} ON {on} TO {to};\n", grant.plain));
        }
        if !grant.with_option.is_empty() {
            sql.push_str(&format!("{prefix}GRANT {} ON {on} TO {to} WITH GRANT OPTION;\n", grant.with_option));
        }
        if !by_owner {
            sql.push_str("RESET SESSION AUTHORIZATION;\n");
        }
        statements.roles.extend([grant.grantee, grant.grantor].into_iter().filter(|name| !name.is_empty()));
    }
    statements.sql.push_str(&others);
    Ok(statements)
}

fn role(grantee: &str) -> std::borrow::Cow<'_, str> {
    if grantee.is_empty() { "PUBLIC".into() } else { identifier(grantee) }
}

/// Letters and names of the privileges on a kind of object, in the order in which they are listed.
///
/// Before 17 there is no MAINTAIN: all privileges of such a server are listed one by one, and are no more than that when they are
/// restored into a newer one.
fn vocabulary(kind: &str, column: bool) -> Option<Vec<(char, &'static str)>> {
    Some(match kind {
        "TABLE" | "TABLES" | "FOREIGN TABLE" if column => {
            vec![('r', "SELECT"), ('a', "INSERT"), ('x', "REFERENCES"), ('w', "UPDATE")]
        }
        "TABLE" | "TABLES" | "FOREIGN TABLE" => vec![
            ('r', "SELECT"),
            ('a', "INSERT"),
            ('x', "REFERENCES"),
            ('d', "DELETE"),
            ('t', "TRIGGER"),
            ('D', "TRUNCATE"),
            ('m', "MAINTAIN"),
            ('w', "UPDATE"),
        ],
        "SEQUENCE" | "SEQUENCES" => vec![('r', "SELECT"), ('U', "USAGE"), ('w', "UPDATE")],
        "FUNCTION" | "FUNCTIONS" | "PROCEDURE" | "AGGREGATE" => vec![('X', "EXECUTE")],
        "LANGUAGE" | "TYPE" | "TYPES" | "FOREIGN DATA WRAPPER" | "FOREIGN SERVER" => vec![('U', "USAGE")],
        "SCHEMA" | "SCHEMAS" => vec![('C', "CREATE"), ('U', "USAGE")],
        "DATABASE" => vec![('C', "CREATE"), ('c', "CONNECT"), ('T', "TEMPORARY")],
        "LARGE OBJECT" | "LARGE OBJECTS" => vec![('r', "SELECT"), ('w', "UPDATE")],
        _ => return None,
    })
}

impl Grant {
    /// Without `options`, a privilege with grant option counts as one without. `None` for what is no such item.
    fn read(item: &str, kind: &str, column: Option<&str>, options: bool) -> Option<Self> {
        let (grantee, rest) = name(item)?;
        let rest = rest.strip_prefix('=')?;
        let (letters, grantor) = rest.split_once('/')?;
        let (grantor, "") = name(grantor)? else { return None };

        let words = vocabulary(kind, column.is_some())?;
        let (mut plain, mut with_option) = (Vec::new(), Vec::new());
        let mut rest = letters.chars().peekable();
        let mut granted = Vec::new();
        while let Some(letter) = rest.next() {
            let option = rest.next_if_eq(&'*').is_some();
            words.iter().find(|(known, _)| *known == letter)?;
            granted.push((letter, option));
        }
        for (letter, word) in &words {
            if let Some((_, option)) = granted.iter().find(|(granted, _)| granted == letter) {
                if *option && options { &mut with_option } else { &mut plain }.push(*word);
            }
        }
        let list = |names: Vec<&str>| {
            let all = names.len() == words.len();
            let names = if all { vec!["ALL"] } else { names };
            let named = |name: &&str| column.map_or((*name).to_owned(), |column| format!("{name}({column})"));
            names.iter().map(named).collect::<Vec<_>>().join(",")
        };
        Some(Self { grantee, grantor, plain: list(plain), with_option: list(with_option) })
    }
}

/// A role's name at the start of an item, quoted if it is not a word, and what follows it.
fn name(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(['=', '/']).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    let mut rest = quoted;
    loop {
        let end = rest.find('"')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sql(
        kind: &'static str,
        column: Option<&str>,
        current: Option<&str>,
        default: &str,
        initial: Option<&str>,
    ) -> String {
        let target =
            Target { id: ObjectId::new(1259, 1), column: 0, kind, name: "t", schema: Some("s"), owner: "owner" };
        let list = AccessList { current: current.map(str::to_owned), default: default.to_owned() };
        statements(&target, column, &list, initial).unwrap().sql
    }

    const DEFAULT: &str = "{owner=arwdDxtm/owner}";

    #[test]
    fn default_privileges_say_nothing() {
        assert_eq!(sql("TABLE", None, None, DEFAULT, None), "");
        assert_eq!(sql("TABLE", None, Some(DEFAULT), DEFAULT, None), "");
    }

    #[test]
    fn grants_follow_the_owners_own() {
        assert_eq!(
            sql("TABLE", None, Some("{reader=r/owner,=r/owner,owner=arw*/owner}"), DEFAULT, None),
            "REVOKE ALL ON TABLE s.t FROM owner;\n\
             GRANT SELECT,INSERT ON TABLE s.t TO owner;\nGRANT UPDATE ON TABLE s.t TO owner WITH GRANT OPTION;\n\
             GRANT SELECT ON TABLE s.t TO reader;\nGRANT SELECT ON TABLE s.t TO PUBLIC;\n"
        );
    }

    #[test]
    fn grants_of_another_role_are_made_in_its_name() {
        assert_eq!(
            sql("TABLE", None, Some(r#"{owner=arwdDxtm/owner,"\"a \"\"b\"=r/reader"}"#), DEFAULT, None),
            "SET SESSION AUTHORIZATION reader;\nGRANT SELECT ON TABLE s.t TO \"a \"\"b\";\nRESET SESSION AUTHORIZATION;\n"
        );
    }

    #[test]
    fn columns_are_named_with_the_privilege() {
        assert_eq!(
            sql("TABLE", Some("c"), Some("{reader=rw/owner,x=arwx/owner}"), "{}", None),
            "GRANT SELECT(c),UPDATE(c) ON TABLE s.t TO reader;\nGRANT ALL(c) ON TABLE s.t TO x;\n"
        );
    }

    #[test]
    fn what_an_extension_granted_is_no_difference() {
        let of_extension = "{owner=arwdDxtm/owner,=r/owner}";
        assert_eq!(sql("TABLE", None, Some(of_extension), DEFAULT, Some(of_extension)), "");
        assert_eq!(
            sql("TABLE", None, Some(DEFAULT), DEFAULT, Some(of_extension)),
            "REVOKE SELECT ON TABLE s.t FROM PUBLIC;\n"
        );
    }

    #[test]
    fn a_list_with_an_unknown_privilege_is_refused() {
        let target =
            Target { id: ObjectId::new(1259, 1), column: 0, kind: "TABLE", name: "t", schema: None, owner: "owner" };
        let list = AccessList { current: Some("{owner=rZ/owner}".into()), default: "{}".into() };
        assert!(statements(&target, None, &list, None).is_err());
    }
}
