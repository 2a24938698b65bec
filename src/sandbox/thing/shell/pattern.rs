//! Patterns: `*`, `?` and `[…]`, where they are not quoted.

/// A character, and whether it was quoted.
pub(super) type Mark = (char, bool);

/// Whether the whole text fits. With `path`, a `*` or `?` does not stand for a slash.
pub(super) fn fits(pattern: &[Mark], text: &[char], path: bool) -> bool {
    let Some(((sign, quoted), rest)) = pattern.split_first() else { return text.is_empty() };
    let free = |c: char| !path || c != '/';
    match (sign, quoted) {
        ('*', false) => {
            let longest = text.iter().take_while(|c| free(**c)).count();
            (0..=longest).any(|taken| fits(rest, text.get(taken..).unwrap_or_default(), path))
        }
        ('?', false) => text.split_first().is_some_and(|(c, text)| free(*c) && fits(rest, text, path)),
        ('[', false) => match class(rest) {
            Some((class, rest)) => {
                text.split_first().is_some_and(|(c, text)| class.holds(*c) && fits(rest, text, path))
            }
            None => text.split_first().is_some_and(|(c, text)| *c == '[' && fits(rest, text, path)),
        },
        (sign, _) => text.split_first().is_some_and(|(c, text)| c == sign && fits(rest, text, path)),
    }
}

/// Whether there is anything in it that stands for something else.
pub(super) fn is_open(pattern: &[Mark]) -> bool {
    pattern.iter().any(|(c, quoted)| !quoted && matches!(c, '*' | '?' | '['))
}

/// `text` without the shortest or longest beginning (`prefix`) or end that fits.
pub(super) fn cut(pattern: &[Mark], text: &str, prefix: bool, longest: bool) -> String {
    let chars: Vec<char> = text.chars().collect();
    let parts = |taken: &usize| if prefix { chars.split_at(*taken) } else { chars.split_at(chars.len() - *taken) };
    let fit = |taken: &usize| {
        let (head, tail) = parts(taken);
        fits(pattern, if prefix { head } else { tail }, false)
    };
    let mut taken = 0..=chars.len();
    let found = if longest { taken.rev().find(fit) } else { taken.find(fit) };
    let (head, tail) = parts(&found.unwrap_or(0));
    let kept = if prefix { tail } else { head };
    kept.iter().collect()
}

struct Class {
    not: bool,
    ranges: Vec<(char, char)>,
}

impl Class {
    fn holds(&self, c: char) -> bool {
        self.ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != self.not
    }
}

/// What stands between `[` and `]`, and the pattern after it; nothing if it does not end.
fn class(pattern: &[Mark]) -> Option<(Class, &[Mark])> {
    let end = pattern.iter().skip(1).position(|(c, quoted)| *c == ']' && !quoted)? + 1;
    let inside: Vec<char> = pattern.get(..end)?.iter().map(|(c, _)| *c).collect();
    let not = matches!(inside.first(), Some('!' | '^'));
    let mut rest = inside.get(usize::from(not)..)?;
    let mut ranges = Vec::new();
    while let Some((first, after)) = rest.split_first() {
        match after {
            ['-', last, further @ ..] => {
                ranges.push((*first, *last));
                rest = further;
            }
            _ => {
                ranges.push((*first, *first));
                rest = after;
            }
        }
    }
    Some((Class { not, ranges }, pattern.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::{Mark, cut, fits};

    fn open(text: &str) -> Vec<Mark> {
        text.chars().map(|c| (c, false)).collect()
    }

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn patterns_are_the_shells() {
        assert!(fits(&open("disk:ext[234]"), &chars("disk:ext4"), false));
        assert!(!fits(&open("disk:ext[!234]"), &chars("disk:ext4"), false));
        assert!(fits(&open("/dev/nvme1n1p[0-9]*"), &chars("/dev/nvme1n1p12"), false));
        assert!(fits(&open("/a/*"), &chars("/a/b"), true) && !fits(&open("/a/*"), &chars("/a/b/c"), true));
        let quoted: Vec<Mark> = "*".chars().map(|c| (c, true)).collect();
        assert!(fits(&quoted, &chars("*"), false) && !fits(&quoted, &chars("a"), false));
    }

    #[test]
    fn ends_are_cut_short_or_long() {
        assert_eq!(cut(&open(" *"), "/dev/a xfs b", false, false), "/dev/a xfs");
        assert_eq!(cut(&open("* "), "/dev/a xfs b", true, true), "b");
        assert_eq!(cut(&open("x"), "abc", true, false), "abc");
    }
}
