use std::sync::{Arc, LazyLock};
use std::time::Duration;

use testing::faults::{ANYWHERE, Fault, Operation, Times};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use vault::{Error, Kind, PART_BYTES, Patience};

use crate::faulty::{Faulty, assert_names, hurried};
use crate::sample::{content, in_progress, store, told};

static VOLUME: LazyLock<Vec<u8>> = LazyLock::new(|| content(PART_BYTES + 1000));

/// Every call of a backup of one volume in two parts: its operation, which of them, and what an error must begin with.
const CALLS: [(Operation, usize, &str); 6] = [
    (Operation::CreateMultipartUpload, 1, "begin the upload of production/database/"),
    (Operation::UploadPart, 1, "upload part "),
    (Operation::UploadPart, 2, "upload part "),
    (Operation::CompleteMultipartUpload, 1, "complete the upload of production/database/"),
    (Operation::PutObject, 1, "put production/database/"),
    (Operation::PutObject, 2, "put production/database/"),
];

async fn strike(call: (Operation, usize, &str), fault: Fault, times: Times) {
    let (operation, nth, act) = call;
    let faulty = Faulty::new().await;
    faulty.inject(operation, nth, fault, times);
    let outcome = store(&faulty.vault, &faulty.id, &[&VOLUME]).await;
    let lost = fault == Fault::LostResponse;
    // An upload whose id was lost on its way here can't be aborted by us: the bucket's lifecycle rule ends it.
    let orphans = match (operation, times) {
        (Operation::CreateMultipartUpload, Times::Once) if lost => 1,
        (Operation::CreateMultipartUpload, Times::ForGood) if lost => 3,
        _ => 0,
    };
    let visible = faulty.assert_all_or_nothing(&[&VOLUME], orphans).await;
    match outcome {
        Ok(_) => assert!(visible, "{operation:?} {nth}: said to be stored"),
        Err(error) => {
            assert_names(&error, act);
            // A summary that was stored although no answer came makes the backup visible, and the error says so.
            assert_eq!(visible, lost && (operation, nth) == (Operation::PutObject, 2), "{}", told(&error));
            assert!(!visible || told(&error).contains("whose outcome is unknown"), "{}", told(&error));
            // This server knows nothing of an upload that it has completed, which proves nothing: so the run fails.
            let unproved = lost && operation == Operation::CompleteMultipartUpload;
            assert!(times == Times::ForGood || unproved, "{operation:?} {nth}: {}", told(&error));
            return;
        }
    }
    assert_eq!(times, Times::Once, "{operation:?} {nth} {fault:?}: worked in spite of everything");
}

async fn strike_all(faults: &'static [Fault], times: Times) {
    let places = Arc::new(Semaphore::new(10));
    let mut strikes = JoinSet::new();
    for call in CALLS {
        for fault in faults {
            let places = Arc::clone(&places);
            strikes.spawn(async move {
                let _place = places.acquire().await.unwrap();
                strike(call, *fault, times).await;
            });
        }
    }
    while let Some(struck) = strikes.join_next().await {
        struck.unwrap();
    }
}

#[tokio::test]
async fn backup_survives_any_call_failing_once_or_leaves_nothing_visible() {
    strike_all(&ANYWHERE, Times::Once).await;
}

#[tokio::test]
async fn backup_with_any_call_failing_for_good_leaves_nothing_visible_and_names_the_call() {
    strike_all(&ANYWHERE, Times::ForGood).await;
}

#[tokio::test]
async fn refusal_for_good_is_not_tried_again() {
    for (operation, nth, act) in CALLS {
        let faulty = Faulty::new().await;
        faulty.inject(operation, nth, Fault::AccessDenied, Times::ForGood);
        let error = store(&faulty.vault, &faulty.id, &[&VOLUME]).await.unwrap_err();
        assert_names(&error, act);
        assert!(told(&error).contains("403 AccessDenied") && told(&error).contains("HINT"), "{}", told(&error));
        assert!(!faulty.assert_all_or_nothing(&[], 0).await);
        assert!(faulty.proxy.calls(operation) <= nth.max(2), "{operation:?}");
    }
}

#[tokio::test]
async fn refused_second_try_means_that_the_first_was_stored() {
    for (operation, nth) in
        [(Operation::CompleteMultipartUpload, 1), (Operation::PutObject, 1), (Operation::PutObject, 2)]
    {
        let faulty = Faulty::new().await;
        faulty.inject(operation, nth, Fault::LostResponse, Times::Once);
        faulty.inject(operation, nth + 1, Fault::PreconditionFailed, Times::Once);
        let manifest = store(&faulty.vault, &faulty.id, &[&VOLUME]).await.unwrap();
        assert!(faulty.assert_all_or_nothing(&[&VOLUME], 0).await);
        let lost = operation == Operation::CompleteMultipartUpload;
        assert_eq!(manifest.volumes[0].version_id.is_none(), lost);
    }
}

#[tokio::test]
async fn refused_first_try_is_somebody_else_and_fails() {
    for (operation, nth) in
        [(Operation::CompleteMultipartUpload, 1), (Operation::PutObject, 1), (Operation::PutObject, 2)]
    {
        let faulty = Faulty::new().await;
        faulty.inject(operation, nth, Fault::PreconditionFailed, Times::Once);
        let error = store(&faulty.vault, &faulty.id, &[&VOLUME]).await.unwrap_err();
        assert!(matches!(error, Error::Exists(_)), "{}", told(&error));
        assert!(!faulty.assert_all_or_nothing(&[], 0).await);
    }
}

#[tokio::test]
async fn completion_that_fails_after_it_began_with_200_is_not_taken_for_done() {
    let faulty = Faulty::new().await;
    faulty.inject(Operation::CompleteMultipartUpload, 1, Fault::ErrorAfterOk, Times::Once);
    store(&faulty.vault, &faulty.id, &[&VOLUME]).await.unwrap();
    assert!(faulty.assert_all_or_nothing(&[&VOLUME], 0).await);

    let faulty = Faulty::new().await;
    faulty.inject(Operation::CompleteMultipartUpload, 1, Fault::ErrorAfterOk, Times::ForGood);
    let error = store(&faulty.vault, &faulty.id, &[&VOLUME]).await.unwrap_err();
    assert_names(&error, "complete the upload of production/database/");
    assert!(!faulty.assert_all_or_nothing(&[], 0).await);
}

#[tokio::test]
async fn bytes_damaged_on_their_way_are_sent_again_or_fail() {
    for (operation, nth, act) in [CALLS[1], CALLS[4], CALLS[5]] {
        let faulty = Faulty::new().await;
        faulty.inject(operation, nth, Fault::DamagedRequest, Times::Once);
        store(&faulty.vault, &faulty.id, &[&VOLUME]).await.unwrap();
        assert!(faulty.assert_all_or_nothing(&[&VOLUME], 0).await);

        let faulty = Faulty::new().await;
        faulty.inject(operation, nth, Fault::DamagedRequest, Times::ForGood);
        let error = store(&faulty.vault, &faulty.id, &[&VOLUME]).await.unwrap_err();
        assert_names(&error, act);
        assert!(!faulty.assert_all_or_nothing(&[], 0).await);
    }
}

#[tokio::test]
async fn part_that_s3_sums_up_otherwise_is_never_completed() {
    let faulty = Faulty::new().await;
    faulty.inject(Operation::UploadPart, 2, Fault::WrongChecksum, Times::Once);
    let error = store(&faulty.vault, &faulty.id, &[&VOLUME]).await.unwrap_err();
    assert!(matches!(error, Error::Mismatch { .. }), "{}", told(&error));
    assert_names(&error, "upload part ");
    assert_eq!(faulty.proxy.calls(Operation::CompleteMultipartUpload), 0);
    assert!(!faulty.assert_all_or_nothing(&[], 0).await);
}

#[tokio::test]
async fn abort_is_tried_again_and_hides_nothing_of_the_failure() {
    for fault in ANYWHERE {
        let mut faulty = Faulty::new().await;
        faulty.vault = faulty.vault.patience(Patience { attempt: Duration::from_millis(800), ..hurried() });
        faulty.inject(Operation::UploadPart, 1, Fault::AccessDenied, Times::ForGood);
        faulty.inject(Operation::AbortMultipartUpload, 1, fault, Times::Once);
        let error = store(&faulty.vault, &faulty.id, &[&VOLUME]).await.unwrap_err();
        assert_names(&error, "upload part ");
        assert!(!faulty.assert_all_or_nothing(&[], 0).await);
        assert!(faulty.proxy.calls(Operation::AbortMultipartUpload) >= 2);
    }
    let faulty = Faulty::new().await;
    faulty.inject(Operation::UploadPart, 1, Fault::AccessDenied, Times::ForGood);
    faulty.inject(Operation::AbortMultipartUpload, 1, Fault::InternalError, Times::ForGood);
    let error = store(&faulty.vault, &faulty.id, &[&VOLUME]).await.unwrap_err();
    assert_names(&error, "upload part ");
    assert_eq!(in_progress(faulty.direct.bucket()).await, 1);
}

#[tokio::test]
async fn writer_needs_no_right_to_read() {
    let faulty = Faulty::new().await;
    for operation in [Operation::GetObject, Operation::ListObjectVersions, Operation::Other] {
        faulty.inject(operation, 1, Fault::AccessDenied, Times::ForGood);
    }
    store(&faulty.vault, &faulty.id, &[&VOLUME, b"second"]).await.unwrap();
    for operation in [Operation::GetObject, Operation::ListObjectVersions, Operation::Other] {
        assert_eq!(faulty.proxy.calls(operation), 0, "{operation:?}");
    }
    assert!(faulty.assert_all_or_nothing(&[&VOLUME, b"second"], 0).await);
}

#[tokio::test]
async fn failing_part_ends_the_wait_for_a_source_that_yields_nothing() {
    let faulty = Faulty::new().await;
    faulty.inject(Operation::UploadPart, 1, Fault::AccessDenied, Times::ForGood);
    let (mut writer, source) = tokio::io::duplex(1 << 20);
    let feeding = async {
        tokio::io::AsyncWriteExt::write_all(&mut writer, &VOLUME).await.unwrap();
        std::future::pending::<()>().await;
    };
    let error = tokio::select! {
        outcome = faulty.vault.write_volume(&faulty.id, Kind::Database, 1, "sql.zst", source) => outcome.unwrap_err(),
        () = feeding => unreachable!(),
    };
    assert_names(&error, "upload part 1 of ");
}
