//! One object as a file to be read at any place: of one version, whatever is written over it meanwhile.

use std::io;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;

use super::list::Pages;
use super::{Bucket, Pin, Unread};
use crate::error::Error;
use crate::read_at::ReadAt;

/// An object that was opened.
pub struct StoredObject {
    bucket: Bucket,
    key: String,
    pin: Pin,
    length: u64,
    /// What the first read brought: all of a small object.
    first: Bytes,
}

impl Bucket {
    /// Opens an object.
    ///
    /// # Errors
    /// [`Error::Read`] with what kept it from being read.
    pub async fn open(&self, key: &str) -> Result<StoredObject, Error> {
        let first = self.get_first(key).await.map_err(|unread| match unread {
            Unread::Failed(error) => error,
            other => {
                let volume = format!("object {key:?} of bucket {}", self.name());
                Error::Read { volume, source: io::Error::other(other.to_string()) }
            }
        })?;
        let (pin, length) = (first.head.pin, first.head.bytes);
        Ok(StoredObject { bucket: self.clone(), key: key.to_owned(), pin, length, first: first.body })
    }

    /// Keys of all objects that begin with `prefix`.
    ///
    /// # Errors
    /// [`Error::Call`] if the bucket is missing or can't be listed.
    pub async fn keys(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let mut keys = Vec::new();
        let mut pages = Pages::new(self.clone(), Some(prefix));
        while let Some(page) = pages.next().await? {
            keys.extend(page.into_iter().map(|listed| listed.key));
        }
        Ok(keys)
    }
}

#[async_trait]
impl ReadAt for StoredObject {
    fn length(&self) -> u64 {
        self.length
    }

    async fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        if range.end <= self.first.len() as u64 {
            return Ok(self.first.slice(range.start as usize..range.end as usize));
        }
        let read = self.bucket.get_range(&self.key, &self.pin, range).await;
        read.map_err(|unread| io::Error::other(unread.to_string()))
    }
}
