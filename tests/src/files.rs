//! The application's bucket of a test, and all that S3 tells of its objects.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use serde_json::{Value, json};
use testing::s3;

/// All that S3 tells of an object: size and digest of its bytes, headers, metadata, tags, storage class.
pub type Object = Value;

/// Everything in a bucket, by key.
pub async fn contents(bucket: &str) -> BTreeMap<String, Object> {
    let client = s3::client();
    let mut objects = BTreeMap::new();
    let mut pages = client.list_objects_v2().bucket(bucket).into_paginator().send();
    while let Some(page) = pages.next().await {
        for listed in page.expect("list the bucket").contents() {
            let key = listed.key().expect("a key");
            objects.insert(key.to_owned(), object(bucket, key).await);
        }
    }
    objects
}

async fn object(bucket: &str, key: &str) -> Object {
    let client = s3::client();
    let got = client.get_object().bucket(bucket).key(key).send().await.expect("get the object");
    let tagged = client.get_object_tagging().bucket(bucket).key(key).send().await.expect("get its tags");
    let tags: BTreeMap<_, _> = tagged.tag_set().iter().map(|tag| (tag.key(), tag.value())).collect();
    let metadata: Option<BTreeMap<_, _>> = got.metadata().map(|metadata| metadata.iter().collect());
    let mut about = json!({
        "content_type": got.content_type(),
        "content_encoding": got.content_encoding(),
        "content_language": got.content_language(),
        "content_disposition": got.content_disposition(),
        "cache_control": got.cache_control(),
        "storage_class": got.storage_class().map(|class| class.as_str()),
        "metadata": metadata,
        "tags": tags,
    });
    let body = got.body.collect().await.expect("its body").to_vec();
    about["bytes"] = body.len().into();
    about["digest"] = digest(&body).into();
    about
}

/// Something to tell contents apart by, short enough to be shown.
pub fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// Puts some hundred objects of all sizes, with keys of every kind.
pub async fn fill(bucket: &str) {
    for number in 0..150usize {
        put(bucket, &format!("small/{:02}/{number:04}.txt", number % 7), number * 37, number).await;
    }
    for (number, key) in KEYS.iter().enumerate() {
        put(bucket, key, 10 + number, number).await;
    }
    put(bucket, &format!("long/{}", "k".repeat(1019)), 5, 3).await;
    put(bucket, "empty", 0, 0).await;
    put(bucket, "folder/", 0, 0).await;
    put(bucket, "large/9 MiB.bin", (9 << 20) + 1, 1).await;
    put(bucket, "large/8 MiB.bin", 8 << 20, 2).await;
}

const KEYS: [&str; 17] = [
    "../climbs",
    "/absolute",
    "a//b",
    "a\\b",
    "not empty/",
    "tab\there",
    "line\nbreak",
    "Twin",
    "twin",
    "file",
    "file/below",
    "caf\u{e9}",
    "cafe\u{301}",
    ".offsite/manifest.ndjson",
    "C:\\windows",
    "emoji \u{1F418} & +%2F ?",
    "./dot/./",
];

/// Puts an object whose bytes and headers depend on `number`.
pub async fn put(bucket: &str, key: &str, bytes: usize, number: usize) {
    let body: Vec<u8> = (0..bytes).map(|at| (at.wrapping_mul(number * 2 + 1) >> (number % 5)) as u8).collect();
    let request = s3::client().put_object().bucket(bucket).key(key).body(body.into());
    let request = request.content_type(["text/plain", "application/x-own; v=1", "image/png"][number % 3]);
    let request = match number % 4 {
        0 => request,
        1 => request
            .metadata("owner", format!("team {number}"))
            .content_language("en-GB")
            .tagging("kind=invoice&year=2026"),
        2 => {
            request.cache_control("max-age=60").content_disposition("attachment; filename=\"x.txt\"").metadata("a", "b")
        }
        _ => request.content_encoding("identity").storage_class("STANDARD_IA".into()).tagging("only=one"),
    };
    request.send().await.expect("put the object");
}
