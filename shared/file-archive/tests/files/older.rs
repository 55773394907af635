//! ZIPs of the older job of files, which have no manifest.

use std::sync::Arc;

use bytes::Bytes;
use file_archive::{Error, ReadAt, Volume};

/// As aiozipstream 0.4 wrote them.
const SMALL: &[u8] = include_bytes!("../../../legacy/tests/fixtures/plain/grc-2022-06-20--00-00-1655683207.zip");
const SEVERAL: &[u8] = include_bytes!("../../../legacy/tests/fixtures/plain/grc-2022-07-22--00-00-07.zip");

async fn open(zips: &[&[u8]]) -> Result<Vec<Volume>, Error> {
    let zips = zips.iter().zip(1..).map(|(zip, number)| {
        let source: Arc<dyn ReadAt> = Arc::new(Bytes::copy_from_slice(zip));
        (format!("zip {number}"), source)
    });
    Volume::open_older(zips.collect()).await
}

async fn names(zips: &[&[u8]]) -> Vec<(String, u64, Option<String>)> {
    let volumes = open(zips).await.unwrap();
    let files = volumes.iter().flat_map(Volume::files).map(Result::unwrap);
    files.map(|file| (file.key, file.bytes, file.name)).collect()
}

#[tokio::test]
async fn files_are_those_of_the_directory_and_twins_get_a_number() {
    let several = [
        ("ABCD1234__medicalReports__scan_0a1b.pdf", 70_000),
        ("ABCD1234__nameChange__naïve-é_2c3d.jpg", 1234),
        ("EFGH5678.zip", 0),
        ("grc_user_example_com.pdf", 9),
    ];
    assert_eq!(names(&[SEVERAL]).await, several.map(|(key, bytes)| (key.to_owned(), bytes, None)));
    let one = |name: Option<&str>| ("one.txt".to_owned(), 43, name.map(str::to_owned));
    let twice = names(&[SMALL, SMALL, SMALL]).await;
    assert_eq!(twice, [one(None), one(Some(".offsite/keys/0000001")), one(Some(".offsite/keys/0000002"))]);
}

#[tokio::test]
async fn zip_that_is_cut_or_altered_is_refused_before_a_file_is_known() {
    for length in 0..SMALL.len() {
        assert!(matches!(open(&[&SMALL[..length]]).await, Err(Error::Refused { .. })), "cut to {length}");
    }
    let text = SMALL.windows(3).position(|bytes| bytes == b"the").unwrap();
    for at in text..text + 43 {
        let mut altered = SMALL.to_vec();
        altered[at] ^= 1;
        match open(&[SEVERAL, &altered]).await {
            Err(Error::Refused { volume, what }) => assert!(volume == "zip 2" && what.contains("one.txt"), "{what}"),
            _ => panic!("byte {at}"),
        }
    }
}

#[tokio::test]
async fn zip_of_offsite_is_not_taken_for_one_of_the_older_job() {
    // Deflated, and marked otherwise.
    let mut other = SMALL.to_vec();
    let directory = other.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    for (at, value) in [(8, 0), (10, 8)] {
        let was = std::mem::replace(&mut other[directory + at], value);
        assert!(matches!(open(&[&other]).await, Err(Error::Refused { .. })), "{at}");
        other[directory + at] = was;
    }
    assert!(open(&[&other]).await.is_ok());
    assert!(Volume::open("older", Arc::new(Bytes::from_static(SMALL))).await.is_err());
}
