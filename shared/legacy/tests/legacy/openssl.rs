//! `openssl enc`: judged by what is inside, for the format itself proves nothing.

use std::process::{Command, Stdio};

use legacy::{Content, Derivation, Digest, Error, OlderFile};

use crate::fixtures::{GRC, USUAL, decrypted, error, fixture, open, passwords, path, sql};

const DUMP: &str = "grc/2022-07-22--13-00-41.sql.encrypted";
const GZIPPED: &str = "defectdojo/defectdojo_12:14:33Z.sql.gz.dat";

/// `openssl enc`, as the older tools ran it, with what they had to add.
fn openssl(input: &std::path::Path, password: &str, more: &[&str]) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.args(["enc", "-aes-256-cbc", "-pbkdf2", "-pass", "env:PASSWORD", "-in"]).arg(input).args(more);
    let done = command.env("PASSWORD", password).stderr(Stdio::inherit()).output().unwrap();
    assert!(done.status.success());
    done.stdout
}

#[tokio::test]
async fn what_is_decrypted_is_what_openssl_decrypts() {
    for (name, password) in [(DUMP, GRC), (GZIPPED, USUAL)] {
        let file = open(fixture(name), &["wrong", password]).await.unwrap();
        assert_eq!(decrypted(&file).await, openssl(&path(name), password, &["-d", "-md", "sha256"]), "{name}");
    }
}

#[tokio::test]
async fn other_digests_and_iterations_can_be_told() {
    let plain = path("plain/defectdojo-old.sql");
    for (digest, name, iterations) in [(Digest::Sha512, "sha512", 10_000), (Digest::Sha256, "sha256", 1234)] {
        let encrypted = openssl(&plain, "p w", &["-md", name, "-iter", &iterations.to_string()]);
        let open = async |derivation| {
            let stored = std::sync::Arc::new(bytes::Bytes::from(encrypted.clone()));
            OlderFile::open("the file", stored, &passwords(&["p w"]), derivation, false).await
        };
        let file = open(Derivation { digest, iterations }).await.unwrap();
        assert_eq!(sql(&file).await, fixture("plain/defectdojo-old.sql"));
        assert!(open(Derivation::default()).await.is_err());
    }
}

#[tokio::test]
async fn file_that_is_cut_anywhere_is_refused() {
    for (name, password) in [(DUMP, GRC), (GZIPPED, USUAL)] {
        let whole = fixture(name);
        let lengths = (0..200).chain((200..whole.len()).step_by(97)).chain(whole.len() - 50..whole.len());
        let blocks = (16..whole.len()).step_by(16 * 37);
        for length in lengths.chain(blocks) {
            let error = error(whole[..length].to_vec(), &[password]).await;
            assert!(!matches!(error, Error::Read { .. } | Error::Version { .. }), "cut to {length}: {error}");
        }
    }
    // Where the last block happens to unpad, the dump's own end, or gzip's, is missed.
    let text = fixture("plain/defectdojo-old.sql");
    let folder = tempfile::tempdir().unwrap();
    for length in [64, 1000, text.len() / 2, text.len() - 4] {
        let cut = folder.path().join("cut.sql");
        std::fs::write(&cut, &text[..length]).unwrap();
        let error = error(openssl(&cut, GRC, &[]), &[GRC]).await;
        assert!(matches!(error, Error::Incomplete { .. }), "{length}: {error}");
        let gzip = Command::new("gzip").args(["-9", "-f"]).arg(&cut).status().unwrap();
        assert!(gzip.success());
        let gzipped = std::fs::read(folder.path().join("cut.sql.gz")).unwrap();
        let whole_gzip = error_of(&gzipped).await;
        assert!(matches!(whole_gzip, Error::Incomplete { .. }), "{length}: {whole_gzip}");
        for end in (4..gzipped.len()).step_by(211).chain(gzipped.len() - 9..gzipped.len()) {
            let cut_gzip = error_of(&gzipped[..end]).await;
            assert!(matches!(cut_gzip, Error::Gzip { .. } | Error::NoDump { .. }), "{end}: {cut_gzip}");
        }
    }
}

async fn error_of(bytes: &[u8]) -> Error {
    error(bytes.to_vec(), &[]).await
}

#[tokio::test]
async fn flipped_byte_of_a_compressed_dump_is_refused() {
    let whole = fixture(GZIPPED);
    let plain = fixture("plain/defectdojo-old.sql");
    for at in (0..whole.len()).step_by(61).chain(whole.len() - 40..whole.len()) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        if let Ok(file) = open(flipped, &[USUAL]).await
            && file.check().await.is_ok()
        {
            // Within gzip's own header there is a time that changes nothing.
            assert_eq!(sql(&file).await, plain, "byte {at}");
        }
    }
}

#[tokio::test]
async fn flipped_byte_of_a_dump_that_is_not_compressed_stays_unseen_but_at_its_ends() {
    let whole = fixture(DUMP);
    let plain = fixture("plain/defectdojo-old.sql");
    let mut flipped = whole.clone();
    flipped[20_000] ^= 1;
    // Nothing in the format can tell. What PostgreSQL does not refuse is restored: so say the documents.
    let file = open(flipped, &[GRC]).await.unwrap();
    assert_eq!(file.check().await.unwrap(), plain.len() as u64);
    assert_ne!(sql(&file).await, plain);
    for at in [0, 9, 17, whole.len() - 1, whole.len() - 20] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        error(flipped, &[GRC]).await;
    }
}

#[tokio::test]
async fn checksum_and_length_of_gzip_are_compared() {
    let whole = fixture("defectdojo/defectdojo_12:14:33Z.sql.gz");
    let end = whole.len();
    for at in end - 8..end {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        assert!(matches!(error_of(&altered).await, Error::Gzip { .. }), "byte {at}");
    }
    assert!(matches!(error_of(&[&whole[..], b"trailing"].concat()).await, Error::Gzip { .. }));
}

#[tokio::test]
async fn wrong_password_never_writes_what_looks_right() {
    let whole = fixture(DUMP);
    let mut unpadded = 0;
    for number in 0..400 {
        match open(whole.clone(), &[&format!("wrong-{number}")]).await {
            Err(Error::WrongPassword { .. }) => {}
            Err(Error::Unrecognised { .. }) => unpadded += 1,
            Err(error) => panic!("{error}"),
            Ok(file) => panic!("wrong-{number} opens it: {:?}", file.content() == Content::Sql),
        }
    }
    assert!(unpadded > 0, "of 400 wrong passwords none unpads: nothing was tested");
}
