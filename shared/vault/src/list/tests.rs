#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use aws_sdk_s3::primitives::ByteStream;

use super::versions::Key;
use crate::Vault;

async fn put(vault: &Vault, key: &str) {
    let body = ByteStream::from_static(b"x");
    testing::s3::client().put_object().bucket(vault.bucket()).key(key).body(body).send().await.unwrap();
}

async fn vault() -> Vault {
    Vault::new(testing::s3::client(), &testing::s3::locked_bucket().await, "production".parse().unwrap())
}

/// Names that XML or a query string could spoil: the server may not hide others because of them.
#[tokio::test]
async fn key_of_any_name_is_listed_as_it_is() {
    let vault = vault().await;
    let mut names = ["a", "b+c d", "b%2Fc", "ä/ö", "<&>", "x\u{1}y", "z"];
    for name in names {
        put(&vault, &format!("production/database/{name}")).await;
    }
    let listed = vault.versions("production/database/").await.unwrap();
    let found: Vec<&str> = listed.keys().map(|key| key.strip_prefix("production/database/").unwrap()).collect();
    names.sort_unstable();
    assert_eq!(found, names);
}

#[tokio::test]
async fn list_over_many_pages_is_the_list_of_one() {
    let vault = vault().await;
    for name in ["a", "b", "a", "c/d", "a", "e"] {
        put(&vault, &format!("production/database/{name}")).await;
    }
    testing::s3::client().delete_object().bucket(vault.bucket()).key("production/database/b").send().await.unwrap();
    put(&vault, "production/other").await;
    let of = |keys: BTreeMap<String, Key>| {
        keys.into_iter().map(|(key, all)| (key, all.versions, all.delete_markers.len())).collect::<Vec<_>>()
    };
    let whole = of(vault.versions("production/database/").await.unwrap());
    let shape: Vec<_> = whole.iter().map(|(_, versions, markers)| (versions.len(), *markers)).collect();
    assert_eq!(shape, [(3, 0), (1, 1), (1, 0), (1, 0)]);
    for page in 1..=4 {
        let paged = of(vault.clone().page(page).versions("production/database/").await.unwrap());
        assert_eq!(paged, whole, "pages of {page}");
    }
}

#[tokio::test]
async fn oldest_version_counts_whichever_page_it_is_on() {
    let vault = vault().await.page(1);
    let key = "production/database/k";
    let body = ByteStream::from_static(b"the first");
    testing::s3::client().put_object().bucket(vault.bucket()).key(key).body(body).send().await.unwrap();
    put(&vault, key).await;
    put(&vault, key).await;
    assert_eq!(vault.versions(key).await.unwrap()[key].versions.last().unwrap().bytes, 9);
    assert_eq!(&vault.object(key, None, 9).read_range(0..9).await.unwrap()[..], b"the first");
}
