//! Exit codes: one documented list.

use std::process::ExitCode;

use crate::words::kind::Verdict;

/// How drill ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: the run passed, or the command did what it was asked to.
    Passed,
    /// 1: the backup did not prove itself.
    Failed,
    /// 2: the command line or the definition is wrong; nothing was started.
    Usage,
    /// 3: the environment stood in the way.
    Inconclusive,
    /// 4: something that a run made may still exist.
    Leaked,
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Inconclusive => 3,
            Self::Leaked => 4,
        }
    }

    /// The graver of the two, for a command that did several things: something left, then a backup that did not prove itself,
    /// then what stood in the way, then what was never begun.
    #[must_use]
    pub fn or_graver(self, other: Self) -> Self {
        if other.gravity() > self.gravity() { other } else { self }
    }

    fn gravity(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Usage => 1,
            Self::Inconclusive => 2,
            Self::Failed => 3,
            Self::Leaked => 4,
        }
    }

    /// For `main`.
    #[must_use]
    pub fn code(self) -> ExitCode {
        ExitCode::from(self.number())
    }
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Passed => Self::Passed,
            Verdict::Failed => Self::Failed,
            Verdict::Inconclusive => Self::Inconclusive,
            Verdict::Leaked => Self::Leaked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn the_gravest_counts_and_not_the_largest_number() {
        use Exit::{Failed, Inconclusive, Leaked, Passed, Usage};
        for (one, other, wanted) in [
            (Passed, Passed, Passed),
            (Passed, Usage, Usage),
            (Usage, Inconclusive, Inconclusive),
            (Inconclusive, Failed, Failed),
            (Failed, Leaked, Leaked),
            (Passed, Leaked, Leaked),
        ] {
            assert_eq!((one.or_graver(other), other.or_graver(one)), (wanted, wanted));
        }
    }
}
