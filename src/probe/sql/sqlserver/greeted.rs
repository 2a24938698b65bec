//! What the driver is given: a connection that answers its greeting by itself.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::probe::sql::sqlserver::greeting::{HEAD, LAST, NOT_SUPPORTED, TABULAR, greeting, packet};

/// A connection on which the server was greeted already. The driver's own greeting goes no further, and is answered
/// here: nothing is encrypted, as far as the driver is concerned.
pub(super) struct Greeted<S> {
    stream: S,
    /// How much of the driver's greeting was swallowed, of how much.
    swallowed: usize,
    length: usize,
    /// What of the answer is still to be read.
    answer: Vec<u8>,
}

impl<S> Greeted<S> {
    /// A connection on which the server was greeted.
    pub(super) fn new(stream: S) -> Self {
        Self { stream, swallowed: 0, length: 0, answer: packet(TABULAR, LAST, &greeting(NOT_SUPPORTED)) }
    }

    /// How many of these bytes belong to the driver's greeting.
    fn swallow(&mut self, bytes: &[u8]) -> usize {
        let mut count = 0;
        for byte in bytes {
            if self.swallowed >= HEAD && self.swallowed >= self.length {
                break;
            }
            match self.swallowed {
                2 => self.length = usize::from(*byte) << 8,
                3 => self.length |= usize::from(*byte),
                _ => {}
            }
            self.swallowed += 1;
            count += 1;
        }
        count
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Greeted<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.answer.is_empty() {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        let count = this.answer.len().min(buffer.remaining());
        let part: Vec<u8> = this.answer.drain(..count).collect();
        buffer.put_slice(&part);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Greeted<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match this.swallow(bytes) {
            0 => Pin::new(&mut this.stream).poll_write(context, bytes),
            count => Poll::Ready(Ok(count)),
        }
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
    use super::{Greeted, HEAD, LAST, NOT_SUPPORTED, TABULAR, greeting, packet};
    use crate::probe::sql::sqlserver::greeting::{PRELOGIN, encryption_of};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn the_drivers_greeting_is_swallowed_and_answered_here() {
        let (here, mut there) = tokio::io::duplex(1024);
        let mut driver = Greeted::new(here);
        let asked = packet(PRELOGIN, LAST, &greeting(3));
        let (first, second) = asked.split_at(3);
        driver.write_all(first).await.unwrap();
        driver.write_all(&[second, b"login".as_slice()].concat()).await.unwrap();
        driver.flush().await.unwrap();
        let mut head = [0; HEAD];
        driver.read_exact(&mut head).await.unwrap();
        assert_eq!((head[0], head[1]), (TABULAR, LAST));
        let mut said = vec![0; usize::from(head[3]) - HEAD];
        driver.read_exact(&mut said).await.unwrap();
        assert_eq!(encryption_of(&said), Some(NOT_SUPPORTED));
        let mut heard = [0; 5];
        there.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"login");
        there.write_all(b"ack").await.unwrap();
        let mut heard = [0; 3];
        driver.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"ack");
    }
}
