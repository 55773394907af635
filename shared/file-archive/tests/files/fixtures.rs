use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::StorageClass;
use bytes::{Bytes, BytesMut};
use file_archive::{
    Archive, ArchiveOptions, Bucket, Error, Headers, Overwrite, Restore, RestoreReport, Selection, Target, Volume,
};
use futures_util::StreamExt;
use testing::s3::client;

/// An object with everything that belongs to it and comes back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) bytes: Bytes,
    pub(crate) headers: Headers,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) storage_class: Option<String>,
}

impl Object {
    pub(crate) fn of(bytes: impl Into<Bytes>) -> Self {
        let headers = Headers { content_type: Some("application/octet-stream".to_owned()), ..Headers::default() };
        Self { bytes: bytes.into(), headers, ..Self::default() }
    }
}

pub(crate) type Tree = BTreeMap<String, Object>;

/// Bytes that don't compress, always the same ones.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

pub(crate) fn text(length: usize) -> Vec<u8> {
    b"All work and no play makes Jack a dull boy.\n".iter().copied().cycle().take(length).collect()
}

const BLANK: &str = "the-blank-key";

/// The SDK takes a key of white space for missing.
fn sendable(key: &str) -> &str {
    if key.trim().is_empty() { BLANK } else { key }
}

/// Makes a request for [`BLANK`] one for a key of white space.
fn unblank(key: &str) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static {
    let encoded: String = key.bytes().map(|byte| format!("%{byte:02X}")).collect();
    move |request| {
        let uri = request.uri().replace(BLANK, &encoded);
        request.set_uri(uri).expect("a URI");
    }
}

pub(crate) async fn put(bucket: &str, key: &str, object: &Object) {
    let Object { bytes, headers, tags, storage_class } = object.clone();
    let request = client()
        .put_object()
        .bucket(bucket)
        .key(sendable(key))
        .body(ByteStream::from(bytes))
        .set_content_type(headers.content_type)
        .set_content_encoding(headers.content_encoding)
        .set_content_language(headers.content_language)
        .set_content_disposition(headers.content_disposition)
        .set_cache_control(headers.cache_control)
        .set_website_redirect_location(headers.website_redirect)
        .set_metadata(Some(headers.metadata.into_iter().collect()))
        .set_storage_class(storage_class.as_deref().map(StorageClass::from));
    let query: Vec<_> = tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let request = request.set_tagging((!query.is_empty()).then(|| query.join("&")));
    let expires = headers.expires;
    let blank = unblank(key);
    let request = request.customize().mutate_request(move |request| {
        blank(request);
        if let Some(expires) = expires.clone() {
            request.headers_mut().insert("expires", expires);
        }
    });
    request.send().await.unwrap_or_else(|error| panic!("put {key:?}: {error:?}"));
}

pub(crate) async fn put_all(bucket: &str, tree: &Tree) {
    let puts = tree.iter().map(|(key, object)| put(bucket, key, object));
    futures_util::stream::iter(puts).buffer_unordered(16).collect::<()>().await;
}

/// Everything in a bucket, read without the code that is tested.
pub(crate) async fn tree(bucket: &str) -> Tree {
    let client = client();
    let mut keys = Vec::new();
    let mut pages = client.list_objects_v2().bucket(bucket).encoding_type("url".into()).into_paginator().send();
    while let Some(page) = pages.next().await {
        for object in page.expect("list").contents.unwrap_or_default() {
            let key = object.key.expect("a key").replace('+', "%20");
            keys.push(percent_encoding::percent_decode_str(&key).decode_utf8().expect("UTF-8").into_owned());
        }
    }
    let objects = keys.into_iter().map(|key| get(&client, bucket, key));
    futures_util::stream::iter(objects).buffer_unordered(16).collect().await
}

async fn get(client: &Client, bucket: &str, key: String) -> (String, Object) {
    let got = client.get_object().bucket(bucket).key(sendable(&key));
    let got = got.customize().mutate_request(unblank(&key)).send().await.expect("get");
    let tags = client.get_object_tagging().bucket(bucket).key(sendable(&key));
    let tags = tags.customize().mutate_request(unblank(&key)).send().await.expect("get tags").tag_set;
    let object = Object {
        headers: Headers {
            content_type: got.content_type,
            content_encoding: got.content_encoding,
            content_language: got.content_language,
            content_disposition: got.content_disposition,
            cache_control: got.cache_control,
            expires: got.expires_string,
            website_redirect: got.website_redirect_location,
            metadata: got.metadata.into_iter().flatten().collect(),
        },
        tags: tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
        storage_class: got.storage_class.map(|class| class.as_str().to_owned()),
        bytes: got.body.collect().await.expect("its body").into_bytes(),
    };
    (key, object)
}

pub(crate) fn bucket(name: &str) -> Bucket {
    Bucket::new(client(), name)
}

/// All volumes' plaintexts, and the archive when it was done.
pub(crate) async fn archive(source: &Bucket, options: ArchiveOptions) -> Result<(Vec<Bytes>, Archive), Error> {
    let mut archive = Archive::open(source, options);
    let mut volumes = Vec::new();
    while !archive.exhausted() {
        let mut volume = BytesMut::new();
        let mut failed = false;
        {
            let mut stream = std::pin::pin!(archive.open_volume());
            while let Some(bytes) = stream.next().await {
                match bytes {
                    Ok(bytes) => volume.extend_from_slice(&bytes),
                    Err(_) => failed = true,
                }
            }
        }
        if failed {
            return Err(archive.take_failure().expect("the failure that the stream told"));
        }
        volumes.push(volume.freeze());
    }
    for (volume, totals) in volumes.iter().zip(archive.volumes()) {
        assert_eq!(totals.zip_bytes, volume.len() as u64);
    }
    assert_eq!(volumes.len(), archive.volumes().len());
    Ok((volumes, archive))
}

pub(crate) async fn open(volume: &Bytes) -> Result<Volume, Error> {
    Volume::open("volume-0001", Arc::new(volume.clone())).await
}

pub(crate) async fn restore(
    volumes: &[Bytes],
    selection: Selection,
    target: Target,
    overwrite: Overwrite,
) -> RestoreReport {
    let restore = Restore { selection, target, overwrite, dry_run: false };
    let mut report = RestoreReport::default();
    for volume in volumes {
        restore.volume(&open(volume).await.expect("a volume"), &mut report).await.expect("a restore");
    }
    assert!(report.adds_up(), "{report:?}");
    report
}

/// All judges accept every volume.
pub(crate) fn judge(volumes: &[Bytes]) {
    for volume in volumes {
        let file = tempfile::NamedTempFile::with_suffix(".zip").expect("a file");
        std::fs::write(file.path(), volume).expect("write it");
        testing::archivers::all_accept(file.path());
    }
}

/// An error and its causes in one line.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

/// Equal in everything; if not, the first difference without its bytes.
pub(crate) fn assert_same(left: &Tree, right: &Tree) {
    let keys = |tree: &Tree| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(left), keys(right));
    for (key, left) in left {
        let right = &right[key];
        assert_eq!(left.bytes.len(), right.bytes.len(), "{key:?}");
        assert!(left.bytes == right.bytes, "{key:?}: other bytes");
        assert_eq!(
            (&left.headers, &left.tags, &left.storage_class),
            (&right.headers, &right.tags, &right.storage_class),
            "{key:?}"
        );
    }
}
