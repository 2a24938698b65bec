//! Secrets. A `Secret` can be used and cannot be shown.

use std::cmp::Reverse;
use std::fmt;

/// No shorter value is looked for in texts: it stands in too many by chance.
const SHORTEST: usize = 4;

/// No shorter encoded form of a value is looked for, likewise.
const SHORTEST_FORM: usize = 8;

/// The digits of Base64, and those for URLs.
const ALPHABETS: [&[u8; 64]; 2] = [
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
];

/// A secret value. It has no `Serialize`, and its `Debug` says nothing.
#[derive(Clone)]
pub struct Secret {
    value: String,
    /// The value and the forms in which servers give it back, the longest first.
    forms: Vec<String>,
}

impl Secret {
    /// Wraps a value that was just read from its home.
    #[must_use]
    pub fn new(value: String) -> Self {
        let forms = if value.len() < SHORTEST { Vec::new() } else { forms(&value) };
        Self { value, forms }
    }

    /// The value. Only the code that hands it to a server or to a child process may call this.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.value
    }

    /// `text` with every occurrence of the secret replaced: servers echo what they were sent, as it is or as a part of
    /// JSON, of a URL, of a hex dump, of Base64.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.forms.iter().fold(text.to_owned(), |text, form| {
            if text.contains(form.as_str()) { text.replace(form.as_str(), "[secret]") } else { text }
        })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

fn forms(value: &str) -> Vec<String> {
    let bytes = value.as_bytes();
    let quoted = serde_json::Value::from(value).to_string();
    let mut forms = vec![
        quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned(),
        value.escape_default().to_string(),
        value.chars().rev().collect(),
        percent(bytes, "%20", char::to_ascii_uppercase),
        percent(bytes, "%20", char::to_ascii_lowercase),
        percent(bytes, "+", char::to_ascii_uppercase),
        bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        bytes.iter().map(|byte| format!("{byte:02X}")).collect(),
    ];
    for alphabet in ALPHABETS {
        forms.extend((0..3).map(|before| base64(bytes, before, alphabet)));
    }
    forms.retain(|form| form.len() >= SHORTEST_FORM);
    forms.push(value.to_owned());
    forms.sort_by_key(|form| Reverse(form.len()));
    forms.dedup();
    forms
}

/// As in a URL; `case` is that of the digits.
fn percent(bytes: &[u8], blank: &str, case: fn(&char) -> char) -> String {
    let mut out = String::with_capacity(bytes.len() * 3);
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(*byte)),
            b' ' => out.push_str(blank),
            byte => out.extend(format!("%{byte:02x}").chars().map(|c| case(&c))),
        }
    }
    out
}

/// The digits of Base64 that follow from `bytes` alone, where `before` others (modulo 3) stand before them.
fn base64(bytes: &[u8], before: usize, alphabet: &[u8; 64]) -> String {
    let all: Vec<u8> = std::iter::repeat_n(0, before).chain(bytes.iter().copied()).collect();
    let bit = |at: usize| all.get(at / 8).is_some_and(|byte| (byte >> (7 - at % 8)) & 1 == 1);
    let digits = (before * 8).div_ceil(6)..(all.len() * 8) / 6;
    let digit = |place: usize| (0..6).fold(0_usize, |sum, at| sum * 2 + usize::from(bit(place * 6 + at)));
    digits.map(|place| char::from(alphabet[digit(place)])).collect()
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn whatever_form_a_secret_comes_back_in_it_is_not_shown() {
        let secret = Secret::new("it's \"a/b\" 9f2c".to_owned());
        for echoed in [
            "it's \"a/b\" 9f2c",
            r#"it's \"a/b\" 9f2c"#,
            "it%27s%20%22a%2Fb%22%209f2c",
            "it%27s%20%22a%2fb%22%209f2c",
            "it%27s+%22a%2Fb%22+9f2c",
            "697427732022612f62222039663263",
            "697427732022612F62222039663263",
            "c2f9 \"b/a\" s'ti",
        ] {
            assert_eq!(secret.redact(&format!("<{echoed}>")), "<[secret]>", "{echoed}");
        }
        assert_eq!(format!("{secret:?}"), "[secret]");
    }

    #[test]
    fn base64_is_recognised_wherever_the_secret_begins_in_it() {
        let secret = Secret::new("canary-5b1f77e2".to_owned());
        // Of `canary-5b1f77e2`, `u:canary-5b1f77e2` and `me:canary-5b1f77e2`.
        for (encoded, core) in [
            ("Y2FuYXJ5LTViMWY3N2Uy", "Y2FuYXJ5LTViMWY3N2Uy"),
            ("dTpjYW5hcnktNWIxZjc3ZTI=", "jYW5hcnktNWIxZjc3ZTI"),
            ("bWU6Y2FuYXJ5LTViMWY3N2Uy", "Y2FuYXJ5LTViMWY3N2Uy"),
            ("eDpiOmNhbmFyeS01YjFmNzdlMg==", "NhbmFyeS01YjFmNzdlM"),
        ] {
            assert!(encoded.contains(core), "{core}");
            let shown = secret.redact(encoded);
            assert!(shown.contains("[secret]") && !shown.contains(core), "{shown}");
        }
    }

    #[test]
    fn what_is_too_short_is_left_alone() {
        assert_eq!(Secret::new("abc".to_owned()).redact("abc 616263 YWJj"), "abc 616263 YWJj");
    }
}
