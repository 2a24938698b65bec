//! Paths that definitions write.

use std::path::{Component, Path};

/// Whether a path stays below the folder that it is relative to, whatever links there are: it is not empty, not absolute
/// and goes nowhere up.
#[must_use]
pub fn stays_inside(written: &str) -> bool {
    let mut parts = Path::new(written).components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

#[cfg(test)]
mod tests {
    use super::stays_inside;

    #[test]
    fn nothing_leads_out() {
        for inside in ["a", "./a", "a/b.pem", "..a", "a/./b"] {
            assert!(stays_inside(inside), "{inside}");
        }
        for outside in ["", "/etc/passwd", "..", "../a", "a/../../b", "a/..", "./.."] {
            assert!(!stays_inside(outside), "{outside}");
        }
    }
}
