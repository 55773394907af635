/// The S3 operations that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    CreateMultipartUpload,
    UploadPart,
    CompleteMultipartUpload,
    AbortMultipartUpload,
    PutObject,
    GetObject,
    ListObjectVersions,
    GetObjectLockConfiguration,
    ListObjects,
    HeadObject,
    GetObjectTagging,
    GetObjectRetention,
    GetBucketLifecycle,
    Other,
}

impl Operation {
    /// Every one that the vault uses.
    pub const ALL: [Self; 8] = [
        Self::CreateMultipartUpload,
        Self::UploadPart,
        Self::CompleteMultipartUpload,
        Self::AbortMultipartUpload,
        Self::PutObject,
        Self::GetObject,
        Self::ListObjectVersions,
        Self::GetObjectLockConfiguration,
    ];

    /// By method and request target (path-style).
    pub(super) fn of(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
        let object = path.trim_start_matches('/').split_once('/').is_some_and(|(_, key)| !key.is_empty());
        match method {
            "POST" if has("uploads") => Self::CreateMultipartUpload,
            "POST" if has("uploadId") => Self::CompleteMultipartUpload,
            "PUT" if has("partNumber") => Self::UploadPart,
            "DELETE" if has("uploadId") => Self::AbortMultipartUpload,
            "GET" if has("versions") => Self::ListObjectVersions,
            "GET" if has("object-lock") => Self::GetObjectLockConfiguration,
            "GET" if has("tagging") => Self::GetObjectTagging,
            "GET" if has("retention") => Self::GetObjectRetention,
            "GET" if has("lifecycle") => Self::GetBucketLifecycle,
            "GET" if has("list-type") => Self::ListObjects,
            "HEAD" if object => Self::HeadObject,
            "PUT" if object => Self::PutObject,
            "GET" if object => Self::GetObject,
            _ => Self::Other,
        }
    }
}
