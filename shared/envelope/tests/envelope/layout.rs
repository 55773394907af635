//! The fields of a message by place, found by lengths alone: an own reading of the format.

use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    Version,
    Suite,
    MessageId,
    ContextLength,
    Context,
    DataKeyCount,
    ProviderIdLength,
    ProviderId,
    ProviderInfoLength,
    ProviderInfo,
    DataKeyLength,
    DataKey,
    Content,
    FrameLength,
    Commitment,
    HeaderTag,
    EndMark,
    Sequence,
    Iv,
    FinalLength,
    Data,
    Tag,
}

/// A field, and the frame that it is of: 0 is the header.
#[derive(Clone, Debug)]
pub struct Place {
    pub frame: usize,
    pub field: Field,
    pub range: Range<usize>,
}

pub fn places(message: &[u8]) -> Vec<Place> {
    let mut walk = Walk { message, at: 0, frame: 0, places: Vec::new() };
    walk.field(Field::Version, 1);
    walk.field(Field::Suite, 2);
    walk.field(Field::MessageId, 32);
    walk.counted(Field::ContextLength, Field::Context);
    let count = walk.number(Field::DataKeyCount, 2);
    for _ in 0..count {
        walk.counted(Field::ProviderIdLength, Field::ProviderId);
        walk.counted(Field::ProviderInfoLength, Field::ProviderInfo);
        walk.counted(Field::DataKeyLength, Field::DataKey);
    }
    walk.field(Field::Content, 1);
    let frame_length = walk.number(Field::FrameLength, 4);
    walk.field(Field::Commitment, 32);
    walk.field(Field::HeaderTag, 16);
    while walk.at < message.len() {
        walk.frame += 1;
        let mut length = frame_length;
        let is_final = message[walk.at..].starts_with(&[0xff; 4]);
        if is_final {
            walk.field(Field::EndMark, 4);
        }
        walk.field(Field::Sequence, 4);
        walk.field(Field::Iv, 12);
        if is_final {
            length = walk.number(Field::FinalLength, 4);
        }
        walk.field(Field::Data, length);
        walk.field(Field::Tag, 16);
    }
    assert_eq!(walk.at, message.len());
    walk.places
}

/// The bytes of frame 1, 2, … as a whole.
pub fn frames(message: &[u8]) -> Vec<Range<usize>> {
    let places = places(message);
    let last = places.iter().map(|place| place.frame).max().unwrap_or(0);
    (1..=last)
        .map(|frame| {
            let mut of_frame = places.iter().filter(|place| place.frame == frame);
            let first = of_frame.next().unwrap().range.start;
            first..of_frame.next_back().unwrap().range.end
        })
        .collect()
}

struct Walk<'a> {
    message: &'a [u8],
    at: usize,
    frame: usize,
    places: Vec<Place>,
}

impl Walk<'_> {
    fn field(&mut self, field: Field, length: usize) {
        if length > 0 {
            self.places.push(Place { frame: self.frame, field, range: self.at..self.at + length });
        }
        self.at += length;
    }

    fn number(&mut self, field: Field, length: usize) -> usize {
        self.field(field, length);
        self.message[self.at - length..self.at].iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }

    fn counted(&mut self, length: Field, field: Field) {
        let length = self.number(length, 2);
        self.field(field, length);
    }
}
