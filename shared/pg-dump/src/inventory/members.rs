//! What users have put on extensions' tables, which no dump brings back: CREATE EXTENSION makes the tables as its script has them.
//!
//! The catalog doesn't say who made an index or a trigger. But a script runs in one transaction with the rows that say what belongs to
//! its extension, so what came in another transaction is a user's — or an update's, or `pg_upgrade`'s, which is why this only warns.

use crate::catalog::{CatalogError, Reader};
use crate::object::class;

/// Names of indexes, constraints, triggers, rules, policies, defaults, statistics, columns and security labels of extensions' tables that
/// came in no transaction of their extension's.
pub(crate) async fn changed(reader: &Reader<'_>) -> Result<Vec<String>, CatalogError> {
    let parts =
        [class::COLUMN_DEFAULT, class::CONSTRAINT, class::TRIGGER, class::RULE, class::POLICY, class::STATISTICS];
    let parts = parts.map(|class| class.to_string()).join(", ");
    let sql = format!(
        "WITH member AS (SELECT classid, objid, refobjid AS extension, xmin::text AS made FROM pg_depend \
             WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'), \
         script AS (SELECT extension, made FROM member UNION SELECT oid, xmin::text FROM pg_extension), \
         part AS ( \
             SELECT DISTINCT p.classid, p.objid, 0 AS objsubid, m.extension, p.xmin::text AS made \
                 FROM member m JOIN pg_depend p ON p.refclassid = m.classid AND p.refobjid = m.objid AND p.deptype = 'a' \
                 LEFT JOIN pg_class i ON p.classid = 'pg_class'::regclass AND i.oid = p.objid AND i.relkind IN ('i', 'I') \
                 WHERE m.classid = 'pg_class'::regclass AND (p.classid IN ({parts}) OR i.oid IS NOT NULL) \
             UNION ALL SELECT m.classid, m.objid, a.attnum, m.extension, a.xmin::text FROM member m \
                 JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid AND c.relkind IN ('r', 'p', 'f') \
                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attacl IS NULL \
             UNION ALL SELECT m.classid, m.objid, l.objsubid, m.extension, l.xmin::text \
                 FROM member m JOIN pg_seclabel l ON l.classoid = m.classid AND l.objoid = m.objid) \
         SELECT DISTINCT pg_describe_object(classid, objid, objsubid) || ' of extension ' || x.extname AS name \
             FROM part JOIN pg_extension x ON x.oid = part.extension \
             WHERE NOT EXISTS (SELECT FROM script s WHERE s.extension = part.extension AND s.made = part.made) \
             AND NOT EXISTS (SELECT FROM member m WHERE m.classid = part.classid AND m.objid = part.objid \
                 AND part.classid <> 'pg_class'::regclass) ORDER BY 1"
    );
    reader.rows("changes of extensions' tables", &sql).await?.iter().map(|row| row.text("name")).collect()
}
