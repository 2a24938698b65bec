//! One record of the journal: an event with its place, its hash, and its text. Pure.
//!
//! A hash covers the text of an event, and another version of drill may write the same event otherwise: with a field more or
//! less, or in another order. So a record keeps the text that it was made with or read from, and whoever writes it down once
//! more writes that text. Invariant: the event of a record is what its text says. Records are made here alone.

use jiff::Timestamp;

use crate::journal::chain::{Hash, link};
use crate::journal::event::Event;
use crate::journal::tagged::event_of;
use crate::words::id::RunId;

/// How the text of a first record begins, as drill writes it.
pub(super) const RUN_STARTED: &str = r#"{"event":"run_started","#;

/// One record of the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The run.
    pub run: RunId,
    /// Position in the run, from 1.
    pub seq: u64,
    /// When, by the run's clock.
    pub at: Timestamp,
    /// What.
    pub event: Event,
    /// Hash of the record before; zeros for the first.
    pub prev: Hash,
    /// SHA-256 over run, seq, at, the event's text and prev.
    pub hash: Hash,
    /// The event's text.
    body: Box<str>,
}

/// All of a record but its event, as it was found: nothing of it is checked.
#[derive(Debug)]
pub(super) struct Position {
    pub(super) run: RunId,
    pub(super) seq: u64,
    pub(super) at: Timestamp,
    pub(super) prev: Hash,
    pub(super) hash: Hash,
}

impl Recorded {
    /// The record of an event that comes after the one with the hash `prev`, in the text in which this version writes it.
    ///
    /// # Errors
    /// When the event cannot be written as JSON.
    pub fn new(run: RunId, seq: u64, at: Timestamp, event: Event, prev: Hash) -> serde_json::Result<Self> {
        let body = serde_json::to_string(&event)?;
        let hash = link(&run, seq, at, &body, &prev);
        Ok(Self { run, seq, at, event, prev, hash, body: body.into_boxed_str() })
    }

    /// The record that stands there with this text. Whether it is the one that was written is for
    /// [`verify`](crate::journal::chain::verify) to say.
    pub(super) fn found(position: Position, body: String) -> serde_json::Result<Self> {
        event_of(&body).map(|event| Self::read(position, event, body))
    }

    /// The same where the event of the text is known.
    pub(super) fn read(position: Position, event: Event, body: String) -> Self {
        let Position { run, seq, at, prev, hash } = position;
        Self { run, seq, at, event, prev, hash, body: body.into_boxed_str() }
    }

    /// Its place.
    pub(super) fn position(&self) -> Position {
        let Self { run, seq, at, prev, hash, .. } = self;
        Position { run: *run, seq: *seq, at: *at, prev: prev.clone(), hash: hash.clone() }
    }

    /// The event's text, which the hash covers.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Whether this version writes the event in the same text.
    #[must_use]
    pub fn is_own_text(&self) -> bool {
        serde_json::to_string(&self.event).is_ok_and(|own| own == *self.body)
    }
}
