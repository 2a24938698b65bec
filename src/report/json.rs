//! A run for programs: what `drill run --output json` prints, and `report.json`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::definition::model::Redaction;
use crate::journal::event::{Class, Failure, GoneProof, StepEnd};
use crate::journal::ledger::{Entry, Existence};
use crate::journal::measure::{Measure, Measures, RestoreMeasures};
use crate::journal::state::{ActionState, Reopened, State, StepState};
use crate::journal::verdict::Reason;
use crate::plan::step::{Step, Work};
use crate::report::facts::Context;
use crate::report::facts::cost::{cents, spent_usd};
use crate::report::facts::restore::made_arn;
use crate::report::facts::steps::{attempts, status, took};
use crate::report::facts::teardown::existence_word;
use crate::report::redact;
use crate::words::id::{DrillName, Name, RunId, StepId};
use crate::words::kind::{Mode, Verdict};

/// Version of the JSON that [`summary`] and [`Report`] make.
///
/// | version | since | change |
/// |---|---|---|
/// | 1 | 0.1.0 | first |
pub const VERSION: u32 = 1;

/// A run as one object. `evidence` is the folder of its report, where there is one. While the run has no verdict,
/// `verdict` and `exit_code` are null.
///
/// ```json
/// {"version":1,"run":"…","drill":"rds-prod","mode":"aws","verdict":"passed","exit_code":0,"evidence":"reports/…",
///  "measures":{"rto":{"seconds":1260,"target_seconds":3600,"met":true},"rpo":{},"copy_lag":{},"data_age":{}},
///  "steps":[{"id":"pick.orders","kind":"pick","status":"passed","seconds":1.2,"attempts":1}],
///  "created":[{"arn":"…","type":"rds","removed":true,"state":"gone"}],"kept_until":null,"cost":null,
///  "gates":{"go":{"approved":true,"by":"…","at":"…","note":"…"}},"actions":{"configure":{"attempts":1,"undone":true}},
///  "failure":null,"failures":[],
///  "restores":{"orders":{"measures":{},"recovery_point":"…","job":"…","arn":"…"}}}
/// ```
///
/// A step's status is `passed`, `failed`, `skipped`, `not_measured`, `waiting` or `running`. A failure is
/// `{"step","class","message","request_id"}`; its class is `data`, `environment`, `deadline`, `cancelled`,
/// `untrustworthy` or `leaked`; its step is null where it is about the whole run. `failure` is the one that decided.
/// `earlier_verdicts` are those after which the teardown was opened once more.
/// `kept_until` is null unless something is kept on purpose; `cost` is null unless the definition has rates.
///
/// # Panics
/// Never: every key of it is a text.
#[must_use]
pub fn summary(state: &State, evidence: Option<&str>) -> Value {
    serde_json::to_value(Summary::of(state, evidence)).expect("every key of it is a text")
}

/// The same, made into JSON only where it is written: a large run has many steps.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    version: u32,
    run: RunId,
    drill: &'a DrillName,
    mode: Mode,
    verdict: Option<Verdict>,
    exit_code: Option<u8>,
    earlier_verdicts: Vec<Value>,
    evidence: Option<&'a str>,
    measures: Value,
    steps: Vec<StepSummary<'a>>,
    kept_until: Option<String>,
    cost: Option<Value>,
    created: Vec<Value>,
    gates: Map<String, Value>,
    actions: BTreeMap<&'a str, ActionSummary>,
    failure: Option<Value>,
    failures: Vec<Value>,
    restores: Map<String, Value>,
}

#[derive(Debug, Serialize)]
struct StepSummary<'a> {
    id: &'a str,
    kind: &'static str,
    status: &'static str,
    seconds: Option<Value>,
    attempts: usize,
}

#[derive(Debug, Serialize)]
struct ActionSummary {
    attempts: usize,
    /// Null where there is no undo.
    undone: Option<bool>,
}

impl<'a> Summary<'a> {
    fn of(state: &'a State, evidence: Option<&'a str>) -> Self {
        let definition = &state.started.plan.definition;
        let verdict = state.concluded.as_ref().map(|(_, conclusion)| conclusion.verdict);
        let failures = failures(state);
        let steps = state.in_order().map(|(one, now)| step(state, one, now));
        let gates = state.gates.iter().map(|(name, (_, answer))| (name.to_string(), json!(answer)));
        Self {
            version: VERSION,
            run: state.run,
            drill: &definition.name,
            mode: state.started.mode,
            verdict,
            exit_code: verdict.map(Verdict::exit_code),
            earlier_verdicts: state.reopened.iter().map(earlier).collect(),
            evidence,
            measures: measures(state),
            steps: steps.collect(),
            kept_until: state.lease().map(|until| until.to_string()),
            cost: cost(state),
            created: state.ledger.iter().filter_map(|(name, entry)| created(state, name, entry)).collect(),
            gates: gates.collect(),
            actions: actions(state),
            failure: failures.first().filter(|_| verdict != Some(Verdict::Passed)).cloned(),
            failures,
            restores: definition.restore.keys().map(|name| (name.to_string(), restore(state, name))).collect(),
        }
    }
}

/// `report.json`: the summary at the verdict, and under `report` the context of the report's template. Like the report
/// it is a function of the journal alone, so `evidence` is null.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    #[serde(flatten)]
    summary: Shown<'a>,
    report: &'a Context,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    Whole(Box<Summary<'a>>),
    Redacted(Value),
}

impl<'a> Report<'a> {
    /// The one of a state as [`at_verdict`](crate::report::facts::at_verdict) makes it, and of its context.
    #[must_use]
    pub fn new(at_verdict: &'a State, context: &'a Context) -> Self {
        let redacts = at_verdict.started.plan.definition.report.hides(Redaction::AccountIds);
        let summary = if redacts {
            Shown::Redacted(redact::accounts(at_verdict, summary(at_verdict, None)))
        } else {
            Shown::Whole(Box::new(Summary::of(at_verdict, None)))
        };
        Self { summary, report: context }
    }
}

/// The numbers of a run as `measures` of [`summary`] shows them, in seconds.
#[must_use]
pub fn measured(all: &Measures) -> Value {
    let mut value = four([&all.rto, &all.rpo, &all.copy_lag, &all.data_age]);
    if let (Some(skew), Value::Object(fields)) = (&all.skew, &mut value) {
        fields.insert("skew".to_owned(), measure(skew));
    }
    value
}

fn earlier(earlier: &Reopened) -> Value {
    json!({ "verdict": earlier.conclusion.verdict, "at": earlier.at.to_string(), "records": earlier.seq })
}

fn measures(state: &State) -> Value {
    if let Some((_, conclusion)) = &state.concluded {
        return measured(&conclusion.measures);
    }
    let objectives = &state.started.plan.definition.objectives;
    let pending =
        |target: Option<SignedDuration>| json!({ "seconds": null, "target_seconds": target.map(seconds), "met": null });
    json!({
        "rto": pending(objectives.rto),
        "rpo": pending(objectives.rpo),
        "copy_lag": pending(objectives.copy_lag),
        "data_age": pending(objectives.data_age),
    })
}

fn four([rto, rpo, copy_lag, data_age]: [&Measure; 4]) -> Value {
    json!({ "rto": measure(rto), "rpo": measure(rpo), "copy_lag": measure(copy_lag), "data_age": measure(data_age) })
}

fn measure(measure: &Measure) -> Value {
    json!({
        "seconds": measure.value.map(seconds),
        "target_seconds": measure.target.map(seconds),
        "met": measure.met(),
    })
}

/// Seconds, whole where they are.
fn seconds(duration: SignedDuration) -> Value {
    if duration.subsec_nanos() == 0 { json!(duration.as_secs()) } else { json!(duration.as_secs_f64()) }
}

fn step<'a>(state: &State, step: &'a Step, now: &StepState) -> StepSummary<'a> {
    StepSummary {
        id: step.id.as_str(),
        kind: step.work.kind(),
        status: status(now),
        seconds: took(now).map(seconds),
        attempts: attempts(state, step),
    }
}

/// What was made, or may have been: a start that AWS refused made nothing.
fn created(state: &State, name: &Name, entry: &Entry) -> Option<Value> {
    if matches!(entry.gone, Some((_, GoneProof::NeverStarted))) {
        return None;
    }
    let kind = state.started.plan.definition.restore.get(name).map(|restore| restore.kind);
    let existence = entry.existence();
    Some(json!({
        "arn": made_arn(entry),
        "type": kind,
        "removed": existence == Existence::Gone,
        "state": existence_word(existence),
    }))
}

/// What it has cost by the rates of the definition: until its verdict, or until now. In whole cents.
fn cost(state: &State) -> Option<Value> {
    let definition = &state.started.plan.definition;
    let known = definition.restore.values().any(|restore| !definition.rates_of(restore).is_empty());
    let limit = definition.limits.max_cost_usd;
    known.then(|| json!({ "spent_usd": cents(spent_usd(state)), "max_usd": limit }))
}

/// What was done, and whether it was undone.
fn actions(state: &State) -> BTreeMap<&str, ActionSummary> {
    let owed: BTreeSet<StepId> = state.owed_undos().into_iter().collect();
    let one = |name: &Name, done: &ActionState| {
        let undo = state.started.plan.definition.actions.get(name).and_then(|action| action.undo.as_ref());
        let undone = undo.map(|_| !owed.contains(&Work::Undo(name.clone()).id()));
        ActionSummary { attempts: done.tried.len(), undone }
    };
    state.actions.iter().map(|(name, done)| (name.as_str(), one(name, done))).collect()
}

fn restore(state: &State, name: &Name) -> Value {
    let own = state.concluded.as_ref().and_then(|(_, conclusion)| conclusion.measures.restores.get(name));
    let measures = own.map(|RestoreMeasures { rto, rpo, copy_lag, data_age }| four([rto, rpo, copy_lag, data_age]));
    let entry = state.ledger.get(name);
    let point = state.picked.get(name).and_then(|picked| picked.chosen.as_ref()).map(|point| &point.arn);
    json!({
        "measures": measures,
        "recovery_point": point,
        "job": entry.and_then(|entry| entry.job.as_ref()),
        "arn": entry.map(made_arn),
    })
}

/// The verdict's reasons, most important first, then failed steps that none of them is about.
fn failures(state: &State) -> Vec<Value> {
    let reasons = state.concluded.iter().flat_map(|(_, conclusion)| &conclusion.reasons);
    let mut told: BTreeSet<&StepId> = BTreeSet::new();
    let mut out = Vec::new();
    for reason in reasons {
        match reason.step.as_ref().and_then(|id| failed(state, id).map(|failure| (id, failure))) {
            Some((id, _)) if told.contains(id) => {}
            Some((id, failure)) => {
                told.insert(id);
                out.push(told_of(id, failure, &in_full(reason)));
            }
            None => out.push(of_reason(reason)),
        }
    }
    for step in &state.started.plan.steps {
        if let Some(failure) = failed(state, &step.id)
            && !told.contains(&step.id)
        {
            out.push(told_of(&step.id, failure, &failure.message));
        }
    }
    out
}

fn failed<'a>(state: &'a State, id: &StepId) -> Option<&'a Failure> {
    match state.steps.get(id) {
        Some(StepState::Ended { end: StepEnd::Failed(failure), .. }) => Some(failure),
        _ => None,
    }
}

/// What is left must be named with the way to remove it, also for a program that reads one field.
fn in_full(reason: &Reason) -> String {
    match &reason.advice {
        Some(advice) if reason.makes == Verdict::Leaked => format!("{}; {advice}", reason.text),
        _ => reason.text.clone(),
    }
}

fn told_of(id: &StepId, failure: &Failure, message: &str) -> Value {
    json!({ "step": id, "class": failure.class, "message": message, "request_id": failure.request_id })
}

fn of_reason(reason: &Reason) -> Value {
    let class = match reason.makes {
        Verdict::Passed | Verdict::Failed => json!(Class::Data),
        Verdict::Inconclusive => json!(Class::Environment),
        Verdict::Leaked => json!("leaked"),
    };
    json!({ "step": reason.step, "class": class, "message": in_full(reason), "request_id": null })
}
