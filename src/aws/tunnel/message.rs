//! The binary messages of Session Manager's data channel.
//!
//! The layout is the SSM Agent's (`agent/session/contracts/agentmessage.go`) and the same both ways; numbers are
//! big-endian:
//!
//! | at | bytes | what |
//! |---:|---:|---|
//! | 0 | 4 | where the payload's length stands: 116 |
//! | 4 | 32 | the message's type, padded with blanks |
//! | 36 | 4 | schema version: 1 |
//! | 40 | 8 | when it was made, in milliseconds since 1970 |
//! | 48 | 8 | sequence number |
//! | 56 | 8 | flags: 1 is the first of a stream, 2 the last |
//! | 64 | 16 | id, the last eight bytes of the UUID first |
//! | 80 | 32 | SHA-256 of the payload |
//! | 112 | 4 | type of the payload |
//! | 116 | 4 | length of the payload |
//! | 120 | | payload |

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use uuid::Uuid;

/// Where the payload's length stands in what is written here.
const HEADER: u32 = 116;

/// Everything before the payload.
const OVERHEAD: usize = 120;

/// No message is longer; the other side sends payloads of 1,024 bytes, and its handshake is not much longer.
pub(super) const LONGEST: usize = 128 * 1024;

/// Data for the other side.
pub(super) const INPUT: &str = "input_stream_data";
/// Data from the other side.
pub(super) const OUTPUT: &str = "output_stream_data";
/// A message arrived.
pub(super) const ACKNOWLEDGE: &str = "acknowledge";
/// The service ends the channel.
pub(super) const CLOSED: &str = "channel_closed";

/// Types of payloads.
pub(super) mod payload {
    /// Bytes of the forwarded connection.
    pub(in crate::aws::tunnel) const DATA: u32 = 1;
    /// The size of a terminal. A forwarded port has none: it is acknowledged and has no effect.
    pub(in crate::aws::tunnel) const SIZE: u32 = 3;
    /// What the other side wants to agree on.
    pub(in crate::aws::tunnel) const HANDSHAKE_REQUEST: u32 = 5;
    /// The answer.
    pub(in crate::aws::tunnel) const HANDSHAKE_RESPONSE: u32 = 6;
    /// It is agreed.
    pub(in crate::aws::tunnel) const HANDSHAKE_COMPLETE: u32 = 7;
    /// A number that means an event, such as [`TERMINATE`].
    pub(in crate::aws::tunnel) const FLAG: u32 = 10;
    /// The payload of the [`FLAG`] that ends a session.
    pub(in crate::aws::tunnel) const TERMINATE: u32 = 2;
}

/// A message. Its schema version is 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// Such as [`INPUT`].
    pub(super) kind: String,
    /// Milliseconds since 1970.
    pub(super) created_ms: u64,
    /// Its number in the stream; 0 for what is not part of one.
    pub(super) sequence: i64,
    /// 1: the first of a stream; 2: the last; 3: alone.
    pub(super) flags: u64,
    /// Its id.
    pub(super) id: Uuid,
    /// One of [`payload`].
    pub(super) payload_type: u32,
    /// What it carries.
    pub(super) payload: Vec<u8>,
}

/// Bytes that are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// There is less than the lengths in it say.
    #[error("it is cut short")]
    Short,
    /// More than [`LONGEST`].
    #[error("it is longer than {LONGEST} bytes")]
    Long,
    /// Not what was sent.
    #[error("its payload is not the one that its digest is of")]
    Digest,
}

impl Message {
    /// A new message, made now.
    pub(super) fn new(kind: &str, sequence: i64, flags: u64, payload_type: u32, payload: Vec<u8>) -> Self {
        let id = Uuid::new_v4();
        Self { kind: kind.to_owned(), created_ms: present_ms(), sequence, flags, id, payload_type, payload }
    }

    /// The bytes.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut kind = [b' '; 32];
        for (place, byte) in kind.iter_mut().zip(self.kind.bytes()) {
            *place = byte;
        }
        let (most, least) = self.id.as_u64_pair();
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(OVERHEAD + self.payload.len());
        bytes.extend(HEADER.to_be_bytes());
        bytes.extend(kind);
        bytes.extend(1_u32.to_be_bytes());
        bytes.extend(self.created_ms.to_be_bytes());
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.flags.to_be_bytes());
        bytes.extend(least.to_be_bytes());
        bytes.extend(most.to_be_bytes());
        bytes.extend_from_slice(digest(&SHA256, &self.payload).as_ref());
        bytes.extend(self.payload_type.to_be_bytes());
        bytes.extend(length.to_be_bytes());
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// The message that the bytes are. A header without a payload's type, as older services write it, is shorter.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        if bytes.len() > LONGEST {
            return Err(Unreadable::Long);
        }
        let header = usize::try_from(number(bytes, 0)?).map_err(|_| Unreadable::Long)?;
        if header < 112 {
            return Err(Unreadable::Short);
        }
        let length = usize::try_from(number(bytes, header)?).map_err(|_| Unreadable::Long)?;
        let begins = header.saturating_add(4);
        let payload = bytes.get(begins..begins.saturating_add(length)).ok_or(Unreadable::Short)?;
        let expected: [u8; 32] = part(bytes, 80)?;
        if length > 0 && digest(&SHA256, payload).as_ref() != expected {
            return Err(Unreadable::Digest);
        }
        let kind: [u8; 32] = part(bytes, 4)?;
        let kind = String::from_utf8_lossy(&kind).trim_matches(|c: char| c == '\0' || c.is_whitespace()).to_owned();
        let id = Uuid::from_u64_pair(u64::from_be_bytes(part(bytes, 72)?), u64::from_be_bytes(part(bytes, 64)?));
        Ok(Self {
            kind,
            created_ms: u64::from_be_bytes(part(bytes, 40)?),
            sequence: i64::from_be_bytes(part(bytes, 48)?),
            flags: u64::from_be_bytes(part(bytes, 56)?),
            id,
            payload_type: if header < 116 { 0 } else { number(bytes, 112)? },
            payload: payload.to_vec(),
        })
    }
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Unreadable> {
    let found = bytes.get(at..at.saturating_add(N)).ok_or(Unreadable::Short)?;
    found.try_into().map_err(|_| Unreadable::Short)
}

fn number(bytes: &[u8], at: usize) -> Result<u32, Unreadable> {
    part(bytes, at).map(u32::from_be_bytes)
}

/// The other side refuses messages without a time of their own.
#[expect(clippy::disallowed_methods, reason = "the time in a message is the machine's, whatever the world's is")]
fn present_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::{INPUT, LONGEST, Message, OVERHEAD, Unreadable, payload};

    /// The message that the SSM Agent's and the plugin's own tests are made of.
    fn known() -> Message {
        Message {
            kind: INPUT.to_owned(),
            created_ms: 1_503_434_274_948,
            sequence: 2,
            flags: 0,
            id: "dd01e56b-ff48-483e-a508-b5f073f31b16".parse().unwrap(),
            payload_type: payload::DATA,
            payload: b"payload".to_vec(),
        }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_bytes_are_where_the_agent_looks_for_them() {
        let bytes = known().write();
        for (at, end, wanted) in [
            (0, 4, "00000074"),
            (4, 36, "696e7075745f73747265616d5f64617461202020202020202020202020202020"),
            (36, 40, "00000001"),
            (40, 48, "0000015e0baa7884"),
            (48, 56, "0000000000000002"),
            (56, 64, "0000000000000000"),
            (64, 80, "a508b5f073f31b16dd01e56bff48483e"),
            (80, 112, "239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5"),
            (112, 116, "00000001"),
            (116, 120, "00000007"),
            (120, 127, "7061796c6f6164"),
        ] {
            assert_eq!(hex(&bytes[at..end]), wanted, "at {at}");
        }
        assert_eq!(bytes.len(), OVERHEAD + 7);
    }

    #[test]
    fn what_is_written_is_read_and_what_was_changed_is_refused() {
        let bytes = known().write();
        assert_eq!(Message::read(&bytes), Ok(known()));
        let mut changed = bytes.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(Message::read(&changed), Err(Unreadable::Digest));
        for length in [0, 3, 111, 119, bytes.len() - 1] {
            assert_eq!(Message::read(&bytes[..length]), Err(Unreadable::Short), "{length}");
        }
        assert_eq!(Message::read(&vec![0; LONGEST + 1]), Err(Unreadable::Long));
        let empty = Message { payload: Vec::new(), ..known() };
        assert_eq!(Message::read(&empty.write()), Ok(empty));
    }

    #[test]
    fn lengths_that_lie_do_not_reach_beyond_the_end() {
        for (at, lie) in [(0, u32::MAX), (0, 20), (116, u32::MAX), (116, 8)] {
            let mut bytes = known().write();
            bytes[at..at + 4].copy_from_slice(&lie.to_be_bytes());
            assert_eq!(Message::read(&bytes), Err(Unreadable::Short), "{lie} at {at}");
        }
    }

    #[test]
    fn a_type_is_read_whatever_it_is_padded_with() {
        let mut bytes = known().write();
        bytes[4 + INPUT.len()..36].fill(0);
        assert_eq!(Message::read(&bytes), Ok(known()));
        let long = Message { kind: "x".repeat(40), ..known() };
        assert_eq!(Message::read(&long.write()).unwrap().kind, "x".repeat(32));
    }
}
