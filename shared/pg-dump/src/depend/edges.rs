//! Edges from `pg_depend`.

use super::Graph;
use crate::catalog::{CatalogError, Reader};
use crate::depend::Subject;
use crate::object::ObjectId;

/// A row of `pg_depend` between two objects.
pub(crate) struct Dependency {
    pub(crate) object: ObjectId,
    pub(crate) needs: ObjectId,
    /// Number of the column that it needs, or 0.
    pub(crate) column: i32,
    /// `pg_depend.deptype`.
    pub(crate) kind: char,
}

/// All dependencies among objects, but membership in extensions, sorted. Operators and functions of an operator family count as the
/// family.
pub(crate) async fn read(reader: &Reader<'_>) -> Result<Vec<Dependency>, CatalogError> {
    // A trigger that depends on a constraint is PostgreSQL's own (each foreign key has four), or is what the constraint is told as:
    // either way one of the two has no node. There are many: a row for all of a kind is quicker than a row for each.
    let sql = "SELECT class, of_class, kind, array_agg(oid) AS objects, array_agg(of) AS needs, array_agg(\"column\") AS columns FROM ( \
             SELECT classid, objid, refclassid, refobjid, refobjsubid, deptype FROM pg_depend \
                 WHERE deptype NOT IN ('p', 'e') AND objid >= 16384 \
                 AND (refobjid >= 16384 OR refclassid = 'pg_namespace'::regclass) \
                 AND NOT (classid = 'pg_trigger'::regclass AND refclassid = 'pg_constraint'::regclass) \
             UNION ALL SELECT 'pg_opfamily'::regclass, o.amopfamily, d.refclassid, d.refobjid, d.refobjsubid, d.deptype \
                 FROM pg_depend d JOIN pg_amop o ON d.classid = 'pg_amop'::regclass AND d.objid = o.oid \
                 WHERE d.deptype NOT IN ('p', 'e', 'i') AND d.objid >= 16384 AND d.refobjid >= 16384 \
                 AND NOT (d.refclassid = 'pg_opfamily'::regclass AND o.amopfamily = d.refobjid) \
             UNION ALL SELECT 'pg_opfamily'::regclass, p.amprocfamily, d.refclassid, d.refobjid, d.refobjsubid, d.deptype \
                 FROM pg_depend d JOIN pg_amproc p ON d.classid = 'pg_amproc'::regclass AND d.objid = p.oid \
                 WHERE d.deptype NOT IN ('p', 'e', 'i') AND d.objid >= 16384 AND d.refobjid >= 16384 \
                 AND NOT (d.refclassid = 'pg_opfamily'::regclass AND p.amprocfamily = d.refobjid) \
         ) d (class, oid, of_class, of, \"column\", kind) GROUP BY class, of_class, kind";
    let mut dependencies = Vec::new();
    for row in reader.rows("dependencies", sql).await? {
        let (class, of_class, kind) = (row.oid("class")?, row.oid("of_class")?, row.letter("kind")?);
        let (objects, needs) = (row.numbers("objects")?, row.numbers("needs")?);
        dependencies.extend(objects.into_iter().zip(needs).zip(row.numbers("columns")?).map(
            |((object, needs), column)| Dependency {
                object: ObjectId::new(class, object),
                needs: ObjectId::new(of_class, needs),
                column,
                kind,
            },
        ));
    }
    dependencies
        .sort_unstable_by_key(|dependency| (dependency.object, dependency.needs, dependency.column, dependency.kind));
    Ok(dependencies)
}

/// Adds them to the graph.
pub(super) fn add(graph: &mut Graph, dependencies: &[Dependency]) {
    for dependency in dependencies {
        let (Some(node), Some(other)) = (graph.object(dependency.object), graph.object(dependency.needs)) else {
            continue;
        };
        // A composite type's pg_class row belongs to the type, and holds its attributes: the type comes after it.
        let is_class_of_type = dependency.kind == 'i'
            && matches!(graph.nodes[node].subject, Subject::Relation(_))
            && matches!(graph.nodes[other].subject, Subject::Type(_));
        if is_class_of_type { graph.need(other, node) } else { graph.need(node, other) }
    }
}
