//! Small objects, written at once: the manifest, and the summary that makes a backup visible.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumAlgorithm;
use bytes::Bytes;
use s3_call::{Failure, call};

use crate::checksum::{Crc64, sha256};
use crate::connect::Vault;
use crate::environment::Kind;
use crate::error::Error;
use crate::failure::FailedAct;
use crate::id::BackupId;
use crate::layout::{MANIFEST, SUMMARY};
use crate::stored::StoredObject;
use crate::summary::Summary;

impl Vault {
    /// Stores the encrypted manifest. The backup is not visible yet.
    ///
    /// # Errors
    /// [`Error::Call`], [`Error::Exists`], [`Error::Mismatch`].
    pub async fn write_manifest(&self, id: &BackupId, kind: Kind, encrypted: Bytes) -> Result<StoredObject, Error> {
        let key = self.key(id, kind, MANIFEST);
        self.put(&key, encrypted, "application/octet-stream", FailedAct::reading).await
    }

    /// Stores the summary, which makes the backup visible: **the one commit point**. To be called when everything else is
    /// stored.
    ///
    /// # Errors
    /// As [`Vault::write_manifest`]. If every answer was lost, [`Error::Call`] says that the outcome is unknown: the backup
    /// is then either visible and whole, or not visible.
    pub async fn commit(&self, id: &BackupId, kind: Kind, summary: &Summary) -> Result<StoredObject, Error> {
        let key = self.key(id, kind, SUMMARY);
        if summary.backup != *id || summary.kind != kind || summary.environment != *self.environment() {
            let what = format!("its summary is of {} {} in {}", summary.kind, summary.backup, summary.environment);
            return Err(Error::Contradiction { backup: id.to_string(), what });
        }
        let json = serde_json::to_vec_pretty(summary).map_err(|source| Error::Format { what: key.clone(), source })?;
        self.put(&key, json.into(), "application/json", FailedAct::committing).await
    }

    pub(crate) async fn put(
        &self,
        key: &str,
        body: Bytes,
        content_type: &str,
        failed: fn(Failure, String) -> Error,
    ) -> Result<StoredObject, Error> {
        let place = &*self.place;
        let checksum = Crc64::of(&body);
        let answer = call(&place.patience, || {
            place
                .client
                .put_object()
                .bucket(&place.bucket)
                .set_expected_bucket_owner(place.owner.clone())
                .key(key)
                .if_none_match("*")
                .content_type(content_type)
                .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
                .checksum_crc64_nvme(checksum.to_string())
                .body(ByteStream::from(body.clone()))
                .send()
        })
        .await;
        let act = || format!("put {key}");
        let version_id = match answer {
            Ok(answer) => {
                compare(act, answer.checksum_crc64_nvme.as_deref(), checksum)?;
                answer.version_id
            }
            // S3 compared the checksum when it stored the first try.
            Err(failure) if failure.was_stored() => None,
            Err(failure) if failure.error.status() == Some(412) => return Err(Error::Exists(key.to_owned())),
            Err(failure) => return Err(failed(failure, act())),
        };
        Ok(StoredObject {
            key: key.to_owned(),
            bytes: body.len() as u64,
            sha256: sha256(&body),
            checksum: checksum.to_string(),
            version_id,
            parts: 1,
        })
    }
}

/// S3's answer must hold our checksum.
pub(crate) fn compare(act: impl FnOnce() -> String, theirs: Option<&str>, ours: Crc64) -> Result<(), Error> {
    if theirs.and_then(Crc64::parse) == Some(ours) {
        return Ok(());
    }
    let theirs = theirs.map_or_else(|| "no checksum".to_owned(), |theirs| format!("checksum {theirs}"));
    Err(Error::Mismatch { act: act(), theirs, ours: format!("checksum {ours}") })
}
