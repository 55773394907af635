//! A backup restores without us: the official Encryption SDK, zstd, psql.

use std::process::Command;

use end_to_end::Site;
use testing::postgres::USUAL;
use testing::stack::stack;

use crate::SHOP;

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn backup_restores_with_stock_tools() {
    let site = Site::new(USUAL).await;
    site.database.run(SHOP).await;
    site.back_up().await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let keys = testing::s3::client().list_objects_v2().bucket(&site.bucket).send().await.unwrap();
    let key = keys
        .contents()
        .iter()
        .find_map(|object| object.key().filter(|key| key.ends_with("volume-0001.sql.zst.enc")))
        .unwrap();
    let object = testing::s3::client().get_object().bucket(&site.bucket).key(key).send().await.unwrap();
    std::fs::write(file("volume.enc"), object.body.collect().await.unwrap().into_bytes()).unwrap();
    let keys: serde_json::Value = serde_json::from_str(&site.wrapping_keys).unwrap();
    std::fs::write(file("key.hex"), keys["test-1"].as_str().unwrap()).unwrap();

    run(Command::new(stack().python_esdk.as_ref().unwrap())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/judges/esdk.py"))
        .args(["decrypt", "--secret", "test-1"])
        .args([file("key.hex"), file("volume.enc"), file("volume.sql.zst")]));
    run(Command::new("zstd").arg("-dq").arg(file("volume.sql.zst")).arg("-o").arg(file("volume.sql")));
    let into = format!("{}_stock", site.database.name);
    let server = site.database.server.connect("postgres").await;
    server
        .batch_execute(&format!(
            "CREATE DATABASE {into} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
        ))
        .await
        .unwrap();
    run(Command::new(stack().psql.as_ref().unwrap())
        .args(["-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", &site.database.server.url(&into), "-f"])
        .arg(file("volume.sql")));
    assert_eq!(site.pg_dump(&into), site.pg_dump(&site.database.name));
    site.drop_database(&into).await;
}
