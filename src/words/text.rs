//! Text that others wrote, made harmless for a terminal and bounded in size.

/// The longest text from outside that is kept anywhere, in characters.
pub const LONGEST: usize = 2_000;

/// `text` without control characters (terminal escapes, bidirectional overrides, NUL), cut to [`LONGEST`].
///
/// Newlines and tabs become spaces: a message is one line.
#[must_use]
pub fn tame(text: &str) -> String {
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
    out
}

/// Characters that move a cursor, hide text or reverse its direction.
#[must_use]
pub fn is_hostile(c: char) -> bool {
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
    use super::tame;

    #[test]
    fn escapes_and_newlines_are_gone_and_length_is_bounded() {
        assert_eq!(tame("a\x1b[31mb\nc\u{202e}"), "a\u{fffd}[31mb c\u{fffd}");
        assert_eq!(tame(&"x".repeat(5_000)).chars().count(), super::LONGEST + 1);
    }
}
