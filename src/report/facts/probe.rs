//! Each probe of a run: what was asked, what had to hold, what came back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::resource::Settings;
use crate::definition::model::{Expectation, NegativeControl, Probe, ProbeReason, Severity, Via};
use crate::journal::event::Tried;
use crate::journal::state::{ProbeState, State, StepState};
use crate::plan::step::Work;
use crate::probe::Observed;
use crate::report::facts::steps::{detail, icon, status};
use crate::report::facts::{Row, scope, shown_value};
use crate::words::id::Name;
use crate::words::kind::ProbeKind;
use crate::words::time::{show_duration, show_instant};

/// One probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeFacts {
    /// Its name in the definition.
    pub name: String,
    /// The restore that it probes.
    pub on: String,
    /// Its kind, such as `sql`.
    pub kind: String,
    /// Whether the verdict depends on it.
    pub required: bool,
    /// As for a step: `passed`, `failed`, `skipped`, `not_measured`, `waiting`, `running`.
    pub status: String,
    /// The status in words.
    pub outcome: String,
    /// A sign for it.
    pub icon: String,
    /// Why it did not run, if it did not.
    pub because: Option<String>,
    /// What was asked of whom. Secrets are references.
    pub settings: Vec<Row>,
    /// What had to hold.
    pub expected: Vec<Row>,
    /// What came back.
    pub observed: Vec<Row>,
    /// Facts of the last attempt.
    pub facts: Vec<Row>,
    /// How each expectation held.
    pub explained: Vec<String>,
    /// Why the last attempt did not hold.
    pub miss: Option<String>,
    /// How often it was tried.
    pub attempts: usize,
    /// When the last attempt ended.
    pub last: Option<String>,
    /// How often it may be tried.
    pub retry: String,
    /// Its negative control.
    pub control: Option<ControlFacts>,
}

/// A negative control: a variant that must fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlFacts {
    /// What it changes.
    pub changed: Vec<Row>,
    /// How it must fail.
    pub predicted: String,
    /// Whether it did.
    pub as_predicted: Option<bool>,
    /// What it did.
    pub result: String,
    /// How often it was tried.
    pub attempts: usize,
}

/// Every probe of the definition, in the order of its names.
#[must_use]
pub fn probes(state: &State) -> Vec<ProbeFacts> {
    let probes = state.started.plan.definition.probes.iter();
    let untried = ProbeState::default();
    probes.map(|(name, probe)| facts(state, name, probe, state.probes.get(name).unwrap_or(&untried))).collect()
}

fn facts(state: &State, name: &Name, probe: &Probe, tries: &ProbeState) -> ProbeFacts {
    let step = state.steps.get(&Work::Probe(name.clone()).id()).unwrap_or(&StepState::Waiting);
    let last = tries.tried.last();
    let observed = last.and_then(|(_, _, result)| observed(result));
    ProbeFacts {
        name: name.to_string(),
        on: probe.on.to_string(),
        kind: probe.kind.to_string(),
        required: probe.severity == Severity::Required,
        status: status(step).to_owned(),
        outcome: status(step).replace('_', " "),
        icon: icon(step).to_owned(),
        because: if last.is_none() { detail(step) } else { None },
        settings: asked(probe),
        expected: expected(probe),
        observed: observed.map(|seen| values(&seen.values)).unwrap_or_default(),
        facts: observed.map(|seen| scope::rows(seen.facts.iter())).unwrap_or_default(),
        explained: match last {
            Some((_, _, Tried::Held { explained, observed })) => {
                explained.iter().cloned().chain(lagging(probe.kind, observed)).collect()
            }
            _ => Vec::new(),
        },
        miss: match last {
            Some((_, _, Tried::Missed { miss })) => Some(format!("{}: {}", reason(miss.reason), miss.message)),
            _ => None,
        },
        attempts: tries.tried.len(),
        last: last.map(|(_, at, _)| show_instant(*at)),
        retry: retry(probe),
        control: probe.negative_control.as_ref().map(|control| control_facts(probe, control, tries)),
    }
}

/// Why a value looks wrong beside another one.
fn lagging(kind: ProbeKind, observed: &Observed) -> Option<String> {
    (kind == ProbeKind::DynamoDb && observed.values.contains_key("item_count")).then(|| {
        "item_count is DynamoDB's own count, which it makes anew about every six hours: of a fresh copy it may be 0."
            .to_owned()
    })
}

/// What an attempt saw.
fn observed(result: &Tried) -> Option<&Observed> {
    match result {
        Tried::Held { observed, .. } => Some(observed),
        Tried::Missed { miss } => miss.observed.as_ref(),
    }
}

/// Settings as rows.
pub(crate) fn settings(settings: &Settings) -> Vec<Row> {
    settings.iter().map(|(name, value)| Row { name: name.clone(), value: shown_value(value) }).collect()
}

/// How it was asked, beside the kind's own settings: under which condition, which way, for how long.
pub(crate) fn asked(probe: &Probe) -> Vec<Row> {
    let row = |name: &str, value: String| Row { name: name.to_owned(), value };
    let when = probe.when.as_ref().map(|when| row("when", format!("{} is {}", when.value, in_words(&when.expect))));
    let via = probe.via.as_ref().map(|via| match via {
        Via::SsmTunnel(instance) => row("via", format!("a tunnel of SSM through {instance}")),
        Via::Lambda(function) => row("via", format!("the function {function}")),
    });
    let hold = probe.hold.map(|hold| row("hold", show_duration(hold)));
    let mut rows: Vec<Row> = when.into_iter().chain(via).chain(hold).collect();
    rows.extend(settings(&probe.settings));
    rows
}

fn values(values: &BTreeMap<String, Value>) -> Vec<Row> {
    values.iter().map(|(name, value)| Row { name: name.clone(), value: shown_value(value) }).collect()
}

/// What must hold.
pub(crate) fn expected(probe: &Probe) -> Vec<Row> {
    let expect = probe.expect.iter();
    let mut rows: Vec<Row> =
        expect.map(|(name, expectation)| Row { name: name.clone(), value: in_words(expectation) }).collect();
    if let Some(name) = &probe.measures.data_age {
        rows.push(Row { name: name.clone(), value: "the time of the newest data inside".to_owned() });
    }
    if rows.is_empty() {
        let value = crate::probe::kind(probe.kind).holds_when();
        rows.push(Row { name: "answer".to_owned(), value: value.to_owned() });
    }
    rows
}

fn in_words(expectation: &Expectation) -> String {
    let Expectation {
        at_least,
        at_most,
        between,
        equals,
        one_of,
        matches,
        not_null,
        not_older_than,
        not_less_than_last_pass,
        every,
        any,
        count,
    } = expectation;
    let mut parts = Vec::new();
    if let Some(bound) = at_least {
        parts.push(format!("at least {bound}"));
    }
    if let Some(bound) = at_most {
        parts.push(format!("at most {bound}"));
    }
    if let Some((low, high)) = between {
        parts.push(format!("between {low} and {high}"));
    }
    if let Some(value) = equals {
        parts.push(format!("equal to {}", shown_value(value)));
    }
    if let Some(values) = one_of {
        let values: Vec<String> = values.iter().map(shown_value).collect();
        parts.push(format!("one of {}", values.join(", ")));
    }
    if let Some(age) = not_older_than {
        parts.push(format!("not older than {}", show_duration(*age)));
    }
    if let Some(share) = not_less_than_last_pass {
        parts.push(format!("not less than {} of the last pass's", String::from(*share)));
    }
    for (which, each) in [("every element", every), ("some element", any), ("as many elements as", count)] {
        if let Some(each) = each {
            parts.push(format!("{which}: {}", in_words(each)));
        }
    }
    if let Some(pattern) = matches {
        parts.push(format!("matches {pattern}"));
    }
    match not_null {
        Some(true) => parts.push("there is a value".to_owned()),
        Some(false) => parts.push("there is no value".to_owned()),
        None => {}
    }
    parts.join(" and ")
}

fn retry(probe: &Probe) -> String {
    if probe.retry.within.is_zero() {
        return "one attempt".to_owned();
    }
    let every = show_duration(probe.retry.every);
    let slower = if probe.retry.backoff > 1.0 {
        format!(", each pause {} times the last", probe.retry.backoff)
    } else {
        String::new()
    };
    format!("every {every} for {}{slower}", show_duration(probe.retry.within))
}

fn control_facts(probe: &Probe, control: &NegativeControl, tries: &ProbeState) -> ControlFacts {
    let changed = control.settings.iter().filter(|(name, value)| probe.settings.get(*name) != Some(*value));
    let (as_predicted, result) = match tries.control.last() {
        None => (None, "It was not run.".to_owned()),
        Some((_, _, Tried::Held { .. })) => {
            (Some(false), "It held although it had to fail: the probe proves nothing.".to_owned())
        }
        Some((_, _, Tried::Missed { miss })) if miss.reason == control.fails_with => {
            (Some(true), format!("It failed as predicted: {}", miss.message))
        }
        Some((_, _, Tried::Missed { miss })) => {
            (Some(false), format!("It failed for another reason ({}): {}", reason(miss.reason), miss.message))
        }
    };
    ControlFacts {
        changed: changed.map(|(name, value)| Row { name: name.clone(), value: shown_value(value) }).collect(),
        predicted: reason(control.fails_with).to_owned(),
        as_predicted,
        result,
        attempts: tries.control.len(),
    }
}

fn reason(reason: ProbeReason) -> &'static str {
    match reason {
        ProbeReason::Unreachable => "there is no way to it from here",
        ProbeReason::Connection => "no connection",
        ProbeReason::Tls => "the server did not prove who it is",
        ProbeReason::Authentication => "the credential was refused",
        ProbeReason::Query => "the query was refused",
        ProbeReason::ExitCode => "the program ended with another exit code than 0",
        ProbeReason::Expectation => "another answer than expected",
        ProbeReason::Timeout => "it took too long",
        ProbeReason::Setup => "something is missing on the side of the drill",
    }
}
