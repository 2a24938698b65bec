//! What the engines' connections have in common: bytes are bounded, and tasks end with their owner.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::miss;

/// What one attempt reads from the server at most, TLS included.
pub(super) const MOST_BYTES: usize = 16 * 1024 * 1024;

/// How long the server may take to see that the connection ends.
pub(super) const FAREWELL: Duration = Duration::from_millis(500);

/// The miss for a server that sent more than [`MOST_BYTES`].
pub(super) fn too_large() -> Miss {
    let message = format!("the answer is larger than {} MiB; select less", MOST_BYTES / 1024 / 1024);
    miss(ProbeReason::Query, &message)
}

/// A task that ends with its owner.
pub(super) struct Task<T>(pub(super) JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Whether a [`Bounded`] socket delivered all that it may.
#[derive(Clone, Default)]
pub(super) struct Full(Arc<AtomicBool>);

impl Full {
    /// Whether it did.
    pub(super) fn is_full(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A socket that fails once it has delivered [`MOST_BYTES`].
pub(super) struct Bounded {
    stream: TcpStream,
    left: usize,
    full: Full,
}

impl Bounded {
    /// A fresh connection.
    pub(super) fn new(stream: TcpStream, full: Full) -> Self {
        Self { stream, left: MOST_BYTES, full }
    }
}

impl AsyncRead for Bounded {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.left == 0 {
            this.full.0.store(true, Ordering::Relaxed);
            return Poll::Ready(Err(io::Error::other("the answer is too large")));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        this.left = this.left.saturating_sub(buffer.filled().len().saturating_sub(before));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::{Bounded, Full, MOST_BYTES};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn a_socket_ends_where_the_bound_is() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let flood = tokio::spawn(async move {
            let (mut there, _) = listener.accept().await.unwrap();
            let block = vec![b'x'; 1024 * 1024];
            while there.write_all(&block).await.is_ok() {}
        });
        let full = Full::default();
        let mut here = Bounded::new(TcpStream::connect(address).await.unwrap(), full.clone());
        let mut all = Vec::new();
        assert!(!full.is_full());
        assert!(here.read_to_end(&mut all).await.is_err());
        assert!(full.is_full());
        // The last read may bring more than what was left.
        assert!(all.len() >= MOST_BYTES && all.len() < MOST_BYTES * 2, "{}", all.len());
        drop(here);
        flood.await.unwrap();
    }
}
