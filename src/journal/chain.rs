//! The hash chain: each record's hash covers the one before, so that nothing can be changed, removed or reordered
//! without breaking every hash after it.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::journal::record::Recorded;
use crate::words::id::RunId;

/// A SHA-256, in 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hash(String);

impl Hash {
    /// What stands before the first record.
    #[must_use]
    pub fn zero() -> Self {
        Self("0".repeat(64))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A hash as it was stored. Whether it is right is for [`verify`] to say.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The same for one that was stored as bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(hex(bytes))
    }

    /// Its 32 bytes; none where the text is no SHA-256.
    #[must_use]
    pub fn to_bytes(&self) -> Option<[u8; 32]> {
        let half = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        let (pairs, rest) = self.0.as_bytes().as_chunks::<2>();
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = (half(*high)? << 4) | half(*low)?;
        }
        Some(bytes)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// SHA-256 of some bytes, in hexadecimal.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 0xf));
    }
    text
}

/// The hash of a record whose event serialises to `body`.
#[must_use]
pub fn link(run: &RunId, seq: u64, at: Timestamp, body: &str, prev: &Hash) -> Hash {
    Hash(sha256_hex(format!("{run}\n{seq}\n{at}\n{prev}\n{body}").as_bytes()))
}

/// A journal that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokenChain {
    /// A record is missing or out of order.
    #[error("record {found} stands where record {expected} belongs")]
    OutOfOrder { expected: u64, found: u64 },
    /// A record of another run.
    #[error("record {seq} belongs to another run")]
    OtherRun { seq: u64 },
    /// A record does not follow the one before.
    #[error("record {seq} does not continue the record before it")]
    NotLinked { seq: u64 },
    /// Records that are there cannot be reached.
    #[error("{all} records are there, and only the first {seq} can be reached")]
    CutOff { seq: u64, all: u64 },
    /// The list of journals names it, and none of its records is there.
    #[error("none of its records is there")]
    Missing,
    /// The journal has it in the old tables and in the new ones, and it can only have been begun in one of them.
    #[error("it stands there twice")]
    Twice,
    /// A record was changed.
    #[error("record {seq} was changed after it was written")]
    Changed { seq: u64 },
    /// Its text could not be read again from a line of a journal.
    #[error("the text of record {seq} has control characters in it or blanks around it, which drill never writes")]
    NotOneLine { seq: u64 },
}

/// Checks one record, as it was found, against the one before.
///
/// # Errors
/// When it is not the record that was written.
pub fn verify(record: &Recorded, run: &RunId, expected_seq: u64, prev: &Hash) -> Result<(), BrokenChain> {
    if record.seq != expected_seq {
        return Err(BrokenChain::OutOfOrder { expected: expected_seq, found: record.seq });
    }
    if &record.run != run {
        return Err(BrokenChain::OtherRun { seq: record.seq });
    }
    if &record.prev != prev {
        return Err(BrokenChain::NotLinked { seq: record.seq });
    }
    if link(run, record.seq, record.at, record.body(), prev) != record.hash {
        return Err(BrokenChain::Changed { seq: record.seq });
    }
    if !is_one_line(record.body()) {
        return Err(BrokenChain::NotOneLine { seq: record.seq });
    }
    Ok(())
}

/// Whether a text that is a JSON object can stand in a line, and is the same when it is read from there.
fn is_one_line(body: &str) -> bool {
    body.starts_with('{') && body.ends_with('}') && body.bytes().all(|byte| byte >= b' ')
}
