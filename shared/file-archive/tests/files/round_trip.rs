use file_archive::{ArchiveOptions, Headers, Overwrite, Selection, Target};
use testing::s3::{plain_bucket, versioned_bucket};

use crate::fixtures::{Object, Tree, archive, assert_same, bucket, judge, noise, put_all, restore, text, tree};

/// One of everything that a file can carry, in all sizes that are treated otherwise.
fn everything() -> Tree {
    let piece = 8 << 20;
    let mut tree = Tree::new();
    for (key, bytes) in [
        ("empty", Vec::new()),
        ("one byte", vec![7]),
        ("text.txt", text(100_000)),
        ("noise.bin", noise(300_000, 1)),
        ("largest small", noise(piece, 2)),
        ("least large", text(piece + 1)),
        ("large/text", text(3 * piece)),
        ("large/noise", noise(2 * piece + 12_345, 3)),
        ("folder/", Vec::new()),
        ("folder/file", b"x".to_vec()),
    ] {
        tree.insert(key.to_owned(), Object::of(bytes));
    }
    let headers = Headers {
        content_type: Some("text/html; charset=utf-8".to_owned()),
        content_encoding: Some("gzip".to_owned()),
        content_language: Some("de".to_owned()),
        content_disposition: Some("attachment; filename=\"a.html\"".to_owned()),
        cache_control: Some("max-age=60".to_owned()),
        expires: Some("Wed, 21 Oct 2026 07:28:00 GMT".to_owned()),
        website_redirect: Some("/elsewhere".to_owned()),
        metadata: [("owner", "someone"), ("empty", ""), ("note", "a, b; c=d")]
            .map(|(a, b)| (a.into(), b.into()))
            .into(),
    };
    let tags = [("team", "a b"), ("cost", "1/2"), ("none", "")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    for (key, bytes) in [("page", text(500)), ("large/page", text(piece + 5))] {
        let object = Object {
            headers: headers.clone(),
            tags: tags.clone().into(),
            storage_class: Some("STANDARD_IA".to_owned()),
            ..Object::of(bytes)
        };
        tree.insert(key.to_owned(), object);
    }
    tree
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_a_file_carries_comes_back_in_another_bucket() {
    there_and_back(&plain_bucket().await, everything()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_comes_back_of_a_bucket_with_versions() {
    let mut tree = everything();
    // This server counts the tags of an object only where there are no versions.
    tree.values_mut().for_each(|object| object.tags.clear());
    let source = versioned_bucket().await;
    put_all(&source, &tree.keys().map(|key| (key.clone(), Object::of("an earlier version"))).collect()).await;
    there_and_back(&source, tree).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bucket_without_files_is_a_volume_without_files() {
    there_and_back(&plain_bucket().await, Tree::new()).await;
}

async fn there_and_back(source: &str, before: Tree) {
    put_all(source, &before).await;
    let (volumes, archive) = archive(&bucket(source), ArchiveOptions::default()).await.unwrap();
    assert!(archive.problems().is_empty());
    assert_eq!(volumes.len(), 1);
    judge(&volumes);
    let target = plain_bucket().await;
    let report = restore(&volumes, Selection::All, Target::Bucket(bucket(&target)), Overwrite::Never).await;
    assert_eq!((report.written, report.failures.as_slice()), (before.len() as u64, &[][..]));
    assert_same(&tree(&target).await, &tree(source).await);
}
