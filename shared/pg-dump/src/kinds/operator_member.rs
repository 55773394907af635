//! Members of operator families: `pg_amop`, `pg_amproc`. What `pg_depend` ties to a class is told with the class, the rest with
//! the family.

use std::collections::BTreeMap;

use sql_text::quote::qualified;

use crate::catalog::{CatalogError, Model, Reader};
use crate::emit::Emitter;
use crate::object::{FIRST_USER_OID, ObjectId, class};

/// An operator or a support function of a family.
pub(crate) struct Member {
    id: ObjectId,
    pub(crate) family: u32,
    /// The operator or the function.
    what: ObjectId,
    /// The types it is for.
    types: [u32; 2],
    /// The same, but of arrays their elements' types: no array is a member of the extension that its elements' type belongs to.
    elements: [u32; 2],
    /// `OPERATOR 1 …` or `FUNCTION 1 …`.
    text: String,
}

/// The members that users or extensions added.
#[derive(Default)]
pub(crate) struct Members {
    /// By class; in order of their numbers, operators first.
    pub(crate) of_class: BTreeMap<u32, Vec<Member>>,
    /// By family, those that are tied to none of its classes.
    pub(crate) of_family: BTreeMap<u32, Vec<Member>>,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<Members, CatalogError> {
    let tied = |catalog: &str| {
        format!(
            "(SELECT d.refobjid FROM pg_depend d WHERE d.classid = '{catalog}'::regclass AND d.objid = m.oid \
             AND d.refclassid = 'pg_opclass'::regclass LIMIT 1)"
        )
    };
    let element = |column: &str| {
        format!("coalesce((SELECT t.oid FROM pg_type t WHERE t.typarray = m.{column} LIMIT 1), m.{column})")
    };
    let sql = format!(
        "SELECT 2602 AS class, m.oid, m.amopfamily AS family, m.amopstrategy AS number, m.amopopr AS what, \
             m.amopopr::regoperator::text AS name, m.amoplefttype AS left, m.amoprighttype AS right, \
             format_type(m.amoplefttype, NULL) AS left_name, format_type(m.amoprighttype, NULL) AS right_name, \
             {left_element} AS left_element, {right_element} AS right_element, \
             n.nspname AS sort_schema, f.opfname AS sort_name, {of_operator} AS of_class \
             FROM pg_amop m LEFT JOIN pg_opfamily f ON f.oid = m.amopsortfamily \
             LEFT JOIN pg_namespace n ON n.oid = f.opfnamespace WHERE m.oid >= {FIRST_USER_OID} \
         UNION ALL SELECT 2603, m.oid, m.amprocfamily, m.amprocnum, m.amproc::oid, m.amproc::oid::regprocedure::text, \
             m.amproclefttype, m.amprocrighttype, format_type(m.amproclefttype, NULL), format_type(m.amprocrighttype, NULL), \
             {left_of_function}, {right_of_function}, NULL, NULL, {of_function} FROM pg_amproc m WHERE m.oid >= {FIRST_USER_OID} \
         ORDER BY class, number, left_name, right_name",
        left_element = element("amoplefttype"),
        right_element = element("amoprighttype"),
        left_of_function = element("amproclefttype"),
        right_of_function = element("amprocrighttype"),
        of_operator = tied("pg_amop"),
        of_function = tied("pg_amproc"),
    );
    let mut members = Members::default();
    for row in reader.rows("members of operator families", &sql).await? {
        let id = ObjectId::new(row.oid("class")?, row.oid("oid")?);
        let (number, name) = (row.text("number")?, row.fragment("name")?.unwrap_or_default());
        let (text, of) = if id.class == class::FAMILY_OPERATOR {
            let sort = match (row.optional("sort_schema")?, row.optional("sort_name")?) {
                (Some(schema), Some(name)) => format!(" FOR ORDER BY {}", qualified(&schema, &name)),
                _ => String::new(),
            };
            (format!("OPERATOR {number} {name}{sort}"), class::OPERATOR)
        } else {
            let types = format!("{}, {}", row.text("left_name")?, row.text("right_name")?);
            (format!("FUNCTION {number} ({types}) {name}"), class::FUNCTION)
        };
        let (family, of_class) = (row.oid("family")?, row.oid("of_class")?);
        let what = ObjectId::new(of, row.oid("what")?);
        let types = [row.oid("left")?, row.oid("right")?];
        let elements = [row.oid("left_element")?, row.oid("right_element")?];
        let member = Member { id, family, what, types, elements, text };
        let (map, key) =
            if of_class == 0 { (&mut members.of_family, family) } else { (&mut members.of_class, of_class) };
        map.entry(key).or_default().push(member);
    }
    Ok(members)
}

impl Member {
    /// Whether a user added it to a family that is not his own.
    ///
    /// Nothing ties the members of an extension's family to the extension. So one counts as added if it is about something of
    /// the user's. To what initdb made, extensions add only members about something of theirs.
    pub(crate) fn is_added(&self, family_of_extension: bool, model: &Model) -> bool {
        let users = |id: ObjectId| id.is_users() && !model.members.contains_key(&id);
        let about =
            [self.what, ObjectId::new(class::TYPE, self.elements[0]), ObjectId::new(class::TYPE, self.elements[1])];
        let of_own_class = model.operator_classes.values().any(|operator_class| {
            operator_class.family == self.family
                && self.types.contains(&operator_class.input)
                && users(operator_class.id())
        });
        let of_extension = about.iter().any(|id| model.members.contains_key(id));
        of_own_class || about.iter().any(|id| users(*id)) || (!family_of_extension && !of_extension)
    }
}

/// Members as they stand in CREATE OPERATOR CLASS and ALTER OPERATOR FAMILY, after other items of the list.
pub(crate) fn emit<'a>(
    mut items: Vec<String>,
    members: impl Iterator<Item = &'a Member>,
    out: &mut Emitter<'_>,
) -> String {
    for member in members {
        out.told(member.id);
        items.push(member.text.clone());
    }
    items.join(" ,\n    ")
}
