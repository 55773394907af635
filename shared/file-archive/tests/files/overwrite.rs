use bytes::Bytes;
use file_archive::{ArchiveOptions, Bucket, Folder, Headers, Overwrite, Restore, RestoreReport, Selection, Target};
use testing::faults::{Fault, Operation, Proxy, Times};
use testing::s3::{client, plain_bucket};

use crate::fixtures::{Object, Tree, archive, assert_same, bucket, noise, open, put, put_all, restore, text, tree};

const PIECE: usize = 8 << 20;

/// A backup, and a bucket in which files of it are missing, the same, different in bytes, and different in headers only.
async fn damaged() -> (Tree, Vec<Bytes>, String) {
    let source = plain_bucket().await;
    let keys = ["missing", "same", "shorter", "other bytes", "other headers"];
    let mut before: Tree = keys.iter().map(|key| ((*key).to_owned(), Object::of(text(100 + key.len())))).collect();
    for key in ["large missing", "large same", "large other"] {
        before.insert(key.to_owned(), Object::of(noise(2 * PIECE + key.len(), 1)));
    }
    put_all(&source, &before).await;
    let (volumes, _) = archive(&bucket(&source), ArchiveOptions::default()).await.unwrap();
    let mut now = before.clone();
    now.retain(|key, _| !key.ends_with("missing"));
    now.insert("shorter".to_owned(), Object::of("x"));
    now.insert("other bytes".to_owned(), Object::of(noise(before["other bytes"].bytes.len(), 7)));
    now.insert("large other".to_owned(), Object::of(noise(before["large other"].bytes.len(), 7)));
    let headers = Headers { content_type: Some("text/plain".to_owned()), ..Headers::default() };
    now.insert("other headers".to_owned(), Object { headers, ..before["other headers"].clone() });
    let target = plain_bucket().await;
    put_all(&target, &now).await;
    (before, volumes, target)
}

#[tokio::test(flavor = "multi_thread")]
async fn file_that_is_there_stays_unless_something_else_is_said() {
    let (before, volumes, target) = damaged().await;
    let mut expected = tree(&target).await;
    let report = restore(&volumes, Selection::All, Target::Bucket(bucket(&target)), Overwrite::default()).await;
    assert_eq!((report.selected, report.written, report.existing), (8, 2, 6));
    for key in ["missing", "large missing"] {
        expected.insert(key.to_owned(), before[key].clone());
    }
    assert_same(&tree(&target).await, &expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn file_that_differs_is_replaced_and_one_that_is_the_same_is_not_written_again() {
    let (before, volumes, target) = damaged().await;
    let report = restore(&volumes, Selection::All, Target::Bucket(bucket(&target)), Overwrite::IfDifferent).await;
    assert_eq!((report.selected, report.written, report.unchanged), (8, 6, 2));
    assert_same(&tree(&target).await, &before);
    // A second time all is as it should be: large files have another ETag now, and are compared by their bytes.
    let report = restore(&volumes, Selection::All, Target::Bucket(bucket(&target)), Overwrite::IfDifferent).await;
    assert_eq!((report.written, report.unchanged), (0, 8));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_is_replaced_if_that_is_said_and_a_dry_run_replaces_none() {
    let (before, volumes, target) = damaged().await;
    let there = tree(&target).await;
    let mut dry = Restore {
        selection: Selection::All,
        target: Target::Bucket(bucket(&target)),
        overwrite: Overwrite::Always,
        dry_run: true,
    };
    let mut report = RestoreReport::default();
    dry.volume(&open(&volumes[0]).await.unwrap(), &mut report).await.unwrap();
    assert_eq!((report.selected, report.written), (8, 8));
    assert_same(&tree(&target).await, &there);
    dry.dry_run = false;
    let mut report = RestoreReport::default();
    dry.volume(&open(&volumes[0]).await.unwrap(), &mut report).await.unwrap();
    assert_eq!((report.selected, report.written), (8, 8));
    assert_same(&tree(&target).await, &before);
}

#[tokio::test(flavor = "multi_thread")]
async fn file_that_appears_after_it_was_looked_for_is_not_overwritten() {
    let source = plain_bucket().await;
    let before: Tree =
        [("large", PIECE + 1), ("small", 5)].map(|(key, length)| (key.to_owned(), Object::of(noise(length, 1)))).into();
    put_all(&source, &before).await;
    let (volumes, _) = archive(&bucket(&source), ArchiveOptions::default()).await.unwrap();
    let target = plain_bucket().await;
    let there: Tree = before.keys().map(|key| (key.clone(), Object::of("somebody else's"))).collect();
    put_all(&target, &there).await;
    let proxy = Proxy::start().await;
    proxy.inject(Operation::HeadObject, 1, Fault::NoSuchKey, Times::ForGood);
    let through = Target::Bucket(Bucket::new(proxy.client(), &target));
    let report = restore(&volumes, Selection::All, through, Overwrite::Never).await;
    assert_eq!((report.written, report.existing), (0, 2), "{:?}", report.failures);
    assert_same(&tree(&target).await, &there);
    let open = client().list_multipart_uploads().bucket(&target).send().await.unwrap();
    assert_eq!(open.uploads().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn write_that_fails_leaves_nothing_and_is_named() {
    let source = plain_bucket().await;
    let before: Tree =
        [("large", PIECE + 1), ("small", 5)].map(|(key, length)| (key.to_owned(), Object::of(noise(length, 1)))).into();
    put_all(&source, &before).await;
    let (volumes, _) = archive(&bucket(&source), ArchiveOptions::default()).await.unwrap();
    for (operation, key) in [
        (Operation::PutObject, "small"),
        (Operation::CreateMultipartUpload, "large"),
        (Operation::UploadPart, "large"),
        (Operation::CompleteMultipartUpload, "large"),
    ] {
        let target = plain_bucket().await;
        let proxy = Proxy::start().await;
        proxy.inject(operation, 1, Fault::AccessDenied, Times::ForGood);
        let through = Target::Bucket(Bucket::new(proxy.client(), &target));
        let report = restore(&volumes, Selection::All, through, Overwrite::Never).await;
        assert_eq!((report.written, report.failed, report.failures[0].key.as_str()), (1, 1, key));
        assert!(report.failures[0].why.contains("403 AccessDenied"), "{:?}", report.failures);
        assert_eq!(tree(&target).await.len(), 1);
        let open = client().list_multipart_uploads().bucket(&target).send().await.unwrap();
        assert_eq!(open.uploads().len(), 0, "{operation:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_in_a_folder_are_kept_compared_or_replaced_and_have_their_time() {
    let source = plain_bucket().await;
    let before: Tree = [("a/large", PIECE + 1), ("a/small", 5), ("b", 0)]
        .map(|(key, length)| (key.to_owned(), Object::of(noise(length, 1))))
        .into();
    put_all(&source, &before).await;
    put(&source, "empty/", &Object::of("")).await;
    let (volumes, _) = archive(&bucket(&source), ArchiveOptions::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = || Target::Folder(Folder::open(folder.path()).unwrap());
    let report = restore(&volumes, Selection::All, target(), Overwrite::Never).await;
    assert_eq!(report.written, 4, "{:?}", report.failures);
    let same = |key: &str| std::fs::read(folder.path().join(key)).unwrap() == before[key].bytes;
    assert!(before.keys().all(|key| same(key)) && folder.path().join("empty").is_dir());
    let head = client().head_object().bucket(&source).key("a/small").send().await.unwrap();
    let modified = std::fs::metadata(folder.path().join("a/small")).unwrap().modified().unwrap();
    let seconds = modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    assert_eq!(seconds, head.last_modified.unwrap().secs());

    std::fs::write(folder.path().join("a/small"), "other").unwrap();
    let report = restore(&volumes, Selection::All, target(), Overwrite::Never).await;
    assert_eq!((report.existing, same("a/small")), (4, false));
    let report = restore(&volumes, Selection::All, target(), Overwrite::IfDifferent).await;
    assert_eq!((report.written, report.unchanged, same("a/small")), (1, 3, true));
    let report = restore(&volumes, Selection::All, target(), Overwrite::Always).await;
    assert_eq!((report.written, report.unchanged), (3, 1));
    // Nothing else was left there.
    assert_eq!(std::fs::read_dir(folder.path().join("a")).unwrap().count(), 2);
}
