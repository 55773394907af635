//! Whether a dump shows one moment of the database that `changes` changes.

use std::process::Command;

use testing::postgres::Database;
use testing::stack::stack;

use crate::changes::{ACCOUNTS, BALANCE, REFILLED};
use crate::dumped::blocks;
use crate::replaced;

/// Checks what is true at every moment.
pub fn check(major: &str, file: &[u8]) {
    let text = std::str::from_utf8(file).unwrap();
    replaced::check(major, text);
    let blocks = blocks(file);
    let rows = |table: &str| -> Vec<Vec<String>> {
        let of_table = |key: &[u8]| String::from_utf8_lossy(key).starts_with(&format!("COPY {table} "));
        let found: Vec<_> = blocks.iter().filter(|(key, _)| of_table(key)).collect();
        assert_eq!(found.len(), 1, "{major}: {table} has one list of columns");
        found[0].1.iter().map(|row| String::from_utf8_lossy(row).split('\t').map(str::to_owned).collect()).collect()
    };
    let number = |text: &str| -> i64 { text.parse().unwrap() };

    let balances: Vec<i64> = rows("public.accounts").iter().map(|row| number(&row[1])).collect();
    assert_eq!(
        (balances.len() as i64, balances.iter().sum::<i64>()),
        (ACCOUNTS, ACCOUNTS * BALANCE),
        "{major}: accounts"
    );

    let refilled = rows("public.refilled");
    assert_eq!(refilled.len(), REFILLED, "{major}: refilled");
    assert!(refilled.iter().all(|row| row[0] == refilled[0][0]), "{major}: refilled has rows of two batches");

    let generation = &rows("public.mark")[0][0];
    for line in [
        format!("COMMENT ON TABLE public.mark IS 'generation {generation}';"),
        format!(" SELECT {generation} AS generation;"),
        format!("    AS $$SELECT {generation}$$;"),
    ] {
        let line = if text.contains("AS 'SELECT") { line.replace("$$", "'") } else { line };
        assert!(text.contains(&line), "{major}: generation {generation} is not that of {line}");
    }
    let granted = number(generation) != 0 && number(generation) % 2 == 0;
    assert_eq!(text.contains("GRANT SELECT ON TABLE public.mark TO PUBLIC;"), granted, "{major}: {generation}");

    let attached = rows("public.parts_state")[0][0] == "t";
    assert_eq!(text.contains("ATTACH PARTITION public.parts_1 "), attached, "{major}: parts");
    assert_eq!(rows("public.parts_1").len() + rows("public.parts_2").len(), 199);

    let highest = rows("public.numbered").iter().map(|row| number(&row[0])).max().unwrap_or(0);
    let set = text.split("setval('public.numbers', ").nth(1).unwrap().split(',').next().unwrap();
    assert!(number(set) >= highest, "{major}: {set} {highest}");

    for table in text.split("CREATE TABLE public.comes_").skip(1) {
        let table = format!("public.comes_{}", table.split(' ').next().unwrap());
        assert_eq!(rows(&table).len(), 50, "{major}: {table}");
    }
    for schema in text.split("CREATE SCHEMA whole_").skip(1) {
        let schema = format!("whole_{}", schema.split(';').next().unwrap());
        for kind in ["TABLE", "VIEW", "TYPE", "FUNCTION", "SEQUENCE"] {
            assert!(text.contains(&format!("CREATE {kind} {schema}.")), "{major}: {schema} has no {kind}");
        }
        assert_eq!(rows(&format!("{schema}.t")).len(), 20);
    }
    assert_eq!(text.matches(" whole_").count() > 0, text.contains("CREATE SCHEMA whole_"), "{major}");
}

/// psql takes it without an error.
pub async fn restores(major: &str, file: &[u8]) {
    let target = Database::create(major).await;
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), file).unwrap();
    let url = target.url();
    let output = tokio::task::spawn_blocking(move || {
        Command::new(stack().psql.as_ref().unwrap())
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &url, "-f"])
            .arg(path.path())
            .output()
            .unwrap()
    });
    let output = output.await.unwrap();
    assert!(output.status.success(), "{major}: {}", String::from_utf8_lossy(&output.stderr));
    let restored = target.connect().await;
    let row = restored.query_one("SELECT sum(balance), count(*) FROM accounts", &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (ACCOUNTS * BALANCE, ACCOUNTS));
}
