//! Collations, transforms, casts, access methods, operators with their classes and families, conversions, text search.

use crate::catalog::Model;
use crate::depend::{Node, Subject};
use crate::emit::Emitter;
use crate::object::ObjectId;

/// One of them, unless an extension brings it.
pub(super) fn tell(model: &Model, node: &Node, out: &mut Emitter<'_>) {
    let own = |id: ObjectId| model.is_defined(id, node.schema.as_deref().unwrap_or_default());
    match node.subject {
        Subject::Collation(oid) => {
            if let Some(collation) = model.collations.get(&oid).filter(|collation| own(collation.id())) {
                collation.emit(out);
            }
        }
        Subject::Transform(oid) => {
            if let Some(transform) = model.transforms.get(&oid).filter(|transform| own(transform.id())) {
                transform.emit(out);
            }
        }
        Subject::AccessMethod(oid) => {
            if let Some(method) = model.access_methods.get(&oid).filter(|method| own(method.id())) {
                method.emit(out);
            }
        }
        Subject::Cast(oid) => {
            if let Some(cast) = model.casts.get(&oid).filter(|cast| own(cast.id())) {
                cast.emit(out);
            }
        }
        Subject::Operator(oid) => {
            if let Some(operator) = model.operators.get(&oid).filter(|operator| own(operator.id())) {
                operator.emit(out);
            }
        }
        Subject::OperatorClass(oid) => {
            if let Some(class) = model.operator_classes.get(&oid).filter(|class| own(class.id())) {
                class.emit(out);
            }
        }
        // Members may have been added to any.
        Subject::OperatorFamily(oid) => {
            if let Some(family) = model.operator_families.get(&oid) {
                family.emit(out);
            }
        }
        Subject::Conversion(oid) => {
            if let Some(conversion) = model.conversions.get(&oid).filter(|conversion| own(conversion.id())) {
                conversion.emit(out);
            }
        }
        Subject::TextSearch(kind, oid) => {
            if let Some(object) = model.text_search.get(&kind.id(oid)).filter(|object| own(object.id())) {
                object.emit(out);
            }
        }
        _ => {}
    }
}
