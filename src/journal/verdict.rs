//! The one verdict of a run, and why.

use serde::{Deserialize, Serialize};

use crate::cloud::resource::{Types, UNKNOWN_ID};
use crate::definition::model::Severity;
use crate::journal::event::{Class, Failure, StepEnd};
use crate::journal::ledger::{Entry, Lease};
use crate::journal::measure::{Measure, Measures, measure};
use crate::journal::reach::reaching;
use crate::journal::state::{State, StepState};
use crate::plan::step::Work;
use crate::words::id::{Name, StepId};
use crate::words::kind::Verdict;
use crate::words::time::{show_duration, show_instant};

/// How the warning begins that says who stopped everything, or which parameter did.
const STOPPED: &str = "everything was stopped";

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conclusion {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, most important first. Empty only for `passed`.
    pub reasons: Vec<Reason>,
    /// What was measured.
    pub measures: Measures,
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The verdict that this reason alone would make.
    pub makes: Verdict,
    /// The step that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
    /// In words.
    pub text: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// Concludes a run whose steps are all over.
///
/// `leaked` wins over `failed` over `inconclusive` over `passed`. An objective that was measured and missed makes the
/// run `failed`. One that could not be measured is not met: it never lets a run pass, and where a step already says
/// why nothing could be measured, that step's class decides.
#[must_use]
pub fn conclude(state: &State, types: Types) -> Conclusion {
    let measures = measure(state);
    let mut reasons = leaks(state, types);
    reasons.extend(kept_unmarked(state));
    reasons.extend(not_undone(state));
    reasons.extend(failed_steps(state));
    reasons.extend(missed_objectives(&measures));
    if state.ended_early && reasons.iter().all(|reason| reason.makes != Verdict::Inconclusive) {
        let stopped = state.warnings.iter().find(|warning| warning.text.starts_with(STOPPED));
        let why = stopped.map_or_else(String::new, |warning| format!(": {}", warning.text));
        let text = format!("the run was ended before it was over{why}");
        reasons.push(Reason { makes: Verdict::Inconclusive, step: None, text, advice: None });
    }
    reasons.extend(unproven(state));
    if reasons.is_empty() {
        reasons.extend(never_ran(state));
    }
    if reasons.is_empty() {
        reasons.extend(unmeasured_objectives(&measures));
    }
    reasons.sort_by_key(|reason| std::cmp::Reverse(rank(reason.makes)));
    let verdict = reasons.first().map_or(Verdict::Passed, |reason| reason.makes);
    Conclusion { verdict, reasons, measures }
}

fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Passed => 0,
        Verdict::Inconclusive => 1,
        Verdict::Failed => 2,
        Verdict::Leaked => 3,
    }
}

fn leaks(state: &State, types: Types) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let left = state.ledger.iter().filter(|(_, entry)| entry.gone.is_none() && entry.lease.is_none());
    for (name, entry) in left {
        let step = Work::Teardown(name.clone()).id();
        let expected = &entry.intended.expected;
        let failure = match state.steps.get(&step).and_then(StepState::end) {
            Some(StepEnd::Failed(failure)) => Some(failure),
            _ => None,
        };
        let why = failure.map_or("teardown did not finish", |failure| failure.message.as_str());
        let job = entry.job.as_ref().map(|job| format!(", restore job {job}")).unwrap_or_default();
        let resume = format!("run `drill resume {}`", state.run);
        let advice = match failure.filter(|failure| failure.class == Class::Refused) {
            // Whoever it belongs to, no command that deletes it is handed out.
            Some(refused) => refused.advice.clone().unwrap_or(resume),
            None => by_hand(state, name, entry, types).map_or_else(
                || format!("{resume}: the simulated AWS ended with the process of the run, and so did what it made"),
                |by_hand| format!("{resume}{by_hand}"),
            ),
        };
        reasons.push(Reason {
            makes: Verdict::Leaked,
            step: Some(step),
            text: format!("`{}` ({}{job}) may still exist: {why}", expected.name, known_arn(entry)),
            advice: Some(advice),
        });
    }
    reasons
}

/// What is kept on purpose is no leak, as long as it says itself until when.
fn kept_unmarked(state: &State) -> Vec<Reason> {
    let unmarked = state.kept().filter(|(_, _, lease)| !lease.holds());
    let reason = |(name, entry, lease): (&Name, &Entry, &Lease)| {
        let why = lease.failed.as_ref().map_or_else(|| "there was no time".to_owned(), ToString::to_string);
        let text = format!(
            "`{}` ({}) is kept until {}, and its tag `drill:expires` could not be set: {why}",
            entry.intended.expected.name,
            known_arn(entry),
            show_instant(lease.until)
        );
        let (run, step) = (state.run, Some(Work::Teardown(name.clone()).id()));
        let advice = Some(format!(
            "`drill keep {run} --for 4h` tries again, `drill keep {run} --end` removes it; no other machine knows of it"
        ));
        Reason { makes: Verdict::Leaked, step, text, advice }
    };
    unmarked.map(reason).collect()
}

fn known_arn(entry: &Entry) -> String {
    entry.arn().map_or_else(|| "its id is not known".to_owned(), ToString::to_string)
}

/// Actions that may have been done and are not known to be undone.
fn not_undone(state: &State) -> Vec<Reason> {
    let owed = state.owed_undos().into_iter();
    owed.map(|step| {
        let why = match state.steps.get(&step).and_then(StepState::end) {
            Some(StepEnd::Failed(failure)) => failure.message.clone(),
            _ => "it did not finish".to_owned(),
        };
        let text = format!("`{step}`: what the action did may still be there: {why}");
        let advice = Some(format!("run `drill resume {}`, or undo it by hand as the definition says", state.run));
        Reason { makes: Verdict::Leaked, step: Some(step), text, advice }
    })
    .collect()
}

/// How a person removes it without drill; nothing where nobody can reach it any more.
fn by_hand(state: &State, name: &Name, entry: &Entry, types: Types) -> Option<String> {
    let expected = &entry.intended.expected;
    let restore = state.started.plan.definition.restore.get(name);
    let id = entry.id().unwrap_or(UNKNOWN_ID);
    let commands = restore.map(|restore| types(restore.kind).by_hand(&restore.with, expected, id).remove);
    let commands = commands.unwrap_or_default();
    let removal = reaching(&state.started, &commands)?.join(" ; ");
    let Some(job) = entry.job.as_ref().filter(|_| entry.seen.is_none()) else {
        return Some(format!(", or remove it by hand: {removal}"));
    };
    let look = format!("aws backup describe-restore-job --region {} --restore-job-id {job}", expected.region);
    let look = reaching(&state.started, &[look])?.join(" ; ");
    Some(format!("; by hand: see how `{look}` ends, and once the resource is there: {removal}"))
}

/// Steps that did not pass. Teardown is judged by the ledger, skipped steps by what made them skip.
fn failed_steps(state: &State) -> Vec<Reason> {
    let (mut reasons, mut ended) = (Vec::new(), Vec::new());
    for (step, step_state) in state.in_order() {
        if matches!(step.work, Work::Teardown(_) | Work::Undo(_) | Work::Report) || is_advisory(state, &step.work) {
            continue;
        }
        match step_state.end() {
            Some(StepEnd::Failed(failure)) if failure.class == Class::Cancelled => ended.push((&step.id, failure)),
            Some(StepEnd::Failed(failure)) => reasons.push(Reason {
                makes: match failure.class {
                    Class::Data | Class::Untrustworthy => Verdict::Failed,
                    Class::Environment | Class::Deadline | Class::Cancelled | Class::Refused => Verdict::Inconclusive,
                },
                step: Some(step.id.clone()),
                text: failure.message.clone(),
                advice: failure.advice.clone(),
            }),
            Some(StepEnd::NotMeasured { because }) => reasons.push(Reason {
                makes: Verdict::Inconclusive,
                step: Some(step.id.clone()),
                text: format!("not measured: {because}"),
                advice: None,
            }),
            Some(StepEnd::Passed | StepEnd::Skipped { .. } | StepEnd::Unneeded { .. }) | None => {}
        }
    }
    reasons.extend(ended_early(state, &ended));
    reasons
}

/// Steps that the end of the run found under way: one end is one reason, however many steps it met.
fn ended_early(state: &State, ended: &[(&StepId, &Failure)]) -> Option<Reason> {
    let (step, failure) = ended.first()?;
    let stopped = state.warnings.iter().find(|warning| warning.text.starts_with(STOPPED));
    let text = match (stopped, ended) {
        (None, [_]) => failure.message.clone(),
        (stopped, _) => {
            let names: Vec<String> = ended.iter().map(|(step, _)| format!("`{step}`")).collect();
            let were = if names.len() == 1 { "was" } else { "were" };
            let told = failure.message.rsplit_once(" (").map_or("", |(_, why)| why.trim_end_matches(')'));
            let why = stopped.map_or(told, |warning| warning.text.as_str());
            format!("the run was ended while {} {were} under way: {why}", names.join(", "))
        }
    };
    let again = match stopped {
        Some(_) => "when nothing is stopped any more, run the drill again",
        None => "run the drill again",
    };
    Some(Reason {
        makes: Verdict::Inconclusive,
        step: Some((*step).clone()).filter(|_| ended.len() == 1),
        text,
        advice: Some(failure.advice.clone().unwrap_or_else(|| again.to_owned())),
    })
}

/// A required step that was skipped proves nothing, whatever made it skip: a run that was ended, or an advisory probe
/// that failed before it. Said only where no step says more.
fn never_ran(state: &State) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for (step, step_state) in state.in_order() {
        if let Some(StepEnd::Skipped { because }) = step_state.end()
            && !is_advisory(state, &step.work)
        {
            let text = format!("`{}` never ran: {because}", step.id);
            reasons.push(Reason { makes: Verdict::Inconclusive, step: Some(step.id.clone()), text, advice: None });
        }
    }
    reasons
}

fn is_advisory(state: &State, work: &Work) -> bool {
    let Work::Probe(name) = work else { return false };
    state.started.plan.definition.probes.get(name).is_some_and(|probe| probe.severity == Severity::Advisory)
}

fn objectives(measures: &Measures) -> Vec<(&'static str, &Measure)> {
    let four = [&measures.rto, &measures.rpo, &measures.copy_lag, &measures.data_age];
    let named = ["rto", "rpo", "copy_lag", "data_age"].into_iter().zip(four);
    named.chain(measures.skew.as_ref().map(|skew| ("consistency", skew))).collect()
}

fn missed_objectives(measures: &Measures) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for (name, measure) in objectives(measures) {
        if let (Some(value), Some(target)) = (measure.value, measure.target)
            && value > target
        {
            let text = format!(
                "objective `{name}` missed: {} measured, {} allowed ({} too long)",
                show_duration(value),
                show_duration(target),
                show_duration(value - target)
            );
            reasons.push(Reason { makes: Verdict::Failed, step: None, text, advice: None });
        }
    }
    reasons
}

fn unmeasured_objectives(measures: &Measures) -> Vec<Reason> {
    objectives(measures)
        .into_iter()
        .filter(|(_, measure)| measure.target.is_some() && measure.value.is_none())
        .map(|(name, measure)| Reason {
            makes: Verdict::Failed,
            step: None,
            text: format!("objective `{name}` is not met: {}", measure.how),
            advice: None,
        })
        .collect()
}

/// Every restore needs at least one required probe that ran and held. Said only where no step says more.
fn unproven(state: &State) -> Vec<Reason> {
    let definition = &state.started.plan.definition;
    let mut reasons = Vec::new();
    for restore in definition.restore.keys() {
        let proven = definition.probes.iter().any(|(name, probe)| {
            &probe.on == restore
                && probe.severity == Severity::Required
                && state.step(&Work::Probe(name.clone())).end() == Some(&StepEnd::Passed)
        });
        if !proven {
            let text = format!("nothing proves `{restore}`: no required probe ran and held");
            reasons.push(Reason { makes: Verdict::Inconclusive, step: None, text, advice: None });
        }
    }
    reasons
}
