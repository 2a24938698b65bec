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
