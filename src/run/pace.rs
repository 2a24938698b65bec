//! How often to look, and how long to pause after a failure. Pure.
//!
//! A restore job and a removal are looked at rarely while they cannot be over, and closely once they should be. When that
//! is, the drill's last runs say, which are in the run's first record. [`Pace`] bounds how late an end is seen, and
//! docs/how-it-works.md says it to users: what is seen late is measured as recovery time.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use crate::definition::model::TeardownWhen;
use crate::journal::event::Earlier;
use crate::journal::state::{State, StepState};
use crate::words::id::{Name, RunId, StepId};

/// Between two looks at a restore job or a resource, at least. One look in 15 s is far below every documented rate (facts
/// 1.3).
pub const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(15);
/// What took long is looked at each fiftieth of its age: on the average its end is seen a hundredth of it late.
const PART_OF_AGE: i32 = 50;
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

/// While a removal usually ends it is looked at so often in all, unless that would be more often than [`LOOK_EVERY`] or
/// more rarely than [`LONGEST_GAP`].
const LOOKS: i64 = 8;
/// While something usually ends, no end is seen later than this.
const LONGEST_GAP: SignedDuration = SignedDuration::from_mins(2);
/// Before a restore job usually ends, looks are hardly further apart: one that usually takes less is looked at once it
/// should be over, and not before.
const LONGEST_BLIND: SignedDuration = SignedDuration::from_mins(15);
/// The same for a removal. A tenth later is still well before it would be asked for again.
const REMOVAL_BLIND: SignedDuration = SignedDuration::from_secs(255);
/// A removal that shows no effect must have been looked at before it is asked for again: there is a look by then.
const SEEN_LEAVING_BY: SignedDuration = SignedDuration::from_secs(285);
/// What a removal usually takes, where nothing is known of it.
const USUAL_REMOVAL: SignedDuration = SignedDuration::from_mins(4);
/// Nothing that took longer says anything about the next time.
const LONGEST_USUAL: SignedDuration = SignedDuration::from_hours(24 * 30);

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
        self.last.get(step).map_or(now, |last| *last + steadily(last.duration_since(since)))
    }

    /// What it knows of each step, in no order.
    pub fn into_glances(self) -> impl Iterator<Item = Glance> {
        let Self { last, mut saw } = self;
        last.into_iter().map(move |(step, last)| Glance { saw: saw.remove(&step), step, last })
    }
}

/// What [`Looked`] knows of one step.
#[derive(Debug)]
pub struct Glance {
    /// The step.
    pub step: StepId,
    /// When a call of it last ended.
    pub last: Timestamp,
    /// Whether a look of it was ever answered.
    pub saw: bool,
}

impl FromIterator<Glance> for Looked {
    fn from_iter<T: IntoIterator<Item = Glance>>(glances: T) -> Self {
        let mut looked = Self::default();
        for Glance { step, last, saw } in glances {
            if saw {
                looked.note(&step, last);
            } else {
                looked.asked(&step, last);
            }
        }
        looked
    }
}

/// When to look at one thing that takes its time.
#[derive(Debug, Clone, Copy)]
pub struct Rhythm {
    /// When it began.
    pub began: Timestamp,
    /// How often.
    pub pace: Pace,
    /// The last request of the step that failed.
    pub stumbled_at: Option<Timestamp>,
    /// When the step's time is over.
    pub deadline: Timestamp,
}

impl Rhythm {
    /// When to look after the last look: at once, if this process never looked. A look that failed is made again soon, and
    /// there is one just before the step's time is over.
    #[must_use]
    pub fn next(&self, last: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let Some(last) = last else { return now };
        let age = last.duration_since(self.began);
        let stumbled = self.stumbled_at.is_some_and(|at| at >= last);
        let look = if stumbled { last + steadily(age) } else { self.began + self.pace.after(age) };
        let last_chance = self.deadline - LOOK_EVERY;
        if last < last_chance { look.min(last_chance) } else { look }
    }
}

/// The pause after a look at this age.
fn steadily(age: SignedDuration) -> SignedDuration {
    (age / PART_OF_AGE).clamp(LOOK_EVERY, LONGEST_GAP)
}

/// When something is usually over, counted from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usual {
    /// Few are over before.
    pub few: SignedDuration,
    /// Most are over by then.
    pub most: SignedDuration,
}

impl Usual {
    /// From how long it took earlier, in any order; nothing without any.
    #[must_use]
    pub fn learned(took: impl Iterator<Item = SignedDuration>) -> Option<Self> {
        let mut took: Vec<SignedDuration> = took.filter(|took| took.is_positive() && *took <= LONGEST_USUAL).collect();
        took.sort_unstable();
        // All but the tenth at either end, once there are ten.
        let few = *took.get(took.len() / 10)?;
        let most = *took.get(took.len() * 9 / 10)?;
        Some(Self { few, most })
    }

    /// The same from a tenth sooner on.
    fn sooner(self) -> Self {
        Self { few: self.few / 10 * 9, ..self }
    }

    /// From a guess: half of it to double.
    #[must_use]
    pub fn around(guess: SignedDuration) -> Self {
        Self { few: guess / 2, most: guess * 2 }
    }
}

/// The looks at one thing that takes its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Nothing: it is looked at steadily.
    usual: Option<Usual>,
    /// Once it may be over it is looked at steadily: whoever waits for it measures what is seen late.
    closely: bool,
    /// No longer without a look before it is usually over.
    blind: SignedDuration,
    /// At this age at the latest there is a first look.
    first_by: Option<SignedDuration>,
    /// Nobody knows whether it is over at once: there is a look soon after it began.
    prompt: bool,
    /// In thousandths, at most a tenth: looks are so much later or earlier, so that runs do not look together.
    share: i64,
}

impl Pace {
    /// Of a restore job. Of which nothing is known is looked at steadily, and so is what somebody waits for: what a run keeps,
    /// and the job of a run that was ended early.
    #[must_use]
    pub fn of_job(state: &State, step: &StepId, name: &Name) -> Self {
        let kept = state.started.plan.definition.teardown.when == TeardownWhen::Manual;
        // Of a long one a tenth is long, too: whoever waits for its place or its data waits for that.
        let sooner = |usual: Usual| if usual.few > LONGEST_BLIND { usual.sooner() } else { usual };
        let usual = learned(state, |run| run.restores.get(name)).map(sooner);
        let usual = usual.filter(|_| !kept && state.cancelled.is_none());
        Self {
            usual,
            closely: true,
            blind: LONGEST_BLIND,
            first_by: None,
            prompt: false,
            share: share(&state.run, step),
        }
    }

    /// Of a removal that was accepted. One in stages goes on with what a look shows, so it is looked at steadily.
    #[must_use]
    pub fn of_removal(state: &State, step: &StepId, name: &Name) -> Self {
        let in_stages = state.ledger.get(name).is_none_or(|entry| !entry.parts.is_empty());
        // What it took was seen by looks, and each comes later than the end: sooner than that must be possible. By a tenth
        // from run to run it comes down to what it is, without a look in vain as long as it was seen late.
        let known = learned(state, |run| run.removals.get(name)).map(Usual::sooner);
        let usual = (!in_stages).then(|| known.unwrap_or_else(|| Usual::around(USUAL_REMOVAL)));
        let (prompt, share) = (known.is_none(), share(&state.run, step));
        Self { usual, closely: false, blind: REMOVAL_BLIND, first_by: Some(SEEN_LEAVING_BY), prompt, share }
    }

    /// When to look next after a look at this age; both count from the beginning.
    #[must_use]
    pub fn after(&self, last: SignedDuration) -> SignedDuration {
        let Some(usual) = self.usual.filter(|usual| last < usual.most) else { return last + steadily(last) };
        if self.prompt && last < LOOK_EVERY {
            return LOOK_EVERY;
        }
        let wanted = SignedDuration::from_millis(self.wanted(millis(last), usual)).max(last + LOOK_EVERY);
        // Whoever asked for it asked at its beginning: no look was made yet.
        self.first_by.filter(|_| last < LOOK_EVERY).map_or(wanted, |by| wanted.min(by))
    }

    fn wanted(&self, last: i64, usual: Usual) -> i64 {
        let (few, most) = (millis(usual.few), millis(usual.most));
        let blind = millis(self.blind);
        let piece = few / ((few + blind - 1) / blind).max(1);
        if piece >= millis(LOOK_EVERY) {
            let early = next_of(piece + self.part_of(piece), piece, last);
            if early + piece / 2 < few {
                return early;
            }
        }
        let gap = if self.closely {
            millis(steadily(SignedDuration::from_millis(few.max(last))))
        } else {
            ((most - few) / LOOKS).clamp(millis(LOOK_EVERY), millis(LONGEST_GAP))
        };
        // What is known of a removal is late already.
        let lead = if self.closely || self.prompt { gap / 2 } else { 0 };
        let first = few + lead + self.part_of(gap);
        if self.closely && last >= first { last + gap } else { next_of(first, gap, last) }
    }

    fn part_of(&self, span: i64) -> i64 {
        span * self.share / 1_000
    }
}

fn learned<'a>(state: &'a State, took: impl Fn(&'a Earlier) -> Option<&'a SignedDuration>) -> Option<Usual> {
    Usual::learned(state.started.history.iter().filter_map(|run| took(run).copied()))
}

/// The first of `first`, `first + every`, … behind `last`.
fn next_of(first: i64, every: i64, last: i64) -> i64 {
    if last < first { first } else { first + ((last - first) / every + 1) * every }
}

fn millis(span: SignedDuration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// From -100 to 100: by a hash (FNV-1a), so that it is the same in every process.
fn share(run: &RunId, step: &StepId) -> i64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = format!("{run} {step}").bytes().fold(0xcbf2_9ce4_8422_2325, mix);
    i64::try_from(hash % 201).unwrap_or(100) - 100
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
    use super::{
        LONGEST_BLIND, LOOK_EVERY, Looked, Pace, REMOVAL_BLIND, REMOVE_AGAIN_AFTER, SEEN_LEAVING_BY, Usual, millis,
        paused_until, share,
    };
    use crate::journal::state::StepState;
    use crate::words::id::{RunId, StepId};
    use jiff::{SignedDuration, Timestamp};

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

    const MINUTE: i64 = 60_000;

    /// The looks at something that usually ends between these minutes and never does, for an hour and a half, in
    /// milliseconds.
    fn looks(few: i64, most: i64, share: i64) -> Vec<i64> {
        let usual = Some(Usual { few: SignedDuration::from_mins(few), most: SignedDuration::from_mins(most) });
        let pace = Pace { usual, closely: true, blind: LONGEST_BLIND, first_by: None, prompt: false, share };
        let next = |last: &SignedDuration| Some(pace.after(*last));
        let ages = std::iter::successors(Some(SignedDuration::ZERO), next).skip(1).map(millis);
        ages.take_while(|age| *age < 90 * MINUTE).collect()
    }

    #[test]
    fn what_always_takes_as_long_is_looked_at_just_after_its_end() {
        for share in [-100, 0, 100] {
            assert_eq!(
                looks(12, 12, share)[..2],
                [12 * MINUTE + 7_500 + share * 15, 12 * MINUTE + 22_500 + share * 15]
            );
            // A fiftieth of 20 minutes are 24 s.
            assert_eq!(looks(20, 20, share)[..2], [10 * MINUTE + share * 600, 20 * MINUTE + 12_000 + share * 24]);
        }
    }

    /// Of one that shows no effect nobody may ask again before it was looked at.
    #[test]
    fn a_removal_is_looked_at_before_it_is_asked_for_again() {
        let usual = [(1, 1), (4, 4), (4, 30), (5, 6), (9, 200), (600, 600)];
        for ((few, most), share) in usual.into_iter().flat_map(|usual| [-100, 0, 100].map(|share| (usual, share))) {
            let usual = Some(Usual { few: SignedDuration::from_mins(few), most: SignedDuration::from_mins(most) });
            let first_by = Some(SEEN_LEAVING_BY);
            let pace = Pace { usual, closely: false, blind: REMOVAL_BLIND, first_by, prompt: false, share };
            let first = pace.after(SignedDuration::ZERO);
            assert!(first >= LOOK_EVERY && first < REMOVE_AGAIN_AFTER, "{few} to {most} minutes, {share}: {first:?}");
        }
    }

    /// The bound that docs/how-it-works.md gives, whenever the end comes.
    #[test]
    fn an_end_is_seen_within_the_bound_whenever_it_comes() {
        let usual = [(0, 0), (1, 1), (3, 8), (10, 40), (12, 12), (20, 21), (30, 80), (60, 60), (80, 85)];
        for ((few, most), share) in usual.into_iter().flat_map(|usual| [-100, -37, 0, 100].map(|share| (usual, share)))
        {
            let mut before = 0;
            for look in looks(few, most, share) {
                let steadily = (before / 50 + 1).clamp(15_000, 2 * MINUTE);
                let bound = if before < few * MINUTE { 18 * MINUTE } else { steadily };
                let gap = look - before;
                assert!((15_000..=bound).contains(&gap), "{few} to {most} minutes, {share}: {gap} ms after {before}");
                before = look;
            }
        }
    }

    #[test]
    fn what_is_usual_leaves_the_tenth_at_either_end_out() {
        let minutes = |minutes: &[i64]| Usual::learned(minutes.iter().map(|one| SignedDuration::from_mins(*one)));
        let of = |few, most| Some(Usual { few: SignedDuration::from_mins(few), most: SignedDuration::from_mins(most) });
        assert_eq!(minutes(&[]), None);
        assert_eq!(minutes(&[0, -3]), None, "nothing takes no time");
        assert_eq!(minutes(&[12]), of(12, 12));
        assert_eq!(minutes(&[14, 10, 12]), of(10, 14));
        let twenty: Vec<i64> = (1..=20).collect();
        assert_eq!(minutes(&twenty), of(3, 19));
        assert_eq!(minutes(&[60 * 24 * 400]), None, "that says nothing");
    }

    #[test]
    fn runs_look_at_different_moments_and_each_always_at_the_same() {
        let step: StepId = "restore.orders".parse().unwrap();
        let shares: Vec<i64> = (0..100).map(|run| share(&RunId::new(run, [7; 10]), &step)).collect();
        assert!(shares.iter().all(|share| share.abs() <= 100));
        let different: std::collections::HashSet<&i64> = shares.iter().collect();
        assert!(different.len() > 50, "{shares:?}");
        assert_eq!(share(&RunId::new(3, [7; 10]), &step), shares[3]);
    }

    #[test]
    fn what_was_looked_at_is_had_again_from_its_parts() {
        let (at, one): (Timestamp, StepId) = (Timestamp::UNIX_EPOCH, "ready.orders".parse().unwrap());
        let other: StepId = "restore.orders".parse().unwrap();
        let mut looked = Looked::default();
        looked.note(&one, at);
        looked.asked(&other, at + LOOK_EVERY);
        let again: Looked = looked.into_glances().collect();
        assert_eq!((again.last(&one), again.last(&other)), (Some(at), Some(at + LOOK_EVERY)));
        assert_eq!((again.has(&one), again.has(&other)), (true, false));
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
