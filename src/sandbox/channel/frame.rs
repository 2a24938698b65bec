//! One binary message of a data channel, as the SSM Agent reads and writes it.
//!
//! Written apart from what the product has for the same: two readings of one layout find each other's mistakes.

use aws_lc_rs::digest::{SHA256, digest};
use uuid::Uuid;

use crate::sandbox::clock::machine_now;

/// The one length of a header that the SSM Agent writes.
const HEADER: u32 = 116;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: String,
    pub(super) number: i64,
    pub(super) id: Uuid,
    pub(super) payload_type: u32,
    pub(super) payload: Vec<u8>,
}

/// Takes a message apart, from its first byte to its last.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn long(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn int(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }
}

impl Frame {
    /// A message of ours.
    pub(super) fn new(kind: &str, number: i64, payload_type: u32, payload: Vec<u8>) -> Self {
        Self { kind: kind.to_owned(), number, id: Uuid::new_v4(), payload_type, payload }
    }

    /// Reads a message; nothing if the SSM Agent would not take it: a time, a type and the right digest must be there.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        if from.int()? != HEADER {
            return None;
        }
        let kind = String::from_utf8(from.take::<32>()?.to_vec()).ok()?.trim_end().to_owned();
        let (version, created) = (from.int()?, from.long()?);
        let number = i64::from_be_bytes(from.take()?);
        let _flags = from.long()?;
        let (least, most) = (from.long()?, from.long()?);
        let said = from.take::<32>()?;
        let (payload_type, length) = (from.int()?, from.int()?);
        let payload = from.0.to_vec();
        let whole = usize::try_from(length).ok()? == payload.len() && digest(&SHA256, &payload).as_ref() == said;
        let valid = whole && version == 1 && created != 0 && !kind.is_empty();
        valid.then(|| Self { kind, number, id: Uuid::from_u64_pair(most, least), payload_type, payload })
    }

    /// The bytes. `flags` is 1 for the first of a stream and 3 for what is not part of one.
    pub(super) fn write(&self, flags: u64) -> Vec<u8> {
        let created = u64::try_from(machine_now().as_millisecond()).unwrap_or(1);
        let id = self.id.into_bytes();
        let (most, least) = id.split_at(8);
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        let digest = digest(&SHA256, &self.payload);
        let kind = format!("{:<32.32}", self.kind);
        let parts: [&[u8]; 12] = [
            &HEADER.to_be_bytes(),
            kind.as_bytes(),
            &1_u32.to_be_bytes(),
            &created.to_be_bytes(),
            &self.number.to_be_bytes(),
            &flags.to_be_bytes(),
            least,
            most,
            digest.as_ref(),
            &self.payload_type.to_be_bytes(),
            &length.to_be_bytes(),
            &self.payload,
        ];
        parts.concat()
    }
}

#[cfg(test)]
mod tests {
    use super::Frame;

    #[test]
    fn a_frame_is_read_as_it_was_written_and_nothing_else_is() {
        let frame = Frame::new("output_stream_data", 7, 1, b"payload".to_vec());
        let bytes = frame.write(0);
        assert_eq!(bytes.len(), 127);
        assert_eq!(&bytes[64..72], &frame.id.as_bytes()[8..]);
        assert_eq!(Frame::read(&bytes), Some(frame));
        for at in [0, 36, 90, 119, 126] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(Frame::read(&changed), None, "{at}");
        }
        assert_eq!(Frame::read(&bytes[..126]), None);
        assert_eq!(Frame::read(b""), None);
    }
}
