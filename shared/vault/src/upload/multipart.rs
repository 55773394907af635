use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use s3_call::{CallError, Failure, call};

use super::combined;
use crate::checksum::{Crc64, Sums};
use crate::connect::Vault;
use crate::error::Error;
use crate::failure::FailedAct;
use crate::put::compare;
use crate::stored::StoredObject;

/// A multipart upload in progress. Dropped without [`Multipart::complete`], it is aborted.
pub(super) struct Multipart {
    /// Its id, as long as it is open.
    upload: Option<String>,
    vault: Vault,
    key: String,
}

/// A part that S3 has confirmed.
pub(super) struct StoredPart {
    number: i32,
    etag: String,
    pub(super) bytes: u64,
    pub(super) crc: Crc64,
}

impl Multipart {
    pub(super) async fn create(vault: &Vault, key: String) -> Result<Self, Error> {
        let place = &*vault.place;
        let act = || format!("begin the upload of {key} into bucket {}", place.bucket);
        let answer = call(&place.patience, || {
            place
                .client
                .create_multipart_upload()
                .bucket(&place.bucket)
                .set_expected_bucket_owner(place.owner.clone())
                .key(&key)
                .content_type("application/octet-stream")
                .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
                .checksum_type(ChecksumType::FullObject)
                .send()
        })
        .await
        .map_err(|failure| failure.reading(act()))?;
        let Some(id) = answer.upload_id.filter(|id| !id.is_empty()) else {
            let source = CallError::Wrong("no upload id".to_owned());
            return Err(Error::Call { act: act(), tries: 1, unknown: false, source });
        };
        Ok(Self { upload: Some(id), vault: vault.clone(), key })
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    fn id(&self) -> String {
        self.upload.clone().unwrap_or_default()
    }

    /// Uploads a part and hands its buffer back.
    pub(super) fn part(
        &self,
        number: i32,
        body: Bytes,
    ) -> impl Future<Output = Result<(StoredPart, Bytes), Error>> + Send + 'static {
        let (vault, key, upload) = (self.vault.clone(), self.key.clone(), self.id());
        async move {
            let place = &*vault.place;
            let crc = Crc64::of(&body);
            let act = || format!("upload part {number} of {key}");
            let answer = call(&place.patience, || {
                place
                    .client
                    .upload_part()
                    .bucket(&place.bucket)
                    .set_expected_bucket_owner(place.owner.clone())
                    .key(&key)
                    .upload_id(&upload)
                    .part_number(number)
                    .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
                    .checksum_crc64_nvme(crc.to_string())
                    .body(ByteStream::from(body.clone()))
                    .customize()
                    // TLS and the checksum, which is signed, protect the body: a SHA-256 of it for the signature would be
                    // a second one.
                    .disable_payload_signing()
                    .send()
            })
            .await
            .map_err(|failure| failure.reading(act()))?;
            compare(act, answer.checksum_crc64_nvme.as_deref(), crc)?;
            let Some(etag) = answer.e_tag else {
                let source = CallError::Wrong("no ETag".to_owned());
                return Err(Error::Call { act: act(), tries: 1, unknown: false, source });
            };
            Ok((StoredPart { number, etag, bytes: body.len() as u64, crc }, body))
        }
    }

    /// Makes the parts one object, if they add up to what was read and the key is free.
    pub(super) async fn complete(mut self, mut parts: Vec<StoredPart>, sums: Sums) -> Result<StoredObject, Error> {
        parts.sort_unstable_by_key(|part| part.number);
        match self.complete_all(&parts, sums).await {
            Ok(stored) => {
                self.upload = None;
                Ok(stored)
            }
            Err(error) => {
                self.abort().await;
                Err(error)
            }
        }
    }

    async fn complete_all(&self, parts: &[StoredPart], sums: Sums) -> Result<StoredObject, Error> {
        let (place, key, upload) = (&*self.vault.place, &self.key, self.id());
        let act = || format!("complete the upload of {key}");
        let (bytes, crc, sha256) = sums.finish();
        let gapless = parts.iter().zip(1..).all(|(part, number)| part.number == number);
        if !gapless || combined(parts) != (bytes, crc) {
            let (theirs, sum) = combined(parts);
            return Err(Error::Mismatch {
                act: act(),
                theirs: format!("{} parts with {theirs} bytes and checksum {sum}", parts.len()),
                ours: format!("{bytes} bytes with checksum {crc}"),
            });
        }
        let list = parts.iter().map(|part| {
            CompletedPart::builder()
                .part_number(part.number)
                .e_tag(&part.etag)
                .checksum_crc64_nvme(part.crc.to_string())
                .build()
        });
        let list = CompletedMultipartUpload::builder().set_parts(Some(list.collect())).build();
        let answer = call(&place.patience, || {
            place
                .completing
                .complete_multipart_upload()
                .bucket(&place.bucket)
                .set_expected_bucket_owner(place.owner.clone())
                .key(key)
                .upload_id(&upload)
                .if_none_match("*")
                .checksum_type(ChecksumType::FullObject)
                .checksum_crc64_nvme(crc.to_string())
                .mpu_object_size(i64::try_from(bytes).unwrap_or(i64::MAX))
                .multipart_upload(list.clone())
                .send()
        })
        .await;
        let version_id = match answer {
            Ok(answer) => {
                // S3 has compared the whole sum before it answers. It tells it, but not of objects under a KMS key.
                if let Some(theirs) = answer.checksum_crc64_nvme.as_deref() {
                    compare(act, Some(theirs), crc)?;
                }
                if answer.e_tag.is_none() {
                    let source = CallError::Wrong("a success without an ETag".to_owned());
                    return Err(Error::Call { act: act(), tries: 1, unknown: false, source });
                }
                answer.version_id
            }
            // S3 compared size and checksum when it stored the first try.
            Err(failure) if failure.was_stored() => None,
            Err(failure) => return Err(refused(failure, key, act())),
        };
        let parts = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        Ok(StoredObject { key: key.clone(), bytes, sha256, checksum: crc.to_string(), version_id, parts })
    }

    /// Ends the upload, so that its parts cost nothing. What was to be reported is the failure that led here.
    pub(super) async fn abort(mut self) {
        if let Some(upload) = self.upload.take() {
            abort(self.vault.clone(), self.key.clone(), upload).await;
        }
    }
}

fn refused(failure: Failure, key: &str, act: String) -> Error {
    if failure.error.status() == Some(412) {
        return Error::Exists(key.to_owned());
    }
    failure.reading(act)
}

impl Drop for Multipart {
    fn drop(&mut self) {
        if let (Some(upload), Ok(runtime)) = (self.upload.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(abort(self.vault.clone(), self.key.clone(), upload));
        }
    }
}

async fn abort(vault: Vault, key: String, upload: String) {
    let place = &*vault.place;
    let answer = call(&place.patience, || {
        place
            .client
            .abort_multipart_upload()
            .bucket(&place.bucket)
            .set_expected_bucket_owner(place.owner.clone())
            .key(&key)
            .upload_id(&upload)
            .send()
    })
    .await;
    match answer {
        Ok(_) => {}
        // Completed or aborted after all, by a try whose answer was lost.
        Err(failure) if failure.error.code() == "NoSuchUpload" => {}
        Err(failure) => {
            let error = failure.reading(format!("abort the upload of {key}"));
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::warn!("{error}: {cause}; its parts stay until the bucket's lifecycle rule removes them");
        }
    }
}
