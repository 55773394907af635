use std::collections::BTreeMap;

use pg_client::Session;
use sql_text::split;

use super::said::{Definitions, Object, Said, Settings, define};
use super::{Findings, How, Proof, Unread};
use crate::edit::{Edit, Edited};
use crate::error::chain;

/// Compares all entries; if `all` is false, those that are not of the backup don't count. Of `doubtful`, what differs stays.
pub(super) async fn compare(
    session: &Session,
    said: &Said,
    proof: &Proof<'_>,
    all: bool,
    doubtful: &mut BTreeMap<Object, Vec<String>>,
    findings: &mut Findings,
) -> Result<(), Unread> {
    let Some(describe) = &proof.options.describe else {
        return Err(Unread("nothing was there to read them".to_owned()));
    };
    let described = describe.describe(session).await.map_err(|error| Unread(chain(&*error)))?;
    if described.encoding != proof.encoding {
        let (theirs, ours) = (&described.encoding, &proof.encoding);
        return Err(Unread(format!("the database's encoding is {theirs}, and the backup's is {ours}")));
    }
    let mut found = read(&described.texts, proof).map_err(|error| Unread(error.to_string()))?;
    findings.not_compared.extend(described.not_told.into_iter().map(|what| format!("definition of {what}")));

    let owners = |object: &Object| Object { owner: false, ..object.clone() };
    for (object, digest) in &said.definitions {
        let there = found.remove(object);
        if said.is_refused(object) {
            continue;
        }
        findings.definitions += u64::from(!object.owner);
        match there {
            Some(there) if there == *digest => drop(doubtful.remove(object)),
            _ if doubtful.contains_key(object) => {}
            Some(_) if object.owner => findings.add(object, How::Owner),
            Some(_) => findings.add(object, How::Definition),
            // What is missing has no owner.
            None if object.owner && said.definitions.contains_key(&owners(object)) => {}
            None if object.owner => findings.add(object, How::Owner),
            None => findings.add(object, How::Missing),
        }
    }
    for object in found.into_keys().filter(|object| !said.is_refused(object)) {
        let known = said.definitions.contains_key(&owners(&object));
        match object.owner {
            true if known => findings.add(&object, How::Owner),
            false if all => findings.add(&object, How::Added),
            _ => {}
        }
    }
    Ok(())
}

/// What a restore of the same choice would have said.
fn read(texts: &[Vec<u8>], proof: &Proof<'_>) -> Result<Definitions, sql_text::SplitError> {
    // Roles have their new names already.
    let edit = Edit { roles: Default::default(), ..proof.edit.clone() };
    let (mut found, mut settings) = (Definitions::new(), Settings::default());
    for text in texts {
        for statement in split(text) {
            let statement = statement?;
            let sql = statement.sql();
            if edit.statement(sql) != Edited::Left {
                define(&mut found, sql, &mut settings, proof.seed);
            }
        }
    }
    Ok(found)
}
