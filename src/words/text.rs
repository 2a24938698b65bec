//! Text that others wrote, made harmless for a terminal and bounded in size.

use std::borrow::Cow;

/// The longest text from outside that is kept anywhere, in characters.
pub const LONGEST: usize = 2_000;

/// `text` without control characters (terminal escapes, bidirectional overrides, NUL), cut to [`LONGEST`].
///
/// Newlines and tabs become spaces: a message is one line.
#[must_use]
pub fn tame(text: &str) -> String {
    tamed(text).into_owned()
}

/// [`tame`], without a copy of what is tame as it is.
#[must_use]
pub fn tamed(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().min(LONGEST));
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST {
            out.push('…');
            break;
        }
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if is_hostile(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Characters that move a cursor, hide text or reverse its direction.
#[must_use]
pub fn is_hostile(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{2028}' | '\u{2029}')
}

/// `text` as one word of a POSIX shell, for commands that a person copies.
#[must_use]
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '@');
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{LONGEST, tame, tamed};

    #[test]
    fn what_is_tame_is_not_copied() {
        for text in ["", "action.step-00001", "a ~ b", &"x".repeat(LONGEST)] {
            assert!(matches!(tamed(text), Cow::Borrowed(same) if same == text), "{text}");
        }
        for text in ["a\tb", "a\u{7f}", "\u{202e}", &"x".repeat(LONGEST + 1)] {
            assert!(matches!(tamed(text), Cow::Owned(other) if other != text), "{text}");
        }
        assert_eq!(tamed("✅ ü"), "✅ ü");
    }

    #[test]
    fn escapes_and_newlines_are_gone_and_length_is_bounded() {
        assert_eq!(tame("a\x1b[31mb\nc\u{202e}"), "a\u{fffd}[31mb c\u{fffd}");
        assert_eq!(tame(&"x".repeat(5_000)).chars().count(), super::LONGEST + 1);
    }
}
