//! How far a command is: one line that renews itself on a terminal, and otherwise, for logs, a line now and then.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(200);
/// In a log. What is done sooner says nothing but its result.
const EVERY_LINE: Duration = Duration::from_secs(15);
/// Characters of the bar.
const BAR: u64 = 20;

static QUIET: AtomicBool = AtomicBool::new(false);

/// Shows no progress from now on.
pub(crate) fn show_nothing() {
    QUIET.store(true, Ordering::Relaxed);
}

/// A line on standard error.
pub(crate) struct Line {
    act: &'static str,
    done: u64,
    expected: u64,
    begun: Instant,
    /// When something was shown last; on a terminal `None` until it was.
    shown: Option<Instant>,
    terminal: bool,
}

impl Line {
    pub(crate) fn new(act: &'static str, expected: u64) -> Self {
        let (terminal, begun) = (std::io::stderr().is_terminal(), Instant::now());
        Self { act, done: 0, expected, begun, shown: (!terminal).then_some(begun), terminal }
    }

    pub(crate) fn advance(&mut self, bytes: u64) {
        self.set(self.done + bytes, self.expected);
    }

    /// Shows a run's progress until its work is done.
    pub(crate) async fn follow<T>(&mut self, progress: &pipeline::Progress, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = ticks.tick() => self.set(progress.done(), progress.expected()),
            }
        }
    }

    fn set(&mut self, done: u64, expected: u64) {
        (self.done, self.expected) = (done, expected);
        let every = if self.terminal { EVERY } else { EVERY_LINE };
        if QUIET.load(Ordering::Relaxed) || self.shown.is_some_and(|shown| shown.elapsed() < every) {
            return;
        }
        self.shown = Some(Instant::now());
        let text = text(self.act, done, expected, self.begun.elapsed());
        if self.terminal {
            eprint!("\r\x1b[K{} {text}", bar(done, expected));
        } else {
            eprintln!("{text}");
        }
        // A progress line that can't be shown is no reason to fail.
        let _ = std::io::stderr().flush();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.terminal && self.shown.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}

/// `read 1.0 MiB of about 3.0 MiB, 512.0 KiB/s, 4 seconds left`
fn text(act: &str, done: u64, expected: u64, elapsed: Duration) -> String {
    let rate = (done as f64 / elapsed.as_secs_f64().max(0.001)) as u64;
    let mut text = format!("{act} {}", bytes(done));
    if expected > 0 {
        text.push_str(&format!(" of about {}", bytes(expected)));
    }
    text.push_str(&format!(", {}/s", bytes(rate)));
    // An estimate may have been too low.
    if expected > done && rate > 0 {
        let seconds = (expected - done).div_ceil(rate);
        let left =
            if seconds < 120 { format!("{seconds} seconds") } else { age(time::Duration::seconds(seconds as i64)) };
        text.push_str(&format!(", {left} left"));
    }
    text
}

fn bar(done: u64, expected: u64) -> String {
    let filled = match expected {
        0 => 0,
        expected => (u128::from(done) * u128::from(BAR) / u128::from(expected)).min(BAR.into()) as usize,
    };
    format!("[{}{}]", "#".repeat(filled), "-".repeat(BAR as usize - filled))
}

/// A duration as a person says it.
pub(crate) fn age(since: time::Duration) -> String {
    match (since.whole_days(), since.whole_hours(), since.whole_minutes()) {
        (days, _, _) if days > 1 => format!("{days} days"),
        (_, hours, _) if hours > 1 => format!("{hours} hours"),
        (_, _, minutes) => format!("{} minutes", minutes.max(0)),
    }
}

/// Bytes as a person reads them, in binary units.
pub(crate) fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{count} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_the_largest_unit_that_fits() {
        assert_eq!(["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "2.0 TiB"], [0, 1023, 1024, 3 << 19, 2 << 40].map(bytes));
    }

    #[test]
    fn age_is_said_in_the_largest_unit_that_fits_twice() {
        let minutes = |count| time::Duration::minutes(count);
        assert_eq!(
            [0, 119, 120, 60 * 47, 60 * 48].map(|m| age(minutes(m))),
            ["0 minutes", "119 minutes", "2 hours", "47 hours", "2 days"]
        );
    }

    #[test]
    fn rate_and_time_left_are_told_as_far_as_they_are_known() {
        let seconds = Duration::from_secs;
        let told = text("read", 1 << 20, 3 << 20, seconds(2));
        assert_eq!(told, "read 1.0 MiB of about 3.0 MiB, 512.0 KiB/s, 4 seconds left");
        assert_eq!(
            text("read", 1 << 10, 1 << 20, seconds(1)),
            "read 1.0 KiB of about 1.0 MiB, 1.0 KiB/s, 17 minutes left"
        );
        assert_eq!(text("read", 5, 0, seconds(1)), "read 5 B, 5 B/s");
        assert_eq!(text("read", 0, 10, seconds(1)), "read 0 B of about 10 B, 0 B/s");
        assert_eq!(text("read", 20, 10, seconds(1)), "read 20 B of about 10 B, 20 B/s");
    }

    #[test]
    fn bar_is_full_at_the_end_and_never_fuller() {
        assert_eq!(bar(0, 0), "[--------------------]");
        assert_eq!(bar(5, 10), "[##########----------]");
        assert_eq!(bar(30, 10), bar(10, 10));
        assert_eq!(bar(u64::MAX, u64::MAX), "[####################]");
    }
}
