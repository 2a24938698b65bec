//! The verdicts of a run before its last: a report that was handed out with one of them says something else than this one.

use serde::{Deserialize, Serialize};

use crate::journal::event::Recorded;
use crate::journal::state::{Reopened, State};
use crate::words::kind::Verdict;
use crate::words::time::show_instant;

/// A verdict that was not the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierFacts {
    /// `passed`, `failed`, `inconclusive` or `leaked`.
    pub word: String,
    /// When it was reached.
    pub at: String,
    /// Why, in a sentence each; empty where nothing was wrong.
    pub reasons: Vec<String>,
    /// Hash of its record: the journal's head in the bundle of that verdict.
    pub head: String,
}

/// Every verdict before the last, in order.
#[must_use]
pub fn earlier(state: &State, events: &[Recorded]) -> Vec<EarlierFacts> {
    let one = |earlier: &Reopened| EarlierFacts {
        word: earlier.conclusion.verdict.word().to_owned(),
        at: show_instant(earlier.at),
        reasons: earlier.conclusion.reasons.iter().map(|reason| reason.text.clone()).collect(),
        head: events
            .iter()
            .find(|record| record.seq == earlier.seq)
            .map_or_else(|| "no record".to_owned(), |record| record.hash.to_string()),
    };
    state.reopened.iter().map(one).collect()
}

/// A sentence on a leak that was mended; nothing where nothing had leaked, or still does.
#[must_use]
pub fn leaked(state: &State) -> Option<String> {
    let (at, conclusion) = state.concluded.as_ref()?;
    let leaks = || state.reopened.iter().filter(|earlier| earlier.conclusion.verdict == Verdict::Leaked);
    let first = leaks().next().filter(|_| conclusion.verdict != Verdict::Leaked)?;
    let tries = leaks().count() + 1;
    Some(format!(
        " It had leaked: its verdict at {} was leaked, and the teardown needed {tries} tries, until {}.",
        show_instant(first.at),
        show_instant(*at)
    ))
}
