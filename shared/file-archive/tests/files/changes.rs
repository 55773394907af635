use bytes::BytesMut;
use file_archive::{Archive, ArchiveOptions, Bucket, Error, Overwrite, ProblemKind, Selection, Target};
use futures_util::StreamExt;
use testing::faults::{Fault, Operation, Proxy, Times};
use testing::s3::{client, plain_bucket, versioned_bucket};

use crate::fixtures::{Object, Tree, archive, assert_same, bucket, judge, noise, put, put_all, restore, told, tree};

const PIECE: usize = 8 << 20;

/// Reads a volume up to the first piece of a large object, does something, and reads the rest.
async fn interrupted(source: &str, act: impl AsyncFnOnce()) -> (BytesMut, Archive) {
    let mut archive =
        Archive::open(&bucket(source), ArchiveOptions { allow_partial: true, ..ArchiveOptions::default() });
    let mut volume = BytesMut::new();
    {
        let mut stream = std::pin::pin!(archive.open_volume());
        while volume.len() < PIECE {
            volume.extend_from_slice(&stream.next().await.unwrap().unwrap());
        }
        act().await;
        while let Some(bytes) = stream.next().await {
            volume.extend_from_slice(&bytes.unwrap());
        }
    }
    (volume, archive)
}

#[tokio::test(flavor = "multi_thread")]
async fn object_that_is_replaced_while_it_is_read_is_read_anew_and_never_a_mix() {
    let source = plain_bucket().await;
    let before: Tree = [("after", 10), ("large", 8 * PIECE)]
        .map(|(key, length)| (key.to_owned(), Object::of(noise(length, 4))))
        .into();
    put_all(&source, &before).await;
    let replacement = Object::of(noise(6 * PIECE + 3, 5));
    let (volume, archive) = interrupted(&source, async || put(&source, "large", &replacement).await).await;
    assert!(archive.problems().is_empty());
    let volume = volume.freeze();
    // What was given up is in it as a gap.
    assert!(volume.len() > 7 * PIECE);
    judge(std::slice::from_ref(&volume));
    let target = plain_bucket().await;
    restore(&[volume], Selection::All, Target::Bucket(bucket(&target)), Overwrite::Never).await;
    let mut expected = before;
    expected.insert("large".to_owned(), replacement);
    assert_same(&tree(&target).await, &expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn object_that_shrinks_or_goes_while_it_is_read_is_small_or_a_note() {
    for smaller in [Some(7), Some(0), None] {
        let source = plain_bucket().await;
        put(&source, "large", &Object::of(noise(8 * PIECE, 4))).await;
        let (volume, archive) = interrupted(&source, async || match smaller {
            Some(length) => put(&source, "large", &Object::of(noise(length, 5))).await,
            None => drop(client().delete_object().bucket(&source).key("large").send().await.unwrap()),
        })
        .await;
        assert_eq!(archive.problems().kinds.contains_key(&ProblemKind::Deleted), smaller.is_none());
        let volume = volume.freeze();
        judge(std::slice::from_ref(&volume));
        let target = plain_bucket().await;
        restore(&[volume], Selection::All, Target::Bucket(bucket(&target)), Overwrite::Never).await;
        let expected = smaller.map(|length| ("large".to_owned(), Object::of(noise(length, 5))));
        assert_same(&tree(&target).await, &expected.into_iter().collect());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn version_that_is_being_read_is_read_to_its_end() {
    let source = versioned_bucket().await;
    let before = Object::of(noise(8 * PIECE, 4));
    put(&source, "large", &before).await;
    let (volume, archive) = interrupted(&source, async || put(&source, "large", &Object::of("later")).await).await;
    assert!(archive.problems().is_empty());
    let target = plain_bucket().await;
    restore(&[volume.freeze()], Selection::All, Target::Bucket(bucket(&target)), Overwrite::Never).await;
    assert_same(&tree(&target).await, &[("large".to_owned(), before)].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn object_that_changes_again_and_again_is_named() {
    let source = plain_bucket().await;
    put(&source, "large", &Object::of(noise(2 * PIECE, 4))).await;
    let proxy = Proxy::start().await;
    proxy.inject(Operation::HeadObject, 1, Fault::PreconditionFailed, Times::ForGood);
    let error = archive(&Bucket::new(proxy.client(), &source), ArchiveOptions::default()).await.err().unwrap();
    assert!(
        matches!(error, Error::Unread { .. }) && told(&error).contains("1 changing: \"large\""),
        "{}",
        told(&error)
    );
    let partial = ArchiveOptions { allow_partial: true, ..ArchiveOptions::default() };
    let (volumes, archive) = archive(&Bucket::new(proxy.client(), &source), partial).await.unwrap();
    assert_eq!((archive.problems().failing(), archive.volumes()[0].files), (1, 0));
    judge(&volumes);
}

#[tokio::test(flavor = "multi_thread")]
async fn object_that_grew_after_it_was_listed_is_whole() {
    for (listed, now) in [(10, 100_000), (10, 3 * PIECE), (PIECE, PIECE + 1)] {
        let source = plain_bucket().await;
        // The listing shows the first size, for it is taken before the change, of which the many objects before it leave time.
        let many: Tree = (0..400).map(|number| (format!("a{number:03}"), Object::of("x"))).collect();
        put_all(&source, &many).await;
        put(&source, "grown", &Object::of(noise(listed, 1))).await;
        let mut archive = Archive::open(&bucket(&source), ArchiveOptions::default());
        let mut volume = BytesMut::new();
        {
            let mut stream = std::pin::pin!(archive.open_volume());
            volume.extend_from_slice(&stream.next().await.unwrap().unwrap());
            put(&source, "grown", &Object::of(noise(now, 2))).await;
            while let Some(bytes) = stream.next().await {
                volume.extend_from_slice(&bytes.unwrap());
            }
        }
        let target = plain_bucket().await;
        let only = Selection::Key("grown".to_owned());
        let volume = volume.freeze();
        let report = restore(&[volume], only, Target::Bucket(bucket(&target)), Overwrite::Never).await;
        assert_eq!(report.written, 1);
        assert_eq!(tree(&target).await["grown"].bytes, noise(now, 2));
    }
}
