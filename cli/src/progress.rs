//! How far a command is: one line that renews itself on a terminal, nothing where nobody looks.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(200);

/// A line on standard error.
pub(crate) struct Line {
    act: &'static str,
    done: u64,
    expected: u64,
    begun: Instant,
    shown: Option<Instant>,
    terminal: bool,
}

impl Line {
    pub(crate) fn new(act: &'static str, expected: u64) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { act, done: 0, expected, begun: Instant::now(), shown: None, terminal }
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
        if self.terminal && self.shown.is_none_or(|shown| shown.elapsed() >= EVERY) {
            self.shown = Some(Instant::now());
            let rate = (self.done as f64 / self.begun.elapsed().as_secs_f64().max(0.001)) as u64;
            eprint!("\r\x1b[K{} {} of about {}, {}/s", self.act, bytes(self.done), bytes(self.expected), bytes(rate));
            // A progress line that can't be shown is no reason to fail.
            let _ = std::io::stderr().flush();
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.shown.is_some() {
            eprint!("\r\x1b[K");
        }
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
    use super::bytes;

    #[test]
    fn bytes_are_shown_in_the_largest_unit_that_fits() {
        assert_eq!(["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "2.0 TiB"], [0, 1023, 1024, 3 << 19, 2 << 40].map(bytes));
    }
}
