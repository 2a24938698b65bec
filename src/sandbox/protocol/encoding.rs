//! Percent-encoding, forms, and Base64.

use std::fmt::Write;

/// Decodes `%41`; with `plus`, `+` is a space. What is no valid escape stays as it is, and so does UTF-8.
pub(crate) fn decode(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%').then(|| bytes.get(at + 1..at + 3)).flatten().and_then(hex_pair);
        match escaped {
            Some(value) => {
                out.push(value);
                at += 3;
            }
            None => {
                out.push(if plus && byte == b'+' { b' ' } else { byte });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Percent-encodes everything but letters, digits and `-._~`.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn hex_pair(pair: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(pair).ok().filter(|text| !text.starts_with('+'))?;
    u8::from_str_radix(text, 16).ok()
}

/// The names and values of a query string or form.
pub(crate) fn form(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name, true), decode(value, true))
        })
        .collect()
}

/// The segments of a path, decoded; empty ones (a trailing slash) are left out.
pub(crate) fn segments(path: &str) -> Vec<String> {
    path.split('/').filter(|segment| !segment.is_empty()).map(|segment| decode(segment, false)).collect()
}

/// Base64 with padding, in one line.
pub(crate) fn base64(bytes: &[u8]) -> String {
    crate::words::base64::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::{base64, decode, encode, form, segments};

    #[test]
    fn base64_is_padded() {
        for (text, written) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(text.as_bytes()), written);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn escapes_are_decoded_and_broken_ones_kept() {
        assert_eq!(decode("arn%3Aaws%2Fx", false), "arn:aws/x");
        assert_eq!(decode("%zz%4", false), "%zz%4");
        assert_eq!(decode("%+1", false), "%+1");
        assert_eq!(decode("a+b", true), "a b");
        assert_eq!(decode("%C3%A4", false), "ä");
    }

    #[test]
    fn what_is_encoded_comes_back() {
        assert_eq!(encode("{\"a\": 1}~"), "%7B%22a%22%3A%201%7D~");
        assert_eq!(decode(&encode("ä/+ %"), true), "ä/+ %");
    }

    #[test]
    fn an_encoded_slash_stays_inside_its_segment() {
        assert_eq!(
            segments("/resources/arn%3Aaws%3Abackup%2Fx/recovery-points/"),
            ["resources", "arn:aws:backup/x", "recovery-points"]
        );
    }

    #[test]
    fn forms_come_apart() {
        let pairs = form("Action=A&B=c%3Dd&E");
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("Action", "A"), ("B", "c=d"), ("E", "")]);
    }
}
