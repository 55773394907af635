//! The least that a backup has to do: get all objects, and at the same time put as many bytes as it stores.

use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Region, RequestChecksumCalculation};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

const PART: u64 = 8 << 20;
const PARTS: usize = 4;

pub(crate) async fn run(bucket: &str, vault: &str, bytes: u64, concurrency: usize) {
    let client = client();
    let (objects, ()) = tokio::join!(get_all(&client, bucket, concurrency), put(&client, vault, bytes));
    println!("{objects} objects");
}

fn client() -> Client {
    let variable = |name: &str| std::env::var(name).expect("endpoint, Region and credentials in the environment");
    let (id, secret) = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"));
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(variable("AWS_REGION")))
        .credentials_provider(Credentials::new(id, secret, None, None, "environment"))
        .endpoint_url(variable("AWS_ENDPOINT_URL_S3"))
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .force_path_style(true);
    Client::from_conf(config.build())
}

/// Page after page, while objects are got.
async fn list(client: Client, bucket: String, keys: mpsc::Sender<String>) {
    let mut pages = client.list_objects_v2().bucket(bucket).into_paginator().send();
    while let Some(page) = pages.next().await {
        for object in page.expect("a page").contents.unwrap_or_default() {
            keys.send(object.key.expect("a key")).await.expect("somebody who gets it");
        }
    }
}

async fn get_all(client: &Client, bucket: &str, concurrency: usize) -> u64 {
    let (sender, mut keys) = mpsc::channel(4000);
    tokio::spawn(list(client.clone(), bucket.to_owned(), sender));
    let (gets, places) = (&mut JoinSet::new(), Arc::new(Semaphore::new(concurrency)));
    let mut objects = 0;
    while let Some(key) = keys.recv().await {
        let place = Arc::clone(&places).acquire_owned().await.expect("a place");
        let request = client.get_object().bucket(bucket).key(key).checksum_mode(ChecksumMode::Enabled);
        gets.spawn(async move {
            let mut body = request.send().await.expect("an object").body;
            while let Some(chunk) = body.next().await {
                chunk.expect("its bytes");
            }
            drop(place);
        });
        while let Some(got) = gets.try_join_next() {
            got.expect("a GET");
        }
        objects += 1;
    }
    while let Some(got) = gets.join_next().await {
        got.expect("a GET");
    }
    objects
}

async fn put(client: &Client, vault: &str, bytes: u64) {
    let key = format!("limit/{}", std::process::id());
    let upload = client.create_multipart_upload().bucket(vault).key(&key).send().await.expect("an upload");
    let id = upload.upload_id.expect("its id");
    let zeros = Bytes::from(vec![0; PART as usize]);
    let parts = stream::iter((0..bytes.div_ceil(PART).max(1)).map(|number| {
        let body = zeros.slice(..PART.min(bytes - number * PART) as usize);
        let number = number as i32 + 1;
        let part = client.upload_part().bucket(vault).key(&key).upload_id(&id).part_number(number);
        let part = part.body(ByteStream::from(body)).customize().disable_payload_signing().send();
        async move {
            let etag = part.await.expect("a part").e_tag;
            CompletedPart::builder().part_number(number).set_e_tag(etag).build()
        }
    }));
    let parts = parts.buffered(PARTS).collect().await;
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete = client.complete_multipart_upload().bucket(vault).key(&key).upload_id(id);
    complete.multipart_upload(parts).send().await.expect("the upload's end");
}
