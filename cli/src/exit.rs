//! Exit statuses. This is the list that the others refer to; `docs/command-line.md` has it for people.
//!
//! 0 is done, 1 failed, with the reason on standard error, 2 wrong usage, as clap has it.

/// `offsite status` could read the vault, and something there is not as it should be.
pub(crate) const WRONG_IN_VAULT: u8 = 3;
