//! What a run did to the restored world, and what people said at its gates.

use serde::{Deserialize, Serialize};

use crate::definition::model::Action;
use crate::journal::event::Tried;
use crate::journal::state::{ActionState, State, StepState};
use crate::plan::step::Work;
use crate::report::facts::steps::{icon, status, took};
use crate::report::facts::{Row, scope, shown};
use crate::words::id::Name;
use crate::words::time::{show_duration, show_instant};

/// One action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionFacts {
    /// Its name in the definition.
    pub name: String,
    /// `command`, `http`, `ssm`, `lambda`.
    pub kind: String,
    /// A sign for how it ended.
    pub icon: String,
    /// How it ended, in words.
    pub outcome: String,
    /// How often it was tried.
    pub attempts: usize,
    /// What came of the last attempt.
    pub result: String,
    /// What it observed.
    pub observed: Vec<Row>,
    /// What became of its undo; null if it has none.
    pub undo: Option<String>,
}

/// One gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateFacts {
    /// Its name in the definition.
    pub name: String,
    /// What was asked.
    pub ask: String,
    /// A sign for the answer.
    pub icon: String,
    /// `yes`, `no`, or `nobody answered`.
    pub answer: String,
    /// Who answered, and at which machine.
    pub by: Option<String>,
    /// When.
    pub at: Option<String>,
    /// What they noted.
    pub note: Option<String>,
    /// How long the run waited for it.
    pub waited: Option<String>,
}

/// The actions, by name.
#[must_use]
pub fn actions(state: &State) -> Vec<ActionFacts> {
    state.started.plan.definition.actions.iter().map(|(name, action)| facts(state, name, action)).collect()
}

fn facts(state: &State, name: &Name, action: &Action) -> ActionFacts {
    let step = state.step(&Work::Action(name.clone()));
    let nothing = ActionState::default();
    let done = state.actions.get(name).unwrap_or(&nothing);
    let last = done.tried.last().map(|(_, _, tried)| tried);
    let observed = match last {
        Some(Tried::Held { observed, .. }) => scope::rows(observed.facts.iter()),
        _ => Vec::new(),
    };
    ActionFacts {
        name: name.to_string(),
        kind: action.kind.to_string(),
        icon: icon(step).to_owned(),
        outcome: status(step).replace('_', " "),
        attempts: done.tried.len(),
        result: last.map_or_else(|| "it was not done".to_owned(), result),
        observed,
        undo: action.undo.as_ref().map(|_| undone(done)),
    }
}

fn result(tried: &Tried) -> String {
    match tried {
        Tried::Held { explained, .. } if explained.is_empty() => "it was done".to_owned(),
        Tried::Held { explained, .. } => explained.join("; "),
        Tried::Missed { miss } => miss.message.clone(),
    }
}

fn undone(done: &ActionState) -> String {
    if !done.intended {
        return "not needed: it was never begun".to_owned();
    }
    match done.undone.last() {
        Some((_, at, Tried::Held { .. })) => format!("undone at {}", show_instant(*at)),
        Some((_, _, Tried::Missed { miss })) => format!("not undone: {}", miss.message),
        None => "not undone".to_owned(),
    }
}

/// The gates, by name.
#[must_use]
pub fn gates(state: &State) -> Vec<GateFacts> {
    let gates = state.started.plan.definition.gates.iter();
    gates
        .map(|(name, gate)| {
            let step = state.step(&Work::Gate(name.clone()));
            let answered = state.gates.get(name);
            let answer = answered.map(|(_, answer)| answer);
            GateFacts {
                name: name.to_string(),
                ask: gate.ask.clone(),
                icon: icon(step).to_owned(),
                answer: match (answer, step) {
                    (Some(answer), _) if answer.approved => "yes",
                    (Some(_), _) => "no",
                    (None, StepState::Ended { since: Some(_), .. }) => "nobody answered",
                    (None, _) => "it was not reached",
                }
                .to_owned(),
                by: answer.map(|answer| format!("{} ({})", answer.by, answer.at)),
                at: answered.map(|(at, _)| show_instant(*at)),
                note: answer.map(|answer| answer.note.clone()).filter(|note| !note.is_empty()),
                waited: shown(took(step)),
            }
        })
        .collect()
}

/// How long everything waited for people, if it did.
#[must_use]
pub fn waited(state: &State) -> Option<String> {
    let waited = state.concluded.as_ref().map(|(_, conclusion)| conclusion.measures.waited)?;
    (!waited.is_zero()).then(|| show_duration(waited))
}
