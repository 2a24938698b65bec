//! `probe`: ask until it holds or its time is over, see that it stays green for as long as it should, then see that its
//! negative control fails as predicted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::cloud::resource::{Phase, Settings};
use crate::definition::model::{NegativeControl, Probe, ProbeReason, Via};
use crate::journal::event::{Class, Event, StepEnd, Tried};
use crate::journal::state::{ProbeState, State};
use crate::plan::step::Step;
use crate::probe::expect::satisfies;
use crate::probe::manual::Asked;
use crate::probe::{Miss, Observed};
use crate::run::call::{Call, Outcome, failed, nonsense, passed, stumble_or_fail};
use crate::run::decide::{Next, Situation};
use crate::run::needed::{Needed, without_the_rest};
use crate::run::pace::VISIBLE_AFTER;
use crate::run::prober::{Purpose, Question};
use crate::run::services::Services;
use crate::run::target::{filled, known, last_pass, master_password, probe_target};
use crate::words::id::{Name, StepId};
use crate::words::kind::ProbeKind;
use crate::words::reference::Template;
use crate::words::time::show_duration;

/// No pause between two attempts is longer, whatever the backoff.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(10);

/// Why a probe cannot be measured in this run at all.
#[must_use]
pub fn unmeasurable(situation: &Situation<'_>, name: &Name) -> Option<String> {
    situation.state.started.unmeasurable.get(name).cloned()
}

/// How a probe ends that its condition leaves out, or whose condition cannot be decided.
#[must_use]
pub fn left_out(situation: &Situation<'_>, name: &Name) -> Option<StepEnd> {
    let when = situation.definition().probes.get(name)?.when.as_ref()?;
    let filled = Template::parse(&when.value).map_err(|bad| bad.message).and_then(|template| {
        let value = template.fill(|reference| known(reference, situation.state));
        value.map_err(|reference| format!("`${{{{ {reference} }}}}` has no value"))
    });
    let value = match filled {
        // What looks like a number is compared as one.
        Ok(text) => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
        Err(why) => return Some(StepEnd::NotMeasured { because: format!("its condition cannot be decided: {why}") }),
    };
    let faults = satisfies(&value, &when.expect, situation.now).err()?;
    Some(StepEnd::Unneeded { because: format!("its condition does not hold: {}", faults.join("; ")) })
}

/// Attempts until green; then the control, until it ends as predicted or proves that the probe proves nothing.
#[must_use]
pub fn next(situation: &Situation<'_>, step: &Step, name: &Name, since: Timestamp) -> Next {
    let Some(probe) = situation.definition().probes.get(name) else {
        return Next::record(failed(&step.id, Class::Environment, format!("there is no probe `{name}`"), None));
    };
    if probe.kind == ProbeKind::Manual {
        return next_answer(situation, step, name, probe, since);
    }
    if let Some(next) = look_again(situation, step, probe) {
        return next;
    }
    if let Some(next) = next_password(situation, step, probe, since) {
        return next;
    }
    let nothing_yet = ProbeState::default();
    let attempts = situation.state.probes.get(name).unwrap_or(&nothing_yet);
    let Some((_, at, last)) = attempts.tried.last() else { return Next::call(Call::Probe(name.clone())) };
    let green = attempts.tried.iter().find(|(_, _, tried)| matches!(tried, Tried::Held { .. })).map(|(_, at, _)| *at);
    match (last, green) {
        (Tried::Held { .. }, Some(green)) => {
            let end = green + probe.hold.unwrap_or(SignedDuration::ZERO);
            if *at < end {
                return call_at(situation, (*at + probe.retry.every).min(end), Call::Probe(name.clone()));
            }
            match &probe.negative_control {
                None => Next::record(passed(&step.id)),
                Some(control) => next_control(situation, step, name, probe, control, attempts),
            }
        }
        (Tried::Missed { miss }, Some(green)) => {
            let held = show_duration(at.duration_since(green));
            let wanted = show_duration(probe.hold.unwrap_or(SignedDuration::ZERO));
            let message = format!("it did not stay green: {held} of {wanted}, then: {}", miss.message);
            Next::record(failed(&step.id, Class::Data, message, None))
        }
        (Tried::Missed { miss }, None) => {
            let first = attempts.tried.first().map_or(*at, |(_, at, _)| *at);
            let again = *at + pause(probe, attempts.tried.len());
            if again > first + probe.retry.within {
                return Next::record(ended(situation, step, miss, attempts.tried.len()));
            }
            call_at(situation, again, Call::Probe(name.clone()))
        }
        (Tried::Held { .. }, None) => Next::call(Call::Probe(name.clone())),
    }
}

/// Who goes on with a run does not know what happened meanwhile: an earlier process whose journal was lost may have torn
/// down what it knew. What is gone says nothing about the backup.
fn look_again(situation: &Situation<'_>, step: &Step, probe: &Probe) -> Option<Next> {
    let entry = situation.state.ledger.get(&probe.on)?;
    let phase = entry.seen.as_ref().map(|(_, seen)| seen.phase);
    if matches!(phase, Some(Phase::Gone | Phase::Leaving)) {
        let message = format!("`{}` was removed before it could be asked", entry.label());
        let advice = Some("run the drill again; nothing is known against the backup");
        return Some(Next::record(failed(&step.id, Class::Environment, message, advice)));
    }
    let resumed = !situation.state.resumed_at.is_empty() && phase.is_some();
    (resumed && !situation.looked.has(&step.id)).then(|| Next::call(Call::Observe(probe.on.clone())))
}

fn call_at(situation: &Situation<'_>, at: Timestamp, call: Call) -> Next {
    if at <= situation.now { Next::call(call) } else { Next::At(at) }
}

/// The pause after so many attempts.
fn pause(probe: &Probe, tried: usize) -> SignedDuration {
    let exponent = i32::try_from(tried.saturating_sub(1)).unwrap_or(i32::MAX);
    let seconds = probe.retry.every.as_secs_f64() * probe.retry.backoff.max(1.0).powi(exponent);
    let longest = LONGEST_PAUSE.max(probe.retry.every);
    SignedDuration::try_from_secs_f64(seconds).map_or(longest, |pause| pause.min(longest))
}

/// A person's answer is the attempt.
fn next_answer(situation: &Situation<'_>, step: &Step, name: &Name, probe: &Probe, since: Timestamp) -> Next {
    let asked = match Asked::read(&probe.settings) {
        Ok(asked) => asked,
        Err(problem) => return Next::record(failed(&step.id, Class::Environment, problem, None)),
    };
    let Some((_, answer)) = situation.state.gates.get(name) else {
        let end = since + asked.within;
        if situation.now < end {
            return Next::At(end);
        }
        let because = format!(
            "nobody answered within {}; answer with `drill approve RUN {name} --by WHO`",
            show_duration(asked.within)
        );
        return Next::record(Event::StepEnded { step: step.id.clone(), end: StepEnd::NotMeasured { because } });
    };
    let word = if answer.approved { "yes" } else { "no" };
    let texts = [("answer", word), ("by", answer.by.as_str()), ("note", answer.note.as_str())];
    let values = texts.into_iter().map(|(name, text)| (name.to_owned(), Value::from(text))).collect();
    let observed = Observed { values, facts: BTreeMap::from([("answered at".to_owned(), answer.at.clone())]) };
    let note = if answer.note.is_empty() { String::new() } else { format!(": {}", answer.note) };
    let (result, end) = if answer.approved {
        (Tried::Held { observed, explained: vec![format!("{} said yes{note}", answer.by)] }, passed(&step.id))
    } else {
        let message = format!("{} said no{note}", answer.by);
        let miss = Miss {
            reason: ProbeReason::Expectation,
            message: message.clone(),
            observed: Some(observed),
            missing_data: false,
        };
        (Tried::Missed { miss }, failed(&step.id, Class::Data, message, None))
    };
    Next::Record(vec![Event::ProbeTried { probe: name.clone(), attempt: 1, result }, end])
}

/// A probe that logs in with a new master password has it set first, and waits until the service has done so.
fn next_password(situation: &Situation<'_>, step: &Step, probe: &Probe, since: Timestamp) -> Option<Next> {
    if !asks_for_password(&probe.settings) {
        return None;
    }
    let entry = situation.state.ledger.get(&probe.on)?;
    let Some(set) = entry.password_set_at else {
        let intent = Event::PasswordIntended { restore: probe.on.clone() };
        return Some(Next::intend(intent, Call::SetPassword(probe.on.clone())));
    };
    // The service says `available` for some time after it took the request.
    let settled = set + VISIBLE_AFTER;
    if situation.now < settled {
        return Some(Next::At(settled));
    }
    if entry.seen.as_ref().is_some_and(|(at, seen)| *at >= settled && seen.phase == Phase::Ready) {
        return None;
    }
    let look = situation.looked.next(&step.id, since, situation.now);
    Some(call_at(situation, look, Call::Observe(probe.on.clone())))
}

/// Whether `master_password_reset: true` stands anywhere in the settings.
fn asks_for_password(settings: &Settings) -> bool {
    fn within(value: &Value) -> bool {
        match value {
            Value::Object(fields) => {
                fields.get("master_password_reset") == Some(&Value::Bool(true)) || fields.values().any(within)
            }
            _ => false,
        }
    }
    settings.values().any(within)
}

/// Sets the master password that the run derives for the restore.
pub fn set_password(step: &StepId, name: &Name, state: &State, services: Arc<Services>) -> Outcome {
    let (Some(entry), Some(restore)) = (state.ledger.get(name), state.started.plan.definition.restore.get(name)) else {
        return nonsense(step, "a password without a restore");
    };
    let (subject, kind) = (entry.subject(restore), restore.kind);
    let password = master_password(&services, &state.run, name);
    let (step, name) = (step.clone(), name.clone());
    Box::pin(async move {
        match services.calls(kind).set_master_password(&subject, &password).await {
            Ok(()) => vec![Event::PasswordSet { restore: name }],
            Err(error) => vec![stumble_or_fail(&step, error)],
        }
    })
}

fn ended(situation: &Situation<'_>, step: &Step, miss: &Miss, attempts: usize) -> Event {
    let not_measured = |because| Event::StepEnded { step: step.id.clone(), end: StepEnd::NotMeasured { because } };
    if miss.missing_data && situation.state.started.made_world {
        return not_measured(format!(
            "the simulated AWS was made from the definition alone and has none of its data ({}); put the data into a world file, `drills/{}.world.yaml`",
            miss.message,
            situation.definition().name
        ));
    }
    let message = match attempts {
        1 => miss.message.clone(),
        attempts => format!("{} ({attempts} attempts)", miss.message),
    };
    match miss.reason {
        // These say nothing about what was restored.
        ProbeReason::Setup | ProbeReason::Unreachable => not_measured(message),
        ProbeReason::Authentication => not_measured(format!(
            "{message}; check the user and its secret against what the recovery point holds, which is as old as the point"
        )),
        _ => failed(&step.id, Class::Data, message, None),
    }
}

fn next_control(
    situation: &Situation<'_>,
    step: &Step,
    name: &Name,
    probe: &Probe,
    control: &NegativeControl,
    attempts: &ProbeState,
) -> Next {
    let Some((_, at, tried)) = attempts.control.last() else { return Next::call(Call::Control(name.clone())) };
    if let Tried::Missed { miss } = tried
        && miss.reason != control.fails_with
        && matches!(miss.reason, ProbeReason::Unreachable | ProbeReason::Connection | ProbeReason::Timeout)
    {
        // A network that hiccups says nothing about the probe.
        let first = attempts.control.first().map_or(*at, |(_, at, _)| *at);
        let again = *at + pause(probe, attempts.control.len());
        if again <= first + probe.retry.within {
            return call_at(situation, again, Call::Control(name.clone()));
        }
    }
    let message = match tried {
        Tried::Missed { miss } if miss.reason == control.fails_with => return Next::record(passed(&step.id)),
        Tried::Missed { miss } if matches!(miss.reason, ProbeReason::Setup | ProbeReason::Unreachable) => {
            let message = format!("the negative control could not run: {}", miss.message);
            return Next::record(failed(&step.id, Class::Environment, message, None));
        }
        Tried::Missed { miss } => format!(
            "the negative control failed for another reason than predicted ({}, not {}): {}",
            word(miss.reason),
            word(control.fails_with),
            miss.message
        ),
        Tried::Held { .. } => "the negative control passed: this probe cannot fail, so it proves nothing".to_owned(),
    };
    let advice = Some("mend the probe or its control; until then its green means nothing");
    Next::record(failed(&step.id, Class::Untrustworthy, message, advice))
}

fn word(reason: ProbeReason) -> String {
    serde_json::to_value(reason).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// One attempt of the probe, or of its control.
pub fn attempt(
    step: &StepId,
    name: &Name,
    state: &State,
    services: Arc<Services>,
    needed: &Needed,
    control: bool,
) -> Outcome {
    let definition = &state.started.plan.definition;
    let Some(probe) = definition.probes.get(name).cloned() else { return nonsense(step, "an attempt without a probe") };
    let settings = match (&probe.negative_control, control) {
        (Some(control), true) => control.settings.clone(),
        (None, true) => return nonsense(step, "a control without settings"),
        (_, false) => probe.settings.clone(),
    };
    let target = probe_target(state, &services, name, &probe, &settings);
    let function = match &probe.via {
        Some(Via::Lambda(function)) => Some(filled(function, state, &services)),
        _ => None,
    };
    let question = Question {
        name: name.clone(),
        on: Some(probe.on.clone()),
        purpose: match &probe.negative_control {
            Some(predicted) if control => Purpose::Control(predicted.fails_with),
            _ => Purpose::Probe,
        },
        kind: probe.kind,
        settings,
        expect: probe.expect,
        target,
        function,
        timeout: Duration::try_from(probe.timeout).unwrap_or(Duration::from_secs(30)),
        last_pass: last_pass(state, name),
    };
    let number = next_number(state, name, control);
    let needed = needed.of_probe(name).cloned();
    let name = name.clone();
    Box::pin(async move {
        let result = without_the_rest(services.prober.ask(question, &services.clock).await, needed.as_ref());
        vec![if control {
            Event::ControlTried { probe: name, attempt: number, result }
        } else {
            Event::ProbeTried { probe: name, attempt: number, result }
        }]
    })
}

fn next_number(state: &State, name: &Name, control: bool) -> u32 {
    let tried = state.probes.get(name).map_or(0, |probe| if control { probe.control.len() } else { probe.tried.len() });
    u32::try_from(tried).unwrap_or(u32::MAX).saturating_add(1)
}
