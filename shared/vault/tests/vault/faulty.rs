//! A vault behind a proxy that fails, and what must hold afterwards.

use std::time::Duration;

use testing::faults::{Fault, Operation, Proxy, Times};
use vault::{BackupId, Error, Kind, Patience, Problem, Vault};

use crate::sample::{assert_whole, environment, in_progress, now, told};

/// Fails in seconds.
pub(crate) fn hurried() -> Patience {
    Patience {
        connect: Duration::from_secs(2),
        attempt: Duration::from_secs(4),
        complete: Duration::from_secs(4),
        stall: Duration::from_secs(2),
        tries: 3,
        pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(50),
    }
}

pub(crate) struct Faulty {
    pub(crate) proxy: Proxy,
    /// Through the proxy.
    pub(crate) vault: Vault,
    /// Past the proxy.
    pub(crate) direct: Vault,
    pub(crate) id: BackupId,
}

impl Faulty {
    pub(crate) async fn new() -> Self {
        let bucket = testing::s3::locked_bucket().await;
        let proxy = Proxy::start().await;
        let vault = Vault::new(proxy.client(), &bucket, environment()).patience(hurried());
        let direct = Vault::new(testing::s3::client(), &bucket, environment());
        Self { proxy, vault, direct, id: BackupId::new(now(), "shop").unwrap() }
    }

    pub(crate) fn inject(&self, operation: Operation, nth: usize, fault: Fault, times: Times) {
        self.proxy.inject(operation, nth, fault, times);
    }

    /// Either the backup is complete and right, or nothing is visible as one; and no upload is left in progress, but
    /// `orphans` whose ids were never told to the writer.
    pub(crate) async fn assert_all_or_nothing(&self, volumes: &[&[u8]], orphans: usize) -> bool {
        assert_eq!(in_progress(self.direct.bucket()).await, orphans, "uploads in progress");
        let listing = self.direct.list(None).await.unwrap();
        match listing.backups.as_slice() {
            [] => {
                let incomplete = |problem: &Problem| matches!(problem, Problem::Incomplete { .. });
                assert!(listing.findings.iter().all(|finding| incomplete(&finding.problem)), "{:?}", listing.findings);
                assert!(self.direct.find(Kind::Database, &vault::Selector::Latest.into()).await.is_err());
                false
            }
            [backup] => {
                assert_eq!(listing.findings, []);
                assert_whole(&self.direct, backup, volumes).await;
                true
            }
            more => panic!("{} backups", more.len()),
        }
    }
}

/// The error must say which call on which object failed.
pub(crate) fn assert_names(error: &Error, act: &str) {
    let text = told(error);
    assert!(text.starts_with(act) && text.contains("production/database"), "{text} instead of {act}");
}
