//! What we quote means to servers of every major what it meant before.
#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use sql_text::quote;
use testing::postgres::{MAJORS, server};

/// Texts without a zero byte, many of them short and made of what quoting is about.
fn texts(count: usize) -> Vec<String> {
    let text = prop_oneof![
        3 => prop::collection::vec(prop::sample::select(&['\'', '"', '\\', '$', '_', 'X', '\n', '\r', 'a', 'E', 'é', ' ', ';', '-'][..]), 0..12)
            .prop_map(String::from_iter),
        1 => "[^\\x00]{0,15}",
        1 => "[a-z_][a-z0-9_$]{0,8}",
        1 => "\\$[_X]{0,9}\\$?",
    ];
    let mut runner = TestRunner::new(Config::default());
    (0..count).map(|_| text.new_tree(&mut runner).unwrap().current()).collect()
}

#[tokio::test]
async fn literals_and_dollar_quotes_are_read_as_the_texts_they_were() {
    for major in MAJORS {
        let client = server(major).connect("postgres").await;
        for texts in texts(1000).chunks(200) {
            let columns: Vec<String> = texts
                .iter()
                .flat_map(|text| [quote::literal(text), quote::dollar_quoted(text)])
                .map(|quoted| format!("{quoted}::text"))
                .collect();
            let row = client.query_one(&format!("SELECT {}", columns.join(", ")), &[]).await.unwrap();
            for (number, text) in texts.iter().enumerate() {
                assert_eq!(row.get::<_, &str>(2 * number), text, "{major} {}", quote::literal(text));
                assert_eq!(row.get::<_, &str>(2 * number + 1), text, "{major} {}", quote::dollar_quoted(text));
            }
        }
    }
}

#[tokio::test]
async fn identifiers_are_read_as_the_names_they_were_and_quoted_wherever_the_server_quotes() {
    for major in MAJORS {
        let client = server(major).connect("postgres").await;
        let words = client.query("SELECT word::text FROM pg_catalog.pg_get_keywords()", &[]).await.unwrap();
        let names = words.iter().map(|row| row.get(0)).chain(texts(1000));
        let names: Vec<String> = names.filter(|name: &String| !name.is_empty()).collect();
        for names in names.chunks(200) {
            let columns: Vec<String> = names.iter().map(|name| format!("1 AS {}", quote::identifier(name))).collect();
            let row = client.query_one(&format!("SELECT {}", columns.join(", ")), &[]).await.unwrap();
            let quoted = "SELECT pg_catalog.quote_ident(name) FROM pg_catalog.unnest($1::text[]) WITH ORDINALITY AS names (name, place) ORDER BY place";
            let quoted = client.query(quoted, &[&names]).await.unwrap();
            for (number, name) in names.iter().enumerate() {
                assert_eq!(row.columns()[number].name(), name, "{major}");
                let (ours, servers) = (quote::identifier(name), quoted[number].get::<_, &str>(0));
                assert!(ours == servers || servers == name, "{major}: {ours} {servers}");
            }
        }
    }
}

#[test]
fn names_in_comments_have_no_line_end() {
    for text in texts(1000) {
        assert!(!quote::comment(&text).contains(['\n', '\r']));
        assert_eq!(quote::comment(&text).chars().count(), text.chars().count());
    }
}
