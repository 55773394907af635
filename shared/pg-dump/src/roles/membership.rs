//! Memberships of roles in roles: `pg_auth_members`.

use std::collections::{BTreeMap, BTreeSet};

use sql_text::quote::{dollar_quoted, identifier, literal};

use super::readable::Readable;
use super::role::Role;
use super::{BOOTSTRAP, predefined};
use crate::catalog::{CatalogError, Reader};

#[derive(Clone, Debug, Default)]
pub(super) struct Membership {
    role: u32,
    member: u32,
    /// 0 before 16, where the grantor means nothing and may be gone.
    grantor: u32,
    admin: bool,
    /// `None` before 16, where roles have them, and not memberships.
    inherit: Option<bool>,
    set: Option<bool>,
}

/// All of the cluster's: which of them matter, only the whole tells.
pub(super) async fn read(reader: &Reader<'_>, readable: &Readable) -> Result<Vec<Membership>, CatalogError> {
    if !readable.has("pg_auth_members") {
        return Ok(Vec::new());
    }
    let version = reader.version;
    let sql = format!(
        "SELECT m.roleid AS role, m.member, {grantor} AS grantor, m.admin_option AS admin, {inherit} AS inherit, {set} AS set \
         FROM pg_auth_members m",
        grantor = version.membership_grantor(),
        inherit = version.membership_inherits(),
        set = version.membership_sets(),
    );
    let rows = reader.rows("memberships of roles", &sql).await?;
    let option = |text: Option<String>| text.map(|text| text == "t");
    rows.iter()
        .map(|row| {
            Ok(Membership {
                role: row.oid("role")?,
                member: row.oid("member")?,
                grantor: row.oid("grantor")?,
                admin: row.flag("admin")?,
                inherit: option(row.optional("inherit")?),
                set: option(row.optional("set")?),
            })
        })
        .collect()
}

/// Roles with all their members, and all of these with the roles that they are members of and whoever made them members.
///
/// Predefined roles may be members, and have them. Who their members are, and what those that are members may do elsewhere, is the
/// cluster's affair.
pub(super) fn closure(concerned: &BTreeSet<u32>, memberships: &[Membership]) -> BTreeSet<u32> {
    let mut members: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let mut above: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for Membership { role, member, grantor, .. } in memberships {
        members.entry(*role).or_default().push(*member);
        above.entry(*member).or_default().extend([*role, *grantor].into_iter().filter(|oid| *oid != 0));
    }
    let downwards = reach(concerned, |role| members.get(&role).filter(|_| !predefined(role)));
    let made: BTreeSet<u32> = downwards.iter().copied().filter(|role| !predefined(*role)).collect();
    reach(&made, |role| above.get(&role)).union(&downwards).copied().collect()
}

fn reach<'a>(from: &BTreeSet<u32>, next: impl Fn(u32) -> Option<&'a Vec<u32>>) -> BTreeSet<u32> {
    let mut reached = BTreeSet::new();
    let mut pending: Vec<u32> = from.iter().copied().collect();
    while let Some(role) = pending.pop() {
        if reached.insert(role) {
            pending.extend(next(role).into_iter().flatten());
        }
    }
    reached
}

/// Makes roles members of roles, unless the member existed before and so is somebody else's to change. `None` if there is nothing
/// to do.
pub(super) fn statement(memberships: &[Membership], roles: &BTreeMap<u32, Role>) -> Option<String> {
    let name = |oid| roles.get(&oid).map(|role| role.name.as_str());
    let mut known: Vec<_> = memberships
        .iter()
        .filter(|membership| !(predefined(membership.role) && predefined(membership.member)))
        .filter(|membership| name(membership.role).is_some() && name(membership.member).is_some())
        .cloned()
        .collect();
    known.sort_by_key(|membership| [membership.role, membership.member, membership.grantor].map(name));

    let mut body = String::new();
    for membership in in_order(&known) {
        if let (Some(role), Some(member)) = (roles.get(&membership.role), roles.get(&membership.member)) {
            let grantor = roles.get(&membership.grantor).filter(|_| membership.names_grantor());
            body.push_str(&membership.block(role, member, grantor));
        }
    }
    (!body.is_empty()).then(|| format!("DO {};\n", dollar_quoted(&format!("\nBEGIN\n{body}END\n"))))
}

/// Each after the one by which its grantor may grant.
fn in_order(memberships: &[Membership]) -> Vec<Membership> {
    let mut ordered = Vec::with_capacity(memberships.len());
    for of_role in memberships.chunk_by(|a, b| a.role == b.role) {
        let mut administrators = BTreeSet::from([0, BOOTSTRAP]);
        let mut pending: Vec<_> = of_role.to_vec();
        while !pending.is_empty() {
            let (mut next, mut later): (Vec<_>, Vec<_>) =
                pending.into_iter().partition(|membership| administrators.contains(&membership.grantor));
            if next.is_empty() {
                // A grantor that may no longer grant.
                later.iter_mut().for_each(|membership| membership.grantor = 0);
            }
            administrators
                .extend(next.iter().filter(|membership| membership.admin).map(|membership| membership.member));
            ordered.append(&mut next);
            pending = later;
        }
    }
    ordered
}

impl Membership {
    /// A superuser grants as initdb's superuser, whatever that is called.
    fn names_grantor(&self) -> bool {
        self.grantor != 0 && self.grantor != BOOTSTRAP
    }

    fn block(&self, role: &Role, member: &Role, grantor: Option<&Role>) -> String {
        let grant = format!("GRANT {} TO {}{}", identifier(&role.name), identifier(&member.name), self.options());
        let (of, who) = (literal(&role.name), literal(&member.name));
        // A predefined role always exists, and is nobody's.
        let made = if predefined(self.member) { &of } else { &who };
        let run = match grantor {
            None => format!("        {grant};\n"),
            Some(grantor) => {
                let by = format!("{grant} GRANTED BY {}", identifier(&grantor.name));
                format!(
                    "        BEGIN\n            {by};\n        EXCEPTION WHEN insufficient_privilege THEN\n            {grant};\n            \
                     RAISE WARNING 'run in your own name instead: %', {};\n        END;\n",
                    literal(&by)
                )
            }
        };
        format!(
            "    IF NOT EXISTS (SELECT FROM pg_temp.existing_roles WHERE rolname = {made}) THEN\n{run}    \
             ELSIF NOT pg_catalog.pg_has_role({who}, {of}, 'MEMBER') THEN\n        \
             RAISE WARNING 'role % exists already, so this is left to you: %', {made}, {};\n    END IF;\n",
            literal(&grant)
        )
    }

    fn options(&self) -> String {
        let mut options = Vec::new();
        if self.admin {
            options.push("ADMIN OPTION");
        }
        options.extend(self.inherit.map(|inherit| if inherit { "INHERIT TRUE" } else { "INHERIT FALSE" }));
        if self.set == Some(false) {
            options.push("SET FALSE");
        }
        if options.is_empty() { String::new() } else { format!(" WITH {}", options.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn membership(role: u32, member: u32, grantor: u32, admin: bool) -> Membership {
        Membership { role, member, grantor, admin, ..Membership::default() }
    }

    #[test]
    fn members_and_their_groups_come_along_and_not_the_members_of_those_groups() {
        let owner = FIRST;
        let memberships = [
            membership(owner, owner + 1, 0, false),
            membership(owner + 1, owner + 2, 0, false),
            membership(owner + 3, owner + 2, owner + 4, false),
            membership(owner + 3, owner + 5, 0, false),
            membership(3373, owner + 1, 0, false),
            membership(3373, owner + 6, 0, false),
            membership(owner, 4200, 0, false),
            membership(owner + 7, 4200, 0, false),
            membership(4200, owner + 9, 0, false),
            membership(owner + 8, 3373, 0, false),
        ];
        let expected = BTreeSet::from([3373, 4200, owner, owner + 1, owner + 2, owner + 3, owner + 4, owner + 8]);
        assert_eq!(closure(&BTreeSet::from([owner]), &memberships), expected);
    }

    #[test]
    fn who_may_grant_comes_before_what_he_granted() {
        let memberships =
            [membership(FIRST, 1, 2, false), membership(FIRST, 2, 3, true), membership(FIRST, 3, BOOTSTRAP, true)];
        let members: Vec<_> = in_order(&memberships).iter().map(|membership| membership.member).collect();
        assert_eq!(members, [3, 2, 1]);
    }

    #[test]
    fn a_grantor_that_may_no_longer_grant_is_not_named() {
        let ordered = in_order(&[membership(FIRST, 1, 2, false), membership(FIRST, 3, BOOTSTRAP, true)]);
        assert_eq!(ordered.len(), 2);
        assert!(!ordered[1].names_grantor());
    }

    const FIRST: u32 = crate::object::FIRST_USER_OID;
}
