use std::error::Error as StdError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::error::{CallError, Raw};
use crate::patience::Patience;

/// Of all calls of this process.
static RETRIES: AtomicU64 = AtomicU64::new(0);

/// How often a call of this process was tried again so far.
pub fn retries() -> u64 {
    RETRIES.load(Ordering::Relaxed)
}

/// A call that failed for good.
#[derive(Debug)]
pub struct Failure {
    /// How often it was tried.
    pub tries: u32,
    /// What S3 or the network said last.
    pub error: CallError,
    /// Any of the tries may have worked.
    pub ambiguous: bool,
}

/// Tries `send` until it works, fails for good, or patience ends.
///
/// # Errors
/// The last try's, with what is known of the others.
pub async fn call<T, E, F>(patience: &Patience, mut send: impl FnMut() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, SdkError<E, Raw>>>,
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let mut tries = Tries::new(patience);
    loop {
        match send().await {
            Ok(answer) => return Ok(answer),
            Err(error) => tries.failed(CallError::of(error)).await?,
        }
    }
}

/// Counts tries of one call, and waits between them.
pub struct Tries<'a> {
    patience: &'a Patience,
    tries: u32,
    ambiguous: bool,
}

impl<'a> Tries<'a> {
    /// Of a call that was not tried yet.
    pub fn new(patience: &'a Patience) -> Self {
        Self { patience, tries: 0, ambiguous: false }
    }

    /// After so many failures in a row.
    pub fn resumed(patience: &'a Patience, failures: u32) -> Self {
        Self { patience, tries: failures, ambiguous: false }
    }

    /// Waits before the next try.
    ///
    /// # Errors
    /// If there is none: the failure can't pass, or patience has ended.
    pub async fn failed(&mut self, error: CallError) -> Result<(), Failure> {
        self.tries += 1;
        self.ambiguous |= error.ambiguous();
        if !error.passing() || self.tries >= self.patience.tries {
            return Err(Failure { tries: self.tries, error, ambiguous: self.ambiguous });
        }
        RETRIES.fetch_add(1, Ordering::Relaxed);
        let throttled = matches!(error.code(), "SlowDown" | "TooManyRequests");
        tokio::time::sleep(pause(self.patience, self.tries, throttled)).await;
        Ok(())
    }
}

/// Half fixed and half random, doubled with every try, four times as long if S3 asked to slow down.
fn pause(patience: &Patience, tries: u32, throttled: bool) -> Duration {
    let doubled = patience.pause.saturating_mul(1 << tries.saturating_sub(1).min(16));
    let longest = doubled.saturating_mul(if throttled { 4 } else { 1 }).min(patience.longest_pause);
    let mut random = [0];
    // Without random numbers the pause is the longest.
    let share = getrandom::fill(&mut random).map_or(255, |()| u32::from(random[0]));
    longest / 2 + longest / 2 * share / 255
}
