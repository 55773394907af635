//! The roles and properties of a database come back from the text beside its dump.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

#[path = "roles/cluster.rs"]
mod cluster;

use cluster::{Cluster, pg_dumpall_of, psql, run, statements};
use testing::postgres::{MAJORS, USUAL};

#[tokio::test]
async fn roles_and_properties_of_every_major_come_back_equal() {
    for major in MAJORS {
        let cluster = Cluster::new(major, "rol_").await;
        let (before, stock) = (cluster.state().await, cluster.pg_dump());
        let (dump, text) = cluster.dump().await;
        cluster.drop_everything().await;

        let said = run(&cluster.url("postgres"), &text);
        assert!(!said.contains("WARNING"), "{major}: {said}");
        run(&cluster.url("postgres"), &cluster.creation(&text));
        run(&cluster.url(&cluster.database), &dump);
        let said = run(&cluster.url(&cluster.database), &text);
        assert!(!said.contains("WARNING"), "{major}: {said}");
        assert_eq!(cluster.state().await, before, "{major}");
        assert_eq!(cluster.pg_dump(), stock, "{major}");
        assert_eq!(cluster.dump().await, (dump, text), "{major}");
    }
}

#[tokio::test]
async fn roles_are_what_pg_dumpall_says_of_them() {
    for major in MAJORS {
        let cluster = Cluster::new(major, "rol_").await;
        let (_, text) = cluster.dump().await;
        let theirs = pg_dumpall_of(&cluster);
        assert!(theirs.len() > 10, "{theirs:?}");
        assert_eq!(statements(&cluster, &text), theirs, "{major}");
    }
}

#[tokio::test]
async fn only_the_databases_roles_with_their_groups_and_members_are_told() {
    let cluster = Cluster::new(USUAL, "rol_").await;
    let other = cluster.role("outside");
    let group = cluster.role("group_of_app");
    let another = cluster.role("another_of_group");
    let app = cluster.role("app");
    let sql = format!(
        "CREATE ROLE {other}; CREATE ROLE {group}; CREATE ROLE {another}; GRANT {group} TO {app}, {another}; \
         GRANT pg_monitor TO {other}"
    );
    cluster.run(&sql).await;
    let (_, text) = cluster.dump().await;
    assert!(text.contains(&format!("CREATE ROLE {group};")) && text.contains(&format!("GRANT {group} TO {app}")));
    assert!(!text.contains(&other) && !text.contains(&another), "{text}");
    assert!(!text.contains("CREATE ROLE pg_"), "{text}");
    assert!(!text.contains("md5") && !text.contains("SCRAM") && !text.contains("secret"), "{text}");
    assert!(text.contains(&format!("--     ALTER ROLE {app} PASSWORD '...';")), "{text}");
}

#[tokio::test]
async fn a_role_that_exists_is_left_as_it_is_and_told_of() {
    for major in ["15", USUAL] {
        let cluster = Cluster::new(major, "rol_").await;
        let before = cluster.state().await;
        let (_, text) = cluster.dump().await;
        cluster.drop_everything().await;
        let (app, boss) = (cluster.role("app"), cluster.role("boss"));
        cluster.run(&format!("CREATE ROLE {app} CONNECTION LIMIT 1; CREATE ROLE {boss}")).await;
        let said = run(&cluster.url("postgres"), &text);
        assert!(said.contains(&format!("role {app} exists already and stays as it is")), "{said}");
        let left =
            format!("role {app} exists already, so this is left to you: GRANT {} TO {app}", cluster.role("readers"));
        assert!(said.contains(&left), "{said}");
        let after = cluster.state().await;
        let of = |state: &[String], start: String| state.iter().filter(|line| line.starts_with(&start)).count();
        assert_eq!(of(&after, format!("role {app} ")), 1, "{after:?}");
        assert_ne!(
            after.iter().find(|line| line.starts_with(&format!("role {app} "))),
            before.iter().find(|line| line.starts_with(&format!("role {app} ")))
        );
        assert_eq!(of(&after, format!("member {app} ")), 0, "{after:?}");
        assert!(of(&after, format!("member {} ", cluster.role("owner"))) > 0, "{after:?}");
    }
}

#[tokio::test]
async fn whoever_administers_roles_can_run_it_without_being_superuser() {
    for major in ["13", "15", "16", "18"] {
        let cluster = Cluster::with(major, "rol_", false).await;
        let before = cluster.state().await;
        let (dump, text) = cluster.dump().await;
        cluster.drop_everything().await;
        let admin = cluster.role("admin");
        cluster.run(&format!("CREATE ROLE {admin} LOGIN CREATEROLE CREATEDB PASSWORD 'x'")).await;
        let admins = |database: &str| cluster.server.url_as(&admin, "x", database);
        run(&admins("postgres"), &text);
        run(&cluster.url("postgres"), &cluster.creation(&text));
        run(&cluster.url(&cluster.database), &dump);
        run(&cluster.url(&cluster.database), &text);
        let ours = |state: Vec<String>| {
            let theirs = |line: &String| !line.contains(&admin) && !line.starts_with("member ");
            state.into_iter().filter(theirs).collect::<Vec<_>>()
        };
        assert_eq!(ours(cluster.state().await), ours(before), "{major}");
    }
}

#[tokio::test]
async fn an_owner_without_superuser_tells_the_same() {
    for major in MAJORS {
        let cluster = Cluster::new(major, "rol_").await;
        let (_, text) = cluster.dump().await;
        let url = cluster.server.url_as(&cluster.role("app"), "secret", &cluster.database);
        assert_eq!(cluster.dump_as(&url).await.1, text, "{major}");
    }
}

#[tokio::test]
async fn what_may_not_be_read_is_told_and_the_rest_is_there() {
    for major in ["13", USUAL] {
        let cluster = Cluster::new(major, "rol_").await;
        let sql = "REVOKE SELECT ON pg_auth_members, pg_db_role_setting, pg_shdescription, pg_shdepend FROM PUBLIC";
        cluster.run_inside(sql).await;
        let url = cluster.server.url_as(&cluster.role("app"), "secret", &cluster.database);
        let (_, text) = cluster.dump_as(&url).await;
        let missing: Vec<_> = text.split("-- MISSING here").nth(1).unwrap().lines().skip(1).take(4).collect();
        let expected = [
            "--     memberships of roles (pg_auth_members)",
            "--     settings of roles and of the database (pg_db_role_setting)",
            "--     roles that the dump itself doesn't mention (pg_shdepend)",
            "--     comments on roles and on the database (pg_shdescription)",
        ];
        assert_eq!(missing, expected);
        assert!(text.contains(&format!("CREATE ROLE {}", cluster.role("owner"))), "{text}");
        assert!(!text.contains("-- Memberships"), "{text}");
        let warnings = cluster.warnings_as(&url).await;
        let warning = warnings.iter().find(|warning| warning.code == "roles-not-read").expect("a warning");
        assert_eq!(warning.objects.len(), 4, "{warning:?}");
    }
}

#[tokio::test]
async fn hostile_names_and_values_stay_what_they_are() {
    for major in ["13", "18"] {
        let cluster = Cluster::new(major, "Rol \"'\\;--$$ $_$ :x\n\\! no\nDO /*é🐘\r ").await;
        let (before, stock) = (cluster.state().await, cluster.pg_dump());
        let (dump, text) = cluster.dump().await;
        cluster.drop_everything().await;
        let variables = ["-v", "x=INJECTED"];
        psql(&cluster.url("postgres"), &text, &variables);
        run(&cluster.url("postgres"), &cluster.creation(&text));
        run(&cluster.url(&cluster.database), &dump);
        psql(&cluster.url(&cluster.database), &text, &variables);
        assert_eq!(cluster.state().await, before, "{major}");
        assert_eq!(cluster.pg_dump(), stock, "{major}");
    }
}

#[tokio::test]
async fn a_database_is_made_again_in_words_that_its_major_knows() {
    let icu = "LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'";
    let rules = format!("{icu} ICU_RULES E'&a <\\nb'");
    let builtin = "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LC_COLLATE 'C' LC_CTYPE 'C'";
    for (major, options) in
        [("13", "LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"), ("15", icu), ("16", &rules), ("17", builtin), ("18", builtin)]
    {
        let cluster = Cluster::new(major, "rol_").await;
        let name = format!("{}\nother", cluster.database);
        let named = name.replace('"', "\"\"");
        cluster.run(&format!("CREATE DATABASE \"{named}\" TEMPLATE template0 ENCODING 'UTF8' {options}")).await;
        let properties = cluster.properties(&name).await;
        let (_, text) = cluster.dump_as(&cluster.url(&name)).await;
        cluster.run(&format!("DROP DATABASE \"{named}\"")).await;
        run(&cluster.url("postgres"), &cluster.creation(&text));
        let again = cluster.properties(&name).await;
        cluster.run(&format!("DROP DATABASE \"{named}\"")).await;
        assert_eq!(again, properties, "{major}");
    }
}

#[tokio::test]
async fn security_labels_are_told() {
    let cluster = Cluster::new(USUAL, "rol_").await;
    let (app, database) = (cluster.role("app"), cluster.quoted_database());
    // A provider of labels would have to be loaded to set them.
    cluster
        .run(&format!(
            "INSERT INTO pg_shseclabel VALUES ('{app}'::regrole, 'pg_authid'::regclass, 'a provider', E'it''s \\n :x'), \
             ((SELECT oid FROM pg_database WHERE datname = '{database}'), 'pg_database'::regclass, 'other', 'secret')"
        ))
        .await;
    let (_, text) = cluster.dump().await;
    assert!(text.contains(&format!("SECURITY LABEL FOR \"a provider\" ON ROLE {app} IS 'it''s \n :x';")), "{text}");
    assert!(text.contains(&format!("SECURITY LABEL FOR other ON DATABASE {database} IS 'secret';")), "{text}");
}

#[tokio::test]
async fn the_text_is_utf8_whatever_the_databases_encoding_is() {
    let cluster = Cluster::new(USUAL, "rol_").await;
    let name = format!("{}_1252", cluster.database);
    let options = "TEMPLATE template0 ENCODING 'WIN1252' LC_COLLATE 'C' LC_CTYPE 'C'";
    cluster.run(&format!("CREATE DATABASE {name} {options}")).await;
    let client = cluster.server.connect(&name).await;
    client.batch_execute(&format!("COMMENT ON DATABASE {name} IS 'café, 5 €'")).await.unwrap();
    drop(client);
    let (_, text) = cluster.dump_as(&cluster.url(&name)).await;
    cluster.run(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
    assert!(text.contains(&format!("COMMENT ON DATABASE {name} IS 'café, 5 €';")), "{text}");
    assert!(cluster.creation(&text).contains("ENCODING = 'WIN1252'"), "{text}");
}

#[tokio::test]
async fn another_database_is_not_touched() {
    let cluster = Cluster::new(USUAL, "rol_").await;
    let (_, text) = cluster.dump().await;
    cluster.run(&format!("ALTER DATABASE {} CONNECTION LIMIT 99", cluster.quoted_database())).await;
    let before = cluster.state().await;
    let said = run(&cluster.url("postgres"), &text);
    assert!(said.contains("gets its owner, privileges and settings when this is run in it"), "{said}");
    assert_eq!(cluster.state().await, before);
}
