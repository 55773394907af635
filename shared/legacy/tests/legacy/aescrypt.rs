//! AES Crypt: everything that is altered shows, but what the format leaves without a MAC.

use legacy::Error;

use crate::fixtures::{GRC, USUAL, decrypted, fixture, open};

const SMALL: &str = "aescrypt/seventeen.bin.v2.pyaescrypt-6.0.0.aes";

#[tokio::test]
async fn file_that_is_cut_anywhere_is_refused() {
    let whole = fixture("aescrypt/b65537.bin.v2.pyaescrypt-6.0.0.aes");
    let small = fixture(SMALL);
    let lengths = (0..small.len()).map(|length| &small[..length]);
    let large = [1, 15, 16, 17, 32, 48, 4096, 65_536].map(|cut| &whole[..whole.len() - cut]);
    for cut in lengths.chain(large) {
        match open(cut.to_vec(), &[USUAL]).await {
            Err(Error::CutOff { .. } | Error::Damaged { .. }) => {}
            // The first bytes are not even those of a format.
            Err(Error::Unknown { .. }) if cut.len() < 3 => {}
            Err(error) => panic!("cut to {}: {error}", cut.len()),
            Ok(_) => panic!("cut to {}: it is read", cut.len()),
        }
    }
    for more in [&[0][..], &[0; 16], &small] {
        assert!(open([&small[..], more].concat(), &[USUAL]).await.is_err());
    }
}

#[tokio::test]
async fn flipped_byte_is_refused_wherever_it_can_change_what_is_read() {
    let whole = fixture(SMALL);
    let plain = fixture("plain/seventeen.bin");
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        // A byte of an extension, or the unused half of the length of the last block, changes nothing.
        if let Ok(file) = open(flipped, &[USUAL]).await {
            assert_eq!(decrypted(&file).await, plain, "byte {at}");
        }
    }
    let length_of_last_block = whole.len() - 33;
    for value in 0..16 {
        let mut altered = whole.clone();
        altered[length_of_last_block] = value;
        match open(altered, &[USUAL]).await {
            Ok(file) if value == 1 => assert_eq!(decrypted(&file).await, plain),
            // All of the block: the padding is read, too, which shows in a ZIP, whose end is then another one.
            Ok(file) => assert!(value == 0 && decrypted(&file).await.starts_with(&plain), "{value}"),
            Err(error) => assert!(matches!(error, Error::Damaged { .. }), "{error}"),
        }
    }
}

#[tokio::test]
async fn other_versions_are_named() {
    for version in [0, 1, 3] {
        let mut other = fixture(SMALL);
        other[3] = version;
        assert!(matches!(open(other, &[USUAL]).await, Err(Error::Version { version: found, .. }) if found == version));
    }
}

#[tokio::test]
async fn header_that_never_ends_is_refused_soon() {
    let endless = [&b"AES\x02\x00"[..], &b"\x00\x01x".repeat(100_000)].concat();
    assert!(matches!(open(endless, &[GRC]).await, Err(Error::Damaged { .. })));
    assert!(matches!(open(b"AES\x02\x00\xff\xffx".to_vec(), &[GRC]).await, Err(Error::CutOff { .. })));
}
