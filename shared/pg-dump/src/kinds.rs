//! One module per kind of object: which catalogs it reads, and what it emits.
//!
//! Each module reads all its objects in one query (`read`), and emits one of them as SQL (`emit`). What an object must come
//! after is in the graph ([`crate::depend`]); where it stands among the others, in the sort.

pub(crate) mod access_method;
pub(crate) mod aggregate;
pub(crate) mod attach;
pub(crate) mod cast;
pub(crate) mod collation;
pub(crate) mod column;
pub(crate) mod column_default;
pub(crate) mod constraint;
pub(crate) mod conversion;
pub(crate) mod declaration;
pub(crate) mod default_acl;
pub(crate) mod domain;
pub(crate) mod event_trigger;
pub(crate) mod exclusion;
pub(crate) mod extension;
pub(crate) mod foreign;
pub(crate) mod function;
pub(crate) mod index;
pub(crate) mod language;
pub(crate) mod large_object;
pub(crate) mod operator;
pub(crate) mod operator_class;
pub(crate) mod operator_family;
pub(crate) mod operator_member;
pub(crate) mod policy;
pub(crate) mod publication;
pub(crate) mod range;
pub(crate) mod relation;
pub(crate) mod rule;
pub(crate) mod schema;
pub(crate) mod sequence;
pub(crate) mod statistics;
pub(crate) mod subscription;
pub(crate) mod table;
pub(crate) mod text_search;
pub(crate) mod transform;
pub(crate) mod trigger;
pub(crate) mod types;
pub(crate) mod view;
