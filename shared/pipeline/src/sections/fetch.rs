//! One section: its frames of the envelope fetched and decrypted, its SQL decompressed and verified.
//!
//! A frame of the envelope is only read whole, and sections begin and end within one. What a section and the next one share is fetched
//! once, and handed on: small tables lie by the hundred in one frame.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use sql_volume::SectionEntry;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::kept::Kept;
use crate::error::Error;
use crate::sections::Volume;

/// A section on its way: its entry and its verified SQL.
pub(super) type Fetch = JoinHandle<Result<(SectionEntry, Vec<u8>), Error>>;

/// The frame that a section ends in, and where it begins in the volume's plaintext.
#[derive(Clone)]
struct Frame {
    start: u64,
    bytes: Bytes,
}

/// The frame that the last section ends in, for the next one if that begins there.
#[derive(Default)]
pub(super) struct Last(Option<End>);

/// A frame that is on its way, or there.
struct End {
    volume: usize,
    start: u64,
    frame: oneshot::Receiver<Frame>,
}

impl Last {
    /// Begins to fetch a section of volume number `number`, unless it is kept.
    pub(super) fn begin(&mut self, volume: &Arc<Volume>, number: usize, section: usize, kept: Option<&Kept>) -> Fetch {
        let entry = volume.index.sections[section].clone();
        if let Some(compressed) = kept.and_then(|kept| kept.get(&entry)) {
            return tokio::spawn(decompress(Arc::clone(volume), entry, compressed));
        }
        let kept = kept.cloned();
        let place = Place::of(&entry, volume);
        let shared = self.0.take().filter(|end| (end.volume, end.start) == (number, place.first)).map(|end| end.frame);
        let (hand_on, frame) = oneshot::channel();
        self.0 = Some(End { volume: number, start: place.last, frame });
        let volume = Arc::clone(volume);
        tokio::spawn(async move {
            let (compressed, last) = place.read(&volume, &entry, shared).await?;
            // Nobody takes it if the next section begins elsewhere.
            let _ = hand_on.send(last);
            if let Some(kept) = kept {
                kept.put(&entry, &compressed);
            }
            decompress(volume, entry, compressed).await
        })
    }
}

async fn decompress(
    volume: Arc<Volume>,
    entry: SectionEntry,
    compressed: Bytes,
) -> Result<(SectionEntry, Vec<u8>), Error> {
    let (seed, part) = (volume.index.digest_seed, volume.part.clone());
    tokio::task::spawn_blocking(move || match sql_volume::decompress(&compressed, &entry, seed) {
        Ok(sql) => Ok((entry, sql)),
        Err(source) => Err(Error::Section { part, source }),
    })
    .await
    .map_err(|_| Error::Stopped("reading a section"))?
}

/// Where a section lies in a volume's plaintext, in bytes.
#[derive(Clone, Copy)]
struct Place {
    start: u64,
    end: u64,
    /// Where the frames begin that it begins and ends in.
    first: u64,
    last: u64,
    /// Where the latter ends.
    whole: u64,
    frame_length: u64,
}

impl Place {
    fn of(entry: &SectionEntry, volume: &Volume) -> Self {
        let frame_length = u64::from(volume.plaintext.frame_length());
        let (start, end) = (entry.offset, entry.offset.saturating_add(entry.length));
        let last = end.saturating_sub(1).max(start) / frame_length * frame_length;
        let whole = last.saturating_add(frame_length).min(volume.plaintext.plaintext_len()).max(end);
        Self { start, end, first: start / frame_length * frame_length, last, whole, frame_length }
    }

    /// The section's bytes, and the frame that it ends in.
    async fn read(
        self,
        volume: &Volume,
        entry: &SectionEntry,
        shared: Option<oneshot::Receiver<Frame>>,
    ) -> Result<(Bytes, Frame), Error> {
        let from = if shared.is_some() { self.first + self.frame_length } else { self.first };
        let fetched = if from < self.whole {
            let read = volume.plaintext.read(from..self.whole).await;
            let part = || format!("read section {} of {}", entry.seq, volume.part);
            read.map_err(|source| Error::Envelope { part: part(), source })?
        } else {
            Bytes::new()
        };
        let Some(shared) = shared else {
            let last = Bytes::copy_from_slice(&fetched[(self.last - from) as usize..]);
            let bytes = fetched.slice((self.start - from) as usize..(self.end - from) as usize);
            return Ok((bytes, Frame { start: self.last, bytes: last }));
        };
        // Whoever fetches the section before fails first, if it does.
        let shared = shared.await.map_err(|_| Error::Stopped("reading a section"))?;
        let begun = &shared.bytes[(self.start - shared.start) as usize..];
        if self.last == shared.start {
            let bytes = Bytes::copy_from_slice(&begun[..(self.end - self.start) as usize]);
            return Ok((bytes, shared));
        }
        let mut bytes = BytesMut::with_capacity((self.end - self.start) as usize);
        bytes.extend_from_slice(begun);
        bytes.extend_from_slice(&fetched[..(self.end - from) as usize]);
        let last = Bytes::copy_from_slice(&fetched[(self.last - from) as usize..]);
        Ok((bytes.freeze(), Frame { start: self.last, bytes: last }))
    }
}
