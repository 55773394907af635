//! The plaintext of a database volume: plain SQL in zstd frames, one frame per section, and an index at the end.
//!
//! `zstd -d` of the volumes in order gives one valid SQL file; the index lets a reader fetch and verify any section alone.
//! The format is described in `docs/format.md`.

mod digest;
mod frame;
mod index;
mod roles;
mod section;

pub use digest::{DigestSeed, RowDigest, RowsInPieces};
pub use frame::{CompressedSection, FrameError, compress, decompress};
pub use index::{
    DatabaseProperties, INDEX_TRAILER_LEN, Index, IndexError, IndexTrailer, Requirements, SectionEntry, TableTotals,
};
pub use roles::{RolesEntry, RolesError, RolesFrame};
pub use section::{CopyRows, Section, SectionKind};
