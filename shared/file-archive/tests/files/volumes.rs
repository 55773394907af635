use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use file_archive::{
    ArchiveOptions, Error, Estimate, Overwrite, ReadAt, Restore, RestoreReport, Selection, Target, Volume,
};
use testing::s3::plain_bucket;

use crate::fixtures::{
    Object, Tree, archive, assert_same, bucket, judge, noise, open, put, put_all, restore, told, tree,
};

const PIECE: usize = 8 << 20;

fn small_files(count: usize) -> Tree {
    (0..count)
        .map(|number| (format!("folder {}/file {number:04}.txt", number / 100), Object::of(noise(700, number as u64))))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_close_by_count_and_by_bytes_and_together_hold_every_file_once() {
    let source = plain_bucket().await;
    let mut before = small_files(60);
    for key in ["folder 0/large a", "folder 0/large b"] {
        before.insert(key.to_owned(), Object::of(noise(PIECE + 1, 3)));
    }
    put_all(&source, &before).await;
    for (options, least) in [
        (ArchiveOptions { volume_entries: 7, ..ArchiveOptions::default() }, 9),
        (ArchiveOptions { volume_bytes: 30_000, ..ArchiveOptions::default() }, 4),
    ] {
        let limit = options.volume_entries;
        let (volumes, archive) = archive(&bucket(&source), options).await.unwrap();
        assert!(volumes.len() >= least, "{}", volumes.len());
        judge(&volumes[..2]);
        let mut keys = Vec::new();
        for (volume, totals) in volumes.iter().zip(archive.volumes()) {
            assert!(totals.files <= limit && totals.files > 0);
            let files: Vec<_> = open(volume).await.unwrap().files().map(|file| file.unwrap().key).collect();
            assert_eq!((files.first(), files.last()), (totals.first_key.as_ref(), totals.last_key.as_ref()));
            assert_eq!(files.len() as u64, totals.files);
            keys.extend(files);
        }
        assert_eq!(keys, before.keys().cloned().collect::<Vec<_>>());
        assert_eq!(
            (archive.progress().files(), archive.volumes().iter().map(|totals| totals.files).sum::<u64>()),
            (62, 62)
        );
        let target = plain_bucket().await;
        restore(&volumes, Selection::All, Target::Bucket(bucket(&target)), Overwrite::Never).await;
        assert_same(&tree(&target).await, &before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prefix_and_estimate_see_what_they_should() {
    let source = plain_bucket().await;
    put_all(&source, &small_files(205)).await;
    let estimate = bucket(&source).estimate(None, |_| false).await.unwrap();
    assert_eq!(estimate, Estimate { files: 205, bytes: 205 * 700 });
    let estimate = bucket(&source).estimate(Some("folder 2/"), |_| false).await.unwrap();
    assert_eq!(estimate.files, 5);
    let options = ArchiveOptions { prefix: Some("folder 1/".to_owned()), ..ArchiveOptions::default() };
    let (_, archive) = archive(&bucket(&source), options).await.unwrap();
    assert_eq!(archive.volumes()[0].files, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn object_that_fits_into_no_volume_is_named() {
    let source = plain_bucket().await;
    put(&source, "huge", &Object::of(noise(PIECE + 2, 1))).await;
    let options = ArchiveOptions { largest_object: PIECE as u64 + 1, ..ArchiveOptions::default() };
    let error = archive(&bucket(&source), options).await.err().unwrap();
    assert!(told(&error).contains("1 too_large: \"huge\""), "{}", told(&error));
}

/// Counts reads, and can fail or damage them.
struct Watched {
    volume: Bytes,
    reads: AtomicUsize,
    bytes: AtomicUsize,
    fails_before: u64,
}

#[async_trait]
impl ReadAt for Watched {
    fn length(&self) -> u64 {
        self.volume.len() as u64
    }

    async fn read(&self, range: Range<u64>) -> std::io::Result<Bytes> {
        assert!(range.end - range.start <= PIECE as u64);
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add((range.end - range.start) as usize, Ordering::Relaxed);
        if range.start < self.fails_before {
            return Err(std::io::Error::other("frame 17 was altered"));
        }
        self.volume.read(range).await
    }
}

async fn watch(volume: &Bytes, fails_before: u64) -> (Arc<Watched>, Volume) {
    let source = Arc::new(Watched { volume: volume.clone(), reads: 0.into(), bytes: 0.into(), fails_before });
    let volume = Volume::open("volume-0001", Arc::clone(&source) as Arc<dyn ReadAt>).await.unwrap();
    (source, volume)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_small_file_costs_a_few_reads_and_many_small_ones_are_read_together() {
    let source = plain_bucket().await;
    let mut before = small_files(220);
    before.insert("a large one".to_owned(), Object::of(noise(5 * PIECE, 1)));
    put_all(&source, &before).await;
    let (volumes, _) = archive(&bucket(&source), ArchiveOptions::default()).await.unwrap();
    for (selection, files, reads) in [
        (Selection::Key("folder 1/file 0177.txt".to_owned()), 1, 3),
        (Selection::Prefix("folder 2/".to_owned()), 20, 3),
        (Selection::Pattern("folder */*5.txt".parse().unwrap()), 22, 3),
        (
            Selection::AnyOf(vec![
                Selection::Key("folder 0/file 0000.txt".to_owned()),
                Selection::Key("nothing".to_owned()),
            ]),
            1,
            3,
        ),
        (Selection::Prefix("folder".to_owned()), 220, 3),
    ] {
        let (watched, volume) = watch(&volumes[0], 0).await;
        let target = plain_bucket().await;
        let restore = Restore {
            selection: selection.clone(),
            target: Target::Bucket(bucket(&target)),
            overwrite: Overwrite::Never,
            dry_run: false,
        };
        let mut report = RestoreReport::default();
        restore.volume(&volume, &mut report).await.unwrap();
        assert_eq!((report.selected, report.written), (files, files), "{selection:?}");
        // The end, the manifest, and what was asked for.
        let found = watched.reads.load(Ordering::Relaxed);
        assert!(found <= reads, "{selection:?}: {found} reads");
        assert!(watched.bytes.load(Ordering::Relaxed) < 3 << 20);
        let expected: Tree = before
            .iter()
            .filter(|(key, _)| selection.matches(key))
            .map(|(key, object)| (key.clone(), object.clone()))
            .collect();
        assert_same(&tree(&target).await, &expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn volume_that_is_damaged_in_part_fails_its_files_by_name_and_gives_the_others() {
    let source = plain_bucket().await;
    let mut before = small_files(20);
    before.insert("a large one".to_owned(), Object::of(noise(2 * PIECE, 1)));
    put_all(&source, &before).await;
    let (volumes, _) = archive(&bucket(&source), ArchiveOptions::default()).await.unwrap();
    let (_, volume) = watch(&volumes[0], PIECE as u64).await;
    let target = plain_bucket().await;
    let restore = Restore {
        selection: Selection::All,
        target: Target::Bucket(bucket(&target)),
        overwrite: Overwrite::Never,
        dry_run: false,
    };
    let mut report = RestoreReport::default();
    restore.volume(&volume, &mut report).await.unwrap();
    assert_eq!((report.written, report.failed, report.failures[0].key.as_str()), (20, 1, "a large one"));
    assert!(report.failures[0].why.contains("frame 17 was altered"), "{:?}", report.failures);
    before.remove("a large one");
    assert_same(&tree(&target).await, &before);
    let cut: Arc<dyn ReadAt> =
        Arc::new(Watched { volume: volumes[0].clone(), reads: 0.into(), bytes: 0.into(), fails_before: u64::MAX });
    let error = Volume::open("volume-0001", cut).await.err().unwrap();
    assert!(matches!(error, Error::Read { .. }) && told(&error).contains("frame 17"), "{}", told(&error));
}
