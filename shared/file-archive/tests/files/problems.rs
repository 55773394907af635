use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::StorageClass;
use file_archive::{ArchiveOptions, Bucket, Error, Overwrite, Patience, ProblemKind, Selection, Target};
use futures_util::StreamExt;
use testing::faults::{Fault, Operation, Proxy, Times};
use testing::s3::{client, plain_bucket};

use crate::fixtures::{
    Object, Tree, archive, assert_same, bucket, judge, noise, put, put_all, restore, text, told, tree,
};

const PIECE: usize = 8 << 20;

fn hurried() -> Patience {
    let pause = Duration::from_millis(10);
    Patience {
        attempt: Duration::from_secs(5),
        stall: Duration::from_millis(1500),
        tries: 3,
        pause,
        longest_pause: pause,
        ..Patience::default()
    }
}

fn through(proxy: &Proxy, name: &str) -> Bucket {
    Bucket::new(proxy.client(), name).patience(hurried())
}

fn partial() -> ArchiveOptions {
    ArchiveOptions { allow_partial: true, ..ArchiveOptions::default() }
}

/// Three readable objects, one in an archive class, two under a customer's key.
async fn unreadable() -> String {
    let source = plain_bucket().await;
    for key in ["a", "m", "z"] {
        put(&source, key, &Object::of(key.to_owned())).await;
    }
    let frozen = Object { storage_class: Some(StorageClass::Glacier.as_str().to_owned()), ..Object::of("cold") };
    put(&source, "frozen", &frozen).await;
    for (key, length) in [("secret", 10), ("secret large", PIECE + 1)] {
        let request = client().put_object().bucket(&source).key(key).body(ByteStream::from(text(length)));
        let request =
            request.sse_customer_algorithm("AES256").sse_customer_key("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
        request.sse_customer_key_md5("KYvwGXoFFJ42a2u2GDWhwQ==").send().await.expect("put with a customer's key");
    }
    source
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_can_not_be_read_fail_the_run_which_names_all_of_them() {
    let source = unreadable().await;
    let error = archive(&bucket(&source), ArchiveOptions::default()).await.err().unwrap();
    let Error::Unread { problems, .. } = &error else { panic!("{}", told(&error)) };
    assert_eq!(problems.failing(), 3);
    let text = told(&error);
    for expected in [
        &*source,
        "1 archived: \"frozen\" (403 InvalidObjectState)",
        "2 customer_key: \"secret\"",
        "\"secret large\"",
        "HINT",
    ] {
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn partial_backup_has_everything_else_and_no_empty_entry() {
    let source = unreadable().await;
    let (volumes, archive) = archive(&bucket(&source), partial()).await.unwrap();
    let kinds: Vec<_> = archive.problems().kinds.iter().map(|(kind, affected)| (*kind, affected.count)).collect();
    assert_eq!(kinds, [(ProblemKind::Archived, 1), (ProblemKind::CustomerKey, 2)]);
    judge(&volumes);
    let target = plain_bucket().await;
    restore(&volumes, Selection::All, Target::Bucket(bucket(&target)), Overwrite::Never).await;
    let expected: Tree = ["a", "m", "z"].map(|key| (key.to_owned(), Object::of(key))).into();
    assert_same(&tree(&target).await, &expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn denied_objects_are_counted_beyond_those_that_are_named() {
    let source = plain_bucket().await;
    let tree = (0..20).map(|number| (format!("key {number:02}"), Object::of("x"))).collect();
    put_all(&source, &tree).await;
    let proxy = Proxy::start().await;
    proxy.inject(Operation::GetObject, 2, Fault::AccessDenied, Times::ForGood);
    let options = ArchiveOptions { named_problems: 3, ..ArchiveOptions::default() };
    let error = archive(&through(&proxy, &source), options).await.err().unwrap();
    let text = told(&error);
    assert!(
        text.starts_with("20 objects of bucket")
            && text.contains("20 denied: \"key 00\"")
            && text.contains("and 17 more"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn object_that_was_deleted_after_it_was_listed_is_a_note() {
    let source = plain_bucket().await;
    put_all(
        &source,
        &[("a", 5), ("b", PIECE + 5)].map(|(key, length)| (key.to_owned(), Object::of(text(length)))).into(),
    )
    .await;
    let proxy = Proxy::start().await;
    proxy.inject(Operation::GetObject, 2, Fault::NoSuchKey, Times::ForGood);
    let (volumes, archive) = archive(&through(&proxy, &source), ArchiveOptions::default()).await.unwrap();
    assert_eq!((archive.problems().failing(), archive.problems().kinds[&ProblemKind::Deleted].count), (0, 2));
    assert_eq!((volumes.len(), archive.volumes()[0].files), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_or_denied_bucket_is_told() {
    let error = archive(&bucket("no-such-bucket-here"), ArchiveOptions::default()).await.err().unwrap();
    assert!(
        told(&error).starts_with("list bucket no-such-bucket-here: S3 answered 404 NoSuchBucket"),
        "{}",
        told(&error)
    );
    assert!(told(&error).contains("HINT: Check the bucket's name."), "{}", told(&error));
    let source = plain_bucket().await;
    let proxy = Proxy::start().await;
    proxy.inject(Operation::ListObjects, 1, Fault::AccessDenied, Times::ForGood);
    for error in [
        archive(&through(&proxy, &source), partial()).await.err().unwrap(),
        through(&proxy, &source).estimate(None, |_| false).await.unwrap_err(),
    ] {
        assert!(
            told(&error).starts_with(&format!("list bucket {source}: S3 answered 403 AccessDenied")),
            "{}",
            told(&error)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_that_may_not_be_read_are_not_taken_for_none() {
    let source = plain_bucket().await;
    put(&source, "a", &Object::of("a")).await;
    let proxy = Proxy::start().await;
    proxy.inject(Operation::GetObjectTagging, 1, Fault::AccessDenied, Times::ForGood);
    let error = archive(&through(&proxy, &source), ArchiveOptions::default()).await.err().unwrap();
    assert!(matches!(error, Error::TagsDenied { .. }), "{}", told(&error));
    archive(&through(&proxy, &source), partial()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn get_that_fails_or_is_cut_off_once_is_tried_again_and_for_good_fails_the_run() {
    let source = plain_bucket().await;
    let before: Tree =
        [("a", 5000), ("b", 2 * PIECE + 5)].map(|(key, length)| (key.to_owned(), Object::of(noise(length, 9)))).into();
    put_all(&source, &before).await;
    let faults = [
        Fault::InternalError,
        Fault::SlowDown,
        Fault::Reset,
        Fault::LostResponse,
        Fault::TruncatedBody(1000),
        Fault::ResetBody(10),
        Fault::StalledBody(10),
        Fault::ShortBody,
    ];
    let strikes = faults.iter().flat_map(|fault| (2..6).map(move |nth| (*fault, nth)));
    let strikes = strikes.map(|(fault, nth)| {
        let (source, before) = (&source, &before);
        async move {
            let proxy = Proxy::start().await;
            proxy.inject(Operation::GetObject, nth, fault, Times::Once);
            let (volumes, _) = archive(&through(&proxy, source), ArchiveOptions::default()).await.unwrap();
            let target = plain_bucket().await;
            let report = restore(&volumes, Selection::All, Target::Bucket(bucket(&target)), Overwrite::Never).await;
            assert_eq!(report.written, 2, "{fault:?} {nth}: {:?}", report.failures);
            assert_same(&tree(&target).await, before);
        }
    });
    futures_util::stream::iter(strikes).buffer_unordered(4).collect::<()>().await;
    for fault in [Fault::InternalError, Fault::TruncatedBody(1000), Fault::Reset] {
        let proxy = Proxy::start().await;
        proxy.inject(Operation::GetObject, 3, fault, Times::ForGood);
        let error = archive(&through(&proxy, &source), partial()).await.err().unwrap();
        assert!(told(&error).contains(&source) && told(&error).contains("(3 tries)"), "{fault:?}: {}", told(&error));
    }
}
