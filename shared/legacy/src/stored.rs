use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

/// The longest range that is asked for at once, in bytes.
pub(crate) const PIECE: u64 = 4 << 20;

/// The bytes of one stored file, which stay the same while it is open: they are read more than once.
#[async_trait]
pub trait Stored: Send + Sync {
    /// How many there are.
    fn length(&self) -> u64;

    /// Exactly the bytes of `range`, which lies within the file and is not longer than 8 MiB.
    ///
    /// # Errors
    /// What kept them from being read.
    async fn read(&self, range: Range<u64>) -> io::Result<Bytes>;
}

#[async_trait]
impl Stored for Bytes {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    async fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        if range.start > range.end || range.end > self.length() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(self.slice(range.start as usize..range.end as usize))
    }
}

/// A file on disk, opened once.
pub struct LocalFile {
    file: Arc<File>,
    length: u64,
}

impl LocalFile {
    /// Opens it for reading.
    ///
    /// # Errors
    /// As the system says; a folder is one.
    pub async fn open(path: &Path) -> io::Result<Self> {
        let path = path.to_owned();
        blocking(move || {
            let file = File::open(path)?;
            let about = file.metadata()?;
            if !about.is_file() {
                return Err(io::Error::other("it is no file"));
            }
            Ok(Self { length: about.len(), file: Arc::new(file) })
        })
        .await
    }
}

#[async_trait]
impl Stored for LocalFile {
    fn length(&self) -> u64 {
        self.length
    }

    async fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let file = Arc::clone(&self.file);
        blocking(move || {
            let mut bytes = vec![0; (range.end - range.start) as usize];
            file.read_exact_at(&mut bytes, range.start)?;
            Ok(bytes.into())
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
