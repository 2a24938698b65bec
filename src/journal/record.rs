//! One record of the journal: an event with its place, its hash, and its text. Pure.
//!
//! A hash covers the text of an event, and another version of drill may write the same event otherwise: with a field more or
//! less, or in another order. So a record keeps the text that it was made with or read from, and whoever writes it down once
//! more writes that text. Invariant: the event of a record is what its text says. Records are made here alone.

use jiff::Timestamp;

use crate::journal::chain::{Hash, link};
use crate::journal::event::Event;
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

/// A text that is no event.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) source: serde_json::Error,
    pub(super) body: String,
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
    pub(super) fn found(position: Position, body: String) -> Result<Self, Unread> {
        Self::found_as(position, body, event_of)
    }

    /// The same, with another way to the event that the text is.
    pub(super) fn found_as(
        position: Position,
        body: String,
        event_of: impl FnOnce(&str) -> serde_json::Result<Event>,
    ) -> Result<Self, Unread> {
        let Position { run, seq, at, prev, hash } = position;
        match event_of(&body) {
            Ok(event) => Ok(Self { run, seq, at, event, prev, hash, body: body.into_boxed_str() }),
            Err(source) => Err(Unread { source, body }),
        }
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

/// The event that a text is. A first record is by far the longest: it is read in one go, and not once for its name and once
/// for the rest.
pub(super) fn event_of(body: &str) -> serde_json::Result<Event> {
    if body.starts_with(RUN_STARTED) {
        return serde_json::from_str(body).map(Event::RunStarted);
    }
    serde_json::from_str(body)
}
