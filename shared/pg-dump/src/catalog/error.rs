/// The catalog of the source could not be turned into SQL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// A catalog query failed.
    #[error("read {what} from the catalog")]
    Query {
        /// What was read.
        what: &'static str,
        /// The server's answer.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The catalog of a database in SQL_ASCII holds bytes that are no UTF-8, in which clients read its texts.
    #[error(
        "read {what} from the catalog: there are names or texts that are not in UTF-8. HINT: Write them anew in UTF-8; only rows may hold any bytes."
    )]
    NotUtf8 {
        /// What was read.
        what: &'static str,
        /// The server's answer, with the bytes.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A catalog query returned something else than it asks for.
    #[error("read {what} from the catalog: unexpected {column} {value}")]
    Unexpected {
        /// What was read.
        what: &'static str,
        /// The column.
        column: String,
        /// Its value, or "NULL".
        value: String,
    },
    /// The server's major is not known.
    #[error(
        "the server is PostgreSQL {0}, and this version dumps 13 to 18. HINT: Use a version that knows PostgreSQL {0}."
    )]
    UnknownMajor(u32),
    /// An object is owned by, or mentions, a role that does not exist.
    #[error("{object} belongs to a role that no longer exists. HINT: Give it an owner with ALTER … OWNER TO.")]
    NoOwner {
        /// The object.
        object: String,
    },
    /// An access control list that does not read as one.
    #[error("the privileges of {object} do not read as an access control list: {list}")]
    AccessList {
        /// The object.
        object: String,
        /// The list, or the item.
        list: String,
    },
    /// The database holds objects that this version does not dump.
    #[error(
        "the dump would lose {}: {}. HINT: Drop what is not needed, or allow a partial dump.",
        if .0.len() == 1 { "an object".to_owned() } else { format!("{} objects", .0.len()) },
        .0.join(", ")
    )]
    NotDumped(Vec<String>),
    /// Objects that need each other in a way that no repair is known for.
    #[error("these objects depend on each other in a circle that this version cannot break: {}", .0.join(", "))]
    Circle(Vec<String>),
    /// Text that came from the server is no text that may stand in a dump.
    #[error("the definition of {object} cannot stand in a dump")]
    Fragment {
        /// The object.
        object: String,
        /// Why.
        #[source]
        source: sql_text::FragmentError,
    },
}
