//! The least LDAP that a database server needs to have tokens of IAM checked: it answers a simple bind, in which the
//! server says a user's name and what the user sent as the password. PostgreSQL has no other way to ask somebody else.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::sandbox::clock::machine_now;
use crate::sandbox::sql::token;

/// What stands before a user's name in the name that a bind carries.
pub(super) const PREFIX: &str = "cn=";

/// No message is larger: a token has a kilobyte or two.
const LARGEST: usize = 64 * 1024;

/// A connection that says nothing is let go after this.
const PATIENCE: Duration = Duration::from_secs(5);

/// `success`.
const WELCOME: u8 = 0;
/// `invalidCredentials`.
const REFUSED: u8 = 49;
/// `protocolError`.
const NONSENSE: u8 = 2;

/// Who answers, for one database server.
pub(super) struct Clerk {
    listener: TcpListener,
    port: u16,
}

impl Clerk {
    /// Listens on 127.0.0.1.
    pub(super) async fn open() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    /// Where.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Answers binds, one after the other, for as long as it is asked to. `server` is the database server's port.
    pub(super) async fn answer(&self, server: u16) {
        loop {
            let Ok((mut stream, _)) = self.listener.accept().await else {
                crate::sandbox::clock::rest(Duration::from_millis(50)).await;
                continue;
            };
            // Whoever breaks off, or is silent, has no answer to wait for.
            let _ = tokio::time::timeout(PATIENCE, converse(&mut stream, server)).await;
        }
    }
}

async fn converse(stream: &mut TcpStream, server: u16) -> io::Result<()> {
    while let Some(message) = message(stream).await? {
        let Some(bind) = Bind::read(&message) else { return Ok(()) };
        let code = match bind.user() {
            None => NONSENSE,
            Some(user) if token::opens(bind.password, user, server, machine_now()) => WELCOME,
            Some(_) => REFUSED,
        };
        stream.write_all(&reply(bind.id, code)).await?;
    }
    Ok(())
}

/// The content of the next message; none at the end.
async fn message(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut tag = [0];
    if stream.read(&mut tag).await? == 0 {
        return Ok(None);
    }
    let first = stream.read_u8().await?;
    let mut length = usize::from(first & 0x7f);
    if first >= 0x80 {
        let digits = length;
        length = 0;
        for _ in 0..digits.min(4) {
            length = (length << 8) | usize::from(stream.read_u8().await?);
        }
    }
    if length > LARGEST {
        return Err(io::Error::other("a message is too large"));
    }
    let mut content = vec![0; length];
    stream.read_exact(&mut content).await?;
    Ok(Some(content))
}

/// A request to be let in, by name and password.
struct Bind<'a> {
    /// The message's number, as it came.
    id: &'a [u8],
    name: &'a str,
    password: &'a str,
}

impl<'a> Bind<'a> {
    /// Reads it out of a message; none if it is another request.
    fn read(message: &'a [u8]) -> Option<Self> {
        let (id, rest) = element(message, 0x02)?;
        let (bind, _) = element(rest, 0x60)?;
        let (_version, rest) = element(bind, 0x02)?;
        let (name, rest) = element(rest, 0x04)?;
        let (password, _) = element(rest, 0x80)?;
        let text = |bytes| std::str::from_utf8(bytes).ok();
        (id.len() <= 5).then_some(Self { id, name: text(name)?, password: text(password)? })
    }

    fn user(&self) -> Option<&'a str> {
        self.name.strip_prefix(PREFIX)
    }
}

/// The content of an element with this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        let length =
            digits.iter().try_fold(0_usize, |sum, digit| sum.checked_mul(256)?.checked_add(usize::from(*digit)));
        (length?, rest)
    };
    (*found == tag).then(|| rest.split_at_checked(length)).flatten()
}

fn reply(id: &[u8], code: u8) -> Vec<u8> {
    // An enumerated result, no name, no words.
    let answer = [0x61, 7, 0x0a, 1, code, 0x04, 0, 0x04, 0];
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    let mut message = vec![0x30, 2 + length(id) + length(&answer), 0x02, length(id)];
    message.extend(id);
    message.extend(answer);
    message
}

#[cfg(test)]
mod tests {
    use super::{Bind, element, reply};

    /// `ldapwhoami -x -D cn=ada -w secret`.
    const ADA: &[u8] = b"\x02\x01\x01\x60\x12\x02\x01\x03\x04\x06cn=ada\x80\x05token";

    #[test]
    fn a_bind_says_who_and_with_what() {
        let bind = Bind::read(ADA).unwrap();
        assert_eq!((bind.id, bind.user(), bind.password), (&[1][..], Some("ada"), "token"));
        assert_eq!(reply(bind.id, 49), b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x31\x04\x00\x04\x00");
    }

    #[test]
    fn what_is_cut_off_or_lies_about_its_length_is_no_bind() {
        for end in 0..ADA.len() {
            assert!(Bind::read(&ADA[..end]).is_none(), "{end}");
        }
        assert!(element(b"\x04\x84\xff\xff\xff\xff", 0x04).is_none());
        assert!(element(b"\x04\x80", 0x04).is_some_and(|(content, _)| content.is_empty()));
        assert!(element(b"\x30\x00", 0x04).is_none());
    }
}
