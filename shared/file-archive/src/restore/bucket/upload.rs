//! A large file, written in parts.

use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest as Crc, checksum};
use s3_call::call;
use tokio::task::JoinSet;

use super::{BucketTarget, told, with_headers};
use crate::record::FileRecord;
use crate::restore::{Condition, Outcome};
use crate::source::{Bucket, sendable};

/// Parts on their way, each in memory.
const SENDING: usize = 3;

/// Dropped without [`Upload::complete`], it is aborted.
pub(crate) struct Upload {
    open: Open,
    record: FileRecord,
    condition: Condition,
    sending: JoinSet<Result<CompletedPart, String>>,
    parts: Vec<CompletedPart>,
    number: i32,
    crc: Crc,
}

struct Open {
    bucket: Arc<Bucket>,
    key: String,
    /// As long as it is neither completed nor aborted.
    id: Option<String>,
}

impl Upload {
    pub(super) async fn begin(bucket: Arc<Bucket>, record: &FileRecord, condition: &Condition) -> Result<Self, String> {
        let place = bucket.place();
        let answer = call(&place.patience, || {
            let request = place
                .client
                .create_multipart_upload()
                .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
                .checksum_type(ChecksumType::FullObject);
            with_headers!(request, place, record).send()
        })
        .await
        .map_err(|failure| told(&bucket, "begin the upload of", &record.key, failure.tries, &failure.error))?;
        let Some(id) = answer.upload_id else { return Err("S3 gave the upload no id".to_owned()) };
        Ok(Self {
            open: Open { bucket: Arc::clone(&bucket), key: record.key.clone(), id: Some(id) },
            record: record.clone(),
            condition: condition.clone(),
            sending: JoinSet::new(),
            parts: Vec::new(),
            number: 0,
            crc: Crc::new(CrcAlgorithm::Crc64Nvme),
        })
    }

    /// Sends the next part, maybe while earlier ones are still on their way.
    pub(in crate::restore) async fn part(&mut self, content: Bytes) -> Result<(), String> {
        while self.sending.len() >= SENDING {
            self.sent().await?;
        }
        self.number += 1;
        self.crc.update(&content);
        let (number, bucket, key) = (self.number, Arc::clone(&self.open.bucket), self.open.key.clone());
        let id = self.open.id.clone().unwrap_or_default();
        self.sending.spawn(async move {
            let place = bucket.place();
            let sum = STANDARD.encode(checksum(CrcAlgorithm::Crc64Nvme, &content).to_be_bytes());
            let answer = call(&place.patience, || {
                place
                    .client
                    .upload_part()
                    .bucket(&place.name)
                    .set_expected_bucket_owner(place.owner.clone())
                    .key(sendable(&key))
                    .upload_id(&id)
                    .part_number(number)
                    .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
                    .checksum_crc64_nvme(&sum)
                    .body(ByteStream::from(content.clone()))
                    .send()
            })
            .await
            .map_err(|failure| {
                told(&bucket, &format!("upload part {number} of"), &key, failure.tries, &failure.error)
            })?;
            let part = CompletedPart::builder().part_number(number).set_e_tag(answer.e_tag);
            Ok(part.checksum_crc64_nvme(sum).build())
        });
        Ok(())
    }

    async fn sent(&mut self) -> Result<(), String> {
        if let Some(part) = self.sending.join_next().await {
            self.parts.push(part.map_err(|_| "the upload of a part was stopped".to_owned())??);
        }
        Ok(())
    }

    /// Makes it visible. To be called when all of it was checked.
    pub(in crate::restore) async fn complete(mut self) -> Result<Outcome, String> {
        while !self.sending.is_empty() {
            if let Err(why) = self.sent().await {
                self.abort().await;
                return Err(why);
            }
        }
        let outcome = self.complete_all().await;
        match outcome {
            Ok(Outcome::Written) => self.open.id = None,
            _ => self.abort().await,
        }
        outcome
    }

    async fn complete_all(&mut self) -> Result<Outcome, String> {
        let place = self.open.bucket.place();
        let key = &self.open.key;
        self.parts.sort_unstable_by_key(|part| part.part_number);
        let list = CompletedMultipartUpload::builder().set_parts(Some(self.parts.clone())).build();
        let sum = STANDARD.encode(self.crc.finalize().to_be_bytes());
        let answer = call(&place.patience, || {
            place
                .completing
                .complete_multipart_upload()
                .bucket(&place.name)
                .set_expected_bucket_owner(place.owner.clone())
                .key(sendable(key))
                .upload_id(self.open.id.clone().unwrap_or_default())
                .set_if_none_match(self.condition.missing())
                .set_if_match(self.condition.is())
                .checksum_type(ChecksumType::FullObject)
                .checksum_crc64_nvme(&sum)
                .mpu_object_size(i64::try_from(self.record.bytes).unwrap_or(i64::MAX))
                .multipart_upload(list.clone())
                .send()
        })
        .await;
        match answer {
            Ok(_) => Ok(Outcome::Written),
            Err(failure) => {
                let target = BucketTarget { bucket: Arc::clone(&self.open.bucket), without_headers: false };
                target.refused(&self.record, &self.condition, failure, &sum, "complete the upload of").await
            }
        }
    }

    /// Ends it, so that its parts cost nothing.
    pub(in crate::restore) async fn abort(&mut self) {
        // A part that is still on its way could outlive it.
        self.sending.shutdown().await;
        if let Some(id) = self.open.id.take() {
            abort(Arc::clone(&self.open.bucket), self.open.key.clone(), id).await;
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(abort(Arc::clone(&self.bucket), self.key.clone(), id));
        }
    }
}

async fn abort(bucket: Arc<Bucket>, key: String, id: String) {
    let place = bucket.place();
    let answer = call(&place.patience, || {
        place
            .client
            .abort_multipart_upload()
            .bucket(&place.name)
            .set_expected_bucket_owner(place.owner.clone())
            .key(sendable(&key))
            .upload_id(&id)
            .send()
    })
    .await;
    match answer {
        Ok(_) => {}
        Err(failure) if failure.error.code() == "NoSuchUpload" => {}
        Err(failure) => {
            let why = told(&bucket, "abort the upload of", &key, failure.tries, &failure.error);
            tracing::warn!("{why}; its parts stay until a lifecycle rule of the bucket removes them");
        }
    }
}
