//! Text that others wrote, inside Markdown: it is shown as it is and can never become structure.
//!
//! Invariant: whatever comes in, what comes out of [`inline`], [`cell`] and [`code`] is one line that opens nothing (no
//! heading, list, table, link, image, tag, math, mention), and what comes out of [`block`] is one closed fence. Texts
//! may be put beside each other: what is safe alone is safe joined.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::words::text::{LONGEST, is_hostile, tamed};

/// What stands for a value that is empty.
const NOTHING: &str = "–";

/// `text` as one line of ordinary text.
#[must_use]
pub fn inline(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let tamed = tamed(text);
    let text = tamed.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    let mut before = None;
    for (at, c) in text.char_indices() {
        let opens_line = (at == 0 && matches!(c, '-' | '+' | '=' | '#' | ':' | '.' | ')'))
            || (at > 0 && at == digits && matches!(c, '.' | ')') && ends_marker(&text[at + 1..]));
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' if !before.is_some_and(char::is_alphanumeric) => out.push_str("@<!-- -->"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '@' => push_escaped(&mut out, c),
            ':' if opens_line || text[at..].starts_with("://") => push_escaped(&mut out, c),
            '.' if opens_line || ends_with_www(&text[..at]) => push_escaped(&mut out, c),
            c if opens_line => push_escaped(&mut out, c),
            c => out.push(c),
        }
        before = Some(c);
    }
    Cow::Owned(out)
}

/// Whether [`inline`] has nothing to do: most texts are words, names, times. It may say no of a text that is fine.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_number = bytes.first().is_some_and(u8::is_ascii_digit);
    let begins = bytes.first().is_none_or(u8::is_ascii_alphanumeric);
    let ends = bytes.last().is_none_or(|last| *last != b' ');
    let is_plain = |(at, byte): (usize, &u8)| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b' ' | b',' | b';' | b'-' | b'/' | b'(' | b'%' | b'+' | b'=' => true,
        b'"' | b'\'' | b'!' | b'?' => true,
        // What could be the mark of a list's number is looked at with care.
        b')' => !is_number,
        b'.' => !is_number && !matches!(at.checked_sub(1).and_then(|before| bytes.get(before)), Some(b'w' | b'W')),
        b':' => bytes.get(at + 1) != Some(&b'/'),
        _ => false,
    };
    begins && ends && bytes.len() <= LONGEST && bytes.iter().enumerate().all(is_plain)
}

/// [`inline`] for a cell of a table: never empty.
#[must_use]
pub fn cell(text: &str) -> Cow<'_, str> {
    let shown = inline(text);
    if shown.is_empty() { Cow::Borrowed(NOTHING) } else { shown }
}

/// `text` as inline code, inside a table or not. A pipe would end a table's cell even in code, and not every reader of
/// Markdown leaves tags in code alone: with either, the code is written with entities.
#[must_use]
pub fn code(text: &str) -> Cow<'_, str> {
    let text = tamed(text);
    if text.trim().is_empty() {
        return Cow::Borrowed(NOTHING);
    }
    if text.contains(['|', '<']) {
        return Cow::Owned(format!("<code>{}</code>", entities(&text)));
    }
    if !text.contains('`') && !text.starts_with(' ') && !text.ends_with(' ') {
        return Cow::Owned(["`", &*text, "`"].concat());
    }
    let fence = "`".repeat(longest_run(&text, '`') + 1);
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    Cow::Owned(format!("{fence}{pad}{text}{pad}{fence}"))
}

/// `text` as a fenced block, without a newline at its end. Lines are kept.
#[must_use]
pub fn block(language: &str, text: &str) -> String {
    let language: String = language.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let text: String = text
        .chars()
        .filter(|c| *c != '\r')
        .map(|c| match c {
            '\n' => '\n',
            '\t' => ' ',
            c if is_hostile(c) => '\u{fffd}',
            c => c,
        })
        .collect();
    let fence = "`".repeat(longest_run(&text, '`').max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}", text.trim_end_matches('\n'))
}

/// A list's number needs a space, or nothing, behind its mark.
fn ends_marker(rest: &str) -> bool {
    rest.chars().next().is_none_or(char::is_whitespace)
}

fn push_escaped(out: &mut String, c: char) {
    out.push('\\');
    out.push(c);
}

fn ends_with_www(text: &str) -> bool {
    text.len().checked_sub(3).and_then(|at| text.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case("www"))
}

fn entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            let _ = write!(out, "&#{};", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

fn longest_run(text: &str, wanted: char) -> usize {
    let (mut longest, mut run) = (0, 0);
    for c in text.chars() {
        run = if c == wanted { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{block, cell, code, inline};

    #[test]
    fn what_is_plain_is_not_copied() {
        for text in
            ["passed", "2026-11-21 03:00:12 UTC", "12m 34s", "it was done; nothing (more) to say.", "a/b-c: d", ""]
        {
            assert!(matches!(inline(text), Cow::Borrowed(same) if same == text), "{text}");
        }
        // Each of them could open something, or is trimmed.
        for (text, shown) in
            [("1. a", "1\\. a"), ("1)", "1\\)"), ("www.a", "www\\.a"), ("a://b", "a\\://b"), (" a", "a"), ("a ", "a")]
        {
            assert_eq!(inline(text), shown);
        }
    }

    #[test]
    fn nothing_opens_at_the_start_of_a_line() {
        for (text, shown) in [
            ("# big", "\\# big"),
            ("- item", "\\- item"),
            ("12. item", "12\\. item"),
            ("> quote", "&gt; quote"),
            ("===", "\\==="),
            ("a\n# b", "a # b"),
            ("12.5 is fine", "12.5 is fine"),
            ("12)", "12\\)"),
            ("2026-11-21 03:00", "2026-11-21 03:00"),
        ] {
            assert_eq!(inline(text), shown);
        }
    }

    #[test]
    fn nothing_opens_inside_a_line() {
        assert_eq!(inline("<script>&"), "&lt;script&gt;&amp;");
        assert_eq!(inline("![x](y)"), "!\\[x\\](y)");
        assert_eq!(inline("a|b"), "a\\|b");
        assert_eq!(inline("ask @team"), "ask @<!-- -->team");
        assert_eq!(inline("me@example.com"), "me\\@example.com");
        assert_eq!(inline("see https://x and www.y"), "see https\\://x and www\\.y");
        assert_eq!(inline("ends \\"), "ends \\\\");
        assert_eq!(cell("\u{1b}[0m"), "\u{fffd}\\[0m");
        assert_eq!(cell("  "), "–");
    }

    #[test]
    fn code_has_a_long_enough_fence_and_no_pipe() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a``b"), "```a``b```");
        assert_eq!(code("`a`"), "`` `a` ``");
        assert_eq!(code("a|`b"), "<code>a&#124;&#96;b</code>");
        assert_eq!(code("<i>"), "<code>&#60;i&#62;</code>");
        assert_eq!(code(""), "–");
    }

    #[test]
    fn a_block_cannot_be_closed_from_inside() {
        assert_eq!(block("sh", "ls\n```\n# x\n"), "````sh\nls\n```\n# x\n````");
        assert_eq!(block("a`b\n", ""), "```ab\n\n```");
    }
}
