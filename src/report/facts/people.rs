//! Who had to do with a run, and who approved what.

use serde::{Deserialize, Serialize};

use crate::journal::event::GateAnswer;
use crate::journal::state::{State, StepState};
use crate::plan::step::Work;
use crate::report::facts::shown;
use crate::report::facts::steps::took;
use crate::words::id::Name;
use crate::words::time::show_instant;

/// Who had to do with a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeopleFacts {
    /// Who answers for the drill.
    pub owner: String,
    /// Who started it, as far as the machine knows: user@host.
    pub initiated_by: String,
    /// Whose credentials it used, as AWS said; null if nobody was asked.
    pub credentials: Option<String>,
    /// Every question to a person, and what came of it.
    pub approvals: Vec<ApprovalFacts>,
    /// Whether the ones who approved are others than the one who started it.
    pub separation: String,
    /// How long everything waited for people; null if it did not.
    pub waited: Option<String>,
}

/// One question to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalFacts {
    /// The gate or the manual probe.
    pub name: String,
    /// What was asked.
    pub asked: String,
    /// `yes`, `no`, `nobody answered`, or `it was not reached`.
    pub answer: String,
    /// Who answered, as they said.
    pub by: Option<String>,
    /// The login that the answer was given with, as far as the machine knows: user@host.
    pub login: Option<String>,
    /// When.
    pub at: Option<String>,
    /// What they noted.
    pub note: Option<String>,
    /// How long the run waited for it.
    pub waited: Option<String>,
}

/// The people of a run. `waited` is how long everything waited for them.
#[must_use]
pub fn people(state: &State, waited: Option<String>) -> PeopleFacts {
    PeopleFacts {
        owner: state.started.plan.definition.owner.clone(),
        initiated_by: state.started.started_by.clone(),
        credentials: state.identity.as_ref().map(|identity| identity.arn.clone()),
        approvals: state.questions().iter().map(|name| approval(state, name)).collect(),
        separation: separation(state),
        waited,
    }
}

fn approval(state: &State, name: &Name) -> ApprovalFacts {
    let step = state.asks(name).map_or(&StepState::Waiting, |work| state.step(&work));
    let answered = state.gates.get(name);
    let answer = answered.map(|(_, answer)| answer);
    ApprovalFacts {
        name: name.to_string(),
        asked: asked(state, name),
        answer: match (answer, step) {
            (Some(answer), _) if answer.approved => "yes",
            (Some(_), _) => "no",
            (None, StepState::Ended { since: Some(_), .. }) => "nobody answered",
            (None, _) => "it was not reached",
        }
        .to_owned(),
        by: answer.map(|answer| answer.by.clone()),
        login: answer.map(|answer| answer.at.clone()),
        at: answered.map(|(at, _)| show_instant(*at)),
        note: answer.map(|answer| answer.note.clone()).filter(|note| !note.is_empty()),
        waited: shown(took(step)),
    }
}

/// What the person reads: a gate's question, or that of a manual probe.
fn asked(state: &State, name: &Name) -> String {
    let definition = &state.started.plan.definition;
    match state.asks(name) {
        Some(Work::Gate(gate)) => definition.gates.get(&gate).map(|gate| gate.ask.clone()).unwrap_or_default(),
        _ => {
            let settings = definition.probes.get(name).map(|probe| &probe.settings);
            let text = settings.and_then(|settings| settings.get("ask")).and_then(|ask| ask.as_str());
            text.unwrap_or("whether it holds").to_owned()
        }
    }
}

/// The login is what the machine knows; the name is what a person typed, and proves nothing.
fn separation(state: &State) -> String {
    let answers: Vec<&GateAnswer> = state.gates.values().map(|(_, answer)| answer).collect();
    let initiator = &state.started.started_by;
    if state.questions().is_empty() {
        return "The definition asks nobody for an approval.".to_owned();
    }
    if answers.is_empty() {
        return "Nobody answered, so nothing was approved.".to_owned();
    }
    if answers.iter().any(|answer| answer.at == *initiator) {
        return "At least one answer came from the login that started the run: that is no separation of duties."
            .to_owned();
    }
    "Every answer came from another login than the one that started the run.".to_owned()
}
