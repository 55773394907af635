//! The bandwidth of a function's network: a burst at full speed, then a steady rate, for each direction of its own.
//!
//! So AWS Lambda has it, as Bodner et al. measured it: "An Empirical Evaluation of Serverless Cloud Infrastructure for Large-Scale
//! Data Processing", section 4.2, <https://arxiv.org/abs/2501.07771>.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The rate is granted for so many seconds at once.
const GRANT: f64 = 0.1;
/// So many bytes wait at once at most: small enough for connections to take turns.
pub(crate) const STEP: usize = 64 << 10;

/// Of a server's connections together, as its client sees them.
pub(crate) struct Bandwidth {
    pub(crate) inbound: Direction,
    pub(crate) outbound: Direction,
}

/// Bytes that may pass, of which there are less than none while some wait.
pub(crate) struct Direction {
    /// `None` lets everything pass.
    rate: Option<f64>,
    left: Mutex<(f64, Instant)>,
}

impl Bandwidth {
    /// No bandwidth at all: what passes is as fast as memory is.
    pub(crate) fn unlimited() -> Self {
        Self { inbound: Direction::new(None, 0.0), outbound: Direction::new(None, 0.0) }
    }

    /// `burst` bytes at once, then `rate` bytes a second.
    pub(crate) fn of(burst: u64, rate: u64) -> Self {
        let direction = || Direction::new(Some(rate as f64), burst as f64);
        Self { inbound: direction(), outbound: direction() }
    }
}

impl Direction {
    fn new(rate: Option<f64>, burst: f64) -> Self {
        Self { rate, left: Mutex::new((burst, Instant::now())) }
    }

    /// Returns when so many bytes may have passed.
    pub(crate) async fn pass(&self, bytes: usize) {
        let Some(rate) = self.rate else { return };
        let wait = {
            let mut left = self.left.lock().expect("no holder panics");
            let (bucket, at) = &mut *left;
            let now = Instant::now();
            // The burst comes once.
            let most = bucket.max(rate * GRANT);
            *bucket = (*bucket + rate * (now - *at).as_secs_f64()).min(most);
            (*bucket, *at) = (*bucket - bytes as f64, now);
            Duration::from_secs_f64((-*bucket / rate).max(0.0))
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }
}
