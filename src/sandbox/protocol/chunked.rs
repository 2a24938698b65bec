//! Bodies in chunks of AWS's own (`content-encoding: aws-chunked`): SDKs send objects so, to add a checksum at the end.

use axum::http::header;

use crate::sandbox::protocol::Wire;
use crate::sandbox::protocol::failure::Failure;

/// The body without its chunks. Checksums and signatures of chunks are not checked.
pub(crate) fn body(wire: &Wire) -> Result<Vec<u8>, Failure> {
    let says = |name: &str, word: &str| {
        let value = wire.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.split(',').any(|part| part.trim().starts_with(word))
    };
    if !says(header::CONTENT_ENCODING.as_str(), "aws-chunked") && !says("x-amz-content-sha256", "STREAMING-") {
        return Ok(wire.body.clone());
    }
    join(&wire.body).ok_or_else(|| Failure::bad("IncompleteBody", "The chunks of the request's body do not come apart"))
}

/// `SIZE[;EXTENSIONS]\r\nBYTES\r\n` again and again, the last of size 0, then trailers.
fn join(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::with_capacity(rest.len());
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let head = std::str::from_utf8(rest.get(..end)?).ok()?;
        let size = usize::from_str_radix(head.split(';').next().unwrap_or(head).trim(), 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        let from = end + 2;
        let to = from.checked_add(size)?;
        whole.extend_from_slice(rest.get(from..to)?);
        rest = rest.get(to..)?.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn chunks_are_joined_and_trailers_dropped() {
        let text = b"3;chunk-signature=0a\r\na\r\n\r\n2\r\nbc\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
        assert_eq!(join(text).as_deref(), Some(&b"a\r\nbc"[..]));
        for broken in [&b"ff\r\nab\r\n0\r\n\r\n"[..], b"ffffffffffffffff\r\na", b"zz\r\n", b""] {
            assert_eq!(join(broken), None);
        }
    }
}
