//! `teardown`: remove what the restore made, and see that it is gone.
//!
//! In this order: the restore job must be over, or known never to have started (a job cannot be stopped: facts 0.2);
//! the resource is looked at; the guard says whether it may be deleted; protection goes off; it is deleted; its absence
//! is seen twice, and nothing of it is kept by the service. What stays on purpose has a `lease` instead. What cannot be finished in time is left, named, and the run
//! ends `leaked`.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::cloud::resource::{Found, Observation, Phase, Removal, ResourceCalls, Subject};
use crate::cloud::vault::JobStatus;
use crate::journal::event::{CancelBy, Class, Event, GoneProof, Witness};
use crate::journal::ledger::Entry;
use crate::journal::state::State;
use crate::plan::step::Step;
use crate::run::call::{Call, Outcome, failed, nonsense, passed, stumble_or_fail};
use crate::run::decide::{Next, Situation};
use crate::run::guard::{Refusal, goes_by_its_name, may_delete};
use crate::run::guards::Guard;
use crate::run::pace::{ABSENT_FOR, NEVER_SEEN_ABSENT_FOR, NOT_STARTED_FOR, Pace, REMOVE_AGAIN_AFTER, VISIBLE_AFTER};
use crate::run::services::Services;
use crate::run::step::lease;
use crate::words::id::{Name, StepId};
use crate::words::time::show_duration;

/// How often the job of a resource that bears the run's name is looked for before the resource counts as a stranger's.
const MOST_SEARCHES: u32 = 10;

/// What removal needs now.
#[must_use]
pub fn next(situation: &Situation<'_>, step: &Step, name: &Name, since: Timestamp) -> Next {
    let Some(entry) = situation.state.ledger.get(name).filter(|entry| entry.gone.is_none()) else {
        return Next::record(passed(&step.id));
    };
    if let Some(proof) = nothing_to_find(situation, entry) {
        return Next::record(Event::Gone { restore: name.clone(), proof });
    }
    if let Some(keeping) = lease::next(situation, step, name, entry, since) {
        return keeping;
    }
    let deadline = since + step.timeout;
    if situation.now >= deadline {
        return Next::record(failed(&step.id, Class::Deadline, overdue(situation.state, step, entry), None));
    }
    match wait_for_job(situation, step, name, entry, since)
        .unwrap_or_else(|| remove_resource(situation, step, name, entry, since))
    {
        Next::At(at) => Next::At(at.min(deadline)),
        other => other,
    }
}

fn nothing_to_find(situation: &Situation<'_>, entry: &Entry) -> Option<GoneProof> {
    if situation.state.cancelled.as_ref().is_some_and(|(_, by)| *by == CancelBy::WorldLost) {
        return Some(GoneProof::WorldLost);
    }
    // A refusal is about its own request. Where an earlier one was in doubt, that one may have started a job all the same.
    (entry.refused && entry.job.is_none() && !entry.doubted && entry.ground.is_none())
        .then_some(GoneProof::NeverStarted)
}

fn overdue(state: &State, step: &Step, entry: &Entry) -> String {
    let within = show_duration(step.timeout);
    let asked = state.last_errors.get(&step.id).map_or_else(String::new, |error| {
        format!("; the last request about it that failed was {}: {}: {}", error.operation, error.code, error.message)
    });
    let seen = match (&entry.job, entry.terminal_job(), &entry.seen) {
        (Some(job), None, _) => format!(
            "restore job {job} was not over within {within}; a restore job cannot be stopped, and it may still make the resource"
        ),
        (_, _, Some((_, seen))) => format!("it was not gone within {within}; last seen `{}`", seen.status),
        _ => format!("it could not be known to be gone within {within}"),
    };
    seen + &asked
}

/// Nothing is deleted while its restore job is under way, and nothing counts as absent while a job may still make it.
fn wait_for_job(situation: &Situation<'_>, step: &Step, name: &Name, entry: &Entry, since: Timestamp) -> Option<Next> {
    if !situation.guards.stand(Guard::WaitForJob) {
        return None;
    }
    // The job is asked for only after its ground was laid, and not after it was refused.
    let never_asked = entry.ground == Some(false) || (entry.refused && !entry.doubted);
    if entry.job.is_none() && never_asked {
        return None;
    }
    if entry.job.is_none() && !entry.doubtful.is_empty() && !entry.in_doubt {
        return Some(Next::record(doubtful(step, entry)));
    }
    if entry.job.is_none() {
        if entry.in_doubt || entry.not_found == 0 {
            return Some(Next::call(Call::Find(name.clone())));
        }
        let again = entry.not_found_at.unwrap_or(since) + VISIBLE_AFTER;
        return match entry.not_found {
            1 if again > situation.now => Some(Next::At(again)),
            1 => Some(Next::call(Call::Find(name.clone()))),
            _ => None,
        };
    }
    if entry.terminal_job().is_some() {
        return None;
    }
    let pace = Pace::of_job(situation.state, &step.id, name);
    let look = situation.look_at(step, since, entry.began_at().unwrap_or(since), &pace);
    Some(if look <= situation.now { Next::call(Call::LookAtJob(name.clone())) } else { Next::At(look) })
}

fn look_at(situation: &Situation<'_>, step: &Step, since: Timestamp, call: Call) -> Next {
    let look = situation.looked.next(&step.id, since, situation.now);
    if look <= situation.now { Next::call(call) } else { Next::At(look) }
}

/// A removal that somebody else began is looked at steadily.
fn look_at_removal(situation: &Situation<'_>, step: &Step, name: &Name, entry: &Entry, since: Timestamp) -> Next {
    let survey = Call::Survey(name.clone());
    let Some(accepted) = entry.removal_accepted_at else { return look_at(situation, step, since, survey) };
    let look = situation.look_at(step, since, accepted, &Pace::of_removal(situation.state, &step.id, name));
    if look <= situation.now { Next::call(survey) } else { Next::At(look) }
}

fn remove_resource(situation: &Situation<'_>, step: &Step, name: &Name, entry: &Entry, since: Timestamp) -> Next {
    let survey = Call::Survey(name.clone());
    if let Some(stranger) = made_something_else(step, entry).filter(|_| situation.guards.stand(Guard::OwnOnly)) {
        return Next::record(stranger);
    }
    let by_name = goes_by_its_name(situation.definition(), name);
    if entry.arn().is_none() && !by_name && entry.terminal_job().is_some_and(|job| job.status == JobStatus::Completed) {
        return made_something_unknown(situation, step, name, entry, since);
    }
    if let Some(first) = entry.absent_since {
        let again = first + absent_for(entry);
        return if again > situation.now { Next::At(again) } else { look_at(situation, step, since, survey) };
    }
    // What an earlier step or an earlier process saw is no ground for deleting anything.
    if !situation.looked.has(&step.id) {
        return Next::call(survey);
    }
    if entry.arn().is_none()
        && let Some(stranger) = suspects(step, entry)
    {
        return Next::record(stranger);
    }
    let Some((_, seen)) = &entry.seen else { return look_at(situation, step, since, survey) };
    // A removal in several stages goes on as soon as a look shows something else than before it.
    let asked_lately = entry.removal_accepted_at.is_some_and(|at| {
        situation.now.duration_since(at) < REMOVE_AGAIN_AFTER && entry.seen.as_ref().is_none_or(|(seen, _)| *seen <= at)
    });
    if seen.phase == Phase::Leaving || asked_lately {
        return look_at_removal(situation, step, name, entry, since);
    }
    let allowed = match may_delete(&situation.state.run, name, entry, situation.definition(), entry.tags.as_ref()) {
        Err(_) if !situation.guards.stand(Guard::OwnOnly) => Ok(Witness::Request),
        allowed => allowed,
    };
    let witness = match allowed {
        Ok(witness) => witness,
        // Something has the run's own name, and the list of jobs may lag behind: the job is looked for some more.
        Err(Refusal::NoWitness(_) | Refusal::Protected(_))
            if entry.job.is_none() && entry.not_found < MOST_SEARCHES =>
        {
            let again = entry.not_found_at.unwrap_or(since) + NOT_STARTED_FOR;
            return if again > situation.now { Next::At(again) } else { Next::call(Call::Find(name.clone())) };
        }
        Err(refusal) => {
            let advice = Some("look at it, and whose it is, before anybody removes it");
            return Next::record(failed(&step.id, Class::Refused, refusal.to_string(), advice));
        }
    };
    if seen.protected {
        let waits = entry.unprotected_at.is_some_and(|at| situation.now.duration_since(at) < VISIBLE_AFTER);
        return if waits {
            look_at(situation, step, since, survey)
        } else {
            Next::intend(Event::UnprotectIntended { restore: name.clone() }, Call::Unprotect(name.clone()))
        };
    }
    let intent = entry.removal.is_none().then(|| Box::new(Event::RemovalIntended { restore: name.clone(), witness }));
    Next::Call { intent, call: Call::Remove(name.clone()) }
}

/// Jobs that may be the run's: whatever they make, nothing says whose it is.
fn doubtful(step: &Step, entry: &Entry) -> Event {
    let jobs: Vec<String> = entry.doubtful.iter().map(ToString::to_string).collect();
    let message = format!(
        "the start of the restore was never answered, and of these restore jobs one may be the run's: {}",
        jobs.join(", ")
    );
    failed(&step.id, Class::Refused, message, Some("see what they make, and whose it is, before anybody removes it"))
}

/// The job made another thing than the one that the ledger names: the absence of the one says nothing of the other.
fn made_something_else(step: &Step, entry: &Entry) -> Option<Event> {
    let (made, expected) = (entry.made()?, entry.intended.expected.arn.as_ref()?);
    if made == expected {
        return None;
    }
    let refusal = Refusal::OtherResource { made: made.to_string(), expected: expected.to_string() };
    let advice = Some("look at it, and whose it is, before anybody removes it");
    Some(failed(&step.id, Class::Refused, refusal.to_string(), advice))
}

/// A completed job made something, and nobody says what: not finding it is no proof that it is gone.
fn made_something_unknown(
    situation: &Situation<'_>,
    step: &Step,
    name: &Name,
    entry: &Entry,
    since: Timestamp,
) -> Next {
    if let Some(stranger) = suspects(step, entry) {
        return Next::record(stranger);
    }
    if situation.now.duration_since(since) < VISIBLE_AFTER || !situation.looked.has(&step.id) {
        return look_at(situation, step, since, Call::Search(name.clone()));
    }
    let job = entry.job.as_ref().map(ToString::to_string).unwrap_or_default();
    let message = format!("restore job {job} is COMPLETED, names nothing that it made, and nothing was found");
    let advice = Some("look in the destination for what was made from the recovery point since then");
    Next::record(failed(&step.id, Class::Refused, message, advice))
}

/// Things that may be what the restore made, and nothing says so: they are named, and left alone.
fn suspects(step: &Step, entry: &Entry) -> Option<Event> {
    if entry.suspects.is_empty() {
        return None;
    }
    let list: Vec<String> = entry.suspects.iter().map(|arn| format!("`{arn}`")).collect();
    let message = format!(
        "the restore job names nothing that it made, and these were made from its recovery point since: {}",
        list.join(", ")
    );
    Some(failed(&step.id, Class::Refused, message, Some("look whose they are before anybody removes them")))
}

fn absent_for(entry: &Entry) -> SignedDuration {
    if entry.seen.is_some() { ABSENT_FOR } else { NEVER_SEEN_ABSENT_FOR }
}

/// One look at what is to be removed. Absence counts when it is seen twice and nothing of the resource is kept.
pub fn survey(step: &StepId, name: &Name, state: &State, services: Arc<Services>) -> Outcome {
    let (Some(entry), Some(restore)) =
        (state.ledger.get(name).cloned(), state.started.plan.definition.restore.get(name))
    else {
        return nonsense(step, "a removal without an intent");
    };
    let (kind, step, name) = (restore.kind, step.clone(), name.clone());
    let subject = entry.subject(restore);
    let warned = state.warnings.iter().any(|warning| warning.step == step);
    Box::pin(async move {
        let calls = services.calls(kind);
        let expected = &entry.intended.expected;
        if subject.arn().is_none() {
            match calls.find(&subject).await {
                Ok(Found::Nothing) => {}
                Ok(found) => return vec![Event::Searched { restore: name, found }],
                Err(error) => return vec![stumble_or_fail(&step, error)],
            }
        }
        let seen = match calls.observe(&subject).await {
            Ok(seen) => seen,
            Err(error) => return vec![stumble_or_fail(&step, error)],
        };
        if seen.phase != Phase::Gone {
            return present(&step, &name, &entry, &subject, seen, calls.as_ref()).await;
        }
        let now = services.clock.now();
        let twice = services.guards.stand(Guard::AbsentTwice);
        let first = if twice { entry.absent_since } else { Some(now - absent_for(&entry)) };
        let Some(first) = first.filter(|first| now.duration_since(*first) >= absent_for(&entry)) else {
            return if entry.absent_since.is_some() { Vec::new() } else { vec![Event::AbsenceSeen { restore: name }] };
        };
        match calls.remains(&subject).await {
            Ok(left) if left.is_empty() => {
                vec![Event::Gone { restore: name, proof: GoneProof::AbsentTwice { first, second: now } }]
            }
            Ok(_) if warned => Vec::new(),
            Ok(left) => {
                let text =
                    format!("`{}` is gone, but the service still keeps of it: {}", expected.name, left.join(", "));
                vec![Event::Warned { step, text }]
            }
            Err(error) => vec![stumble_or_fail(&step, error)],
        }
    })
}

/// It is there. Without a restore job to prove whose it is, its tags are read.
async fn present(
    step: &StepId,
    name: &Name,
    entry: &Entry,
    subject: &Subject,
    seen: Observation,
    calls: &dyn ResourceCalls,
) -> Vec<Event> {
    let mut events = Vec::new();
    if entry.job.is_none() {
        match calls.tags(subject).await {
            Ok(tags) => events.push(Event::TagsSeen { restore: name.clone(), tags }),
            Err(error) => return vec![stumble_or_fail(step, error)],
        }
    }
    let changed = entry.seen.as_ref().is_none_or(|(_, before)| *before != seen) || entry.absent_since.is_some();
    if changed {
        events.push(Event::ResourceSeen { restore: name.clone(), observation: seen });
    }
    events
}

/// Switches deletion protection off.
pub fn unprotect(step: &StepId, name: &Name, state: &State, services: Arc<Services>) -> Outcome {
    let (Some(entry), Some(restore)) = (state.ledger.get(name), state.started.plan.definition.restore.get(name)) else {
        return nonsense(step, "a removal without an intent");
    };
    let (subject, kind) = (entry.subject(restore), restore.kind);
    let (step, name) = (step.clone(), name.clone());
    Box::pin(async move {
        match services.calls(kind).unprotect(&subject).await {
            Ok(()) => vec![Event::Unprotected { restore: name }],
            Err(error) => vec![stumble_or_fail(&step, error)],
        }
    })
}

/// Asks for deletion. Asking twice does no harm: what is being deleted or gone stays so.
pub fn remove(step: &StepId, name: &Name, state: &State, services: Arc<Services>) -> Outcome {
    let (Some(entry), Some(restore)) = (state.ledger.get(name), state.started.plan.definition.restore.get(name)) else {
        return nonsense(step, "a removal without an intent");
    };
    let (subject, kind) = (entry.subject(restore), restore.kind);
    let Some((_, seen)) = entry.seen.clone() else { return nonsense(step, "a removal of what was never seen") };
    let (step, name) = (step.clone(), name.clone());
    Box::pin(async move {
        match services.calls(kind).remove(&subject, &seen).await {
            Ok(Removal::Asked) => vec![Event::RemovalAccepted { restore: name }],
            Ok(Removal::More) => Vec::new(),
            // Something may hang on it that the last look did not show yet: the next removal goes by a new one.
            Err(error) if error.passes() => {
                let look = services.calls(kind).observe(&subject).await.ok().filter(|look| *look != seen);
                let look = look.filter(|look| look.phase != Phase::Gone);
                let look = look.map(|observation| Event::ResourceSeen { restore: name, observation });
                [Some(Event::Stumbled { step, error }), look].into_iter().flatten().collect()
            }
            Err(error) => vec![stumble_or_fail(&step, error)],
        }
    })
}
