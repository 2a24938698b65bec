//! A run's journal → the context of a report: everything that a reader sees, in words.
//!
//! Invariant: a function of the records up to the last verdict and of the resource types' facts. No clock, no
//! environment. Records after the verdict (the report's own files) do not change a byte. Strings are ready to be shown
//! and not escaped: that is for the template's helpers.

pub mod action;
pub mod by_hand;
pub mod cost;
pub mod deviation;
pub mod diagram;
pub mod earlier;
pub mod finding;
pub mod isolation;
pub mod limits;
pub mod milestones;
pub mod numbers;
pub mod people;
pub mod probe;
pub mod request;
pub mod restore;
pub mod scope;
pub mod seal;
pub mod steps;
pub mod teardown;
pub mod timeline;
pub mod trend;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::cloud::resource::Types;
use crate::definition::model::Objectives;
use crate::journal::event::{Event, Recorded, StepEnd};
use crate::journal::measure::{Measure, Measures};
use crate::journal::state::{State, StepState};
use crate::plan::step::Work;
use crate::report::controls::{ControlMapping, controls};
use crate::report::facts::action::{ActionFacts, GateFacts};
use crate::report::facts::cost::CostFacts;
use crate::report::facts::diagram::Diagram;
use crate::report::facts::earlier::EarlierFacts;
use crate::report::facts::finding::FindingFacts;
use crate::report::facts::isolation::IsolationFacts;
use crate::report::facts::numbers::NumberFacts;
use crate::report::facts::people::PeopleFacts;
use crate::report::facts::probe::ProbeFacts;
use crate::report::facts::request::RequestFacts;
use crate::report::facts::restore::RestoreFacts;
use crate::report::facts::scope::Scope;
use crate::report::facts::seal::Seal;
use crate::report::facts::steps::StepFacts;
use crate::report::facts::teardown::TeardownFacts;
use crate::report::facts::timeline::Timeline;
use crate::report::facts::trend::TrendFacts;
use crate::report::redact;
use crate::words::kind::{Mode, Verdict};
use crate::words::time::{show_duration, show_instant};

/// Version of [`Context`], for templates and for `report.json`.
///
/// | version | since | change |
/// |---|---|---|
/// | 1 | 0.1.0 | first |
pub const VERSION: u32 = 1;

/// Everything that a template can show. Every field is always there; what is unknown is null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// [`VERSION`].
    pub version: u32,
    /// What a reader must know before anything else: this is not evidence.
    pub banner: Option<String>,
    /// The verdict and why.
    pub verdict: VerdictFacts,
    /// Who, what, where, when.
    pub scope: Scope,
    /// Targets against what was measured.
    pub objectives: Vec<Objective>,
    /// What the recovery time is made of.
    pub rto_phases: Vec<Row>,
    /// The three numbers that decide.
    pub numbers: Vec<NumberFacts>,
    /// What the run showed.
    pub tested: Vec<String>,
    /// What it did not look at.
    pub not_tested: Vec<String>,
    /// How it compares with earlier runs; null without any.
    pub trend: Option<TrendFacts>,
    /// What the preflight found.
    pub checks: Vec<CheckFacts>,
    /// Each restore.
    pub restores: Vec<RestoreFacts>,
    /// Each step, in the plan's order.
    pub steps: Vec<StepFacts>,
    /// When each step was under way; null if none began.
    pub timeline: Option<Timeline>,
    /// Mermaid diagrams.
    pub diagram: Diagram,
    /// Each probe.
    pub probes: Vec<ProbeFacts>,
    /// What was done to the restored world.
    pub actions: Vec<ActionFacts>,
    /// What people were asked.
    pub gates: Vec<GateFacts>,
    /// Who had to do with the run, and who approved what.
    pub people: PeopleFacts,
    /// How long everything waited for people; null if it did not.
    pub waited: Option<String>,
    /// How what was restored stood apart from production.
    pub isolation: IsolationFacts,
    /// What it cost, as far as the definition knows; null without rates.
    pub cost: Option<CostFacts>,
    /// What became of what the run made.
    pub teardown: TeardownFacts,
    /// Warnings, in order.
    pub warnings: Vec<WarningFacts>,
    /// Where the run left the usual way.
    pub deviations: Vec<String>,
    /// What follows from the run.
    pub findings: Vec<FindingFacts>,
    /// What the run is evidence for, and what not, by the owner's own mapping.
    pub controls: Vec<ControlMapping>,
    /// What this report leaves out on purpose.
    pub hidden: Vec<String>,
    /// The run by hand: what to do in which order, restores, probes and actions alike.
    pub by_hand: Vec<String>,
    /// Requests that AWS refused or failed, by its own ids.
    pub requests: Vec<RequestFacts>,
    /// What ties the report to its journal, and where both are kept.
    pub seal: Seal,
}

/// A name and a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// The verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictFacts {
    /// `passed`, `failed`, `inconclusive`, `leaked` or `unfinished`.
    pub word: String,
    /// The word in capitals.
    pub heading: String,
    /// A sign for it.
    pub icon: String,
    /// What it means, in a sentence.
    pub sentence: String,
    /// The exit code of `drill run`; null while unfinished.
    pub exit_code: Option<u8>,
    /// Why, most important first.
    pub reasons: Vec<ReasonFacts>,
    /// The verdicts before this one: after each the teardown was opened once more.
    pub earlier: Vec<EarlierFacts>,
    /// What should be known beside it: findings that are no reasons of it and no small ones.
    pub cautions: Vec<String>,
}

/// One reason of a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonFacts {
    /// The verdict that it makes.
    pub makes: String,
    /// The step that it is about.
    pub step: Option<String>,
    /// In words.
    pub text: String,
    /// What to do next.
    pub advice: Option<String>,
}

/// A target and what was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// `rto`, `rpo`, `copy_lag`, `data_age`.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// The target, if there is one.
    pub target: Option<String>,
    /// What was measured, if it could be.
    pub measured: Option<String>,
    /// `yes`, `no`, or `no target`.
    pub met: String,
    /// How it was measured, or why it was not.
    pub how: String,
}

/// One finding of the preflight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckFacts {
    /// Which check, such as `role.trust`.
    pub id: String,
    /// What was looked at.
    pub what: String,
    /// `ok`, `failed`, `warning`, `not checked`.
    pub result: String,
    /// What was seen.
    pub detail: String,
    /// What mends it, where something is to be mended and somebody knows how.
    pub mend: Option<String>,
}

/// A warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarningFacts {
    /// When.
    pub at: String,
    /// About which step.
    pub step: String,
    /// In words.
    pub text: String,
}

/// The context of a run's report.
#[must_use]
pub fn context(state: &State, events: &[Recorded], types: Types) -> Context {
    context_at(&at_verdict(state, events), until_verdict(events), types)
}

/// The same of the records up to the verdict, and of the state that [`at_verdict`] says they make.
#[must_use]
pub(crate) fn context_at(state: &State, events: &[Recorded], types: Types) -> Context {
    let timeline = timeline::timeline(state);
    let (teardown, waited) = (teardown::teardown(state, types), action::waited(state));
    let deviations = deviation::deviations(state, events).into_iter();
    let beside = finding::beside(state, events);
    let whole = Context {
        version: VERSION,
        banner: banner(state),
        verdict: verdict(state, events, finding::cautions(state, &beside)),
        scope: scope::scope(state),
        objectives: objectives(state),
        rto_phases: rto_phases(state),
        numbers: numbers::numbers(state, &teardown),
        tested: limits::tested(state),
        not_tested: limits::not_tested(state),
        trend: trend::trend(state),
        checks: checks(state),
        restores: restore::restores(state, events, types),
        steps: steps::steps(state),
        diagram: diagram::diagram(state, timeline.as_ref()),
        timeline,
        probes: probe::probes(state),
        actions: action::actions(state),
        gates: action::gates(state),
        people: people::people(state, waited.clone()),
        waited,
        isolation: isolation::isolation(state),
        cost: cost::cost(state, types),
        teardown,
        warnings: warnings(state),
        deviations: deviations.map(|deviation| deviation.text).collect(),
        findings: finding::findings(state, beside),
        controls: controls(state),
        hidden: redact::hidden(state),
        by_hand: by_hand::order(state),
        requests: request::requests(events),
        seal: seal::seal(state, events),
    };
    redact::accounts(state, whole)
}

/// The records that a report is made from: up to the last verdict, or all while there is none.
#[must_use]
pub fn until_verdict(events: &[Recorded]) -> &[Recorded] {
    let last = events.iter().rposition(|record| matches!(record.event, Event::Concluded { .. }));
    last.and_then(|at| events.get(..=at)).unwrap_or(events)
}

/// The state that those records make: what came after the verdict is not in it.
#[must_use]
pub fn at_verdict(state: &State, events: &[Recorded]) -> State {
    judged(State::replay(until_verdict(events)).unwrap_or_else(|_| state.clone()))
}

/// A state at its verdict as the report shows it.
pub(crate) fn judged(mut at_verdict: State) -> State {
    // Whoever reads the report sees that its step is over.
    if let Some((at, _)) = at_verdict.concluded
        && let Some(step) = at_verdict.steps.get_mut(&Work::Report.id())
        && let StepState::Running { since, stumbled_in_all, .. } = *step
    {
        *step = StepState::Ended { since: Some(since), at, end: StepEnd::Passed, stumbled_in_all };
    }
    at_verdict
}

/// A duration or, where there is none, nothing.
pub(crate) fn shown(duration: Option<SignedDuration>) -> Option<String> {
    duration.map(show_duration)
}

/// An instant, or words for not knowing it.
pub(crate) fn shown_instant(instant: Option<Timestamp>) -> String {
    instant.map_or_else(|| "unknown".to_owned(), show_instant)
}

/// A JSON value as a person would write it.
pub(crate) fn shown_value(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => "nothing (null)".to_owned(),
        other => other.to_string(),
    }
}

fn banner(state: &State) -> Option<String> {
    match state.started.mode {
        Mode::Aws => None,
        Mode::Sandbox => {
            let seed = state.started.seed.map(|seed| format!(", seed {seed}")).unwrap_or_default();
            Some(format!("REHEARSAL — simulated AWS{seed}. Not evidence."))
        }
        Mode::CustomEndpoint => {
            Some("REHEARSAL — an endpoint was overridden, so AWS itself did not answer. Not evidence.".to_owned())
        }
    }
}

/// What a pass means: no more than what happened, and no target where none is set.
fn passed(state: &State, measures: &Measures) -> String {
    let what = match state.picked.len() {
        0 | 1 => "The chosen recovery point was restored".to_owned(),
        count => format!("Of each of the {count} resources the chosen recovery point was restored"),
    };
    let Measures { rto, rpo, copy_lag, data_age, skew, .. } = measures;
    let has_target = [rto, rpo, copy_lag, data_age].into_iter().chain(skew).any(|measure| measure.target.is_some());
    let targets = if has_target { "every target was met, " } else { "" };
    let none = if has_target { "" } else { " No target is set, so none was met or missed." };
    format!("{what}, every required probe of the restored data held, {targets}and nothing was left behind.{none}")
}

fn verdict(state: &State, events: &[Recorded], cautions: Vec<String>) -> VerdictFacts {
    let Some((_, conclusion)) = &state.concluded else {
        return VerdictFacts {
            word: "unfinished".to_owned(),
            heading: "UNFINISHED".to_owned(),
            icon: "⏳".to_owned(),
            sentence: "The run has not ended yet. Nothing here is a result.".to_owned(),
            exit_code: None,
            reasons: Vec::new(),
            earlier: earlier::earlier(state, events),
            cautions,
        };
    };
    let (icon, sentence) = match conclusion.verdict {
        Verdict::Passed => ("✅", passed(state, &conclusion.measures)),
        Verdict::Failed => ("❌", "The backup did not prove itself. The reasons are below.".to_owned()),
        Verdict::Inconclusive => (
            "⚠️",
            "Something around the drill stood in the way, so the backup is neither proven nor disproven.".to_owned(),
        ),
        Verdict::Leaked => (
            "🚨",
            "Something that this run made may still exist and cost money. What is known of it is below.".to_owned(),
        ),
    };
    let kept = state.lease().map(|until| {
        format!(" What was restored is kept on purpose until {}; then it is owed its removal.", show_instant(until))
    });
    // "Nothing was left behind" would be untrue of what is kept.
    let sentence = match &kept {
        Some(_) => sentence.replace(" and nothing was left behind.", ".").replace(",.", "."),
        None => sentence,
    };
    let reasons = conclusion.reasons.iter().map(|reason| ReasonFacts {
        makes: reason.makes.word().to_owned(),
        step: reason.step.as_ref().map(ToString::to_string),
        text: reason.text.clone(),
        advice: reason.advice.clone(),
    });
    VerdictFacts {
        word: conclusion.verdict.word().to_owned(),
        heading: conclusion.verdict.word().to_uppercase(),
        icon: icon.to_owned(),
        sentence: sentence + kept.as_deref().unwrap_or_default() + &earlier::leaked(state).unwrap_or_default(),
        exit_code: Some(conclusion.verdict.exit_code()),
        reasons: reasons.collect(),
        earlier: earlier::earlier(state, events),
        cautions,
    }
}

fn objectives(state: &State) -> Vec<Objective> {
    if let Some((_, conclusion)) = &state.concluded {
        let measures = &conclusion.measures;
        let mut all = four([&measures.rto, &measures.rpo, &measures.copy_lag, &measures.data_age]);
        all.extend(measures.skew.as_ref().map(|skew| objective("skew", "Span of the recovery points", skew)));
        return all;
    }
    let Objectives { rto, rpo, copy_lag, data_age } = &state.started.plan.definition.objectives;
    let [rto, rpo, copy_lag, data_age] = [rto, rpo, copy_lag, data_age].map(|target| Measure {
        value: None,
        target: *target,
        how: "the run has not ended".to_owned(),
    });
    four([&rto, &rpo, &copy_lag, &data_age])
}

/// The four measures with their names, in the order of [`crate::journal::measure::Measures`].
pub(crate) fn four(measures: [&Measure; 4]) -> Vec<Objective> {
    const NAMES: [(&str, &str); 4] = [
        ("rto", "Recovery time (RTO)"),
        ("rpo", "Age of the recovery point (RPO)"),
        ("copy_lag", "Time that the copy took to arrive"),
        ("data_age", "Age of the newest data inside"),
    ];
    NAMES.iter().zip(measures).map(|((id, name), measure)| objective(id, name, measure)).collect()
}

fn objective(id: &str, name: &str, measure: &Measure) -> Objective {
    Objective {
        id: id.to_owned(),
        name: name.to_owned(),
        target: shown(measure.target),
        measured: shown(measure.value),
        met: match measure.met() {
            Some(true) => "yes",
            Some(false) => "no",
            None => "no target",
        }
        .to_owned(),
        how: plain(&measure.how),
    }
}

/// A sentence without the marks of code, for where marks are shown as they are.
pub(crate) fn plain(text: &str) -> String {
    text.replace('`', "")
}

fn rto_phases(state: &State) -> Vec<Row> {
    let Some((_, conclusion)) = &state.concluded else { return Vec::new() };
    let phases = &conclusion.measures.rto_phases;
    phases.iter().map(|(name, took)| Row { name: name.clone(), value: show_duration(*took) }).collect()
}

fn checks(state: &State) -> Vec<CheckFacts> {
    let checks = state.checks.iter().flatten();
    checks
        .map(|check| CheckFacts {
            what: check.what.clone(),
            id: check.id.word().to_owned(),
            result: check.result.word().to_owned(),
            detail: check.detail.clone(),
            mend: check.mend.clone(),
        })
        .collect()
}

fn warnings(state: &State) -> Vec<WarningFacts> {
    let warnings = state.warnings.iter();
    warnings
        .map(|warning| WarningFacts {
            at: show_instant(warning.at),
            step: warning.step.to_string(),
            text: warning.text.clone(),
        })
        .collect()
}
