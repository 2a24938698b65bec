//! The driver insists on connecting by itself, to an address that it is told, and reads without a bound. So it connects
//! to a port of this machine, once, and finds the connection behind it that was made to a checked address: what it
//! resolves, reads and leaves behind in tasks of its own ends with the bridge. TLS goes through it from end to end.

use std::io;
use std::net::Ipv4Addr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::probe::sql::wire::{Bounded, Full, Task};

/// A port that leads to one connection. It ends when this is dropped.
pub(super) struct Bridge {
    /// The port, of the loopback address [`Ipv4Addr::LOCALHOST`].
    pub(super) port: u16,
    full: Full,
    _task: Task<()>,
}

impl Bridge {
    /// Leads to `stream`.
    pub(super) async fn open(stream: TcpStream) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let full = Full::default();
        // A protocol of short questions and answers; without it each waits for the last one's acknowledgement.
        stream.set_nodelay(true)?;
        let there = Bounded::new(stream, full.clone());
        Ok(Self { port, full, _task: Task(tokio::spawn(lead(listener, there))) })
    }

    /// Whether the server sent more than is read of it.
    pub(super) fn is_full(&self) -> bool {
        self.full.is_full()
    }
}

/// Whoever comes first gets the connection, and nobody else. Another process of this machine would get one that is not
/// logged in, and the driver none.
async fn lead(listener: TcpListener, mut there: Bounded) {
    let Ok((mut here, _)) = listener.accept().await else { return };
    drop(listener);
    here.set_nodelay(true).ok();
    copy_bidirectional(&mut here, &mut there).await.ok();
}

#[cfg(test)]
mod tests {
    use super::Bridge;
    use std::net::Ipv4Addr;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn it_leads_one_connection_there_and_back_and_ends_with_its_owner() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut there, _) = listener.accept().await.unwrap();
        let bridge = Bridge::open(stream).await.unwrap();
        let mut here = TcpStream::connect((Ipv4Addr::LOCALHOST, bridge.port)).await.unwrap();
        let mut heard = [0_u8; 4];
        here.write_all(b"ping").await.unwrap();
        there.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"ping");
        there.write_all(b"pong").await.unwrap();
        here.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"pong");
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, bridge.port)).await.is_err());
        drop(bridge);
        assert_eq!(there.read(&mut heard).await.unwrap_or(0), 0);
        assert_eq!(here.read(&mut heard).await.unwrap_or(0), 0);
    }
}
