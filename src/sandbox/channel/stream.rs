//! Both streams of a data channel, by the SSM Agent's rules. No I/O.
//!
//! A message that cannot be dealt with yet is not acknowledged, and so comes again.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use crate::sandbox::channel::frame::Frame;

/// Messages that are put aside for an earlier one.
const MOST_EARLY: usize = 1_000;
/// Messages of ours that wait for an acknowledgement; then nothing more is read for them.
const MOST_UNTAKEN: usize = 512;

/// Both streams.
#[derive(Debug, Default)]
pub(super) struct Streams {
    expected: i64,
    early: BTreeMap<i64, Frame>,
    next: i64,
    untaken: VecDeque<(i64, Vec<u8>)>,
}

/// What becomes of a message of the client's stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is its turn; acknowledge it once it could be dealt with.
    Now,
    /// It is kept or known already: acknowledge it.
    Noted,
    /// There is no room for it.
    Dropped,
}

impl Streams {
    /// Looks at a message that came.
    pub(super) fn look(&mut self, frame: &Frame) -> Turn {
        if frame.number == self.expected {
            return Turn::Now;
        }
        if frame.number < self.expected {
            return Turn::Noted;
        }
        if self.early.len() >= MOST_EARLY {
            return Turn::Dropped;
        }
        self.early.insert(frame.number, frame.clone());
        Turn::Noted
    }

    /// The message whose turn it was has been dealt with; the next one, if it came early.
    pub(super) fn done(&mut self) -> Option<Frame> {
        self.expected += 1;
        self.early.remove(&self.expected)
    }

    /// The bytes of the next message of our stream, kept until they are acknowledged.
    pub(super) fn say(&mut self, payload_type: u32, payload: &[u8]) -> Vec<u8> {
        let frame = Frame::new("output_stream_data", self.next, payload_type, payload.to_vec());
        let bytes = frame.write(u64::from(self.next == 0));
        self.untaken.push_back((self.next, bytes.clone()));
        self.next += 1;
        bytes
    }

    /// The client says that a message arrived.
    pub(super) fn taken(&mut self, payload: &[u8]) {
        let content: Value = serde_json::from_slice(payload).unwrap_or_default();
        let number = content.get("AcknowledgedMessageSequenceNumber").and_then(Value::as_i64);
        self.untaken.retain(|(waiting, _)| Some(*waiting) != number);
    }

    /// The oldest message that nobody acknowledged.
    pub(super) fn oldest(&self) -> Option<Vec<u8>> {
        self.untaken.front().map(|(_, bytes)| bytes.clone())
    }

    pub(super) fn has_room(&self) -> bool {
        self.untaken.len() < MOST_UNTAKEN
    }
}

/// The acknowledgement of a message.
pub(super) fn acknowledgement(frame: &Frame) -> Vec<u8> {
    let content = json!({
        "AcknowledgedMessageType": frame.kind,
        "AcknowledgedMessageId": frame.id.to_string(),
        "AcknowledgedMessageSequenceNumber": frame.number,
        "IsSequentialMessage": true,
    });
    Frame::new("acknowledge", 0, 0, content.to_string().into_bytes()).write(3)
}

#[cfg(test)]
mod tests {
    use super::{Streams, Turn};
    use crate::sandbox::channel::frame::Frame;

    #[test]
    fn messages_have_their_turn_in_order() {
        let mut streams = Streams::default();
        let frame = |number| Frame::new("input_stream_data", number, 1, vec![]);
        assert_eq!(streams.look(&frame(1)), Turn::Noted);
        assert_eq!(streams.look(&frame(0)), Turn::Now);
        // It could not be dealt with, so it comes again.
        assert_eq!(streams.look(&frame(0)), Turn::Now);
        assert_eq!(streams.done().map(|next| next.number), Some(1));
        assert_eq!(streams.done(), None);
        assert_eq!(streams.look(&frame(1)), Turn::Noted);
    }

    #[test]
    fn what_is_acknowledged_is_not_sent_again() {
        let mut streams = Streams::default();
        let first = streams.say(1, b"a");
        let second = streams.say(1, b"b");
        assert_eq!(streams.oldest(), Some(first));
        streams.taken(br#"{"AcknowledgedMessageSequenceNumber": 0}"#);
        assert_eq!(streams.oldest(), Some(second));
    }
}
