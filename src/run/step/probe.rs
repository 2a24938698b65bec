//! `probe`: ask until it holds or its time is over, then see that its negative control fails as predicted.

use std::sync::Arc;
use std::time::Duration;

use crate::definition::model::{NegativeControl, Probe, ProbeReason};
use crate::journal::event::{Class, Event, StepEnd, Tried};
use crate::journal::state::{ProbeState, State};
use crate::plan::step::Step;
use crate::probe::{Miss, kind};
use crate::run::call::{Call, Outcome, failed, nonsense, passed};
use crate::run::decide::{Next, Situation};
use crate::run::services::Services;
use crate::run::target::{judged, target};
use crate::words::id::{Name, StepId};

/// Why a probe cannot be measured in this run at all.
#[must_use]
pub fn unmeasurable(situation: &Situation<'_>, name: &Name) -> Option<String> {
    let probe = situation.definition().probes.get(name)?;
    situation.state.started.unmeasurable.get(&probe.kind).cloned()
}

/// Attempts until green; then the control, until it ends as predicted or proves that the probe proves nothing.
#[must_use]
pub fn next(situation: &Situation<'_>, step: &Step, name: &Name) -> Next {
    let Some(probe) = situation.definition().probes.get(name) else {
        return Next::record(failed(&step.id, Class::Environment, format!("there is no probe `{name}`"), None));
    };
    let nothing_yet = ProbeState::default();
    let attempts = situation.state.probes.get(name).unwrap_or(&nothing_yet);
    let Some((_, at, last)) = attempts.tried.last() else { return Next::call(Call::Probe(name.clone())) };
    match last {
        Tried::Held { .. } => match &probe.negative_control {
            None => Next::record(passed(&step.id)),
            Some(control) => next_control(situation, step, name, probe, control, attempts),
        },
        Tried::Missed { miss } => {
            let first = attempts.tried.first().map_or(*at, |(_, at, _)| *at);
            let again = *at + probe.retry.every;
            if again > first + probe.retry.within {
                return Next::record(ended(situation, step, miss, attempts.tried.len()));
            }
            if again <= situation.now { Next::call(Call::Probe(name.clone())) } else { Next::At(again) }
        }
    }
}

fn ended(situation: &Situation<'_>, step: &Step, miss: &Miss, attempts: usize) -> Event {
    if miss.missing_data && situation.state.started.made_world {
        let because = format!(
            "the simulated AWS was made from the definition alone and has none of its data ({}); put the data into a world file, `drills/{}.world.yaml`",
            miss.message,
            situation.definition().name
        );
        return Event::StepEnded { step: step.id.clone(), end: StepEnd::NotMeasured { because } };
    }
    let class = if miss.reason == ProbeReason::Setup { Class::Environment } else { Class::Data };
    let message = match attempts {
        1 => miss.message.clone(),
        attempts => format!("{} ({attempts} attempts)", miss.message),
    };
    failed(&step.id, class, message, None)
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
        && matches!(miss.reason, ProbeReason::Connection | ProbeReason::Timeout)
    {
        // A network that hiccups says nothing about the probe.
        let first = attempts.control.first().map_or(*at, |(_, at, _)| *at);
        let again = *at + probe.retry.every;
        if again <= first + probe.retry.within {
            return if again <= situation.now { Next::call(Call::Control(name.clone())) } else { Next::At(again) };
        }
    }
    let message = match tried {
        Tried::Missed { miss } if miss.reason == control.fails_with => return Next::record(passed(&step.id)),
        Tried::Missed { miss } if miss.reason == ProbeReason::Setup => {
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
pub fn attempt(step: &StepId, name: &Name, state: &State, services: Arc<Services>, control: bool) -> Outcome {
    let definition = &state.started.plan.definition;
    let Some(probe) = definition.probes.get(name).cloned() else { return nonsense(step, "an attempt without a probe") };
    let settings = match (&probe.negative_control, control) {
        (Some(control), true) => control.settings.clone(),
        (None, true) => return nonsense(step, "a control without settings"),
        (_, false) => probe.settings.clone(),
    };
    let target = target(state, &services, Some(&probe.on), &settings);
    let number = next_number(state, name, control);
    let (name, timeout) = (name.clone(), Duration::try_from(probe.timeout).unwrap_or(Duration::from_secs(30)));
    Box::pin(async move {
        let outcome = kind(probe.kind).attempt(&settings, &target, timeout).await;
        let result = judged(outcome, &probe.expect);
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
