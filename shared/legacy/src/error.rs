use std::io;

/// Why an older backup is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The stored bytes can't be read.
    #[error("read {name}")]
    Read {
        /// The file.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is nothing that the older tools wrote.
    #[error(
        "{name} is no backup of an older tool: it begins neither like `openssl enc`, AES Crypt or gzip nor like a ZIP or pg_dump's SQL"
    )]
    Unknown {
        /// The file.
        name: String,
    },
    /// AES Crypt, of a version that pyAesCrypt did not write.
    #[error("{name} is of version {version} of AES Crypt, and only version 2 is read")]
    Version {
        /// The file.
        name: String,
        /// The version.
        version: u8,
    },
    /// There is no password to try.
    #[error("{name} is encrypted, and there is no password HINT: Put it into OFFSITE_PASSWORD, a file or a secret.")]
    NoPassword {
        /// The file.
        name: String,
    },
    /// No password fits.
    #[error("{}", wrong_password(.name, *.tried, *.may_be_damaged))]
    WrongPassword {
        /// The file.
        name: String,
        /// How many were tried.
        tried: usize,
        /// The format can't tell a wrong password from a damaged beginning.
        may_be_damaged: bool,
    },
    /// The stored bytes end too early, or at a place where none can end.
    #[error("{name} is cut off: {what}")]
    CutOff {
        /// The file.
        name: String,
        /// How it shows.
        what: &'static str,
    },
    /// The stored bytes are not what was written.
    #[error("{name} was altered or is damaged: {what}")]
    Damaged {
        /// The file.
        name: String,
        /// How it shows.
        what: &'static str,
    },
    /// It can be decrypted, but the result is nothing that the older tools encrypted so.
    #[error(
        "{name} decrypts to neither gzip nor pg_dump's SQL: the password is wrong, or it is another file. Its format can't tell HINT: `offsite decrypt --unchecked` writes it all the same."
    )]
    Unrecognised {
        /// The file.
        name: String,
    },
    /// It holds something else than a dump.
    #[error("{name} holds no dump of a database: its text does not begin as pg_dump begins")]
    NoDump {
        /// The file.
        name: String,
    },
    /// The dump lacks its end.
    #[error(
        "the dump in {name} is not complete: it does not end with pg_dump's last line HINT: pg_dump died when it was made. Restore another backup."
    )]
    Incomplete {
        /// The file.
        name: String,
    },
    /// The compressed text can't be read to its end.
    #[error("the gzip in {name} is cut off or damaged")]
    Gzip {
        /// The file.
        name: String,
        /// What the decoder found.
        #[source]
        source: io::Error,
    },
}

fn wrong_password(name: &str, tried: usize, may_be_damaged: bool) -> String {
    let tried =
        if tried == 1 { "the password does not fit".to_owned() } else { format!("none of {tried} passwords fits") };
    let or = if may_be_damaged { ", or its beginning or end is damaged" } else { ", or its header is damaged" };
    format!("{tried} {name}{or} HINT: Databases and files may have had passwords of their own.")
}
