//! Without arguments: what the variables of DefectDojo's tool ask for, so that its jobs run as they are.

use anyhow::{Context, Result, bail};
use vault::Selector;

/// The arguments that `CMD` and the variables with it stand for; `None` without `CMD`. None of them holds a secret.
pub(crate) fn arguments(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Vec<String>>> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let Some(command) = variable("CMD") else { return Ok(None) };
    let needed = |name: &str| variable(name).with_context(|| format!("CMD is {command}, and {name} is not set"));
    // Both may be elsewhere than the older tool's backups.
    let vault = |name: &str, older: &str| variable(name).map_or_else(|| needed(older), Ok);
    let place = || -> Result<Vec<String>> {
        let (bucket, environment) =
            (vault("OFFSITE_VAULT_BUCKET", "S3_BUCKET")?, vault("OFFSITE_ENVIRONMENT", "S3_PREFIX")?);
        Ok(vec!["--vault".into(), bucket, "--environment".into(), environment])
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let mut arguments = words(&["offsite"]);
    match command.as_str() {
        "backup" => {
            arguments.extend(words(&["backup", "database"]));
            arguments.extend(place()?);
        }
        "restore" => {
            let from = needed("RESTORE_TO")?;
            let into = vault("OFFSITE_RESTORE_INTO", "POSTGRESQL_DATABASE")?;
            arguments.extend(words(&["restore", "database"]));
            if from.parse::<Selector>().is_ok() {
                arguments.push(from);
                arguments.extend(place()?);
            } else {
                let prefix = needed("S3_PREFIX")?;
                let key = if from.starts_with(&format!("{prefix}/")) { from } else { format!("{prefix}/{from}") };
                arguments.push(format!("s3://{}/{key}", needed("S3_BUCKET")?));
            }
            arguments.extend(["--into".to_owned(), into]);
        }
        other => bail!("CMD is {other:?}, neither backup nor restore HINT: Unset it to give a command as an argument."),
    }
    Ok(Some(arguments))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PLACE: [(&str, &str); 3] = [("S3_BUCKET", "old"), ("S3_PREFIX", "prod"), ("POSTGRESQL_DATABASE", "shop")];

    fn of(more: &[(&str, &str)]) -> Result<Option<Vec<String>>> {
        let all: Vec<_> = PLACE.iter().chain(more).copied().collect();
        arguments(|name| all.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    fn line(more: &[(&str, &str)]) -> String {
        of(more).unwrap().unwrap().join(" ")
    }

    #[test]
    fn variables_of_the_older_tool_are_a_command() {
        assert_eq!(line(&[("CMD", "backup")]), "offsite backup database --vault old --environment prod");
        let vault = [("CMD", "backup"), ("OFFSITE_VAULT_BUCKET", "vault"), ("OFFSITE_ENVIRONMENT", "production")];
        assert_eq!(line(&vault), "offsite backup database --vault vault --environment production");
        for file in ["2021/03/10/shop_14:41:57Z.sql.gz.dat", "prod/2021/03/10/shop_14:41:57Z.sql.gz.dat"] {
            let from = [("CMD", "restore"), ("RESTORE_TO", file)];
            let expected = "offsite restore database s3://old/prod/2021/03/10/shop_14:41:57Z.sql.gz.dat --into shop";
            assert_eq!(line(&from), expected);
        }
        let latest = [("CMD", "restore"), ("RESTORE_TO", "latest"), ("OFFSITE_RESTORE_INTO", "shop_2")];
        assert_eq!(line(&latest), "offsite restore database latest --vault old --environment prod --into shop_2");
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        assert!(of(&[("CMD", "")]).unwrap().is_none());
        for (more, told) in [
            (&[("CMD", "restore")][..], "RESTORE_TO"),
            (&[("CMD", "backup"), ("S3_BUCKET", "")], "S3_BUCKET"),
            (&[("CMD", "prune")], "prune"),
        ] {
            let error = of(more).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
