use std::time::Duration;

/// Why a backup or a restore failed. Nothing is visible as a backup, or as a restored database, after any of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The vault: reading, writing, listing.
    #[error(transparent)]
    Vault(#[from] vault::Error),
    /// Encryption or decryption.
    #[error("{part}")]
    Envelope {
        /// Which part of which backup.
        part: String,
        /// The envelope's error.
        #[source]
        source: envelope::Error,
    },
    /// Reading the source database.
    #[error(transparent)]
    Dump(#[from] pg_dump::Error),
    /// Writing the target database.
    #[error(transparent)]
    Restore(#[from] pg_restore::Error),
    /// Reading the files of a bucket, or writing them.
    #[error(transparent)]
    Files(#[from] file_archive::Error),
    /// A file that an older tool wrote.
    #[error(transparent)]
    Older(#[from] legacy::Error),
    /// The dump in a file that an older tool wrote.
    #[error("restore {name}")]
    OlderDump {
        /// The file.
        name: String,
        /// What is wrong with it.
        #[source]
        source: pg_restore::PlainError,
    },
    /// Parts of an older backup of files.
    #[error(transparent)]
    OlderParts(#[from] legacy::PartsError),
    /// A file or folder on this machine.
    #[error("read {}", .path.display())]
    Local {
        /// Which.
        path: std::path::PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A database's backup was to be restored as files.
    #[error("{name} holds no ZIP of files HINT: `offsite restore database` restores a dump.")]
    OlderNoFiles {
        /// The file.
        name: String,
    },
    /// Nothing of an older backup of files was selected.
    #[error("no file in {name} is selected, so nothing was restored")]
    OlderNothingSelected {
        /// The backup's file.
        name: String,
    },
    /// The index of a volume.
    #[error("{part}")]
    Index {
        /// Which volume of which backup.
        part: String,
        /// What is wrong with it.
        #[source]
        source: sql_volume::IndexError,
    },
    /// A section of a volume.
    #[error("{part}")]
    Section {
        /// Which volume of which backup.
        part: String,
        /// What is wrong with it.
        #[source]
        source: sql_volume::FrameError,
    },
    /// The roles in the first volume.
    #[error("{part}")]
    Roles {
        /// Which volume of which backup.
        part: String,
        /// What is wrong with them.
        #[source]
        source: sql_volume::RolesError,
    },
    /// The backup is of a version that didn't write roles.
    #[error(
        "backup {backup} holds no roles: an earlier version of Offsite made it. HINT: Create these by hand: {}.",
        names.join(", ")
    )]
    NoRoles {
        /// The backup's id.
        backup: String,
        /// The roles that its dump mentions.
        names: Vec<String>,
    },
    /// A table that is not there, or a name that several have.
    #[error("{}", no_table(.backup, .name, *.several, .names))]
    NoTable {
        /// The backup's id.
        backup: String,
        /// What was asked for.
        name: String,
        /// Several have this name.
        several: bool,
        /// Those; or if there is none, the first that are there.
        names: Vec<String>,
    },
    /// The backup contradicts itself.
    #[error(
        "backup {backup} contradicts itself: {what}. HINT: Restore another backup, and keep this one for examination."
    )]
    Contradiction {
        /// The backup's id.
        backup: String,
        /// What does not fit what.
        what: String,
    },
    /// Something was lost between the dump and the volumes.
    #[error(
        "backup {backup} is not whole and was not published: {what}. HINT: Run it again; if it happens twice, report the log."
    )]
    Incomplete {
        /// The backup's id.
        backup: String,
        /// What is missing.
        what: String,
    },
    /// The manifest can't be written as JSON.
    #[error("write the manifest of backup {backup}")]
    Manifest {
        /// The backup's id.
        backup: String,
        /// serde's error.
        #[source]
        source: serde_json::Error,
    },
    /// Two sources have names that are one in an id.
    #[error(
        "backup {backup} is of {is:?}, and {asked:?} was asked for: in an id these names are one. HINT: Give the id of a backup of {asked:?}."
    )]
    OtherSource {
        /// The backup's id.
        backup: String,
        /// The true name.
        is: String,
        /// What was asked for.
        asked: String,
    },
    /// No key to encrypt for.
    #[error(
        "no recipient is configured, so nobody could decrypt the backup. HINT: Give a KMS key, an RSA public key or wrapping keys."
    )]
    NoRecipient,
    /// The run can't fit into the time it has.
    #[error(
        "{what} has {bytes} bytes, which take at least {} s to move, and this function has {} s left. HINT: Give the function its full 15 minutes; what needs longer than that, `offsite dump` writes and `offsite restore database` restores from a machine near the database.",
        needed.as_secs(), left.as_secs()
    )]
    DoesNotFit {
        /// The source or the backup.
        what: String,
        /// Its size.
        bytes: u64,
        /// At the most that AWS documents.
        needed: Duration,
        /// Of the function's time, without the reserve.
        left: Duration,
    },
    /// The files can't be moved in the time that a function has.
    #[error(
        "{what} has {files} files of {bytes} bytes, which take at least {} s to move, and this function has {} s left. HINT: Give the function its full 15 minutes, give each of several functions a prefix of its own, or run `offsite backup files` and `offsite restore files` on a machine in the same Region. A restore of which most is there already can be begun with `ignore_estimate`.",
        needed.as_secs(), left.as_secs()
    )]
    FilesDoNotFit {
        /// The bucket or the backup.
        what: String,
        /// Bytes of all files.
        bytes: u64,
        /// How many.
        files: u64,
        /// At the most that AWS documents.
        needed: Duration,
        /// Of the function's time, without the reserve.
        left: Duration,
    },
    /// Files would be restored between the backups.
    #[error("bucket {bucket} is the vault. HINT: Restore into the application's bucket, or into a folder.")]
    TargetIsVault {
        /// The bucket.
        bucket: String,
    },
    /// Which of the existing databases is meant must be said.
    #[error("a restore into an existing database must name it. HINT: Say `into`, as you do for a new one.")]
    NoTarget,
    /// No file was selected.
    #[error("no file of backup {backup} is selected, so nothing was restored. HINT: `offsite ls` shows its files.")]
    NothingSelected {
        /// The backup's id.
        backup: String,
    },
    /// A drill did all that it has to, and the vault does not know of it.
    #[error(
        "the drill succeeded, but no record of it could be left in the vault, so the watch goes on to ask for one HINT: Whoever drills needs s3:PutObject for the environment's drills/; the stacks of infra/vault.yaml and infra/verify.yaml give it to the roles that they make."
    )]
    NotRecorded {
        /// The vault's error.
        #[source]
        source: vault::Error,
    },
    /// The vault has no backup that a private key could open.
    #[error(
        "bucket {bucket} has no whole backup of this environment, so the private key proves nothing HINT: Back up first; `offsite list` shows what is there."
    )]
    NothingToRecover {
        /// The vault's bucket.
        bucket: String,
    },
    /// The private key does not open all of the newest backups.
    #[error(
        "the private key opens {opened} of the {} newest backups: {}. HINT: See which public key RsaRecipients of the application's stack holds, and find its private key. If it is lost, make a new pair and back up: what is there opens with the KMS key only.",
        opened + failed.len(), failed.join("; ")
    )]
    NotRecoverable {
        /// Backups that it opened.
        opened: usize,
        /// The others, and why not.
        failed: Vec<String>,
    },
    /// Every file is larger than what a drill may restore.
    #[error(
        "no file that was drawn from backup {backup} fits into the {bytes} bytes that the drill may restore HINT: Say more `sample_bytes`, and give the function as much temporary storage."
    )]
    NoSample {
        /// The backup's id.
        backup: String,
        /// The most that may be restored.
        bytes: u64,
    },
    /// What a drill restored is not what was backed up.
    #[error(
        "the drill of backup {backup} did not bring its files back: {what}. HINT: Restore another backup, and keep this one for examination."
    )]
    FilesDiffer {
        /// The backup's id.
        backup: String,
        /// Which files, and how many.
        what: String,
    },
    /// The folder that a drill restores into.
    #[error("make or delete a folder for temporary files")]
    Scratch {
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The time is up.
    #[error(
        "{act} was not finished {} s before the function's end, so everything was cancelled and nothing published. HINT: Give the function more memory, with which its speed grows, and its full 15 minutes.",
        margin.as_secs()
    )]
    Deadline {
        /// What was under way.
        act: &'static str,
        /// The reserve that is kept.
        margin: Duration,
    },
    /// Not an id of a request.
    #[error("{0:?} is no id of a request HINT: Give 1 to 200 visible characters of ASCII.")]
    RequestId(String),
    /// The system gave no random numbers.
    #[error("draw random numbers: {0}")]
    Random(String),
    /// A task was ended from outside, or died.
    #[error("{0} ended without a result. HINT: Run it again; if it happens twice, report the log.")]
    Stopped(&'static str),
}

fn no_table(backup: &str, name: &str, several: bool, names: &[String]) -> String {
    let names = names.join(", ");
    if several {
        return format!("backup {backup} has several tables {name} HINT: Give the schema, too: {names}.");
    }
    format!("backup {backup} holds no rows of a table {name} HINT: It holds rows of {names}.")
}
