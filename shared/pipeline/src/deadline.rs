//! What a run may take, where something ends it from outside (AWS Lambda after 15 minutes).

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::Error;

/// Reading the source ends this long before the end, or the run is given up: what is left is for publishing.
const STOP_READING: Duration = Duration::from_secs(90);
/// Everything is published this long before the end, or nothing is.
const PUBLISHED: Duration = Duration::from_secs(30);
/// AWS documents no more per function: so what does not fit at this rate can't fit at all.
const MOST_BYTES_PER_SECOND: u64 = 70_000_000;

/// S3 serves no more requests a second of one prefix, and a file takes one at least.
const MOST_FILES_PER_SECOND: u64 = 5_500;

/// When to stop. The default is never: for a laptop or a container.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deadline {
    end: Option<Instant>,
}

impl Deadline {
    /// The instant at which the run would be killed.
    pub fn at(end: SystemTime) -> Self {
        let left = end.duration_since(SystemTime::now()).unwrap_or_default();
        Self { end: Some(Instant::now() + left) }
    }

    /// Fails at once if `bytes` can't be moved in the time that is left.
    pub(crate) fn estimate(self, what: &str, bytes: u64) -> Result<(), Error> {
        match self.lacks(bytes, 0) {
            None => Ok(()),
            Some((needed, left)) => Err(Error::DoesNotFit { what: what.to_owned(), bytes, needed, left }),
        }
    }

    /// Fails at once if so many files of so many bytes can't be moved in the time that is left.
    pub(crate) fn estimate_files(self, what: &str, bytes: u64, files: u64) -> Result<(), Error> {
        match self.lacks(bytes, files) {
            None => Ok(()),
            Some((needed, left)) => Err(Error::FilesDoNotFit { what: what.to_owned(), bytes, files, needed, left }),
        }
    }

    /// Whether so many files of so many bytes can be moved in the time that is left.
    pub(crate) fn fits(self, bytes: u64, files: u64) -> bool {
        self.lacks(bytes, files).is_none()
    }

    /// What is needed and what is left, if the one is more than the other.
    fn lacks(self, bytes: u64, files: u64) -> Option<(Duration, Duration)> {
        let left = self.end?.saturating_duration_since(Instant::now()).saturating_sub(STOP_READING);
        let needed = Self::needed(bytes, files);
        (needed > left).then_some((needed, left))
    }

    /// How long so many files of so many bytes take at least.
    pub(crate) fn needed(bytes: u64, files: u64) -> Duration {
        Duration::from_secs((bytes / MOST_BYTES_PER_SECOND).max(files / MOST_FILES_PER_SECOND))
    }

    /// Runs `future` while reading is allowed.
    pub(crate) async fn reading<T>(self, future: impl Future<Output = T>) -> Result<T, Error> {
        self.until(STOP_READING, "reading the source", future).await
    }

    /// Runs `future` while publishing is allowed.
    pub(crate) async fn publishing<T>(self, future: impl Future<Output = T>) -> Result<T, Error> {
        self.until(PUBLISHED, "publishing", future).await
    }

    /// The last instant at which publishing is allowed.
    pub(crate) fn publish_by(self) -> Option<Instant> {
        self.end.map(|end| end.checked_sub(PUBLISHED).unwrap_or_else(Instant::now))
    }

    async fn until<T>(self, margin: Duration, act: &'static str, future: impl Future<Output = T>) -> Result<T, Error> {
        let Some(end) = self.end else { return Ok(future.await) };
        // A run that begins within the margin gets no time at all.
        let stop = end.checked_sub(margin).unwrap_or_else(Instant::now);
        tokio::time::timeout_at(stop, future).await.map_err(|_| Error::Deadline { act, margin })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn run_that_cannot_fit_is_refused_with_the_figure() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let deadline = Deadline::at(SystemTime::now() + Duration::from_secs(900));
            assert!(deadline.estimate("database shop", 10_000_000_000).is_ok());
            let error = deadline.estimate("database shop", 100_000_000_000).unwrap_err().to_string();
            assert!(error.contains("database shop") && error.contains("100000000000 bytes"), "{error}");
            assert!(Deadline::default().estimate("database shop", u64::MAX).is_ok());
            assert!(deadline.estimate_files("bucket files", 1_000, 4_000_000).is_ok());
            let error = deadline.estimate_files("bucket files", 1_000, 5_000_000).unwrap_err().to_string();
            assert!(error.contains("bucket files") && error.contains("5000000 files"), "{error}");
        });
    }

    #[tokio::test(start_paused = true)]
    async fn reading_stops_before_publishing_does() {
        let deadline = Deadline { end: Some(Instant::now() + Duration::from_secs(100)) };
        let read = deadline.reading(tokio::time::sleep(Duration::from_secs(11))).await;
        assert!(matches!(read, Err(Error::Deadline { act: "reading the source", .. })));
        assert!(deadline.publishing(tokio::time::sleep(Duration::from_secs(11))).await.is_ok());
        assert!(deadline.publishing(tokio::time::sleep(Duration::from_secs(60))).await.is_err());
    }
}
