//! Settings that catalogs keep with a function, a role or a database, as SET takes them.

use sql_text::quote::{identifier, literal};

/// Settings whose value is a list of names, each to be quoted on its own.
const LISTS: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

/// `SET name TO value`, of an element `name=value` of `proconfig` or `setconfig`.
pub(crate) fn assignment(setting: &str) -> String {
    let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
    format!("SET {} TO {}", identifier(name), setting_value(name, value))
}

/// A value as SET takes it.
fn setting_value(name: &str, value: &str) -> String {
    if LISTS.contains(&name.to_ascii_lowercase().as_str())
        && let Some(names) = names(value)
    {
        return names.iter().map(|name| literal(name)).collect::<Vec<_>>().join(", ");
    }
    literal(value)
}

/// Names between commas, each plain or quoted; `None` if that is not what the text is.
fn names(list: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = list.trim();
    loop {
        let name = if let Some(quoted) = rest.strip_prefix('"') {
            let mut name = String::new();
            rest = quoted;
            loop {
                let end = rest.find('"')?;
                name.push_str(&rest[..end]);
                rest = &rest[end + 1..];
                let Some(more) = rest.strip_prefix('"') else { break };
                name.push('"');
                rest = more;
            }
            name
        } else {
            let end = rest.find(|c: char| c == ',' || c.is_ascii_whitespace()).unwrap_or(rest.len());
            let name = rest[..end].to_owned();
            rest = &rest[end..];
            name
        };
        if name.is_empty() && !list.trim().is_empty() && !list.contains("\"\"") {
            return None;
        }
        names.push(name);
        rest = rest.trim_start();
        if rest.is_empty() {
            return Some(names);
        }
        rest = rest.strip_prefix(',')?.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_of_a_list_is_quoted_on_its_own() {
        assert_eq!(setting_value("search_path", "public, \"My schema\", pg_temp"), "'public', 'My schema', 'pg_temp'");
        assert_eq!(setting_value("search_path", "\"a\"\"b\""), "'a\"b'");
        assert_eq!(setting_value("search_path", "\"\""), "''");
        assert_eq!(setting_value("work_mem", "1, 2"), "'1, 2'");
    }
}
