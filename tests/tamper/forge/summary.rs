//! The one object that is not encrypted.

use serde_json::{Value, json};

use super::{Forgery, sha256};

/// A value of a summary is another.
pub(super) fn forge_field(forgery: &mut Forgery<'_>) -> Option<String> {
    let mut summary = forgery.summary_json()?;
    let fields: Vec<String> = summary.as_object()?.keys().cloned().collect();
    let field = forgery.random.pick(&fields).clone();
    let forged = match field.as_str() {
        // As if another manifest were this one's: a true hash of a false object.
        "manifest_sha256" if forgery.random.once_in(2) => {
            let other = forgery.other_key();
            json!(sha256(&forgery.bytes(&other)?))
        }
        "kind" => json!(if summary["kind"] == "files" { "database" } else { "files" }),
        "backup" | "environment" if forgery.random.once_in(2) => {
            let other = forgery.random.pick(&forgery.originals.backups);
            json!(if field == "backup" { &other.id } else { &other.environment })
        }
        _ => other(forgery, &summary[&field]),
    };
    if forged == summary[&field] {
        return None;
    }
    let words = format!("{field} of the summary of {} is {forged}", forgery.target.id);
    match forgery.random.below(12) {
        0 => {
            summary.as_object_mut()?.remove(&field);
        }
        _ => summary[&field] = forged,
    }
    let key = forgery.target.summary().clone();
    forgery.set(&key, summary.to_string())?;
    Some(words)
}

/// A value of the same shape.
fn other(forgery: &mut Forgery<'_>, value: &Value) -> Value {
    let random = &mut forgery.random;
    match value {
        Value::Null => json!("2026-11-22T12:00:00Z"),
        Value::Bool(it) => json!(!it),
        Value::Number(number) => {
            let number = number.as_u64().unwrap_or_default();
            let by = [1, 1000, 1 << 40][random.below(3)];
            json!([number.wrapping_add(by) % (1 << 53), number.saturating_sub(by), 0][random.below(3)])
        }
        // A digit or a letter is another, as in a time, a hash, an id, a name.
        Value::String(text) => {
            let mut text: Vec<char> = text.chars().collect();
            if let Some(at) = (!text.is_empty()).then(|| random.below(text.len())) {
                text[at] = match text[at] {
                    '9' => '0',
                    'f' => '0',
                    'z' => 'a',
                    letter @ ('0'..='8' | 'a'..='y') => char::from(letter as u8 + 1),
                    _ => '1',
                };
            }
            json!(text.into_iter().collect::<String>())
        }
        Value::Array(values) => {
            let mut values = values.clone();
            let at = random.below(values.len());
            match random.below(4) {
                0 if !values.is_empty() => {
                    values.remove(at);
                }
                1 if !values.is_empty() => values.push(values[at].clone()),
                2 if values.len() > 1 => values.reverse(),
                _ if !values.is_empty() => values[at] = other(forgery, &values[at].clone()),
                _ => values.push(json!("more")),
            }
            json!(values)
        }
        Value::Object(fields) => {
            let mut fields = fields.clone();
            let names: Vec<String> = fields.keys().cloned().collect();
            if names.is_empty() || random.once_in(4) {
                fields.insert("made_up".to_owned(), json!(1));
            } else {
                let name = random.pick(&names).clone();
                let value = other(forgery, &fields[&name].clone());
                fields.insert(name, value);
            }
            json!(fields)
        }
    }
}

/// The same in other bytes, or nearly.
pub(super) fn rewrite(forgery: &mut Forgery<'_>) -> Option<String> {
    let key = forgery.target.summary().clone();
    let bytes = forgery.bytes(&key)?;
    let summary = forgery.summary_json()?;
    let (how, text) = match forgery.random.below(6) {
        0 => ("with white space", serde_json::to_string_pretty(&summary).ok()?),
        1 => ("with an unknown field", {
            let mut more = summary;
            more["unknown"] = json!("field");
            more.to_string()
        }),
        2 => ("twice", format!("{summary}{summary}")),
        3 => ("with a field twice", format!("{{\"rows\": 7, {}", &summary.to_string()[1..])),
        4 => ("with a byte order mark", format!("\u{feff}{summary}")),
        _ => ("behind an empty line", format!("\n{}", String::from_utf8(bytes.to_vec()).ok()?)),
    };
    forgery.set(&key, text)?;
    Some(format!("summary of {} written {how}", forgery.target.id))
}
