//! ZIP as volumes use it: UTF-8 names, deflated or stored, zip64 where needed, entries in ascending order without overlap.
//!
//! Source of every field: PKWARE's APPNOTE 6.3.10. Times are UTC; Unix seconds are in the extended timestamp (0x5455).

pub(crate) mod deflate;
pub(crate) mod layout;
pub(crate) mod read;
pub(crate) mod write;

#[cfg(test)]
mod tests;
