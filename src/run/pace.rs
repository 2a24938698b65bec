//! How often to look, and how long to pause after a failure. Pure.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use crate::journal::state::StepState;
use crate::words::id::StepId;

/// Between two looks at a restore job or a resource. One look in 15 s is far below every documented rate (facts 1.3).
pub const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(15);
/// After this long a job is looked at half as often.
const LONG_AFTER: SignedDuration = SignedDuration::from_mins(30);
/// Absence counts when it was seen twice with this much between: a describe call may lag behind (facts 1.4).
pub const ABSENT_FOR: SignedDuration = SignedDuration::from_secs(30);
/// The same for a resource that was never seen: it may be invisible for a while after it was made.
pub const NEVER_SEEN_ABSENT_FOR: SignedDuration = VISIBLE_AFTER;
/// A deletion that was accepted and shows no effect for this long is asked for again.
pub const REMOVE_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// Between two searches for the job of something that bears the run's name.
pub const NOT_STARTED_FOR: SignedDuration = SignedDuration::from_secs(60);
/// A job or resource may be invisible for this long after it was made (facts 1.4). A restore job that was asked for without
/// an answer is looked for twice with this much between before it counts as never started.
pub const VISIBLE_AFTER: SignedDuration = SignedDuration::from_secs(120);

const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(2);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_secs(60);

/// When each step last asked for something, and whether it has seen what it is about. In memory only.
#[derive(Debug, Default)]
pub struct Looked {
    last: HashMap<StepId, Timestamp>,
    saw: HashSet<StepId>,
}

impl Looked {
    /// A look was answered.
    pub fn note(&mut self, step: &StepId, at: Timestamp) {
        self.asked(step, at);
        self.saw.insert(step.clone());
    }

    /// A call ended that is no look, or a look that was not answered: it counts for the pace alone.
    pub fn asked(&mut self, step: &StepId, at: Timestamp) {
        self.last.insert(step.clone(), at);
    }

    /// When a call of the step last ended in this process.
    #[must_use]
    pub fn last(&self, step: &StepId) -> Option<Timestamp> {
        self.last.get(step).copied()
    }

    /// Whether a look of the step was ever answered in this process.
    #[must_use]
    pub fn has(&self, step: &StepId) -> bool {
        self.saw.contains(step)
    }

    /// When to look again: at once, if this process never looked.
    #[must_use]
    pub fn next(&self, step: &StepId, since: Timestamp, now: Timestamp) -> Timestamp {
        let every = if now.duration_since(since) > LONG_AFTER { LOOK_EVERY * 2 } else { LOOK_EVERY };
        self.last.get(step).map_or(now, |last| *last + every)
    }
}

/// Until when a step pauses after requests that failed: 2 s, doubled each time, at most a minute.
#[must_use]
pub fn paused_until(step: &StepState) -> Option<Timestamp> {
    let StepState::Running { stumbles, stumbled_at: Some(at), .. } = step else { return None };
    let doubled = FIRST_PAUSE * 2_i32.pow(stumbles.saturating_sub(1).min(5));
    Some(*at + doubled.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::{LOOK_EVERY, Looked, paused_until};
    use crate::journal::state::StepState;
    use crate::words::id::StepId;
    use jiff::Timestamp;

    #[test]
    fn only_a_look_that_was_answered_counts_as_seen() {
        let (at, step): (Timestamp, StepId) = (Timestamp::UNIX_EPOCH, "teardown.orders".parse().unwrap());
        let mut looked = Looked::default();
        looked.asked(&step, at);
        assert!(!looked.has(&step), "a call that failed, or that is no look");
        assert_eq!(looked.next(&step, at, at), at + LOOK_EVERY, "it counts for the pace all the same");
        looked.note(&step, at);
        assert!(looked.has(&step));
    }

    #[test]
    fn pauses_double_up_to_a_minute() {
        let at = Timestamp::UNIX_EPOCH;
        let pauses: Vec<i64> = (1..=8)
            .map(|stumbles| StepState::Running {
                since: at,
                stumbles,
                stumbled_at: Some(at),
                stumbled_in_all: stumbles,
            })
            .map(|step| paused_until(&step).unwrap().duration_since(at).as_secs())
            .collect();
        assert_eq!(pauses, [2, 4, 8, 16, 32, 60, 60, 60]);
        let calm = StepState::Running { since: at, stumbles: 0, stumbled_at: None, stumbled_in_all: 0 };
        assert_eq!(paused_until(&calm), None);
    }
}
