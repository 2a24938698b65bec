//! Both streams of a data channel: what was sent and is not acknowledged, what came too early. No I/O.
//!
//! The rules are the SSM Agent's (`agent/session/datachannel`): each message of a stream has a number; the receiver
//! acknowledges every one that it keeps, also a second time, and puts early ones aside; the sender sends its oldest
//! unacknowledged message again and again. What is not acknowledged was not taken.

use std::collections::{BTreeMap, VecDeque};

use serde::Deserialize;
use serde_json::json;

use crate::aws::tunnel::handshake::Refused;
use crate::aws::tunnel::message::{ACKNOWLEDGE, CLOSED, INPUT, Message, OUTPUT, Unreadable};
use crate::words::text::tame;

/// The time that a channel goes by: one beat is [`BEAT_MS`].
pub(super) type Beat = u64;

/// Milliseconds of one beat; real time.
pub(super) const BEAT_MS: u64 = 100;

/// A message that is not acknowledged is sent again after so many beats, then after twice as many, …
const FIRST_PAUSE: Beat = 3;
/// … and at last after so many.
const LONGEST_PAUSE: Beat = 10;
/// A message that is not acknowledged for so long never will be.
const PATIENCE: Beat = 600;

/// Messages that may wait for their acknowledgement; then nothing more is taken to be sent.
const MOST_WAITING: usize = 256;

/// Messages that may wait for an earlier one; others are not acknowledged and so come again.
const MOST_EARLY: usize = 256;

/// So much that cannot be read is passed over.
const MOST_UNREADABLE: u32 = 16;

/// Why a channel ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// The service said so, perhaps with the SSM Agent's last words.
    #[error("the session was ended{}", said(.0))]
    Closed(String),
    /// Without a word.
    #[error("the connection to Session Manager was closed")]
    HungUp,
    /// The other side took nothing more.
    #[error("nothing was acknowledged for {} s", PATIENCE * BEAT_MS / 1_000)]
    Unacknowledged,
    /// Too much of what came is no message.
    #[error("what comes cannot be read: {0}")]
    Unreadable(#[from] Unreadable),
    /// The websocket or what is below it.
    #[error("the connection to Session Manager broke: {0}")]
    Socket(String),
    /// The other side wants what drill does not do.
    #[error("{0}")]
    Refused(#[from] Refused),
}

fn said(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!("; it said: {}", tame(words)) }
}

/// What came of one message.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The acknowledgement to send.
    pub(super) reply: Option<Vec<u8>>,
    /// Payloads with their types, in the order in which they were sent.
    pub(super) payloads: Vec<(u32, Vec<u8>)>,
}

/// A channel. See the module.
#[derive(Debug, Default)]
pub(super) struct Channel {
    sent: i64,
    waiting: VecDeque<Waiting>,
    expected: i64,
    early: BTreeMap<i64, Message>,
    unreadable: u32,
}

#[derive(Debug)]
struct Waiting {
    sequence: i64,
    bytes: Vec<u8>,
    first: Beat,
    last: Beat,
    pause: Beat,
}

#[derive(Deserialize)]
struct Acknowledgement {
    #[serde(rename = "AcknowledgedMessageSequenceNumber")]
    sequence: i64,
}

#[derive(Deserialize)]
struct LastWords {
    #[serde(rename = "Output", default)]
    output: String,
}

impl Channel {
    /// The next message of our stream, and its number. It is kept until it is acknowledged.
    pub(super) fn say(&mut self, payload_type: u32, payload: &[u8], now: Beat) -> (i64, Vec<u8>) {
        let sequence = self.sent;
        let bytes = Message::new(INPUT, sequence, 0, payload_type, payload.to_vec()).write();
        self.sent = self.sent.saturating_add(1);
        self.waiting.push_back(Waiting { sequence, bytes: bytes.clone(), first: now, last: now, pause: FIRST_PAUSE });
        (sequence, bytes)
    }

    /// Whether something more may be sent.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < MOST_WAITING
    }

    /// Whether the message of this number was taken.
    pub(super) fn is_taken(&self, sequence: i64) -> bool {
        sequence < self.sent && !self.waiting.iter().any(|waiting| waiting.sequence == sequence)
    }

    /// What must be sent again by now.
    pub(super) fn again(&mut self, now: Beat) -> Result<Option<Vec<u8>>, Broken> {
        let Some(oldest) = self.waiting.front_mut() else { return Ok(None) };
        if now.saturating_sub(oldest.first) > PATIENCE {
            return Err(Broken::Unacknowledged);
        }
        if now.saturating_sub(oldest.last) < oldest.pause {
            return Ok(None);
        }
        oldest.last = now;
        oldest.pause = (oldest.pause * 2).min(LONGEST_PAUSE);
        Ok(Some(oldest.bytes.clone()))
    }

    /// Takes what came. What cannot be read is passed over: it is not acknowledged, so it comes again.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Result<Heard, Broken> {
        let message = match Message::read(bytes) {
            Ok(message) => message,
            Err(_) if self.unreadable < MOST_UNREADABLE => {
                self.unreadable += 1;
                return Ok(Heard::default());
            }
            Err(problem) => return Err(Broken::Unreadable(problem)),
        };
        match message.kind.as_str() {
            OUTPUT => Ok(self.take(message)),
            ACKNOWLEDGE => {
                if let Ok(Acknowledgement { sequence }) = serde_json::from_slice(&message.payload) {
                    self.waiting.retain(|waiting| waiting.sequence != sequence);
                }
                Ok(Heard::default())
            }
            CLOSED => {
                let words = serde_json::from_slice(&message.payload).map(|LastWords { output }| output);
                Err(Broken::Closed(words.unwrap_or_default()))
            }
            // `start_publication`, `pause_publication`, and whatever comes to be.
            _ => Ok(Heard::default()),
        }
    }

    fn take(&mut self, message: Message) -> Heard {
        let is_early = message.sequence > self.expected;
        if is_early && self.early.len() >= MOST_EARLY && !self.early.contains_key(&message.sequence) {
            return Heard::default();
        }
        let mut heard = Heard { reply: Some(acknowledgement(&message)), payloads: Vec::new() };
        if is_early {
            self.early.insert(message.sequence, message);
            return heard;
        }
        if message.sequence < self.expected {
            return heard;
        }
        let mut next = Some(message);
        while let Some(message) = next {
            heard.payloads.push((message.payload_type, message.payload));
            self.expected = self.expected.saturating_add(1);
            next = self.early.remove(&self.expected);
        }
        heard
    }
}

fn acknowledgement(message: &Message) -> Vec<u8> {
    let content = json!({
        "AcknowledgedMessageType": message.kind,
        "AcknowledgedMessageId": message.id.hyphenated().to_string(),
        "AcknowledgedMessageSequenceNumber": message.sequence,
        "IsSequentialMessage": true,
    });
    Message::new(ACKNOWLEDGE, 0, 3, 0, content.to_string().into_bytes()).write()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Broken, Channel, Heard, MOST_EARLY, MOST_UNREADABLE, MOST_WAITING, PATIENCE};
    use crate::aws::tunnel::message::{ACKNOWLEDGE, CLOSED, INPUT, Message, OUTPUT, payload};

    fn from_there(sequence: i64, text: &str) -> Vec<u8> {
        Message::new(OUTPUT, sequence, 0, payload::DATA, text.as_bytes().to_vec()).write()
    }

    fn texts(heard: &Heard) -> Vec<String> {
        heard.payloads.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect()
    }

    fn acknowledged(heard: &Heard) -> Value {
        let reply = Message::read(heard.reply.as_ref().unwrap()).unwrap();
        assert_eq!((reply.kind.as_str(), reply.flags, reply.payload_type), (ACKNOWLEDGE, 3, 0));
        serde_json::from_slice(&reply.payload).unwrap()
    }

    fn acknowledge(channel: &mut Channel, sequence: i64) {
        let content = json!({ "AcknowledgedMessageSequenceNumber": sequence }).to_string();
        let bytes = Message::new(ACKNOWLEDGE, 0, 3, 0, content.into_bytes()).write();
        assert!(channel.hear(&bytes).unwrap().reply.is_none());
    }

    #[test]
    fn what_comes_early_waits_for_what_is_missing() {
        let mut channel = Channel::default();
        for early in [2, 1] {
            let heard = channel.hear(&from_there(early, &early.to_string())).unwrap();
            assert!(heard.payloads.is_empty());
            assert_eq!(acknowledged(&heard)["AcknowledgedMessageSequenceNumber"], json!(early));
        }
        let bytes = from_there(0, "0");
        let heard = channel.hear(&bytes).unwrap();
        assert_eq!(texts(&heard), ["0", "1", "2"]);
        let said = acknowledged(&heard);
        assert_eq!(said["AcknowledgedMessageType"], json!(OUTPUT));
        assert_eq!(said["AcknowledgedMessageId"], json!(Message::read(&bytes).unwrap().id.to_string()));
        assert_eq!(said["IsSequentialMessage"], json!(true));
        // Its acknowledgement was lost: it comes again, is acknowledged again and has no effect.
        let again = channel.hear(&bytes).unwrap();
        assert!(again.payloads.is_empty() && again.reply.is_some());
        assert_eq!(texts(&channel.hear(&from_there(3, "3")).unwrap()), ["3"]);
    }

    #[test]
    fn no_more_than_so_many_early_messages_are_kept() {
        let mut channel = Channel::default();
        for sequence in 1..=i64::try_from(MOST_EARLY).unwrap() {
            assert!(channel.hear(&from_there(sequence, "x")).unwrap().reply.is_some());
        }
        assert!(channel.hear(&from_there(i64::MAX, "x")).unwrap().reply.is_none());
        assert_eq!(channel.hear(&from_there(0, "x")).unwrap().payloads.len(), MOST_EARLY + 1);
    }

    #[test]
    fn the_oldest_unacknowledged_message_is_sent_again_and_at_last_given_up() {
        let mut channel = Channel::default();
        let (first, bytes) = channel.say(payload::DATA, b"a", 0);
        let (second, _) = channel.say(payload::DATA, b"b", 0);
        assert_eq!((first, second), (0, 1));
        let message = Message::read(&bytes).unwrap();
        assert_eq!((message.kind.as_str(), message.sequence, message.flags), (INPUT, 0, 0));
        assert!(channel.again(2).unwrap().is_none());
        assert_eq!(channel.again(3).unwrap(), Some(bytes));
        assert!(channel.again(8).unwrap().is_none(), "the pause has doubled");
        assert!(channel.again(9).unwrap().is_some());
        acknowledge(&mut channel, second);
        assert!(channel.is_taken(second) && !channel.is_taken(first) && !channel.is_taken(2));
        assert!(matches!(channel.again(PATIENCE + 1), Err(Broken::Unacknowledged)));
        acknowledge(&mut channel, first);
        assert!(channel.again(PATIENCE + 1).unwrap().is_none() && channel.is_taken(first));
    }

    #[test]
    fn nothing_more_is_taken_while_too_much_waits() {
        let mut channel = Channel::default();
        for _ in 0..MOST_WAITING {
            assert!(channel.has_room());
            channel.say(payload::DATA, b"x", 0);
        }
        assert!(!channel.has_room());
        acknowledge(&mut channel, 0);
        assert!(channel.has_room());
    }

    #[test]
    fn a_closed_channel_says_why_and_noise_ends_one() {
        let close = |content: &str| Message::new(CLOSED, 0, 0, 0, content.as_bytes().to_vec()).write();
        let ended = Channel::default().hear(&close(r#"{"Output": "no\u001b way"}"#)).unwrap_err();
        assert_eq!(ended.to_string(), "the session was ended; it said: no\u{fffd} way");
        assert_eq!(Channel::default().hear(&close("{}")).unwrap_err().to_string(), "the session was ended");
        let mut channel = Channel::default();
        for _ in 0..MOST_UNREADABLE {
            assert!(channel.hear(b"noise").unwrap().reply.is_none());
        }
        assert!(matches!(channel.hear(b"noise"), Err(Broken::Unreadable(_))));
    }
}
