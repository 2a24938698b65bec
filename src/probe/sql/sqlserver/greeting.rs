//! The start of a connection: both sides say whether they encrypt (PRELOGIN), and shake hands.
//!
//! The driver would do this by itself, and trust the machine's certificate store besides the bundle. So it is done
//! here, with the one configuration that trusts the bundle alone, and the driver is answered in the server's place: it
//! then logs in as if nothing were encrypted, through TLS.
//!
//! A packet has eight bytes of head: kind, whether it is the last of its message, length with the head (big-endian).
//! The handshake travels inside of packets of the greeting's kind; what comes after it does not.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::{chain, miss};
use crate::probe::sql::engine::Trusted;
use crate::probe::sql::sqlserver::greeted::Greeted;
use crate::probe::sql::sqlserver::handshake::Handshaking;
use crate::probe::sql::wire::Bounded;
use crate::probe::trust::{cause, certificate_name, unproven};

/// Bytes of a packet's head.
pub(super) const HEAD: usize = 8;

/// The longest packet before anything else was agreed on, and the longest greeting that is read.
pub(super) const LONGEST: usize = 4096;

/// The kind of a client's greeting, and of the handshake.
pub(super) const PRELOGIN: u8 = 0x12;

/// The kind of a server's answers.
pub(super) const TABULAR: u8 = 0x04;

/// The mark of a message's last packet.
pub(super) const LAST: u8 = 0x01;

/// The part of a greeting that is about TLS.
const ENCRYPTION: u8 = 0x01;

/// The end of a greeting's list of parts.
const TERMINATOR: u8 = 0xff;

/// What is said about TLS: everything is encrypted.
const ON: u8 = 1;

/// Likewise: nothing is.
pub(super) const NOT_SUPPORTED: u8 = 2;

/// Likewise, by a server that takes nothing else.
const REQUIRED: u8 = 3;

/// Greets a server with which nothing is encrypted.
///
/// # Errors
/// `tls` where the server insists, `connection` where it is none.
pub(super) async fn plain(mut stream: Bounded) -> Result<Greeted<Bounded>, Miss> {
    match greet(&mut stream, NOT_SUPPORTED).await? {
        NOT_SUPPORTED => Ok(Greeted::new(stream)),
        _ => {
            let message = "the server insists on TLS; leave `tls: { mode: insecure-off }` out";
            Err(miss(ProbeReason::Tls, message))
        }
    }
}

/// Greets a server and shakes hands with it.
///
/// # Errors
/// `tls` where the server offers none or does not prove who it is, `connection` where it is none.
pub(super) async fn encrypted(
    mut stream: Bounded,
    trusted: Trusted,
) -> Result<Greeted<TlsStream<Handshaking<Bounded>>>, Miss> {
    let name = certificate_name(&trusted.server_name)?;
    if !matches!(greet(&mut stream, ON).await?, ON | REQUIRED) {
        return Err(miss(ProbeReason::Tls, "the server offers no TLS: nobody knows who it is"));
    }
    let connector = TlsConnector::from(Arc::new(trusted.config));
    let mut stream = connector.connect(name, Handshaking::new(stream)).await.map_err(|error| refused(&error))?;
    // What the handshake still has to say belongs into its packets.
    stream.flush().await.map_err(|error| refused(&error))?;
    stream.get_mut().0.end();
    Ok(Greeted::new(stream))
}

fn refused(error: &io::Error) -> Miss {
    match cause::<rustls::Error>(error) {
        Some(tls) => unproven(tls, "tls."),
        None => miss(ProbeReason::Connection, &format!("the handshake of TLS did not end: {}", chain(error))),
    }
}

fn broken(error: &io::Error) -> Miss {
    miss(ProbeReason::Connection, &format!("the server did not return the greeting: {}", chain(error)))
}

fn stranger() -> Miss {
    miss(ProbeReason::Connection, "what answers there is no SQL Server: it does not return the greeting")
}

/// Says whether to encrypt; what the server says to that.
async fn greet(stream: &mut Bounded, encryption: u8) -> Result<u8, Miss> {
    let asked = packet(PRELOGIN, LAST, &greeting(encryption));
    stream.write_all(&asked).await.map_err(|error| broken(&error))?;
    stream.flush().await.map_err(|error| broken(&error))?;
    let mut said = Vec::new();
    loop {
        let mut head = [0_u8; HEAD];
        stream.read_exact(&mut head).await.map_err(|error| broken(&error))?;
        let [kind, status, high, low, ..] = head;
        let length = usize::from(u16::from_be_bytes([high, low])).checked_sub(HEAD).ok_or_else(stranger)?;
        if kind != TABULAR || said.len() + length > LONGEST {
            return Err(stranger());
        }
        let mut part = vec![0_u8; length];
        stream.read_exact(&mut part).await.map_err(|error| broken(&error))?;
        said.extend_from_slice(&part);
        if status & LAST != 0 {
            return encryption_of(&said).ok_or_else(stranger);
        }
    }
}

/// What a greeting says about TLS.
pub(crate) fn encryption_of(said: &[u8]) -> Option<u8> {
    let mut at = 0;
    loop {
        match *said.get(at)? {
            TERMINATOR => return None,
            ENCRYPTION => {
                let place = said.get(at + 1..at + 3).and_then(|place| <[u8; 2]>::try_from(place).ok())?;
                return said.get(usize::from(u16::from_be_bytes(place))).copied();
            }
            _ => at += 5,
        }
    }
}

/// A greeting: a list of parts, each with kind, place and length (big-endian), then the parts.
pub(super) fn greeting(encryption: u8) -> Vec<u8> {
    // Version, TLS, instance, thread, several answers at once.
    let parts: [(u8, &[u8]); 5] = [(0, &[0; 6]), (ENCRYPTION, &[encryption]), (2, &[0]), (3, &[0; 4]), (4, &[0])];
    let mut said = Vec::new();
    let mut place = parts.len() * 5 + 1;
    for (kind, part) in parts {
        said.push(kind);
        said.extend_from_slice(&short(place));
        said.extend_from_slice(&short(part.len()));
        place += part.len();
    }
    said.push(TERMINATOR);
    said.extend(parts.into_iter().flat_map(|(_, part)| part.iter().copied()));
    said
}

/// A packet that holds `payload`.
pub(super) fn packet(kind: u8, status: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = short(payload.len() + HEAD);
    let mut packet = vec![kind, status, high, low, 0, 0, 1, 0];
    packet.extend_from_slice(payload);
    packet
}

/// Nothing here is longer than a packet.
fn short(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::{ON, encryption_of, greeting};

    #[test]
    fn a_greeting_says_whether_to_encrypt_and_hostile_ones_say_nothing() {
        assert_eq!(encryption_of(&greeting(ON)), Some(ON));
        assert_eq!(greeting(ON).len(), 26 + 13);
        for hostile in [
            &[][..],
            &[0xff][..],
            &[1][..],
            &[1, 0][..],
            &[1, 0xff, 0xff, 0, 1][..],
            &[0, 0, 0, 0, 0][..],
            &[7; 4_000][..],
        ] {
            assert_eq!(encryption_of(hostile), None);
        }
    }
}
