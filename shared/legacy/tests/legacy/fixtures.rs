//! Files that the older tools' own programs made, their passwords, and what they were made of.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use legacy::{Content, Derivation, Encryption, Error, OlderFile, Passwords};
use tokio::io::AsyncReadExt;

pub(crate) const USUAL: &str = "correct horse battery staple";
pub(crate) const UNICODE: &str = "pässwörd ✓ 🔑";
pub(crate) const GRC: &str = "Zm9v-YmFy_QmF6QUJDREVGR0hJSktMTU5PUFFSU1RVVlc=";

pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).join(name)
}

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub(crate) fn passwords(all: &[&str]) -> Passwords {
    let mut passwords = Passwords::new();
    all.iter().for_each(|password| passwords.add(password.as_bytes()));
    passwords
}

/// Opens it by its bytes alone: its name says nothing.
pub(crate) async fn open(bytes: impl Into<Bytes>, with: &[&str]) -> Result<OlderFile, Error> {
    open_as(bytes, with, false).await
}

pub(crate) async fn open_as(bytes: impl Into<Bytes>, with: &[&str], anything: bool) -> Result<OlderFile, Error> {
    OlderFile::open("the file", Arc::new(bytes.into()), &passwords(with), Derivation::default(), anything).await
}

pub(crate) async fn error(bytes: impl Into<Bytes>, with: &[&str]) -> Error {
    match open(bytes, with).await {
        Ok(file) => match file.check().await {
            Ok(_) => panic!("it is read"),
            Err(error) => error,
        },
        Err(error) => error,
    }
}

pub(crate) async fn decrypted(file: &OlderFile) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.plaintext().stream().read_to_end(&mut bytes).await.unwrap();
    bytes
}

pub(crate) async fn sql(file: &OlderFile) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.sql().unwrap().read_to_end(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn files_of_every_kind_equal_what_they_were_made_of() {
    // Every password is tried, the right one last.
    let all = ["wrong", UNICODE, GRC, USUAL];
    let plain = |name: &str| fixture(&format!("plain/{name}"));
    for name in ["b65537.bin", "empty.bin", "hello.txt", "seventeen.bin", "sixteen.bin"] {
        let file = open_as(fixture(&format!("openssl/{name}.pbkdf2.enc")), &[USUAL], true).await.unwrap();
        assert_eq!((file.encryption(), file.content()), (Encryption::Openssl, Content::Other));
        assert_eq!(decrypted(&file).await, plain(name), "openssl {name}");
        let file = open(fixture(&format!("aescrypt/{name}.v2.pyaescrypt-6.0.0.aes")), &all).await.unwrap();
        assert_eq!((file.encryption(), file.content()), (Encryption::AesCrypt, Content::Other));
        assert_eq!(decrypted(&file).await, plain(name), "AES Crypt {name}");
    }
    for name in ["aescrypt/hello.txt.v2.noext.aes", "aescrypt/hello.txt.v2.utf8pw.aes"] {
        assert_eq!(decrypted(&open(fixture(name), &all).await.unwrap()).await, plain("hello.txt"), "{name}");
    }
    for (name, encryption, content) in [
        ("defectdojo/defectdojo_12:14:33Z.sql.gz", Encryption::None, Content::Gzip),
        ("defectdojo/defectdojo_12:14:33Z.sql.gz.dat", Encryption::Openssl, Content::Gzip),
        ("grc/2022-07-22--13-00-41.sql.encrypted", Encryption::Openssl, Content::Sql),
        ("plain/defectdojo-old.sql", Encryption::None, Content::Sql),
    ] {
        let file = open(fixture(name), &all).await.unwrap();
        assert_eq!((file.encryption(), file.content()), (encryption, content), "{name}");
        let dump = plain("defectdojo-old.sql");
        assert_eq!(file.check().await.unwrap(), dump.len() as u64, "{name}");
        assert_eq!(sql(&file).await, dump, "{name}");
    }
    let file = open(fixture("defectdojo/defectdojo_12:14:33Z.sql.gz.dat"), &all).await.unwrap();
    assert_eq!(decrypted(&file).await, fixture("defectdojo/defectdojo_12:14:33Z.sql.gz"));
    for name in ["2022-06-20--00-00-1655683207.zip", "2022-07-22--00-00-07.zip"] {
        let file = open(fixture(&format!("grc/{name}.encrypted")), &all).await.unwrap();
        assert_eq!((file.encryption(), file.content()), (Encryption::AesCrypt, Content::Zip));
        assert_eq!(decrypted(&file).await, plain(&format!("grc-{name}")));
        assert!(matches!(file.check().await, Err(Error::NoDump { .. })));
    }
}

#[tokio::test]
async fn what_went_wrong_with_a_file_is_told_by_its_kind() {
    let told = async |name: &str, with: &[&str]| error(fixture(&format!("negative/{name}")), with).await;
    assert!(matches!(told("aescrypt.ciphertext-bitflip.aes", &[USUAL]).await, Error::Damaged { .. }));
    assert!(matches!(told("aescrypt.truncated.aes", &[USUAL]).await, Error::CutOff { .. } | Error::Damaged { .. }));
    assert!(matches!(told("aescrypt.wrong-password.aes", &["wrong"]).await, Error::WrongPassword { tried: 1, .. }));
    assert!(matches!(told("defectdojo.pgdump-died.sql.gz.dat", &[USUAL]).await, Error::Incomplete { .. }));
    assert!(matches!(told("openssl.cut-mid-block.enc", &[USUAL]).await, Error::CutOff { .. }));
    assert!(matches!(told("openssl.wrong-password-padding-ok.enc", &["wrong-52"]).await, Error::Unrecognised { .. }));
    let unknown = open(&b"a text\n"[..], &[USUAL]).await;
    assert!(matches!(unknown, Err(Error::Unknown { .. })));
    assert!(matches!(open(Bytes::new(), &[USUAL]).await, Err(Error::Unknown { .. })));
    for name in ["grc/2022-07-22--00-00-07.zip.encrypted", "grc/2022-07-22--13-00-41.sql.encrypted"] {
        assert!(matches!(open(fixture(name), &[]).await, Err(Error::NoPassword { .. })));
        let error = error(fixture(name), &["wrong", "secret-word"]).await;
        assert!(matches!(error, Error::WrongPassword { tried: 2, .. }), "{error}");
        assert!(!error.to_string().contains("secret-word"));
    }
}
