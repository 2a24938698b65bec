//! How a run compares with those before it: from what its own first record says of them.

use serde::{Deserialize, Serialize};

use crate::history::baseline::LEAST;
use crate::history::trend::{self, Measured, Sample};
use crate::journal::event::Earlier;
use crate::journal::measure::Measures;
use crate::journal::state::State;
use crate::report::facts::shown;
use crate::words::kind::Verdict;
use crate::words::time::show_instant;

/// The comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrendFacts {
    /// What somebody should know of it.
    pub notes: Vec<String>,
    /// Each measure that this run or an earlier one has.
    pub measures: Vec<TrendMeasure>,
    /// The earlier runs, newest first.
    pub runs: Vec<TrendRun>,
}

/// One measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrendMeasure {
    /// `rto`, `rpo`, `copy_lag`, `data_age`.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What this run measured.
    pub measured: Option<String>,
    /// The median of the earlier passes; null where they are too few to say what is usual.
    pub median: Option<String>,
    /// The median of their distances from it.
    pub spread: Option<String>,
    /// How many they are.
    pub passes: usize,
    /// Whether this run is unusually long.
    pub regression: bool,
}

/// An earlier run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrendRun {
    /// Its id.
    pub run: String,
    /// When it started.
    pub at: String,
    /// Its verdict.
    pub verdict: String,
    /// Its recovery time.
    pub rto: Option<String>,
    /// The age of its recovery point.
    pub rpo: Option<String>,
    /// How long its copy took.
    pub copy_lag: Option<String>,
    /// The age of the newest data inside.
    pub data_age: Option<String>,
}

/// The comparison; nothing for a first run.
#[must_use]
pub fn trend(state: &State) -> Option<TrendFacts> {
    let history = &state.started.history;
    if history.is_empty() {
        return None;
    }
    let measures = state.concluded.as_ref().map(|(_, conclusion)| &conclusion.measures);
    let trends: Vec<trend::Trend> = Measured::ALL.into_iter().map(|of| of_measure(of, state, measures)).collect();
    let notes: Vec<String> = trends.iter().flat_map(trend::Trend::warnings).collect();
    let nothing = "Nothing is out of the usual.".to_owned();
    let too_few = "There are too few earlier passes to say what is usual.".to_owned();
    let is_known = trends.iter().filter_map(|one| one.baseline).any(|one| one.passes >= LEAST);
    let notes: Vec<String> = match (notes.is_empty(), is_known) {
        (false, _) => notes.into_iter().map(|note| capital(&note) + ".").collect(),
        (true, true) => vec![nothing],
        (true, false) => vec![too_few],
    };
    Some(TrendFacts {
        notes,
        measures: trends.iter().filter(|one| one.newest.is_some() || one.baseline.is_some()).map(measure).collect(),
        runs: history.iter().rev().map(run).collect(),
    })
}

fn of_measure(of: Measured, state: &State, measures: Option<&Measures>) -> trend::Trend {
    let earlier = state.started.history.iter();
    let mut samples: Vec<Sample> =
        earlier.map(|one| Sample { at: one.at, verdict: one.verdict, value: of.of_earlier(one) }).collect();
    let own = measures.map(|measures| of.of(measures));
    match (&state.concluded, own) {
        (Some((_, conclusion)), Some(own)) => {
            samples.push(Sample { at: state.started_at, verdict: conclusion.verdict, value: own.value });
        }
        // While there is no verdict, nothing is the newest: the earlier runs are compared with what is not there yet.
        _ => samples.push(Sample { at: state.started_at, verdict: Verdict::Inconclusive, value: None }),
    }
    trend::trend(of, &samples, own.and_then(|own| own.target))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}

fn measure(one: &trend::Trend) -> TrendMeasure {
    // A median of too few says nothing of what is usual.
    let usual = one.baseline.filter(|usual| usual.passes >= LEAST);
    TrendMeasure {
        id: one.of.word().to_owned(),
        name: capital(one.of.name()),
        measured: shown(one.newest),
        median: shown(usual.map(|usual| usual.median)),
        spread: shown(usual.map(|usual| usual.spread)),
        passes: one.baseline.map_or(0, |usual| usual.passes),
        regression: one.is_regression,
    }
}

fn run(earlier: &Earlier) -> TrendRun {
    TrendRun {
        run: earlier.run.to_string(),
        at: show_instant(earlier.at),
        verdict: earlier.verdict.to_string(),
        rto: shown(earlier.rto),
        rpo: shown(earlier.rpo),
        copy_lag: shown(earlier.copy_lag),
        data_age: shown(earlier.data_age),
    }
}
