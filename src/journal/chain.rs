//! The hash chain: each record's hash covers the one before, so that nothing can be changed, removed or reordered
//! without breaking every hash after it.

use std::fmt;
use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::journal::record::{Position, Recorded};
use crate::words::id::RunId;

/// A SHA-256. It is shown and written down in 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Hash(Form);

/// As bytes it needs no memory of its own. What is no hash is kept as it stands, so that it can be told of.
#[derive(Clone, PartialEq, Eq)]
enum Form {
    Bytes([u8; 32]),
    /// Never the digits of a hash: those are bytes.
    Other(Box<str>),
}

impl Hash {
    /// What stands before the first record.
    #[must_use]
    pub fn zero() -> Self {
        Self(Form::Bytes([0; 32]))
    }

    /// A hash as it was stored. Whether it is right is for [`verify`] to say.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(bytes_of(&text).map_or_else(|| Form::Other(text.into_boxed_str()), Form::Bytes))
    }

    /// The same for one that was stored as bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(<[u8; 32]>::try_from(bytes).map_or_else(|_| Form::Other(hex(bytes).into_boxed_str()), Form::Bytes))
    }

    /// Its 32 bytes; none where the text is no SHA-256.
    #[must_use]
    pub fn to_bytes(&self) -> Option<[u8; 32]> {
        match &self.0 {
            Form::Bytes(bytes) => Some(*bytes),
            Form::Other(_) => None,
        }
    }
}

impl From<String> for Hash {
    fn from(text: String) -> Self {
        Self::stored(text)
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Bytes(bytes) => {
                let mut text = [0; 64];
                for (two, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
                    *two = digits(*byte);
                }
                f.pad(str::from_utf8(&text).unwrap_or_default())
            }
            Form::Other(text) => f.pad(text),
        }
    }
}

/// The bytes that 64 hexadecimal digits stand for.
fn bytes_of(text: &str) -> Option<[u8; 32]> {
    let half = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = (half(*high)? << 4) | half(*low)?;
    }
    Some(bytes)
}

/// SHA-256 of some bytes, in hexadecimal.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.extend(digits(*byte).map(char::from));
    }
    text
}

fn digits(byte: u8) -> [u8; 2] {
    let digit = |half: u8| if half < 10 { b'0' + half } else { b'a' - 10 + half };
    [digit(byte >> 4), digit(byte & 0xf)]
}

/// What stands before the text of an event in what is hashed, about: so much is asked for at once.
const BEFORE: usize = 192;

/// The hash of a record whose event serialises to `body`.
#[must_use]
pub fn link(run: &RunId, seq: u64, at: Timestamp, body: &str, prev: &Hash) -> Hash {
    // In one piece: a digest that is fed in several asks for memory as well, and for more than this.
    let mut text = String::with_capacity(BEFORE + body.len());
    // A text takes all that is written to it.
    let _ = writeln!(text, "{run}\n{seq}\n{at}\n{prev}");
    text.push_str(body);
    Hash::of_bytes(digest(&SHA256, text.as_bytes()).as_ref())
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
    verify_at(&record.position(), record.body(), run, expected_seq, prev)
}

/// The same for a place and the text that stands there.
pub(super) fn verify_at(
    found: &Position,
    body: &str,
    run: &RunId,
    expected_seq: u64,
    prev: &Hash,
) -> Result<(), BrokenChain> {
    let seq = found.seq;
    if seq != expected_seq {
        return Err(BrokenChain::OutOfOrder { expected: expected_seq, found: seq });
    }
    if &found.run != run {
        return Err(BrokenChain::OtherRun { seq });
    }
    if &found.prev != prev {
        return Err(BrokenChain::NotLinked { seq });
    }
    if link(run, seq, found.at, body, prev) != found.hash {
        return Err(BrokenChain::Changed { seq });
    }
    if !is_one_line(body) {
        return Err(BrokenChain::NotOneLine { seq });
    }
    Ok(())
}

/// Whether a text that is a JSON object can stand in a line, and is the same when it is read from there.
fn is_one_line(body: &str) -> bool {
    // The least of all bytes, and not the first that is too small: so many are looked at at once.
    body.starts_with('{') && body.ends_with('}') && body.bytes().fold(u8::MAX, u8::min) >= b' '
}

#[cfg(test)]
mod tests {
    use super::{Hash, sha256_hex};

    #[test]
    fn a_hash_is_the_same_as_bytes_and_as_digits_and_what_is_none_is_kept() {
        let digits = sha256_hex(b"abc");
        assert_eq!(digits, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let hash = Hash::stored(digits.clone());
        let bytes = hash.to_bytes().unwrap();
        assert_eq!(
            (Hash::of_bytes(&bytes), format!("{hash:?}"), hash.to_string()),
            (hash.clone(), digits.clone(), digits)
        );
        assert_eq!(Hash::zero().to_string(), "0".repeat(64));
        let (json, upper) = (serde_json::to_string(&hash).unwrap(), hash.to_string().to_uppercase());
        assert_eq!(serde_json::from_str::<Hash>(&json).unwrap(), hash);

        // Damage is shown as it stands, and equals nothing that is a hash.
        for text in [String::new(), "0".repeat(63), "0".repeat(65), "g".repeat(64), upper] {
            let other = Hash::stored(text.clone());
            assert_eq!((other.to_string(), other.to_bytes()), (text, None));
            assert!(other != hash && other != Hash::zero());
        }
        assert_eq!(Hash::of_bytes(&[0; 31]).to_string(), "0".repeat(62));
        assert_ne!(Hash::of_bytes(&[0; 33]), Hash::zero());
    }
}
