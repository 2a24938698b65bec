//! The engine's guards by name. A release has all of them, always.
//!
//! A build for development can take one away, so that a rehearsal can show that it would notice.

/// A guard of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// An intent is durable before its side effect begins.
    IntentFirst,
    /// A start whose answer never came is looked for before it is sent again.
    LookFirst,
    /// Nothing is deleted, and nothing counts as absent, while its restore job is under way.
    WaitForJob,
    /// Absence counts when it was seen twice.
    AbsentTwice,
    /// Only what the ledger and AWS both say is the run's may be deleted.
    OwnOnly,
    /// What could not be measured, or never ran, is no pass.
    UnknownIsNoPass,
    /// The time-outs of steps and `limits.max_duration` end what takes too long.
    Deadline,
    /// A journal that cannot be written ends everything new.
    StopWithoutJournal,
    /// A process that was taken over changes nothing more.
    OneWriter,
    /// Whoever stops everything is heard before the next write.
    StopFirst,
    /// A restore job that is completed in part is no restore.
    WholeRestore,
}

impl Guard {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::IntentFirst,
        Self::LookFirst,
        Self::WaitForJob,
        Self::AbsentTwice,
        Self::OwnOnly,
        Self::UnknownIsNoPass,
        Self::Deadline,
        Self::StopWithoutJournal,
        Self::OneWriter,
        Self::StopFirst,
        Self::WholeRestore,
    ];

    /// The name by which a build for development takes it away.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::IntentFirst => "intent-first",
            Self::LookFirst => "look-first",
            Self::WaitForJob => "wait-for-job",
            Self::AbsentTwice => "absent-twice",
            Self::OwnOnly => "own-only",
            Self::UnknownIsNoPass => "unknown-is-no-pass",
            Self::Deadline => "deadline",
            Self::StopWithoutJournal => "stop-without-journal",
            Self::OneWriter => "one-writer",
            Self::StopFirst => "stop-first",
            Self::WholeRestore => "whole-restore",
        }
    }
}

/// The guards that stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Guards {
    #[cfg(debug_assertions)]
    removed: Option<Guard>,
}

impl Guards {
    /// All of them. In a release nothing else can be made.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// All but one.
    #[cfg(debug_assertions)]
    #[must_use]
    pub fn without(guard: Guard) -> Self {
        Self { removed: Some(guard) }
    }

    /// Whether this one stands.
    #[must_use]
    #[cfg(debug_assertions)]
    pub fn stand(self, guard: Guard) -> bool {
        self.removed != Some(guard)
    }

    /// Whether this one stands: it does.
    #[must_use]
    #[cfg(not(debug_assertions))]
    pub fn stand(self, _: Guard) -> bool {
        true
    }
}
