//! What a run measured: RTO, and RPO as three numbers. Each says how; one that could not be measured says why.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::cloud::vault::CopyEvidence;
use crate::cloud::vault::RecoveryPoint;
use crate::definition::model::Severity;
use crate::journal::critical::phases;
use crate::journal::event::{StepEnd, Tried};
use crate::journal::state::{ProbeState, State};
use crate::plan::step::Work;
use crate::probe::Observed;
use crate::probe::expect::moment;
use crate::words::id::Name;
use crate::words::time::show_duration;

/// The run's measures. Over several restores each is the worst.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// From the run's start to the last required probe green.
    pub rto: Measure,
    /// Age of the recovery point at the run's start.
    pub rpo: Measure,
    /// From the source recovery point's creation to its copy's arrival.
    pub copy_lag: Measure,
    /// Age of the newest data inside at the run's start.
    pub data_age: Measure,
    /// What the RTO is made of, along the critical path: see [`phases`]. Empty where the RTO could not be measured.
    pub rto_phases: Vec<(String, SignedDuration)>,
    /// How long everything waited for a person at a gate; not part of the RTO.
    #[serde(default)]
    pub waited: SignedDuration,
    /// Between the oldest and the newest recovery point of a group that must be consistent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew: Option<Measure>,
    /// Per restore.
    pub restores: BTreeMap<Name, RestoreMeasures>,
}

/// One number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// The value; none if it could not be measured.
    pub value: Option<SignedDuration>,
    /// The objective, if the definition sets one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<SignedDuration>,
    /// How it was measured, or why it was not.
    pub how: String,
}

impl Measure {
    /// Whether the objective is met: `None` without an objective; an objective that was not measured is not met.
    #[must_use]
    pub fn met(&self) -> Option<bool> {
        self.target.map(|target| self.value.is_some_and(|value| value <= target))
    }
}

/// The measures of one restore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestoreMeasures {
    /// See [`Measures`].
    pub rto: Measure,
    /// See [`Measures`].
    pub rpo: Measure,
    /// See [`Measures`].
    pub copy_lag: Measure,
    /// See [`Measures`].
    pub data_age: Measure,
}

/// Measures a run from its state alone.
#[must_use]
pub fn measure(state: &State) -> Measures {
    let definition = &state.started.plan.definition;
    let waits = waits(state);
    let restores: BTreeMap<Name, RestoreMeasures> =
        definition.restore.keys().map(|name| (name.clone(), measure_restore(state, name, &waits))).collect();
    let rto = worst(restores.iter().map(|(name, measures)| (name, &measures.rto)));
    let is_measured = rto.value.is_some();
    let phases = is_measured.then(|| phases(state, |from, until| overlap(&waits, from, until)));
    Measures {
        rto,
        rpo: worst(restores.iter().map(|(name, measures)| (name, &measures.rpo))),
        copy_lag: worst(restores.iter().map(|(name, measures)| (name, &measures.copy_lag))),
        data_age: worst(restores.iter().map(|(name, measures)| (name, &measures.data_age))),
        rto_phases: phases.unwrap_or_default(),
        waited: total(&waits),
        skew: skew(state),
        restores,
    }
}

/// What the RTO was said to be made of before it was split along the critical path: cut at the ends of the steps of the
/// restore that took longest. Journals of that time are judged by it.
#[must_use]
pub fn phases_of_slowest(state: &State) -> Vec<(String, SignedDuration)> {
    let waits = waits(state);
    let definition = &state.started.plan.definition;
    let greens = definition.restore.keys().filter_map(|name| Some((last_green(state, name).ok()?, name)));
    let took = |green: Timestamp| green.duration_since(state.started_at) - overlap(&waits, state.started_at, green);
    let Some((green, name)) = greens.max_by_key(|(green, _)| took(*green)) else { return Vec::new() };
    let ended = |work: &Work| state.step(work).ended_at();
    let cuts = [
        ("preflight", ended(&Work::Preflight)),
        ("pick", ended(&Work::Pick(name.clone()))),
        ("queue", state.step(&Work::Restore(name.clone())).since()),
        ("restore", ended(&Work::Restore(name.clone()))),
        ("ready", ended(&Work::Ready(name.clone()))),
        ("finish", ended(&Work::Finish(name.clone()))),
        ("probe", Some(green)),
    ];
    let mut from = state.started_at;
    let mut phases = Vec::with_capacity(cuts.len());
    for (phase, until) in cuts.into_iter().filter(|(phase, until)| *phase != "finish" || until.is_some()) {
        let until = until.unwrap_or(from).max(from);
        phases.push((phase.to_owned(), until.duration_since(from) - overlap(&waits, from, until)));
        from = until;
    }
    phases
}

/// The worst of several: one that could not be measured is worse than any number, if it has a target.
fn worst<'a>(of: impl Iterator<Item = (&'a Name, &'a Measure)>) -> Measure {
    let all: Vec<(&Name, &Measure)> = of.collect();
    let several = all.len() > 1;
    let worst = all
        .iter()
        .find(|(_, measure)| measure.value.is_none() && measure.target.is_some())
        .or_else(|| all.iter().max_by_key(|(_, measure)| measure.value));
    match worst {
        Some((name, measure)) if several => Measure { how: format!("`{name}`: {}", measure.how), ..(*measure).clone() },
        Some((_, measure)) => (*measure).clone(),
        None => Measure { value: None, target: None, how: "the drill restores nothing".into() },
    }
}

fn measure_restore(state: &State, name: &Name, waits: &[Span]) -> RestoreMeasures {
    let targets = &state.started.plan.definition.objectives;
    RestoreMeasures {
        rto: rto(state, name, waits).into_measure(targets.rto),
        rpo: rpo(state, name).into_measure(targets.rpo),
        copy_lag: copy_lag(state, name).into_measure(targets.copy_lag),
        data_age: data_age(state, name).into_measure(targets.data_age),
    }
}

/// A value with how it was measured, or why it was not.
struct Found(Result<SignedDuration, ()>, String);

impl Found {
    fn value(value: SignedDuration, how: impl Into<String>) -> Self {
        Self(Ok(value), how.into())
    }

    fn nothing(why: impl Into<String>) -> Self {
        Self(Err(()), why.into())
    }

    fn into_measure(self, target: Option<SignedDuration>) -> Measure {
        Measure { value: self.0.ok(), target, how: self.1 }
    }
}

/// When the last required probe of a restore turned green, if all did.
fn last_green(state: &State, restore: &Name) -> Result<Timestamp, String> {
    let definition = &state.started.plan.definition;
    let mut last = None;
    for (name, probe) in &*definition.probes {
        if &probe.on != restore || probe.severity != Severity::Required {
            continue;
        }
        let step = state.step(&Work::Probe(name.clone()));
        if matches!(step.end(), Some(StepEnd::Unneeded { .. })) {
            continue;
        }
        if step.end() != Some(&StepEnd::Passed) {
            return Err(format!("not measured: probe `{name}` did not pass"));
        }
        let green = state.probes.get(name).and_then(|probe| {
            probe.tried.iter().find(|(_, _, tried)| matches!(tried, Tried::Held { .. })).map(|(_, at, _)| *at)
        });
        last = last.max(green);
    }
    last.ok_or_else(|| "not measured: no required probe ran".to_owned())
}

fn rto(state: &State, name: &Name, waits: &[Span]) -> Found {
    match last_green(state, name) {
        Ok(green) => {
            let waited = overlap(waits, state.started_at, green);
            let value = (green.duration_since(state.started_at) - waited).max(SignedDuration::ZERO);
            let how = "from the run's start to the last required probe green";
            if waited.is_zero() {
                Found::value(value, how)
            } else {
                let waited = show_duration(waited);
                Found::value(value, format!("{how}, less {waited} in which everything waited for a person at a gate"))
            }
        }
        Err(why) => Found::nothing(why),
    }
}

type Span = (Timestamp, Timestamp);

/// When everything waited for a person: a gate was open or a manual probe unanswered, and no other step but teardown was
/// under way.
fn waits(state: &State) -> Vec<Span> {
    let mut gates = Vec::new();
    let mut busy = Vec::new();
    for (step, of_step) in state.in_order() {
        let Some(since) = of_step.since() else { continue };
        let span = (since, of_step.ended_at().unwrap_or(state.last_at));
        match step.work {
            Work::Gate(_) => gates.push(span),
            Work::Probe(ref name) if state.asks(name).is_some() => gates.push(span),
            Work::Teardown(_) | Work::Undo(_) | Work::Report => {}
            _ => busy.push(span),
        }
    }
    gates.sort_unstable();
    busy.sort_unstable();
    let mut waits: Vec<Span> = Vec::new();
    for (from, to) in gates {
        // What an earlier gate covers is counted there.
        let mut at = waits.last().map_or(from, |(_, end)| from.max(*end));
        for (begins, ends) in busy.iter().filter(|(begins, ends)| *ends > from && *begins < to) {
            if *begins > at {
                waits.push((at, (*begins).min(to)));
            }
            at = at.max(*ends);
        }
        if at < to {
            waits.push((at, to));
        }
    }
    waits
}

fn total(spans: &[Span]) -> SignedDuration {
    spans.iter().map(|(from, to)| to.duration_since(*from)).sum()
}

/// How much of the spans lies between two moments.
fn overlap(spans: &[Span], from: Timestamp, to: Timestamp) -> SignedDuration {
    let parts = spans.iter().map(|(begin, end)| (*begin.max(&from), *end.min(&to))).filter(|(begin, end)| begin < end);
    total(&parts.collect::<Vec<_>>())
}

/// Between the oldest and the newest chosen recovery point of the group.
fn skew(state: &State) -> Option<Measure> {
    let definition = &state.started.plan.definition;
    let group = definition.consistency.as_ref()?;
    let target = Some(group.within);
    let members: Vec<&Name> =
        definition.restore.keys().filter(|name| group.of.is_empty() || group.of.contains(*name)).collect();
    let moments: Vec<Timestamp> = members.iter().filter_map(|name| chosen(state, name)?.created).collect();
    let found = match (moments.iter().min(), moments.iter().max()) {
        (Some(oldest), Some(newest)) if moments.len() == members.len() => Found::value(
            newest.duration_since(*oldest),
            format!("between the oldest and the newest of the {} recovery points", moments.len()),
        ),
        _ => Found::nothing("not measured: not every restore of the group has a recovery point"),
    };
    Some(found.into_measure(target))
}

fn rpo(state: &State, name: &Name) -> Found {
    match chosen(state, name).and_then(|point| point.created) {
        Some(created) => Found::value(
            state.started_at.duration_since(created).max(SignedDuration::ZERO),
            "age of the recovery point (its CreationDate, which a copy keeps) at the run's start",
        ),
        None => Found::nothing("not measured: no recovery point was chosen"),
    }
}

fn copy_lag(state: &State, name: &Name) -> Found {
    let Some(picked) = state.picked.get(name) else {
        return Found::nothing("not measured: no recovery point was chosen");
    };
    match (&picked.copy, picked.chosen.as_ref().and_then(|point| point.created)) {
        (CopyEvidence::Seen { arrived }, Some(created)) => Found::value(
            arrived.duration_since(created).max(SignedDuration::ZERO),
            "from the recovery point's CreationDate to its copy job's CompletionDate, as the source region lists it",
        ),
        (CopyEvidence::NotMeasured { because }, _) => Found::nothing(format!("not measured: {because}")),
        (CopyEvidence::Seen { .. }, None) => Found::nothing("not measured: the recovery point has no CreationDate"),
    }
}

fn data_age(state: &State, name: &Name) -> Found {
    let definition = &state.started.plan.definition;
    let mut oldest: Option<Found> = None;
    for (probe_name, probe) in definition.probes.iter().filter(|(_, probe)| &probe.on == name) {
        let Some(column) = &probe.measures.data_age else { continue };
        let Some(seen) = state.probes.get(probe_name).and_then(held) else {
            return Found::nothing(format!(
                "not measured: probe `{probe_name}` {}",
                why_nothing_held(state, probe_name)
            ));
        };
        let Some(newest) = seen.values.get(column).and_then(moment) else {
            return Found::nothing(format!("not measured: probe `{probe_name}` gave no moment as `{column}`"));
        };
        let age = state.started_at.duration_since(newest).max(SignedDuration::ZERO);
        if oldest.as_ref().is_none_or(|found| found.0.is_ok_and(|known| age > known)) {
            oldest = Some(Found::value(
                age,
                format!("age of the newest data (`{column}` of probe `{probe_name}`) at the run's start"),
            ));
        }
    }
    oldest.unwrap_or_else(|| Found::nothing("not measured: no probe measures it"))
}

/// Why a probe has no answer that held.
fn why_nothing_held(state: &State, probe: &Name) -> &'static str {
    match state.step(&Work::Probe(probe.clone())).end() {
        Some(StepEnd::Unneeded { .. }) => "was not needed",
        _ if state.probes.get(probe).is_some_and(|probe| !probe.tried.is_empty()) => "did not hold",
        _ => "did not run",
    }
}

fn chosen<'a>(state: &'a State, name: &Name) -> Option<&'a RecoveryPoint> {
    state.picked.get(name).and_then(|picked| picked.chosen.as_ref())
}

fn held(probe: &ProbeState) -> Option<&Observed> {
    probe.tried.iter().rev().find_map(|(_, _, tried)| match tried {
        Tried::Held { observed, .. } => Some(observed),
        Tried::Missed { .. } => None,
    })
}
