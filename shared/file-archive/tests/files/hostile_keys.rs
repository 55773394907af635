use std::collections::BTreeMap;
use std::os::unix::fs::symlink;

use file_archive::{ArchiveOptions, Folder, Overwrite, Selection, Target};
use testing::s3::plain_bucket;

use crate::fixtures::{Object, Tree, archive, assert_same, bucket, judge, put_all, restore, tree};

fn hostile() -> Tree {
    let long = "k".repeat(1024);
    let keys = [
        "../x",
        "../../etc/passwd",
        "/abs",
        "a//b",
        "a\\b",
        "a/../b",
        "a/./b",
        "C:/windows",
        "with space",
        "plus+and%41",
        "line\nfeed",
        "tab\t",
        "\u{1}control",
        "\u{7f}",
        "Case",
        "case",
        "cASE",
        "\u{fc}",
        "u\u{308}",
        "file",
        "file/below",
        "file/below/that",
        "x/y",
        "x",
        "trailing/",
        ".offsite/manifest.ndjson",
        ".offsite/keys/0000001",
        ".OFFSITE/x",
        "日本語/ファイル",
        "😀",
        "&<>\"'",
        "..",
        ".",
        "-rf",
        "~",
        " ",
        "\t",
        "\u{a0}\n",
        "offsite-stands-for-20",
        &long,
    ];
    keys.iter().map(|key| ((*key).to_owned(), Object::of(format!("the bytes of {key:?}")))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_comes_back_exactly_and_no_name_can_leave_the_folder() {
    let source = plain_bucket().await;
    let before = hostile();
    put_all(&source, &before).await;
    let (volumes, _) = archive(&bucket(&source), ArchiveOptions::default()).await.unwrap();
    judge(&volumes);
    let listed = std::process::Command::new("python3")
        .args(["-c", "import sys, zipfile, json; print(json.dumps(zipfile.ZipFile(sys.argv[1]).namelist()))"])
        .arg(written(&volumes[0]).path())
        .output()
        .unwrap();
    let names: Vec<String> = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(names.len(), before.len() + 2);
    for name in &names {
        let unsafe_part =
            |part: &str| matches!(part, "" | "." | "..") || part.contains(['\\', '\n', '\t', '\u{1}', '\u{7f}']);
        assert!(!name.trim_end_matches('/').split('/').any(unsafe_part), "{name:?}");
    }
    let target = plain_bucket().await;
    let report = restore(&volumes, Selection::All, Target::Bucket(bucket(&target)), Overwrite::Never).await;
    assert_eq!(report.written, before.len() as u64, "{:?}", report.failures);
    assert_same(&tree(&target).await, &before);
}

fn written(volume: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::with_suffix(".zip").unwrap();
    std::fs::write(file.path(), volume).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_is_in_a_folder_under_its_key_or_where_the_report_says() {
    let source = plain_bucket().await;
    let before = hostile();
    put_all(&source, &before).await;
    let (volumes, _) = archive(&bucket(&source), ArchiveOptions::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = Target::Folder(Folder::open(folder.path()).unwrap());
    let report = restore(&volumes, Selection::All, target, Overwrite::Never).await;
    assert_eq!(report.written, before.len() as u64, "{:?}", report.failures);
    let renamed: BTreeMap<_, _> =
        report.renamed_files.iter().map(|file| (file.key.as_str(), file.name.as_str())).collect();
    assert!(renamed.contains_key("../x") && !renamed.contains_key("with space"));
    for (key, object) in &before {
        let name = renamed.get(key.as_str()).copied().unwrap_or(key);
        assert_eq!(std::fs::read(folder.path().join(name)).unwrap(), object.bytes, "{key:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn symbolic_link_in_a_folder_is_not_followed_out_of_it() {
    let source = plain_bucket().await;
    let before: Tree = ["linked/file", "fine", "dangling"].map(|key| (key.to_owned(), Object::of("new"))).into();
    put_all(&source, &before).await;
    let (volumes, _) = archive(&bucket(&source), ArchiveOptions::default()).await.unwrap();
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(outside.path().join("victim"), "old").unwrap();
    symlink(outside.path(), folder.path().join("linked")).unwrap();
    symlink(outside.path().join("victim"), folder.path().join("dangling")).unwrap();
    let target = Target::Folder(Folder::open(folder.path()).unwrap());
    let report = restore(&volumes, Selection::All, target, Overwrite::Always).await;
    assert_eq!((report.written, report.failed), (2, 1));
    assert!(report.failures[0].why.contains("\"linked\" is in the way"), "{:?}", report.failures);
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
    assert_eq!(std::fs::read(outside.path().join("victim")).unwrap(), b"old");
    assert_eq!(std::fs::read(folder.path().join("dangling")).unwrap(), b"new");
}
