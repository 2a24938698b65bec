//! Base64 with padding (RFC 4648, section 4), in one line. Reading is strict: each sequence of bytes has one form.

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes as text.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits =
            [0, 1, 2].iter().fold(0_u32, |bits, at| (bits << 8) | u32::from(chunk.get(*at).copied().unwrap_or(0)));
        let letters = [18, 12, 6, 0].map(|shift| usize::try_from((bits >> shift) & 63).unwrap_or(0));
        for (place, letter) in letters.into_iter().enumerate() {
            out.push(if place <= chunk.len() { char::from(LETTERS[letter]) } else { '=' });
        }
    }
    out
}

/// The bytes that [`encode`] makes this text of; nothing if there are none.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    for chunk in digits.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for at in 0..4 {
            let value = chunk.get(at).map_or(Some(0), |letter| value(*letter))?;
            bits = (bits << 6) | value;
        }
        let [_, bytes @ ..] = bits.to_be_bytes();
        out.extend_from_slice(bytes.get(..chunk.len().saturating_sub(1))?);
    }
    // Bits beyond the last byte, or padding where none belongs, would be a second form of the same bytes.
    (encode(&out) == text).then_some(out)
}

fn value(letter: u8) -> Option<u32> {
    LETTERS.iter().position(|known| *known == letter).and_then(|at| u32::try_from(at).ok())
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn what_is_written_is_read() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)), Some(all));
    }

    #[test]
    fn there_is_one_form() {
        for text in ["Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm9v\n", "Zm 9", "Zm9-"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
