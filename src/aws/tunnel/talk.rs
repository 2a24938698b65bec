//! A conversation over a data channel: opened, agreed on, checked, ended.
//!
//! The SSM Agent says that all is agreed before it connects to the place behind it, and says nothing when that stands.
//! But it acknowledges nothing of the connection's stream before: a message without effect is sent, and when it is
//! acknowledged the connection stands. Where it cannot be made, the session is ended, with the reason.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use crate::aws::tunnel::channel::{BEAT_MS, Beat, Broken, Channel};
use crate::aws::tunnel::handshake;
use crate::aws::tunnel::line::Line;
use crate::aws::tunnel::message::payload;
use crate::words::secret::Secret;

/// A terminal's size: of no meaning to a port.
const NO_EFFECT: &[u8] = br#"{"cols":80,"rows":24}"#;

/// Somebody in between is let know that we are here, every so many beats.
const PING_EVERY: Beat = 600;

/// Bytes that may wait for the connection to take them; then nothing more is read from the channel.
pub(super) const MOST_INBOUND: usize = 256 * 1024;

/// The other side is told that we go, or its last words are heard, within this, or not. Real time.
const FAREWELL: Duration = Duration::from_secs(3);

/// A conversation.
pub(super) struct Talk {
    line: Line,
    channel: Channel,
    beats: Interval,
    now: Beat,
    /// What the connection's other end sent and nobody has taken yet.
    pub(super) inbound: Vec<u8>,
}

/// What happens next in a conversation.
pub(super) enum Turn {
    /// A message came, or the line ended.
    Heard(Result<Vec<u8>, Broken>),
    /// Time went on.
    Beat,
}

impl Talk {
    /// Over an open line.
    pub(super) fn new(line: Line) -> Self {
        let mut beats = interval(Duration::from_millis(BEAT_MS));
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { line, channel: Channel::default(), beats, now: 0, inbound: Vec::new() }
    }

    /// Names the session and agrees on what it is. The caller bounds the time.
    pub(super) async fn agree(&mut self, token: &Secret) -> Result<(), Broken> {
        self.line.say_text(handshake::opening(token)).await?;
        let mut agreed = false;
        while !agreed {
            let turn = self.turn().await;
            for (payload_type, bytes) in self.take(turn).await? {
                match payload_type {
                    payload::HANDSHAKE_REQUEST => {
                        let (response, verdict) = handshake::answer(&bytes);
                        self.say(payload::HANDSHAKE_RESPONSE, response.as_bytes()).await?;
                        verdict?;
                    }
                    payload::HANDSHAKE_COMPLETE => agreed = true,
                    // A server that greets may be heard together with the end of the handshake.
                    payload::DATA => self.inbound.extend_from_slice(&bytes),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Waits until the connection to the place behind the instance stands. The caller bounds the time.
    pub(super) async fn reach(&mut self) -> Result<(), Broken> {
        let number = self.say(payload::SIZE, NO_EFFECT).await?;
        while !self.channel.is_taken(number) {
            let turn = self.turn().await;
            self.carry(turn).await?;
        }
        Ok(())
    }

    /// Whether more may be sent.
    pub(super) fn has_room(&self) -> bool {
        self.channel.has_room()
    }

    /// Sends a message of our stream; its number.
    pub(super) async fn say(&mut self, payload_type: u32, bytes: &[u8]) -> Result<i64, Broken> {
        let (number, message) = self.channel.say(payload_type, bytes, self.now);
        self.send(message).await?;
        Ok(number)
    }

    /// What happens next. May be dropped at any moment: nothing is lost.
    pub(super) async fn turn(&mut self) -> Turn {
        tokio::select! {
            heard = self.line.hear() => Turn::Heard(heard),
            _ = self.beats.tick() => Turn::Beat,
        }
    }

    /// The next beat alone: for whoever has no room for what comes.
    pub(super) async fn beat(&mut self) -> Turn {
        self.beats.tick().await;
        Turn::Beat
    }

    /// Acts on what happened: acknowledges, sends again, and keeps the connection's bytes in [`Self::inbound`].
    pub(super) async fn carry(&mut self, turn: Turn) -> Result<(), Broken> {
        let payloads = self.take(turn).await?;
        self.keep(payloads);
        Ok(())
    }

    /// How many beats there were.
    pub(super) fn age(&self) -> Beat {
        self.now
    }

    /// Ends the session from here.
    pub(super) async fn leave(&mut self) {
        let ended = async {
            if self.say(payload::FLAG, &payload::TERMINATE.to_be_bytes()).await.is_ok() {
                self.line.hang_up().await;
            }
        };
        // Whoever does not listen any more is told by `ssm:TerminateSession`.
        let _ = timeout(FAREWELL, ended).await;
    }

    /// Sends. Where the line is broken, whoever broke it may have said why before: that counts for more.
    async fn send(&mut self, message: Vec<u8>) -> Result<(), Broken> {
        let Err(broken) = self.line.say(message).await else { return Ok(()) };
        Err(self.last_words().await.unwrap_or(broken))
    }

    /// What was said before the line broke; what the connection's other end sent before is kept.
    async fn last_words(&mut self) -> Option<Broken> {
        let listening = async {
            while self.inbound.len() < MOST_INBOUND
                && let Ok(bytes) = self.line.hear().await
            {
                match self.channel.hear(&bytes) {
                    Ok(heard) => self.keep(heard.payloads),
                    Err(said) => return Some(said),
                }
            }
            None
        };
        timeout(FAREWELL, listening).await.ok().flatten()
    }

    fn keep(&mut self, payloads: Vec<(u32, Vec<u8>)>) {
        for (payload_type, bytes) in payloads {
            if payload_type == payload::DATA {
                self.inbound.extend_from_slice(&bytes);
            }
        }
    }

    async fn take(&mut self, turn: Turn) -> Result<Vec<(u32, Vec<u8>)>, Broken> {
        match turn {
            Turn::Heard(heard) => {
                let heard = self.channel.hear(&heard?)?;
                if let Some(reply) = heard.reply
                    && let Err(broken) = self.line.say(reply).await
                {
                    self.keep(heard.payloads);
                    return Err(self.last_words().await.unwrap_or(broken));
                }
                Ok(heard.payloads)
            }
            Turn::Beat => {
                self.now = self.now.saturating_add(1);
                if let Some(message) = self.channel.again(self.now)? {
                    self.send(message).await?;
                }
                if self.now.is_multiple_of(PING_EVERY) {
                    self.line.ping().await?;
                }
                Ok(Vec::new())
            }
        }
    }
}
