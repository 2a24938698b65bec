//! At which moments a run and its resume are killed. Pure: the same seed and the same number of requests give the same
//! moments, so that one number repeats a kill.

use std::fmt;

use jiff::SignedDuration;

use crate::sandbox::hold::ANY;
use crate::sandbox::{Hold, When};

/// After an answer a process lives on for less than so many seconds of world time, in which it journals, decides and
/// waits. A minute is longer than it usually waits between two looks.
const LONGEST_PAUSE_SECONDS: u32 = 60;

/// One resume in so many is killed too.
const RESUMES_FOR_EACH_KILLED: u32 = 4;

/// The moments of one kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moments {
    /// When the run dies.
    pub(crate) of_run: Moment,
    /// When the first `drill resume` dies, if it does.
    pub(crate) of_resume: Option<Moment>,
}

/// A moment in the life of a process, counted in its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The first request is 1.
    nth: u32,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The request has arrived and nothing has happened.
    BeforeEffect,
    /// It has happened; the answer never comes.
    AfterEffect,
    /// The answer was sent so much world time ago.
    AfterAnswer(SignedDuration),
}

impl Moments {
    /// The moments that follow from a seed, for a run of about so many requests. No two runs ask equally often: a moment
    /// that did not come is chosen again, with a higher `attempt` (from 0) and from an earlier part of the run.
    pub(crate) fn choose(seed: u64, requests: u32, attempt: u32) -> Self {
        let mut chance = Chance::new(seed, attempt);
        let of_run = Moment::choose(&mut chance, part_of(requests, attempt));
        let dies_again = chance.below(RESUMES_FOR_EACH_KILLED) == 0;
        // A resume has about half of the run before it.
        let second = Moment::choose(&mut chance, part_of(requests, 1));
        Self { of_run, of_resume: dies_again.then_some(second) }
    }
}

/// How many requests the moment of this attempt is chosen from: 1, when there is nothing left to choose.
fn part_of(requests: u32, attempt: u32) -> u32 {
    requests.checked_shr(attempt).unwrap_or(0).max(1)
}

impl Moment {
    fn choose(chance: &mut Chance, requests: u32) -> Self {
        let nth = 1 + chance.below(requests);
        let stage = match chance.below(3) {
            0 => Stage::BeforeEffect,
            1 => Stage::AfterEffect,
            _ => {
                let millis = chance.below(LONGEST_PAUSE_SECONDS * 1_000);
                Stage::AfterAnswer(SignedDuration::from_millis(i64::from(millis)))
            }
        };
        Self { nth, stage }
    }

    /// What the world has to hold for it.
    pub(crate) fn hold(&self) -> Hold {
        let when = match self.stage {
            Stage::BeforeEffect => When::Before,
            Stage::AfterEffect | Stage::AfterAnswer(_) => When::After,
        };
        Hold { operation: ANY.to_owned(), nth: self.nth, when }
    }

    /// How long, in world time, the process lives on after the held request was let go; `None` if it dies while it waits
    /// for the answer.
    pub(crate) fn pause(&self) -> Option<SignedDuration> {
        match self.stage {
            Stage::BeforeEffect | Stage::AfterEffect => None,
            Stage::AfterAnswer(pause) => Some(pause),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.stage {
            Stage::BeforeEffect => write!(f, "request {} before its effect", self.nth),
            Stage::AfterEffect => write!(f, "request {} after its effect", self.nth),
            Stage::AfterAnswer(pause) => {
                write!(f, "{:.1} s of world time after the answer to request {}", pause.as_secs_f64(), self.nth)
            }
        }
    }
}

impl fmt::Display for Moments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the run: {}", self.of_run)?;
        match &self.of_resume {
            Some(moment) => write!(f, "; its resume: {moment}"),
            None => Ok(()),
        }
    }
}

/// Random numbers from a seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn new(seed: u64, attempt: u32) -> Self {
        let mut chance = Self(seed ^ u64::from(attempt).rotate_left(32));
        // The first value of close seeds is close; the second is not.
        chance.bits();
        chance
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; 0 for a bound of 0.
    fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(self.bits() % u64::from(bound.max(1))).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Moments, Stage, part_of};

    #[test]
    fn a_seed_gives_the_same_moments_each_time_and_other_seeds_others() {
        assert_eq!(Moments::choose(7, 200, 0), Moments::choose(7, 200, 0));
        assert_ne!(Moments::choose(7, 200, 0), Moments::choose(8, 200, 0));
        assert_ne!(Moments::choose(7, 200, 0), Moments::choose(7, 200, 1));
    }

    #[test]
    fn moments_cover_the_whole_run_and_every_stage() {
        let all: Vec<Moments> = (0..2_000).map(|seed| Moments::choose(seed, 100, 0)).collect();
        let mut requests: Vec<u32> = all.iter().map(|moments| moments.of_run.nth).collect();
        requests.sort_unstable();
        requests.dedup();
        assert_eq!(requests, (1..=100).collect::<Vec<u32>>());
        let count = |stage: fn(&Stage) -> bool| all.iter().filter(|moments| stage(&moments.of_run.stage)).count();
        let stages: [fn(&Stage) -> bool; 3] = [
            |stage| *stage == Stage::BeforeEffect,
            |stage| *stage == Stage::AfterEffect,
            |stage| matches!(stage, Stage::AfterAnswer(_)),
        ];
        for stage in stages {
            assert!((500..850).contains(&count(stage)), "{}", count(stage));
        }
        let again = all.iter().filter(|moments| moments.of_resume.is_some()).count();
        assert!((400..600).contains(&again), "{again}");
    }

    #[test]
    fn the_last_attempt_is_the_first_request() {
        assert_eq!(part_of(200, 0), 200);
        assert_eq!(part_of(200, 7), 1);
        assert_eq!(part_of(200, 40), 1);
        assert_eq!(Moments::choose(3, 200, 8).of_run.nth, 1);
    }
}
