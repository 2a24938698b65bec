//! Two texts, line by line: what is in one alone.

/// Lines of a difference that are shown; more are counted.
pub const MOST_SHOWN: usize = 40;

/// Pairs of lines that are compared at most. Texts that differ in more are shown as replaced as a whole.
const MOST_PAIRS: usize = 1_000_000;

/// The lines that `before` has alone (`- `) and those that `after` has alone (`+ `), in their order; empty if there are none.
#[must_use]
pub fn difference(before: &str, after: &str) -> Vec<String> {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let head = before.iter().zip(&after).take_while(same).count();
    let (before, after) = (&before[head..], &after[head..]);
    let tail = before.iter().rev().zip(after.iter().rev()).take_while(same).count();
    let (before, after) = (&before[..before.len() - tail], &after[..after.len() - tail]);
    let mut lines: Vec<String> = if before.len().saturating_mul(after.len()) > MOST_PAIRS {
        before.iter().map(|line| removed(line)).chain(after.iter().map(|line| added(line))).collect()
    } else {
        walk(before, after)
    };
    if lines.len() > MOST_SHOWN {
        let more = lines.len() - MOST_SHOWN;
        lines.truncate(MOST_SHOWN);
        lines.push(format!("… and {more} more"));
    }
    lines
}

fn same(pair: &(&&str, &&str)) -> bool {
    pair.0 == pair.1
}

fn removed(line: &str) -> String {
    format!("- {line}")
}

fn added(line: &str) -> String {
    format!("+ {line}")
}

/// Along the longest common subsequence.
fn walk(before: &[&str], after: &[&str]) -> Vec<String> {
    let width = after.len() + 1;
    // How many lines the rests from here have in common.
    let mut common = vec![0_u32; (before.len() + 1) * width];
    for (i, one) in before.iter().enumerate().rev() {
        for (j, other) in after.iter().enumerate().rev() {
            let (down, right) = (common[(i + 1) * width + j], common[i * width + j + 1]);
            common[i * width + j] = if one == other { common[(i + 1) * width + j + 1] + 1 } else { down.max(right) };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < before.len() || j < after.len() {
        if i < before.len() && j < after.len() && before[i] == after[j] {
            i += 1;
            j += 1;
        } else if j == after.len() || i < before.len() && common[(i + 1) * width + j] >= common[i * width + j + 1] {
            lines.push(removed(before[i]));
            i += 1;
        } else {
            lines.push(added(after[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{MOST_SHOWN, difference};

    #[test]
    fn only_what_differs_is_shown() {
        let before = "version: 1\nname: a\nrto: 1h\nprobes:\n  x: 1\n";
        assert!(difference(before, before).is_empty());
        assert_eq!(difference(before, &before.replace("1h", "2h")), ["- rto: 1h", "+ rto: 2h"]);
        assert_eq!(difference("a\nb\nc\nd\n", "a\nc\nd\ne\n"), ["- b", "+ e"]);
        assert_eq!(difference("", "a\n"), ["+ a"]);
        assert_eq!(difference("a\n", ""), ["- a"]);
        assert_eq!(difference("a\na\nb\n", "a\nb\nb\n"), ["- a", "+ b"]);
    }

    #[test]
    fn large_texts_are_bounded() {
        let text = |from: u32| (from..from + 2_000).map(|n| format!("{n}\n")).collect::<String>();
        let lines = difference(&text(0), &text(10_000));
        assert_eq!(lines.len(), MOST_SHOWN + 1);
        assert_eq!(lines[MOST_SHOWN], "… and 3960 more");
    }
}
