//! A folder as the target. Every step of a path is opened from the one before, and no symbolic link is followed.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, RenameFlags, Timespec, Timestamps};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::{Condition, Decision, Outcome, Overwrite};
use crate::error::Error;
use crate::record::FileRecord;

/// A folder on disk, opened: it stays the same one, whatever its path leads to later. Cheap to clone.
#[derive(Clone)]
pub struct Folder {
    root: Arc<OwnedFd>,
    path: PathBuf,
}

const STEP: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Folder {
    /// The folder, made if it is missing.
    ///
    /// # Errors
    /// [`Error::Folder`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |act| move |source| Error::Folder { act, path: path.to_owned(), source };
        std::fs::create_dir_all(path).map_err(failed("make folder"))?;
        let root = fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        let root = root.map_err(|error| failed("open folder")(error.into()))?;
        Ok(Self { root: Arc::new(root), path: path.to_owned() })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) async fn decide(&self, record: &FileRecord, overwrite: Overwrite) -> Decision {
        let (folder, record) = (self.clone(), record.clone());
        let decided = blocking(move || folder.decide_now(&record, overwrite)).await;
        decided.unwrap_or_else(Decision::Failed)
    }

    fn decide_now(&self, record: &FileRecord, overwrite: Overwrite) -> Result<Decision, String> {
        let name = record.zip_name();
        let write =
            || Ok(Decision::Write(if overwrite == Overwrite::Never { Condition::Missing } else { Condition::None }));
        let (above, last) = split(name);
        let parent = match self.walk(above, false) {
            Ok(parent) => parent,
            // What is in the way is told when it is written.
            Err(_) => return write(),
        };
        let Ok(there) = fs::statat(&*parent, last, AtFlags::SYMLINK_NOFOLLOW) else { return write() };
        let kind = FileType::from_raw_mode(there.st_mode);
        if name.ends_with('/') {
            let found =
                if kind == FileType::Directory { Decision::Unchanged } else { Decision::Failed(in_the_way(last)) };
            return Ok(if overwrite == Overwrite::Never { Decision::Existing } else { found });
        }
        match overwrite {
            Overwrite::Never => Ok(Decision::Existing),
            Overwrite::Always => write(),
            Overwrite::IfDifferent if kind == FileType::RegularFile && there.st_size as u64 == record.bytes => {
                let file =
                    fs::openat(&*parent, last, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
                let mut file = File::from(file.map_err(|error| format!("open {name:?}: {error}"))?);
                let mut sha256 = Sha256::new();
                std::io::copy(&mut file, &mut Hash(&mut sha256)).map_err(|error| format!("read {name:?}: {error}"))?;
                if <[u8; 32]>::from(sha256.finalize()) == record.sha256 { Ok(Decision::Unchanged) } else { write() }
            }
            Overwrite::IfDifferent => write(),
        }
    }

    pub(super) async fn put(
        &self,
        record: &FileRecord,
        condition: &Condition,
        content: Bytes,
    ) -> Result<Outcome, String> {
        let (folder, record, condition) = (self.clone(), record.clone(), condition.clone());
        blocking(move || {
            if record.zip_name().ends_with('/') {
                let path = record.zip_name().trim_end_matches('/');
                folder.walk(path, true).map_err(|error| failed(&record, &error))?;
                return Ok(Outcome::Written);
            }
            let mut file = folder.create(&record, &condition)?;
            file.write_now(&content)?;
            file.place_now()
        })
        .await
    }

    /// Begins to write a large file, under a name of its own until all of it has been checked.
    pub(super) async fn begin(&self, record: &FileRecord, condition: &Condition) -> Result<NewFile, String> {
        let (folder, record, condition) = (self.clone(), record.clone(), condition.clone());
        blocking(move || folder.create(&record, &condition)).await
    }

    fn create(&self, record: &FileRecord, condition: &Condition) -> Result<NewFile, String> {
        let (above, last) = split(record.zip_name());
        let parent = self.walk(above, true).map_err(|error| failed(record, &error))?;
        // Two runs that write the same file at once each write their own.
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| format!("draw a random name: {error}"))?;
        let own = format!(".offsite-{}", hex::encode(random));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::openat(&*parent, &own, flags, Mode::from_raw_mode(0o644))
            .map_err(|error| failed(record, &error.into()))?;
        let missing = *condition == Condition::Missing;
        Ok(NewFile {
            parent,
            own: Some(own),
            last: last.to_owned(),
            file: Some(File::from(file)),
            record: record.clone(),
            missing,
        })
    }

    /// The folder at a path, by steps that follow no link.
    fn walk(&self, path: &str, make: bool) -> std::io::Result<Arc<OwnedFd>> {
        let mut at = Arc::clone(&self.root);
        for step in path.split('/').filter(|step| !step.is_empty()) {
            let next = match fs::openat(&*at, step, STEP, Mode::empty()) {
                Err(Errno::NOENT) if make => {
                    match fs::mkdirat(&*at, step, Mode::from_raw_mode(0o755)) {
                        // Another file of the same folder may have made it.
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(error) => return Err(error.into()),
                    }
                    fs::openat(&*at, step, STEP, Mode::empty())
                }
                other => other,
            };
            at = Arc::new(next.map_err(|error| match error {
                Errno::LOOP | Errno::NOTDIR => std::io::Error::other(in_the_way(step)),
                error => error.into(),
            })?);
        }
        Ok(at)
    }
}

/// A file that is not visible under its name yet. Dropped before that, it is gone.
pub(super) struct NewFile {
    parent: Arc<OwnedFd>,
    /// The name that it has meanwhile.
    own: Option<String>,
    last: String,
    file: Option<File>,
    record: FileRecord,
    missing: bool,
}

impl NewFile {
    pub(super) async fn write(&mut self, content: Bytes) -> Result<(), String> {
        let mut file = self.file.take().ok_or("its file is closed")?;
        let written = blocking(move || {
            file.write_all(&content).map_err(|error| error.to_string())?;
            Ok(file)
        });
        self.file = Some(written.await.map_err(|why| format!("write {:?}: {why}", self.record.zip_name()))?);
        Ok(())
    }

    pub(super) async fn place(self) -> Result<Outcome, String> {
        blocking(move || self.place_now()).await
    }

    fn write_now(&mut self, content: &[u8]) -> Result<(), String> {
        let file = self.file.as_mut().ok_or("its file is closed")?;
        file.write_all(content).map_err(|error| failed(&self.record, &error))
    }

    fn place_now(mut self) -> Result<Outcome, String> {
        let file = self.file.take().ok_or("its file is closed")?;
        let own = self.own.clone().unwrap_or_default();
        let modified = Timespec { tv_sec: self.record.last_modified.unix_timestamp(), tv_nsec: 0 };
        let times = Timestamps { last_access: modified, last_modification: modified };
        fs::futimens(&file, &times).map_err(|error| failed(&self.record, &error.into()))?;
        drop(file);
        let placed = if self.missing {
            match fs::renameat_with(&*self.parent, &own, &*self.parent, &self.last, RenameFlags::NOREPLACE) {
                // Not every file system can do that; a link never replaces anything either.
                Err(Errno::INVAL | Errno::NOSYS) => {
                    fs::linkat(&*self.parent, &own, &*self.parent, &self.last, AtFlags::empty())
                }
                Ok(()) => {
                    self.own = None;
                    Ok(())
                }
                other => other,
            }
        } else {
            let renamed = fs::renameat(&*self.parent, &own, &*self.parent, &self.last);
            if renamed.is_ok() {
                self.own = None;
            }
            renamed
        };
        match placed {
            Ok(()) => Ok(Outcome::Written),
            Err(Errno::EXIST) if self.missing => Ok(Outcome::Existing),
            Err(error) => Err(failed(&self.record, &error.into())),
        }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(own) = self.own.take() {
            // Nothing more can be done about it here.
            let _ = fs::unlinkat(&*self.parent, own, AtFlags::empty());
        }
    }
}

struct Hash<'a>(&'a mut Sha256);

impl Write for Hash<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The folder and what is in it.
fn split(name: &str) -> (&str, &str) {
    let name = name.trim_end_matches('/');
    name.rsplit_once('/').unwrap_or(("", name))
}

fn in_the_way(step: &str) -> String {
    format!("{step:?} is in the way: it is there already, and no folder")
}

fn failed(record: &FileRecord, error: &std::io::Error) -> String {
    format!("write {:?}: {error}", record.zip_name())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|_| "it was stopped".to_owned())?
}
