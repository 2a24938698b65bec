//! A simulated SSM Agent: it takes the token, agrees on a session, connects where the session says, and forwards.
//!
//! It has the real one's habits, also the awkward ones: it says that all is agreed before it connects; it acknowledges
//! nothing before the connection stands; it does not tell when the other end hangs up, and connects anew when there is
//! more to forward.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::sandbox::channel::frame::Frame;
use crate::sandbox::channel::stream::{Streams, Turn, acknowledgement};
use crate::sandbox::line::Scissors;
use crate::words::secret::Secret;

/// What this one calls itself.
const VERSION: &str = "3.3.987.0";
/// Clients of this version or a later one speak a protocol inside of the stream, which is not simulated.
const MULTIPLEXES: [u64; 3] = [1, 1, 70];
/// Each step of the opening takes no longer; real time.
const STEP: Duration = Duration::from_secs(15);
/// A connection that does not stand within this never will; real time.
const CONNECT: Duration = Duration::from_secs(5);
/// What is not acknowledged is sent again after this; real time.
const AGAIN: Duration = Duration::from_millis(200);
/// No session lasts longer; real time.
const LONGEST: Duration = Duration::from_mins(60);
/// No message is longer.
const LARGEST: usize = 128 * 1024;
/// What is forwarded at once.
const PORTION: usize = 1_024;

const DATA: u32 = 1;
const HANDSHAKE_REQUEST: u32 = 5;
const HANDSHAKE_RESPONSE: u32 = 6;
const HANDSHAKE_COMPLETE: u32 = 7;
const FLAG: u32 = 10;
const DISCONNECT: [u8; 4] = 1_u32.to_be_bytes();
const TERMINATE: [u8; 4] = 2_u32.to_be_bytes();

/// A session, as far as whoever forwards it must know.
pub(super) struct Order {
    pub(super) id: String,
    pub(super) token: Secret,
    pub(super) host: String,
    pub(super) port: u16,
    /// Where host and port really are; nowhere, if the world's network does not know them.
    pub(super) route: Option<SocketAddr>,
    /// What goes wrong once data flows.
    pub(super) breaks: Option<Breaks>,
    /// Becomes true, or ends, when the session is ended.
    pub(super) ended: watch::Receiver<bool>,
}

/// What goes wrong with a channel in the midst of its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breaks {
    /// The connection is reset.
    Cut,
    /// Nothing more is said or taken.
    Silence,
}

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Why a session ended: what the client is told, if anything.
struct Over(Option<String>);

struct Forwarder {
    socket: Socket,
    streams: Streams,
    order: Order,
    scissors: Scissors,
    connection: Option<TcpStream>,
}

/// Plays one session to its end.
pub(super) async fn serve(upgrade: OnUpgrade, order: Order, scissors: Scissors) {
    let Ok(Ok(upgraded)) = timeout(STEP, upgrade).await else { return };
    let limits = WebSocketConfig::default().max_message_size(Some(LARGEST)).max_frame_size(Some(LARGEST));
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(limits)).await;
    let mut forwarder = Forwarder { socket, streams: Streams::default(), order, scissors, connection: None };
    let ended = timeout(LONGEST, forwarder.play()).await;
    if let Ok(Err(Over(Some(words)))) = ended {
        forwarder.close(&words).await;
    }
    // The client may have gone before. What it still sends is taken: a socket that is closed over unread bytes resets the
    // connection, and the reason would be lost.
    let parting = async {
        forwarder.socket.close(None).await.ok();
        while let Some(Ok(_)) = forwarder.socket.next().await {}
    };
    timeout(STEP, parting).await.ok();
}

impl Forwarder {
    async fn play(&mut self) -> Result<(), Over> {
        timeout(STEP, self.open()).await.unwrap_or(Err(Over(None)))?;
        timeout(STEP, self.agree()).await.unwrap_or_else(|_| Err(over("Handshake timed out.")))?;
        self.connect().await?;
        self.forward().await
    }

    /// The first message is a text, and holds the session's token. Whoever does not know it is told nothing.
    async fn open(&mut self) -> Result<(), Over> {
        let Some(Ok(Message::Text(text))) = self.socket.next().await else { return Err(Over(None)) };
        let opening: Value = serde_json::from_str(text.as_str()).unwrap_or_default();
        let said = |name: &str| opening.get(name).and_then(Value::as_str).unwrap_or_default();
        let whole =
            said("MessageSchemaVersion") == "1.0" && said("RequestId").len() >= 16 && !said("ClientId").is_empty();
        if whole && said("TokenValue") == self.order.token.expose() { Ok(()) } else { Err(Over(None)) }
    }

    async fn agree(&mut self) -> Result<(), Over> {
        let properties = json!({
            "host": self.order.host,
            "portNumber": self.order.port.to_string(),
            "localPortNumber": "0",
            "type": "LocalPortForwarding",
        });
        let action = json!({
            "ActionType": "SessionType",
            "ActionParameters": { "SessionType": "Port", "Properties": properties },
        });
        let request = json!({ "AgentVersion": VERSION, "RequestedClientActions": [action] }).to_string();
        self.say(HANDSHAKE_REQUEST, request.as_bytes()).await?;
        loop {
            let Some(frame) = self.hear().await? else { continue };
            if self.streams.look(&frame) == Turn::Now && frame.payload_type == HANDSHAKE_RESPONSE {
                self.acknowledge(&frame).await?;
                self.streams.done();
                agreed(&frame.payload)?;
                break;
            }
        }
        let complete = json!({ "HandshakeTimeToComplete": 1_000_000, "CustomerMessage": "" }).to_string();
        self.say(HANDSHAKE_COMPLETE, complete.as_bytes()).await
    }

    /// Connects where the session says.
    async fn connect(&mut self) -> Result<(), Over> {
        let unable = |why: &str| over(&format!("Unable to connect to specified port: {why}"));
        let route = self.order.route.ok_or_else(|| unable("missing address"))?;
        let place = format!("dial tcp {}:{}", self.order.host, self.order.port);
        match timeout(CONNECT, TcpStream::connect(route)).await {
            Ok(Ok(connection)) => {
                // Small pieces go out at once; a failure only makes them slower.
                let _ = connection.set_nodelay(true);
                self.connection = Some(connection);
                Ok(())
            }
            Ok(Err(_)) => Err(unable(&format!("{place}: connect: connection refused"))),
            Err(_) => Err(unable(&format!("{place}: connect: connection timed out"))),
        }
    }

    async fn forward(&mut self) -> Result<(), Over> {
        let mut again = interval(AGAIN);
        let mut portion = [0_u8; PORTION];
        loop {
            let has_room = self.streams.has_room();
            let connection = &mut self.connection;
            let from_there = async {
                match connection {
                    Some(connection) => connection.read(&mut portion).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.order.ended.changed() => return Err(over("Session was terminated.")),
                heard = self.socket.next() => {
                    let frame = understood(heard)?;
                    self.take(frame).await?;
                }
                read = from_there, if has_room => match read {
                    Ok(count) if count > 0 => {
                        self.say(DATA, portion.get(..count).unwrap_or_default()).await?;
                    }
                    // The other end hung up: the client is not told.
                    _ => self.connection = None,
                },
                _ = again.tick() => {
                    if let Some(oldest) = self.streams.oldest() {
                        self.send(oldest).await?;
                    }
                }
            }
        }
    }

    async fn take(&mut self, frame: Option<Frame>) -> Result<(), Over> {
        let Some(frame) = frame else { return Ok(()) };
        match frame.kind.as_str() {
            "acknowledge" => self.streams.taken(&frame.payload),
            "input_stream_data" => match self.streams.look(&frame) {
                Turn::Now => {
                    let mut next = Some(frame);
                    while let Some(frame) = next {
                        self.deal_with(&frame).await?;
                        self.acknowledge(&frame).await?;
                        next = self.streams.done();
                    }
                }
                Turn::Noted => self.acknowledge(&frame).await?,
                Turn::Dropped => {}
            },
            _ => {}
        }
        Ok(())
    }

    async fn deal_with(&mut self, frame: &Frame) -> Result<(), Over> {
        match (frame.payload_type, frame.payload.as_slice()) {
            (DATA, bytes) => {
                if self.connection.is_none() {
                    self.connect().await?;
                }
                let written = match &mut self.connection {
                    Some(connection) => timeout(STEP, connection.write_all(bytes)).await.is_ok_and(|done| done.is_ok()),
                    None => false,
                };
                if !written {
                    self.connection = None;
                }
                self.break_now().await
            }
            (FLAG, bytes) if bytes == DISCONNECT => {
                self.connection = None;
                Ok(())
            }
            (FLAG, bytes) if bytes == TERMINATE => Err(Over(None)),
            // Sizes of terminals and whatever else has no meaning for a port.
            _ => Ok(()),
        }
    }

    /// The fault that the world has in store for the session.
    async fn break_now(&mut self) -> Result<(), Over> {
        match self.order.breaks {
            None => Ok(()),
            Some(Breaks::Cut) => {
                self.scissors.cut();
                Err(Over(None))
            }
            Some(Breaks::Silence) => loop {
                tokio::select! {
                    _ = self.order.ended.changed() => return Err(Over(None)),
                    heard = self.socket.next() => drop(understood(heard)?),
                }
            },
        }
    }

    async fn hear(&mut self) -> Result<Option<Frame>, Over> {
        let heard = self.socket.next().await;
        let frame = understood(heard)?;
        if let Some(frame) = &frame
            && frame.kind == "acknowledge"
        {
            self.streams.taken(&frame.payload);
        }
        Ok(frame.filter(|frame| frame.kind == "input_stream_data"))
    }

    async fn say(&mut self, payload_type: u32, payload: &[u8]) -> Result<(), Over> {
        let bytes = self.streams.say(payload_type, payload);
        self.send(bytes).await
    }

    async fn acknowledge(&mut self, frame: &Frame) -> Result<(), Over> {
        self.send(acknowledgement(frame)).await
    }

    async fn send(&mut self, bytes: Vec<u8>) -> Result<(), Over> {
        match timeout(STEP, self.socket.send(Message::binary(bytes))).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Over(None)),
        }
    }

    /// Tells the client why it is over.
    async fn close(&mut self, words: &str) {
        let content = json!({
            "MessageType": "channel_closed",
            "MessageId": "",
            "CreatedDate": "",
            "DestinationId": "",
            "SessionId": self.order.id,
            "SchemaVersion": 1,
            "Output": words,
        });
        let frame = Frame::new("channel_closed", 0, 0, content.to_string().into_bytes());
        // Who does not listen any more needs no reason.
        let _ = self.send(frame.write(3)).await;
    }
}

fn over(words: &str) -> Over {
    Over(Some(words.to_owned()))
}

/// A message that came; nothing for what is no message of the channel.
fn understood(heard: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>) -> Result<Option<Frame>, Over> {
    match heard {
        Some(Ok(Message::Binary(bytes))) => Ok(Frame::read(&bytes)),
        Some(Ok(Message::Close(_)) | Err(_)) | None => Err(Over(None)),
        Some(Ok(_)) => Ok(None),
    }
}

/// Whether the client agreed, and speaks what is simulated.
fn agreed(response: &[u8]) -> Result<(), Over> {
    let response: Value =
        serde_json::from_slice(response).map_err(|_| over("The handshake's response is not JSON."))?;
    let actions = response.get("ProcessedClientActions").and_then(Value::as_array).cloned().unwrap_or_default();
    let done = |action: &Value| action.get("ActionStatus").and_then(Value::as_i64) == Some(1);
    if actions.is_empty() || !actions.iter().all(done) {
        return Err(over("SessionType failed on client."));
    }
    let version = response.get("ClientVersion").and_then(Value::as_str).unwrap_or_default();
    let parts: Vec<u64> = version.split('.').filter_map(|part| part.parse().ok()).collect();
    if parts.is_empty() || parts.as_slice() >= MULTIPLEXES.as_slice() {
        return Err(over("The simulated SSM Agent does not multiplex; it forwards for clients before 1.1.70."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::agreed;

    #[test]
    fn a_client_agrees_by_doing_what_it_is_asked_for() {
        let said = |version: &str, status: i64| {
            let actions = json!([{ "ActionType": "SessionType", "ActionStatus": status }]);
            let response = json!({ "ClientVersion": version, "ProcessedClientActions": actions });
            agreed(response.to_string().as_bytes()).map_err(|over| over.0.unwrap_or_default())
        };
        assert_eq!(said("1.1.61.0", 1), Ok(()));
        assert!(said("1.1.61.0", 2).unwrap_err().contains("failed"));
        for version in ["1.1.70", "1.1.70.0", "1.2.0.0", "2", ""] {
            assert!(said(version, 1).unwrap_err().contains("multiplex"), "{version}");
        }
        assert!(agreed(b"{").is_err() && agreed(b"{}").is_err());
    }
}
