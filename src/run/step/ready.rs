//! `ready`: the drill's tags on, the inherited ones off, and usable. Completed is not usable (facts 0.3).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::cloud::resource::{Observation, Phase};
use crate::journal::event::{Class, Event};
use crate::journal::state::State;
use crate::plan::step::{Step, Work};
use crate::run::call::{Call, Outcome, failed, nonsense, passed, stumble_or_fail};
use crate::run::decide::{Next, Situation};
use crate::run::guard::{EXPIRES_TAG, RUN_TAG};
use crate::run::pace::VISIBLE_AFTER;
use crate::run::services::Services;
use crate::run::step::lease;
use crate::run::step::too_late;
use crate::words::id::{Name, StepId};

/// Beyond the run's longest duration and its teardown, a drill's resource is overdue.
const EXPIRES_AFTER_TEARDOWN: SignedDuration = SignedDuration::from_hours(1);

/// Stamp, then look until it is usable. The restore's `timeout` counts from the job's accepted start to here.
#[must_use]
pub fn next(situation: &Situation<'_>, step: &Step, name: &Name, since: Timestamp) -> Next {
    let Some(entry) = situation.state.ledger.get(name) else {
        return Next::record(failed(&step.id, Class::Environment, "there is nothing to wait for".into(), None));
    };
    let began = situation.began(name).unwrap_or(since);
    let deadline = began + step.timeout;
    if situation.now >= deadline {
        return Next::record(too_late(step, situation.state));
    }
    let there = entry.seen.as_ref().is_some_and(|(_, seen)| seen.phase != Phase::Gone);
    let taggable = situation.definition().restore.get(name).is_some_and(|one| (situation.types)(one.kind).taggable());
    if there && taggable && !entry.stamp_failed {
        match entry.stamped {
            None => return Next::call(Call::ReadTags(name.clone())),
            Some(false) => return Next::call(Call::Stamp(name.clone())),
            Some(true) => {}
        }
    }
    if let Some((at, seen)) = &entry.seen {
        match seen.phase {
            Phase::Ready | Phase::Unfinished => return Next::record(passed(&step.id)),
            Phase::Broken | Phase::Hindered => return Next::record(never_ready(step, seen)),
            Phase::Gone | Phase::Leaving if situation.now.duration_since(*at) > VISIBLE_AFTER => {
                return Next::record(never_ready(step, seen));
            }
            Phase::Gone | Phase::Leaving | Phase::Pending | Phase::Unknown => {}
        }
    }
    let look = situation.looked.next(&step.id, since, situation.now);
    if look <= situation.now { Next::call(Call::Observe(name.clone())) } else { Next::At(look.min(deadline)) }
}

/// The end of waiting for a thing that cannot become usable.
pub(crate) fn never_ready(step: &Step, seen: &Observation) -> Event {
    let class = if seen.phase == Phase::Broken { Class::Data } else { Class::Environment };
    let message = format!("the restored resource is `{}` and will not become usable", seen.status);
    failed(
        &step.id,
        class,
        message,
        Some("look the status up in the service's documentation; the report lists what was seen"),
    )
}

/// What the resource carries now decides what is taken off: RDS brings the source's tags along (facts trap 35), and a
/// tag-based backup plan would pick the restored copy up.
pub fn read_tags(step: &StepId, name: &Name, state: &State, services: Arc<Services>) -> Outcome {
    let (Some(entry), Some(restore)) = (state.ledger.get(name), state.started.plan.definition.restore.get(name)) else {
        return nonsense(step, "tags without an intent");
    };
    let add = own_tags(state, name);
    let (subject, kind) = (entry.subject(restore), restore.kind);
    let (step, name) = (step.clone(), name.clone());
    Box::pin(async move {
        match services.calls(kind).tags(&subject).await {
            Ok(tags) => vec![stamp_intended(name, tags, add)],
            Err(error) if error.passes() || error.kind == crate::cloud::error::ErrorKind::NotFound => {
                vec![Event::Stumbled { step, error }]
            }
            Err(error) => vec![Event::StampFailed { restore: name, error }],
        }
    })
}

/// The drill's tags.
fn own_tags(state: &State, name: &Name) -> BTreeMap<String, String> {
    let definition = &state.started.plan.definition;
    let expires =
        state.started_at + definition.limits.max_duration + definition.teardown.timeout + EXPIRES_AFTER_TEARDOWN;
    BTreeMap::from([
        (RUN_TAG.to_owned(), state.run.to_string()),
        ("drill:definition".to_owned(), state.started.definition_sha256.chars().take(8).collect()),
        ("drill:name".to_owned(), definition.name.to_string()),
        ("drill:step".to_owned(), Work::Restore(name.clone()).id().to_string()),
        (EXPIRES_TAG.to_owned(), lease::expires(expires)),
        ("drill:owner".to_owned(), tag_value(&definition.owner)),
    ])
}

/// Tags that AWS itself sets (`aws:`) cannot be removed; what is about to be set again need not be. The source's own
/// `drill:never` goes: what the run made is the run's to remove (design 10.2).
fn stamp_intended(restore: Name, tags: BTreeMap<String, String>, add: BTreeMap<String, String>) -> Event {
    let inherited = |key: &String| !key.starts_with("aws:") && !add.contains_key(key);
    let remove = tags.into_iter().filter(|(key, _)| inherited(key)).collect();
    Event::StampIntended { restore, remove, add }
}

/// AWS tag values are at most 256 characters out of letters, digits, spaces and `_ . : / = + - @`.
fn tag_value(text: &str) -> String {
    let allowed = |c: &char| c.is_alphanumeric() || " _.:/=+-@".contains(*c);
    text.chars().filter(allowed).take(256).collect()
}

/// Takes the inherited tags off and puts the drill's on.
pub fn stamp(name: &Name, state: &State, services: Arc<Services>) -> Outcome {
    let step = Work::Ready(name.clone()).id();
    let (Some(entry), Some(restore)) = (state.ledger.get(name), state.started.plan.definition.restore.get(name)) else {
        return nonsense(&step, "a stamp without an intent");
    };
    let Some(stamp) = entry.stamp.clone() else { return nonsense(&step, "a stamp without its tags") };
    let (subject, kind, name) = (entry.subject(restore), restore.kind, name.clone());
    Box::pin(async move {
        let calls = services.calls(kind);
        let keys: Vec<String> = stamp.remove.into_keys().collect();
        let done = async {
            // Off first: together they may be more than the service allows, and what draws a backup plan must go.
            if !keys.is_empty() {
                calls.untag(&subject, &keys).await?;
            }
            calls.tag(&subject, &stamp.add).await
        };
        match done.await {
            Ok(()) => vec![Event::Stamped { restore: name }],
            Err(error) if error.passes() => vec![Event::Stumbled { step, error }],
            Err(error) => vec![Event::StampFailed { restore: name, error }],
        }
    })
}

/// One look. Only what changed is recorded. Tags that the same answer has are not asked for once more.
pub fn observe(step: &StepId, name: &Name, state: &State, services: Arc<Services>) -> Outcome {
    let (Some(entry), Some(restore)) = (state.ledger.get(name), state.started.plan.definition.restore.get(name)) else {
        return nonsense(step, "a look without an intent");
    };
    let (subject, kind) = (entry.subject(restore), restore.kind);
    let before = entry.seen.as_ref().map(|(_, seen)| seen.clone());
    // Other steps look too, and none of them stamps.
    let stamps = *step == Work::Ready(name.clone()).id() && (services.types)(kind).taggable();
    let add = (stamps && entry.stamped.is_none() && !entry.stamp_failed).then(|| own_tags(state, name));
    let (step, name) = (step.clone(), name.clone());
    Box::pin(async move {
        let (seen, tags) = match services.calls(kind).observe_with_tags(&subject).await {
            Ok(looked) => looked,
            Err(error) => return vec![stumble_or_fail(&step, error)],
        };
        let stamp = add.zip(tags).filter(|_| seen.phase != Phase::Gone);
        let stamp = stamp.map(|(add, tags)| stamp_intended(name.clone(), tags, add));
        let mut events = Vec::new();
        if before.as_ref() != Some(&seen) {
            if seen.phase == Phase::Unknown {
                let text = format!(
                    "`{}` has the status `{}`, which this version does not know; it counts as not ready",
                    subject.expected.name, seen.status
                );
                events.push(Event::Warned { step, text });
            }
            events.push(Event::ResourceSeen { restore: name, observation: seen });
        }
        events.extend(stamp);
        events
    })
}
