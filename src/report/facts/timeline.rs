//! When each step of a run was under way, in lanes, and which of them the recovery had to wait for.
//!
//! Plain data for pictures: the SVG of `report.html`, the Mermaid of `report.md`. In `report.json` as it is.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::journal::critical;
use crate::journal::state::State;
use crate::plan::step::{Step, Work};
use crate::report::facts::steps::status;
use crate::words::id::{Name, StepId};

/// Every step that began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// The run's start.
    pub start: Timestamp,
    /// The verdict, or the last record while there is none.
    pub end: Timestamp,
    /// The run itself, people, then each restore. None is empty.
    pub lanes: Vec<Lane>,
}

/// Steps that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// `Run`, `People`, or `Restore NAME`.
    pub name: String,
    /// In the order of the plan.
    pub bars: Vec<Bar>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// The step's id.
    pub step: String,
    /// As for a step: `passed`, `failed`, `skipped`, `not_needed`, `not_measured` or `running`.
    pub status: String,
    /// When it began.
    pub from: Timestamp,
    /// When it ended; of a step that has not ended, the end of the timeline.
    pub until: Timestamp,
    /// Whether it is on the critical path: without it the last required probe would have been green earlier.
    pub critical: bool,
    /// Whether it waited for a person.
    pub waits: bool,
}

/// The timeline of a run; nothing if no step began.
#[must_use]
pub fn timeline(state: &State) -> Option<Timeline> {
    let critical = critical_path(state);
    let concluded = state.concluded.as_ref().map_or(state.last_at, |(at, _)| *at);
    let (mut of_run, mut people) = (Vec::new(), Vec::new());
    let mut restores: BTreeMap<&Name, Vec<Bar>> = BTreeMap::new();
    let mut end = concluded;
    for (step, now) in state.in_order() {
        let Some(from) = now.since() else { continue };
        let until = now.ended_at().unwrap_or(concluded).max(from);
        end = end.max(until);
        let waits = is_question(state, &step.work);
        let bar = Bar {
            step: step.id.to_string(),
            status: status(now).to_owned(),
            from,
            until,
            critical: critical.contains(&step.id),
            waits,
        };
        match restore_of(state, step) {
            _ if waits => people.push(bar),
            None => of_run.push(bar),
            Some(name) => restores.entry(name).or_default().push(bar),
        }
    }
    let fixed = [("Run".to_owned(), of_run), ("People".to_owned(), people)];
    let restores = restores.into_iter().map(|(name, bars)| (format!("Restore {name}"), bars));
    let all = fixed.into_iter().chain(restores).filter(|(_, bars)| !bars.is_empty());
    let lanes: Vec<Lane> = all.map(|(name, bars)| Lane { name, bars }).collect();
    (!lanes.is_empty()).then_some(Timeline { start: state.started_at, end, lanes })
}

/// The bars that a picture of at most so many shows: the critical path, then what did not pass, then what took longest.
#[must_use]
pub fn telling(timeline: &Timeline, most: usize) -> BTreeSet<&str> {
    let rank = |bar: &Bar| match (bar.critical, bar.status.as_str()) {
        (true, _) => 0_u8,
        (false, "passed" | "skipped" | "not_needed") => 2,
        (false, _) => 1,
    };
    let bars = timeline.lanes.iter().flat_map(|lane| &lane.bars);
    let mut ranked: Vec<_> =
        bars.map(|bar| (rank(bar), Reverse(bar.until.duration_since(bar.from)), bar.from, bar.step.as_str())).collect();
    ranked.sort_unstable();
    ranked.into_iter().take(most).map(|(_, _, _, step)| step).collect()
}

/// The steps of the critical path.
pub(crate) fn critical_path(state: &State) -> BTreeSet<&StepId> {
    critical::critical_path(state).into_iter().map(|step| &step.id).collect()
}

/// Whether a step asks a person.
fn is_question(state: &State, work: &Work) -> bool {
    match work {
        Work::Gate(_) => true,
        Work::Probe(name) => state.asks(name).as_ref() == Some(work),
        _ => false,
    }
}

fn restore_of<'a>(state: &'a State, step: &'a Step) -> Option<&'a Name> {
    match &step.work {
        Work::Preflight | Work::Report | Work::Gate(_) => None,
        Work::Pick(name) | Work::Restore(name) | Work::Ready(name) | Work::Finish(name) | Work::Teardown(name) => {
            Some(name)
        }
        Work::Action(name) | Work::Undo(name) => {
            state.started.plan.definition.actions.get(name).and_then(|action| action.on.as_ref())
        }
        Work::Probe(name) => state.started.plan.definition.probes.get(name).map(|probe| &probe.on),
    }
}
