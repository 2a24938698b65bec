//! The end of a tunnel on this machine: a listener on loopback that takes one connection, and both its directions.
//!
//! One task owns everything. It ends when the tunnel is let go of, when the one connection ends, when nobody connects,
//! and when the channel breaks; with it the session ends. What came is written before a broken channel ends the
//! connection.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::aws::tunnel::Session;
use crate::aws::tunnel::channel::{BEAT_MS, Beat, Broken};
use crate::aws::tunnel::message::payload;
use crate::aws::tunnel::talk::{MOST_INBOUND, Talk, Turn};
use crate::cloud::remote::Tunnel;

/// A payload is no longer: what the other side sends itself.
const PORTION: usize = 1_024;

/// Nobody comes after this; real time.
const LONGEST_WAIT: Beat = 60_000 / BEAT_MS;

/// The connection takes what is left within this, or not. Real time.
const LAST_WRITE: Duration = Duration::from_secs(3);

/// Whoever holds the tunnel. When this is dropped, the task ends.
type Leash = oneshot::Receiver<()>;

/// What happens next between connection and channel.
enum Next {
    Talk(Turn),
    Read(io::Result<usize>),
    Written(io::Result<usize>),
    LetGo,
}

/// Listens for the one connection, and carries it over a conversation whose other end stands.
pub(super) async fn listen(talk: Talk, session: Session) -> io::Result<Tunnel> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address: SocketAddr = listener.local_addr()?;
    let (held, leash) = oneshot::channel::<()>();
    tokio::spawn(serve(listener, talk, leash, session));
    Ok(Tunnel { address, held: Box::new(held) })
}

async fn serve(listener: TcpListener, mut talk: Talk, mut leash: Leash, session: Session) {
    let ended = match wait(&listener, &mut talk, &mut leash).await {
        Ok(Some(connection)) => {
            // There is no second connection.
            drop(listener);
            carry(connection, &mut talk, &mut leash).await
        }
        Ok(None) => Ok(()),
        Err(broken) => Err(broken),
    };
    match ended {
        Ok(()) => talk.leave().await,
        Err(broken) => tracing::debug!(%broken, "a tunnel ended"),
    }
    drop(session);
}

/// The one connection; none if nobody comes or wants it any more.
async fn wait(listener: &TcpListener, talk: &mut Talk, leash: &mut Leash) -> Result<Option<TcpStream>, Broken> {
    while talk.age() < LONGEST_WAIT {
        let has_room = talk.inbound.len() < MOST_INBOUND;
        let turn = tokio::select! {
            _ = &mut *leash => return Ok(None),
            accepted = listener.accept() => return Ok(accepted.ok().map(|(connection, _)| connection)),
            turn = next(talk, has_room) => turn,
        };
        talk.carry(turn).await?;
    }
    Ok(None)
}

async fn next(talk: &mut Talk, has_room: bool) -> Turn {
    if has_room { talk.turn().await } else { talk.beat().await }
}

/// Carries a connection until one of its ends, the channel or the holder has enough.
async fn carry(mut connection: TcpStream, talk: &mut Talk, leash: &mut Leash) -> Result<(), Broken> {
    // Small pieces go out at once; a failure only makes them slower.
    let _ = connection.set_nodelay(true);
    // What is being written stands apart from what comes, so that both can go on at once.
    let mut outbound = Vec::new();
    let ended = exchange(&mut connection, &mut outbound, talk, leash).await;
    outbound.append(&mut talk.inbound);
    if ended.is_err() && !outbound.is_empty() {
        let _ = timeout(LAST_WRITE, connection.write_all(&outbound)).await;
    }
    ended
}

async fn exchange(
    connection: &mut TcpStream,
    outbound: &mut Vec<u8>,
    talk: &mut Talk,
    leash: &mut Leash,
) -> Result<(), Broken> {
    let (mut from, mut to) = connection.split();
    let mut portion = [0_u8; PORTION];
    loop {
        if outbound.is_empty() {
            std::mem::swap(outbound, &mut talk.inbound);
        }
        let (may_hear, may_say, may_write) = (talk.inbound.len() < MOST_INBOUND, talk.has_room(), !outbound.is_empty());
        let happened = tokio::select! {
            _ = &mut *leash => Next::LetGo,
            turn = next(talk, may_hear) => Next::Talk(turn),
            read = from.read(&mut portion), if may_say => Next::Read(read),
            written = to.write(outbound.as_slice()), if may_write => Next::Written(written),
        };
        match happened {
            Next::Talk(turn) => talk.carry(turn).await?,
            Next::Read(Ok(count)) if count > 0 => {
                talk.say(payload::DATA, portion.get(..count).unwrap_or_default()).await?;
            }
            Next::Written(Ok(count)) if count > 0 => drop(outbound.drain(..count.min(outbound.len()))),
            // The connection ended, or nobody wants it any more.
            Next::Read(_) | Next::Written(_) | Next::LetGo => return Ok(()),
        }
    }
}
