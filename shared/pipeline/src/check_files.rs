//! The check of a backup of files: every volume's directory and manifest, then files with their checksums.

use std::time::Duration;

use file_archive::RestoreReport;

use crate::check::{BackupCheck, CheckReport};
use crate::context::volume_part;
use crate::error::Error;
use crate::manifest::contradiction;
use crate::stored_files::StoredFiles;

impl BackupCheck<'_> {
    pub(crate) async fn files(&self) -> Result<CheckReport, Error> {
        let progress = self.progress.clone();
        let stored = StoredFiles::find(self.vault, self.identities, &self.backup, progress).await?;
        let (id, manifest) = (&stored.backup().id, stored.manifest());
        let total = manifest.contents.iter().map(|contents| contents.bytes).sum();
        let part = self.share.of(total);
        self.progress.expect(total / part.parts);
        self.deadline.estimate(&format!("a check of backup {id}"), total / part.parts)?;
        let (mut begin, mut listed, mut found) = (0u64, 0u64, RestoreReport::default());
        for number in (1u32..).take(manifest.volumes.len()) {
            let volume = stored.open(number).await?;
            let wanted = |bytes| {
                begin += bytes;
                part.has(begin - bytes)
            };
            listed += volume.count();
            volume.verify(wanted, &mut found).await?;
            if let Some(file) = found.failures.first() {
                let (part, count) = (volume_part(number), found.failed);
                let what = format!("{count} files of {part} are not what it says; {:?}: {}", file.key, file.why);
                return Err(contradiction(id, what));
            }
        }
        let counted = manifest.inventory.get("file").copied().unwrap_or_default();
        let rows: u64 = manifest.objects.iter().map(|object| object.rows).sum();
        if rows != listed || listed != counted || begin != total || !found.adds_up() {
            let what = format!("it lists {listed} files of {begin} bytes, and counts {counted} of {total}");
            return Err(contradiction(id, what));
        }
        let mut report = CheckReport::of(stored.backup(), part, manifest.volumes.len(), Duration::ZERO);
        (report.files, report.source_bytes) = (found.written, found.written_bytes);
        Ok(report)
    }
}
