//! What harder schemas than the zoo have shown.

use testing::postgres::{Database, MAJORS};

use crate::faithful::{assert_faithful, schema_of};

#[tokio::test]
async fn what_harder_schemas_have_shown_comes_back_equal() {
    let common = include_str!("../fixtures/found.sql");
    for major in MAJORS {
        let of_major = match major {
            "13" => {
                "CREATE OPERATOR #%# (LEFTARG = int8, PROCEDURE = numeric_fac); -- The last major with postfix operators."
            }
            "18" => include_str!("../fixtures/found-18.sql"),
            _ => "",
        };
        assert_faithful(major, &format!("{common}\n{of_major}")).await;
    }
}

#[tokio::test]
async fn a_comment_that_outlived_its_subscription_is_none() {
    for major in MAJORS {
        let database = Database::create(major).await;
        let name = &database.name;
        let options = "CONNECTION 'dbname=none' PUBLICATION p WITH (connect = false, slot_name = NONE)";
        database.run(&format!("CREATE SUBSCRIPTION {name} {options}; COMMENT ON SUBSCRIPTION {name} IS 'left'")).await;
        database.run(&format!("DROP SUBSCRIPTION {name}")).await;
        assert!(!schema_of(&database).await.contains("left"), "{major}");
    }
}
