//! What is said of objects beside their definitions: `COMMENT ON` and `SECURITY LABEL`.

use sql_text::quote::{identifier, literal};

use super::{Emitter, Item, Pass, Target};

impl Emitter<'_> {
    /// Comment and security labels, if there are any.
    pub(crate) fn comment(&mut self, target: &Target<'_>) {
        self.comment_alone(target);
        self.labels(target, std::slice::from_ref(target));
    }

    /// `COMMENT ON …`, if there is a comment.
    pub(crate) fn comment_alone(&mut self, target: &Target<'_>) {
        if let Some(text) = self.model.comment(target.id, target.column) {
            self.comment_text(target, text);
        }
    }

    /// `COMMENT ON …` with a text, which may be empty to remove what initdb says.
    pub(crate) fn comment_text(&mut self, target: &Target<'_>, text: &str) {
        let statement = format!("COMMENT ON {} IS {};\n", on(target), literal(text));
        self.comments.insert((target.id, target.column));
        self.remark("COMMENT", target, statement);
    }

    /// `SECURITY LABEL …` on the parts of an object (itself and its columns), as one entry.
    pub(crate) fn labels(&mut self, target: &Target<'_>, parts: &[Target<'_>]) {
        let mut statements = String::new();
        for part in parts {
            for (provider, label) in self.model.labels(part.id, part.column) {
                let provider = identifier(provider);
                statements.push_str(&format!("SECURITY LABEL FOR {provider} ON {} IS {};\n", on(part), literal(label)));
                self.labels.insert((part.id, part.column));
            }
        }
        if !statements.is_empty() {
            self.remark("SECURITY LABEL", target, statements);
        }
    }

    fn remark(&mut self, kind: &'static str, target: &Target<'_>, statements: String) {
        let mut item = Item::new(kind, format!("{} {}", target.kind, target.name)).owner(target.owner);
        item.schema = target.schema.map(str::to_owned);
        // What is said of an event trigger waits for it.
        item.pass = if target.kind == "EVENT TRIGGER" { Pass::AfterPrivileges } else { Pass::Main };
        self.item(item.definition(statements));
    }
}

/// Kind and qualified name.
fn on(target: &Target<'_>) -> String {
    let schema = target.schema.map(|schema| format!("{}.", identifier(schema))).unwrap_or_default();
    format!("{} {schema}{}", target.kind, target.name)
}
