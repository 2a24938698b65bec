//! MySQL, MariaDB and Aurora MySQL.
//!
//! `login` says how the driver logs in; `bridge` leads it to the checked address and bounds what it reads; `session`
//! asks inside a transaction that is read-only and never kept; `value` turns columns into JSON; `failure` turns what
//! went wrong into a miss. One statement a question: it is prepared, and a server prepares no more.

mod bridge;
mod failure;
mod login;
mod session;
mod value;

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::miss;
use crate::probe::reach;
use crate::probe::sql::engine::{Answer, Door, Question};
use crate::probe::sql::mysql::bridge::Bridge;
use crate::probe::sql::wire::{Task, too_large};

/// What is said where the driver gave up: it panics on some of what no server of MySQL sends.
const GAVE_UP: &str = "the driver cannot read what the server sent: is it MySQL or MariaDB, and does the user log in \
                       by `mysql_native_password` or `caching_sha2_password`?";

/// See [`crate::probe::sql::engine::ask`].
pub(super) async fn ask(door: Door, questions: &[Question]) -> Result<Vec<Answer>, Miss> {
    let (stream, _) = reach::connect(&door.open.addresses, door.timeout).await?;
    let bridge = Bridge::open(stream).await.map_err(|error| {
        miss(ProbeReason::Setup, &format!("cannot listen on a port of this machine for the driver: {error}"))
    })?;
    let opts = login::opts(&door, bridge.port)?;
    // A task of its own, so that a panic of the driver ends the attempt alone.
    let mut task = Task(tokio::spawn(session::ask(opts, questions.to_vec())));
    let answers = (&mut task.0).await.unwrap_or_else(|_| Err(miss(ProbeReason::Connection, GAVE_UP)));
    answers.map_err(|missed| if bridge.is_full() { too_large() } else { missed })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::ask;
    use crate::definition::model::ProbeReason;
    use crate::probe::Miss;
    use crate::probe::reach::Open;
    use crate::probe::sql::engine::{Door, Question};
    use crate::words::secret::Secret;

    /// A server of MySQL 8 that knows of no TLS: a version, a challenge in two parts, a way to log in.
    const GREETING: &[u8] =
        b"\x0a8.0.36\0\x01\0\0\0abcdefgh\0\x09\xa2\x2d\x02\0\x08\x01\x15\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0\
                              mysql_native_password\0";

    /// What a login and a statement without rows come to.
    const FINE: &[u8] = b"\0\0\0\x02\0\0\0";

    /// Plays a server: says the first line, then one for each packet that it hears. What it heard comes out.
    async fn play(mut there: TcpStream, lines: &[&[u8]]) -> Vec<u8> {
        let (mut heard, mut number) = (Vec::new(), 0);
        for line in lines {
            let [low, middle, high, _] = u32::try_from(line.len()).unwrap().to_le_bytes();
            there.write_all(&[low, middle, high, number]).await.unwrap();
            there.write_all(line).await.unwrap();
            let mut head = [0_u8; 4];
            if there.read_exact(&mut head).await.is_err() {
                break;
            }
            let [low, middle, high, last] = head;
            let mut body = vec![0; usize::try_from(u32::from_le_bytes([low, middle, high, 0])).unwrap()];
            there.read_exact(&mut body).await.unwrap();
            heard.extend(body);
            number = last.wrapping_add(1);
        }
        there.read_to_end(&mut heard).await.ok();
        heard
    }

    /// The miss of a question to a server that says these lines, and what the server heard.
    async fn asked(lines: &'static [&'static [u8]]) -> (Miss, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { play(listener.accept().await.unwrap().0, lines).await });
        let door = Door {
            host: "127.0.0.1".to_owned(),
            port: address.port(),
            open: Open { addresses: vec![address], held: None },
            database: "shop".to_owned(),
            user: "probe".to_owned(),
            password: Secret::new("canary-9f2c".to_owned()),
            token: false,
            trust: None,
            timeout: Duration::from_secs(20),
        };
        let question = Question {
            query: "SELECT 1 AS one".to_owned(),
            params: Vec::new(),
            read_only: true,
            limit: Duration::from_secs(20),
            rows: 1,
        };
        let outcome = tokio::time::timeout(Duration::from_secs(60), ask(door, &[question])).await.unwrap();
        (outcome.unwrap_err(), server.await.unwrap())
    }

    #[tokio::test]
    async fn a_server_that_turns_us_away_is_quoted_and_tamed() {
        let (missed, _) = asked(&[b"\xff\x6a\x04\x1b[31mHost is not allowed"]).await;
        assert_eq!(missed.reason, ProbeReason::Authentication, "{}", missed.message);
        assert!(missed.message.contains("[31mHost is not allowed") && !missed.message.contains('\x1b'));
    }

    #[tokio::test]
    async fn a_server_that_asks_for_a_file_of_this_machine_gets_none() {
        let (missed, heard) = asked(&[GREETING, FINE, b"\xfb/etc/passwd"]).await;
        assert_eq!(missed.reason, ProbeReason::Query, "{}", missed.message);
        assert!(missed.message.contains("a file of this machine"), "{}", missed.message);
        let heard = String::from_utf8_lossy(&heard);
        assert!(heard.contains("SELECT VERSION()") && !heard.contains("root:"), "{heard}");
    }

    #[tokio::test]
    async fn a_password_is_never_sent_as_it_is_and_a_driver_that_panics_is_a_miss() {
        let (missed, heard) = asked(&[GREETING, b"\xfemysql_clear_password\0"]).await;
        assert_eq!(missed.reason, ProbeReason::Authentication, "{}", missed.message);
        assert!(!String::from_utf8_lossy(&heard).contains("canary"));
        // The driver is built without this one and panics.
        let (missed, _) = asked(&[GREETING, b"\xfeclient_ed25519\0abcdefghijklmnopqrst"]).await;
        assert_eq!(missed.reason, ProbeReason::Connection, "{}", missed.message);
        assert!(missed.message.contains("cannot read what the server sent"), "{}", missed.message);
    }

    #[tokio::test]
    async fn what_is_no_server_of_mysql_is_a_miss() {
        let (missed, _) = asked(&[b"SSH-2.0-OpenSSH_9.2"]).await;
        assert_eq!(missed.reason, ProbeReason::Connection, "{}", missed.message);
        let (missed, _) = asked(&[GREETING, b""]).await;
        assert_eq!(missed.reason, ProbeReason::Connection, "{}", missed.message);
    }
}
