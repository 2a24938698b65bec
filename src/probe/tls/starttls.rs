//! What a server is told before it starts TLS on a connection that began in the clear: PostgreSQL, MySQL and SMTP.
//!
//! Nothing is read beyond the server's consent: the next byte belongs to TLS. No credential is ever sent.

use std::io;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::miss;
use crate::words::text::tame;

/// The longest greeting of a MySQL server, in bytes; real ones have about 100.
const LONGEST_GREETING: usize = 4 * 1024;

/// The longest line of SMTP that is read, in bytes; RFC 5321 allows 512.
const LONGEST_LINE: usize = 2 * 1024;

/// Lines of one SMTP reply.
const MOST_LINES: usize = 100;

/// `SSLRequest` of PostgreSQL: length, and the number that stands for it.
const POSTGRES_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// MySQL's `CLIENT_SSL`, in the lower half of a server's capabilities.
const MYSQL_TLS: u16 = 0x0800;

/// What a MySQL client claims to know with `SSLRequest`: `PROTOCOL_41`, `SSL`, `SECURE_CONNECTION`, `PLUGIN_AUTH`.
const MYSQL_CLIENT: u32 = 0x0008_8a00;

/// How TLS begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Start {
    /// At once.
    #[default]
    None,
    /// After PostgreSQL's `SSLRequest`.
    Postgres,
    /// After MySQL's greeting and `SSLRequest`.
    MySql,
    /// After SMTP's `STARTTLS`.
    Smtp,
}

impl Start {
    /// The words of a definition.
    pub(super) const WORDS: &'static [&'static str] = &["none", "postgres", "mysql", "smtp"];

    /// Brings the connection to where TLS begins; what the server said of itself, if it did.
    ///
    /// # Errors
    /// `tls` when the server offers none, `connection` when it hangs up or speaks something else.
    pub(super) async fn agree(self, stream: &mut TcpStream) -> Result<Option<String>, Miss> {
        match self {
            Self::None => Ok(None),
            Self::Postgres => postgres(stream).await,
            Self::MySql => mysql(stream).await,
            Self::Smtp => smtp(stream).await,
        }
    }
}

async fn postgres(stream: &mut TcpStream) -> Result<Option<String>, Miss> {
    stream.write_all(&POSTGRES_REQUEST).await.map_err(|error| ended(&error))?;
    match stream.read_u8().await.map_err(|error| ended(&error))? {
        b'S' => Ok(None),
        b'N' => Err(none("PostgreSQL")),
        _ => Err(other("PostgreSQL")),
    }
}

async fn mysql(stream: &mut TcpStream) -> Result<Option<String>, Miss> {
    let mut header = [0_u8; 4];
    stream.read_exact(&mut header).await.map_err(|error| ended(&error))?;
    let [low, middle, high, _] = header;
    let length = usize::try_from(u32::from_le_bytes([low, middle, high, 0])).unwrap_or(usize::MAX);
    if length > LONGEST_GREETING {
        return Err(other("MySQL"));
    }
    let mut greeting = vec![0_u8; length];
    stream.read_exact(&mut greeting).await.map_err(|error| ended(&error))?;
    let greeting = Greeting::read(&greeting)?;
    if greeting.capabilities & MYSQL_TLS == 0 {
        return Err(none("MySQL"));
    }
    let mut request = vec![32, 0, 0, 1];
    request.extend(MYSQL_CLIENT.to_le_bytes());
    request.extend(0x0100_0000_u32.to_le_bytes());
    // utf8mb4, and what MySQL keeps free.
    request.push(45);
    request.extend([0_u8; 23]);
    stream.write_all(&request).await.map_err(|error| ended(&error))?;
    Ok(Some(greeting.version))
}

/// What of a MySQL server's greeting is of use here.
#[derive(Debug, PartialEq, Eq)]
struct Greeting {
    version: String,
    capabilities: u16,
}

impl Greeting {
    /// Version 10 of the handshake: version text up to NUL, thread (4), challenge (8), filler, capabilities.
    fn read(packet: &[u8]) -> Result<Self, Miss> {
        match packet.first() {
            Some(10) => Self::fields(packet).ok_or_else(|| other("MySQL")),
            Some(0xff) => {
                let said = String::from_utf8_lossy(packet.get(3..).unwrap_or_default()).into_owned();
                Err(miss(ProbeReason::Connection, &format!("the server turns this machine away: {said}")))
            }
            _ => Err(other("MySQL")),
        }
    }

    fn fields(packet: &[u8]) -> Option<Self> {
        let rest = packet.get(1..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        let version = tame(&String::from_utf8_lossy(rest.get(..end)?));
        let capabilities = rest.get(end + 14..end + 16)?.try_into().ok()?;
        Some(Self { version, capabilities: u16::from_le_bytes(capabilities) })
    }
}

async fn smtp(stream: &mut TcpStream) -> Result<Option<String>, Miss> {
    let greeting = reply(stream, "220").await?;
    let offers = say(stream, "EHLO [127.0.0.1]\r\n", "250").await?;
    if !offers.iter().any(|line| line.trim().eq_ignore_ascii_case("starttls")) {
        return Err(none("SMTP"));
    }
    say(stream, "STARTTLS\r\n", "220").await?;
    Ok(greeting.into_iter().next())
}

async fn say(stream: &mut TcpStream, line: &str, wanted: &str) -> Result<Vec<String>, Miss> {
    stream.write_all(line.as_bytes()).await.map_err(|error| ended(&error))?;
    reply(stream, wanted).await
}

/// The lines of one reply, without the code that each begins with.
async fn reply(stream: &mut TcpStream, wanted: &str) -> Result<Vec<String>, Miss> {
    let mut texts = Vec::new();
    while texts.len() < MOST_LINES {
        let line = line(stream).await?;
        let Some(rest) = line.strip_prefix(wanted) else {
            return Err(miss(ProbeReason::Connection, &format!("the server answered `{line}` where {wanted} was due")));
        };
        texts.push(rest.get(1..).unwrap_or_default().to_owned());
        if !rest.starts_with('-') {
            return Ok(texts);
        }
    }
    Err(other("SMTP"))
}

/// One line, harmless. Byte by byte: what follows the last line is TLS.
async fn line(stream: &mut TcpStream) -> Result<String, Miss> {
    let mut bytes = Vec::new();
    while bytes.len() < LONGEST_LINE {
        match stream.read_u8().await.map_err(|error| ended(&error))? {
            b'\n' => return Ok(tame(String::from_utf8_lossy(&bytes).trim_end())),
            byte => bytes.push(byte),
        }
    }
    Err(other("SMTP"))
}

fn ended(error: &io::Error) -> Miss {
    miss(ProbeReason::Connection, &format!("the connection ended before it was encrypted: {error}"))
}

fn none(protocol: &str) -> Miss {
    miss(ProbeReason::Tls, &format!("the server speaks {protocol} and offers no TLS; switch it on there"))
}

fn other(protocol: &str) -> Miss {
    miss(ProbeReason::Connection, &format!("what answers there does not speak {protocol}; check `port` and `starttls`"))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::{Greeting, Start};
    use crate::definition::model::ProbeReason;
    use crate::probe::Miss;

    /// Says `parts` one after the other, each after it has heard something, and returns what it heard.
    async fn asked(start: Start, parts: &[&[u8]], speaks_first: bool) -> (Result<Option<String>, Miss>, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let serve = async {
            let mut heard = Vec::new();
            for (index, part) in parts.iter().enumerate() {
                if index > 0 || !speaks_first {
                    let mut chunk = [0; 256];
                    let count = server.read(&mut chunk).await.unwrap();
                    heard.extend_from_slice(&chunk[..count]);
                }
                server.write_all(part).await.unwrap();
            }
            // Whoever hangs up with bytes unread resets the connection.
            server.shutdown().await.ok();
            server.read_to_end(&mut heard).await.ok();
            heard
        };
        let ask = async {
            let agreed = start.agree(&mut client).await;
            drop(client);
            agreed
        };
        tokio::join!(ask, serve)
    }

    fn reason(outcome: Result<Option<String>, Miss>) -> ProbeReason {
        outcome.unwrap_err().reason
    }

    fn greeting(capabilities: u16) -> Vec<u8> {
        let mut payload = b"\x0a10.11.6-MariaDB\0".to_vec();
        payload.extend([7_u8; 13]);
        payload.extend(capabilities.to_le_bytes());
        payload.extend([0_u8; 12]);
        let mut packet = vec![u8::try_from(payload.len()).unwrap(), 0, 0, 0];
        packet.extend(payload);
        packet
    }

    #[tokio::test]
    async fn postgres_agrees_refuses_or_is_something_else() {
        let (agreed, heard) = asked(Start::Postgres, &[b"S"], false).await;
        assert_eq!((agreed.unwrap(), heard), (None, vec![0, 0, 0, 8, 4, 210, 22, 47]));
        assert_eq!(reason(asked(Start::Postgres, &[b"N"], false).await.0), ProbeReason::Tls);
        assert_eq!(reason(asked(Start::Postgres, &[b"HTTP/1.1 400\r\n"], false).await.0), ProbeReason::Connection);
        assert_eq!(reason(asked(Start::Postgres, &[b""], false).await.0), ProbeReason::Connection);
    }

    #[tokio::test]
    async fn mysql_greets_and_is_asked() {
        let (agreed, heard) = asked(Start::MySql, &[&greeting(0xffff)], true).await;
        assert_eq!(agreed.unwrap().unwrap(), "10.11.6-MariaDB");
        assert_eq!((heard.len(), &heard[..8]), (36, [32, 0, 0, 1, 0, 0x8a, 0x08, 0].as_slice()));
        assert_eq!(reason(asked(Start::MySql, &[&greeting(!0x0800)], true).await.0), ProbeReason::Tls);
        let cut: &[u8] = b"\x05\0\0\0\x0aabc";
        let unending: &[u8] = b"\x05\0\0\0\x0aabcd";
        for wrong in [b"SSH-2.0-OpenSSH\r\n".as_slice(), cut, unending, b"\xff\xff\xff\0"] {
            assert_eq!(reason(asked(Start::MySql, &[wrong], true).await.0), ProbeReason::Connection, "{wrong:?}");
        }
        let away = Greeting::read(b"\xff\x6a\x04Host \x1b[2J is not allowed").unwrap_err();
        assert!(away.message.contains("is not allowed") && !away.message.contains('\x1b'), "{}", away.message);
    }

    #[tokio::test]
    async fn smtp_says_hello_first() {
        let hello: &[u8] = b"220-mail.example.com\r\n220 ESMTP\r\n";
        let offers: &[u8] = b"250-mail.example.com\r\n250-StartTLS\r\n250 SIZE 1000\r\n";
        let (agreed, heard) = asked(Start::Smtp, &[hello, offers, b"220 go ahead\r\n"], true).await;
        assert_eq!(agreed.unwrap().unwrap(), "mail.example.com");
        assert_eq!(heard, b"EHLO [127.0.0.1]\r\nSTARTTLS\r\n");
        let plain = asked(Start::Smtp, &[hello, b"250 SIZE 1000\r\n"], true).await.0;
        assert_eq!(reason(plain), ProbeReason::Tls);
        let endless = "220-x\r\n".repeat(1_000);
        for wrong in [b"554 no\r\n".as_slice(), endless.as_bytes(), &[b'2'; 10_000]] {
            assert_eq!(reason(asked(Start::Smtp, &[wrong], true).await.0), ProbeReason::Connection);
        }
    }
}
