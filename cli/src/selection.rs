//! Which files a command means.

use anyhow::Result;
use clap::Args;
use file_archive::Selection;

/// Without any of these: all files.
#[derive(Args)]
pub(crate) struct Select {
    /// Only the file with this key; may be given again, as the others may.
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
    /// Only files whose keys begin so.
    #[arg(long, value_name = "PREFIX")]
    prefix: Vec<String>,
    /// Only files whose whole keys fit: `*` stands for anything but `/`, `**` for anything, `?` for one character.
    #[arg(long, value_name = "PATTERN")]
    pattern: Vec<String>,
}

impl Select {
    pub(crate) fn selection(self) -> Result<Selection> {
        Ok(Selection::of(self.key, self.prefix, &self.pattern)?)
    }
}
