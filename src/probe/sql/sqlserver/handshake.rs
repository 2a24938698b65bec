//! TLS's handshake as SQL Server has it: inside of packets of the greeting's kind, until it is over.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::probe::sql::sqlserver::greeting::{HEAD, LAST, LONGEST, PRELOGIN, TABULAR, packet};

/// A connection on which the handshake still travels inside of packets.
pub(super) struct Handshaking<S> {
    stream: S,
    /// From now on it does not.
    is_over: bool,
    /// The head of the packet that is being read, and how much of it is there.
    head: [u8; HEAD],
    heard: usize,
    /// What is left of that packet.
    left: usize,
    /// What is to be said in the next packet, and what of packets is not sent yet.
    said: Vec<u8>,
    unsent: Vec<u8>,
}

impl<S> Handshaking<S> {
    /// A connection on which it begins.
    pub(super) fn new(stream: S) -> Self {
        Self { stream, is_over: false, head: [0; HEAD], heard: 0, left: 0, said: Vec::new(), unsent: Vec::new() }
    }

    /// The handshake is over, and all that it had to say is sent.
    pub(super) fn end(&mut self) {
        self.is_over = true;
    }
}

impl<S: AsyncRead + Unpin> Handshaking<S> {
    /// Reads what is left of a packet's head.
    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while let Some(room) = self.head.get_mut(self.heard..).filter(|room| !room.is_empty()) {
            let mut part = ReadBuf::new(room);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut part))?;
            let count = part.filled().len();
            if count == 0 {
                return Poll::Ready(Ok(false));
            }
            self.heard += count;
        }
        self.heard = 0;
        let [kind, _, high, low, ..] = self.head;
        let length = usize::from(u16::from_be_bytes([high, low])).checked_sub(HEAD);
        match length.filter(|_| kind == PRELOGIN || kind == TABULAR) {
            Some(length) => {
                self.left = length;
                Poll::Ready(Ok(true))
            }
            None => Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "this is no handshake"))),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Handshaking<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_over {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        while this.left == 0 {
            if !ready!(this.poll_head(context))? {
                return Poll::Ready(Ok(()));
            }
        }
        let mut block = [0_u8; LONGEST];
        let most = this.left.min(buffer.remaining()).min(LONGEST);
        let mut part = ReadBuf::new(block.get_mut(..most).unwrap_or_default());
        ready!(Pin::new(&mut this.stream).poll_read(context, &mut part))?;
        buffer.put_slice(part.filled());
        this.left -= part.filled().len();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Handshaking<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.is_over {
            return Pin::new(&mut this.stream).poll_write(context, bytes);
        }
        this.said.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let said = std::mem::take(&mut this.said);
        let count = said.len().div_ceil(LONGEST - HEAD);
        for (index, part) in said.chunks(LONGEST - HEAD).enumerate() {
            let status = if index + 1 == count { LAST } else { 0 };
            this.unsent.extend_from_slice(&packet(PRELOGIN, status, part));
        }
        while !this.unsent.is_empty() {
            let count = ready!(Pin::new(&mut this.stream).poll_write(context, &this.unsent))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            this.unsent.drain(..count.min(this.unsent.len()));
        }
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::{HEAD, Handshaking, LAST, LONGEST, PRELOGIN, packet};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn a_handshake_travels_in_packets_until_it_is_over() {
        let (here, mut there) = tokio::io::duplex(64 * 1024);
        let mut client = Handshaking::new(here);
        let long = vec![7_u8; LONGEST];
        client.write_all(&long).await.unwrap();
        client.flush().await.unwrap();
        let (first, second) = long.split_at(LONGEST - HEAD);
        let wanted = [packet(PRELOGIN, 0, first), packet(PRELOGIN, LAST, second)].concat();
        let mut heard = vec![0; wanted.len()];
        there.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, wanted);

        there.write_all(&[packet(PRELOGIN, 0, b"ab"), packet(PRELOGIN, LAST, b"c")].concat()).await.unwrap();
        let mut heard = [0; 3];
        client.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"abc");
        client.end();
        there.write_all(b"raw").await.unwrap();
        client.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"raw");
        client.is_over = false;
        there.write_all(b"HTTP/1.1 400").await.unwrap();
        assert!(client.read_exact(&mut heard).await.is_err());
    }
}
