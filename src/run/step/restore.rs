//! `restore`: one restore job, started once, seen to its end. Facts 1.6 and 1.7.
//!
//! The intent (name, token, metadata) is durable before the job is asked for. Whenever it is not known whether a start
//! arrived, the job is looked for first, and only then is the start repeated, with the same token.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::cloud::error::ErrorKind;
use crate::cloud::likeness::Likeness;
use crate::cloud::resource::{Phase, ResourceFacts, Subject, mark};
use crate::cloud::vault::{FoundJob, JobStatus, Metadata, RestoreJob, StartRestore, Vault};
use crate::journal::chain::sha256_hex;
use crate::journal::event::{Class, Event, Intended};
use crate::journal::ledger::Entry;
use crate::journal::state::{State, StepState};
use crate::plan::step::{Step, Work};
use crate::run::call::{Call, Outcome, failed, failure, is_refusal, nonsense, passed, stumble_or_fail};
use crate::run::decide::{Next, Situation};
use crate::run::guard::goes_by_its_name;
use crate::run::guards::Guard;
use crate::run::pace::{Pace, Rhythm, VISIBLE_AFTER, paused_until};
use crate::run::services::Services;
use crate::run::step::preflight::expected;
use crate::words::id::{JobId, Name, RunId, StepId, Token};
use crate::words::time::Clock;

/// A token is not relied on for longer: then a second start could be a second restore (facts 1.6).
const TOKEN_LIVES: SignedDuration = SignedDuration::from_mins(50);

/// Prepare, start (or find), watch.
#[must_use]
pub fn next(situation: &Situation<'_>, step: &Step, name: &Name, since: Timestamp) -> Next {
    let Some(entry) = situation.state.ledger.get(name) else { return Next::call(Call::Prepare(name.clone())) };
    if needs_ground(situation, name) && entry.ground != Some(true) {
        let intent = entry.ground.is_none().then(|| Box::new(Event::GroundIntended { restore: name.clone() }));
        return Next::Call { intent, call: Call::Lay(name.clone()) };
    }
    let token_is_old = situation.now.duration_since(entry.intended_at) > TOKEN_LIVES;
    if entry.job.is_none() && !entry.in_doubt && !entry.doubtful.is_empty() && token_is_old {
        let message =
            "the start was never answered, and nothing says which of the restore jobs since then is the run's";
        return Next::record(failed(&step.id, Class::Environment, message.to_owned(), None));
    }
    if entry.job.is_none() {
        let look = entry.in_doubt && situation.guards.stand(Guard::LookFirst);
        return Next::call(if look { Call::Find(name.clone()) } else { Call::Start(name.clone()) });
    }
    match entry.terminal_job() {
        Some(job) if job.status == JobStatus::Completed => {
            if entry.arn().is_none() && !entry.searched {
                return Next::call(Call::Search(name.clone()));
            }
            let message = job.message.as_deref().filter(|_| situation.guards.stand(Guard::WholeRestore));
            let doubt = message.and_then(|message| facts_of(situation, name)?.doubt(message));
            let by_name = goes_by_its_name(situation.definition(), name);
            Next::record(judge_completed(step, entry, job, (doubt, by_name)))
        }
        Some(job) => Next::record(judge_failed(step, job)),
        None => {
            let pace = Pace::of_job(situation.state, &step.id, name);
            let look = situation.look_at(step, since, entry.began_at().unwrap_or(since), &pace);
            if look <= situation.now { Next::call(Call::LookAtJob(name.clone())) } else { Next::At(look) }
        }
    }
}

fn facts_of(situation: &Situation<'_>, name: &Name) -> Option<&'static dyn ResourceFacts> {
    situation.definition().restore.get(name).map(|restore| (situation.types)(restore.kind))
}

fn needs_ground(situation: &Situation<'_>, name: &Name) -> bool {
    situation
        .definition()
        .restore
        .get(name)
        .is_some_and(|restore| (situation.types)(restore.kind).lays_ground(&restore.with))
}

fn judge_completed(step: &Step, entry: &Entry, job: &RestoreJob, (doubt, by_name): (Option<String>, bool)) -> Event {
    if let (Some(made), Some(expected)) = (&job.created_resource, &entry.intended.expected.arn)
        && made != expected
    {
        let message = format!("the restore job made `{made}`, and `{expected}` was expected");
        return failed(&step.id, Class::Environment, message, Some("look at the resource; drill does not touch it"));
    }
    if entry.arn().is_none() && !by_name {
        let message = format!("restore job {} is COMPLETED and does not say what it made", job.id);
        let advice =
            Some("look in the destination for what was made from the recovery point; the report lists suspects");
        return failed(&step.id, Class::Environment, message, advice);
    }
    match doubt {
        Some(doubt) => failed(&step.id, Class::Data, format!("restore job {} is COMPLETED, but {doubt}", job.id), None),
        None => passed(&step.id),
    }
}

fn judge_failed(step: &Step, job: &RestoreJob) -> Event {
    let words = job.message.as_deref().unwrap_or("AWS gave no message");
    let message = format!("restore job {} ended {}: {words}", job.id, job.status.word());
    failed(
        &step.id,
        class_of(&job.status, words),
        message,
        Some("mend what the message names, then run the drill again"),
    )
}

/// Whose fault a failed job is. AWS gives no code, only words (facts 1.2): what speaks of the surroundings is theirs,
/// everything else counts against the recovery point. When in doubt: not the friendlier verdict.
fn class_of(status: &JobStatus, words: &str) -> Class {
    const SURROUNDINGS: [&str; 25] = [
        "access denied",
        "accessdenied",
        "not authorized",
        "unauthorized",
        "encoded authorization",
        "permission",
        "quota",
        "limit exceeded",
        "limitexceeded",
        "throttl",
        "insufficient",
        "capacity",
        "subnet",
        "default vpc",
        "invalidvpcnetworkstate",
        "security group",
        "alreadyexists",
        "already exists",
        "parameter group",
        "option group",
        "availability zone",
        "dbinstanceclass",
        "kms",
        "iam role",
        "assume",
    ];
    let words = words.to_lowercase();
    let surroundings = SURROUNDINGS.iter().any(|word| words.contains(word));
    if surroundings || *status == JobStatus::Aborted { Class::Environment } else { Class::Data }
}

/// Reads the recovery point's metadata, sees that the name is free, and answers with the intent.
pub fn prepare(step: &StepId, name: &Name, state: &State, services: Arc<Services>) -> Outcome {
    let definition = state.started.plan.definition.clone();
    let point = state.picked.get(name).and_then(|picked| picked.chosen.clone());
    let restore = definition.restore.get(name).cloned();
    let (Some(point), Some(restore)) = (point, restore) else {
        return nonsense(step, "a restore without a recovery point");
    };
    let Some(expected) = expected(&definition, &services, &state.run, name, 1) else {
        return nonsense(step, "a restore without a name");
    };
    let (step, name, run) = (step.clone(), name.clone(), state.run);
    Box::pin(async move {
        let facts = (services.types)(restore.kind);
        let subject = Subject {
            expected: expected.clone(),
            made: None,
            point: Some(point.arn.clone()),
            since: services.clock.now(),
            with: restore.with.clone(),
            parts: Vec::new(),
        };
        match services.calls(restore.kind).observe(&subject).await {
            Ok(seen) if seen.phase == Phase::Gone => {}
            Ok(seen) => {
                let message = format!("`{}` exists already ({}): the name is not free", expected.name, seen.status);
                return vec![failed(
                    &step,
                    Class::Environment,
                    message,
                    Some("remove it, or run the drill again under a new run id"),
                )];
            }
            Err(error) => return vec![stumble_or_fail(&step, error)],
        }
        let returned = match services.cloud.vault.restore_metadata(&definition.destination.vault, &point.arn).await {
            Ok(returned) => returned,
            Err(error) => return vec![stumble_or_fail(&step, error)],
        };
        let mut metadata = match facts.metadata(&returned, &restore.with, &restore.metadata, &expected) {
            Ok(metadata) => metadata,
            Err(message) => return vec![failed(&step, Class::Environment, message, None)],
        };
        if facts.naming_key(&restore.with).is_none() {
            let (key, value) = mark(facts, &restore.with, &expected);
            metadata.insert(key, value);
        }
        let role = definition.destination.restore_role.clone();
        let token = token(&run, &step, 1, &metadata);
        let entry = Intended { attempt: 1, expected, token, metadata, point: point.arn, role };
        vec![Event::RestoreIntended { restore: name, entry: Box::new(entry) }]
    })
}

/// The same run, step, attempt and metadata give the same token; anything else gives another (facts trap 12).
fn token(run: &RunId, step: &StepId, attempt: u32, metadata: &Metadata) -> Token {
    let metadata = serde_json::to_string(metadata).unwrap_or_default();
    let hash = sha256_hex(format!("{run}\n{step}\n{attempt}\n{metadata}").as_bytes());
    format!("drill-{}", &hash[..48]).parse().expect("48 hexadecimal digits are a token")
}

/// Makes what the restore job needs to find. Repeated as it is after a crash.
pub fn lay(step: &StepId, name: &Name, state: &State, services: Arc<Services>) -> Outcome {
    let (Some(entry), Some(restore)) = (state.ledger.get(name), state.started.plan.definition.restore.get(name)) else {
        return nonsense(step, "ground without an intent");
    };
    let (subject, kind) = (entry.subject(restore), restore.kind);
    let (step, name) = (step.clone(), name.clone());
    Box::pin(async move {
        match services.calls(kind).lay(&subject).await {
            Ok(()) => vec![Event::GroundLaid { restore: name }],
            Err(error) => vec![stumble_or_fail(&step, error)],
        }
    })
}

/// Looks for the thing that no restore job names.
pub fn search(step: &StepId, name: &Name, state: &State, services: Arc<Services>) -> Outcome {
    let (Some(entry), Some(restore)) = (state.ledger.get(name), state.started.plan.definition.restore.get(name)) else {
        return nonsense(step, "a search without an intent");
    };
    let (subject, kind) = (entry.subject(restore), restore.kind);
    let (step, name) = (step.clone(), name.clone());
    Box::pin(async move {
        match services.calls(kind).find(&subject).await {
            Ok(found) => vec![Event::Searched { restore: name, found }],
            Err(error) => vec![stumble_or_fail(&step, error)],
        }
    })
}

/// Starts the restore job, which makes the thing.
pub fn start(step: &StepId, name: &Name, state: &State, services: Arc<Services>) -> Outcome {
    let (Some(entry), Some(restore)) = (state.ledger.get(name), state.started.plan.definition.restore.get(name)) else {
        return nonsense(step, "a start without an intent");
    };
    let intended = &entry.intended;
    let ask = StartRestore {
        point: intended.point.clone(),
        role: intended.role.clone(),
        metadata: intended.metadata.clone(),
        token: intended.token.clone(),
        resource_type: (services.types)(restore.kind).start_type(&restore.with),
    };
    let (step, name) = (step.clone(), name.clone());
    Box::pin(async move {
        match services.cloud.vault.start_restore(&ask).await {
            Ok(job) => vec![Event::RestoreAccepted { restore: name, job, found: false }],
            Err(error) if is_refusal(&error) => {
                // A recovery point that vanished between pick and start is the data's fault.
                let class = if error.kind == ErrorKind::NotFound { Class::Data } else { Class::Environment };
                let end = crate::journal::event::StepEnd::Failed(failure(class, error.clone()));
                vec![Event::RestoreRefused { restore: name, error }, Event::StepEnded { step, end }]
            }
            Err(error) => vec![Event::Stumbled { step, error }],
        }
    })
}

/// Looks for the job of a start whose answer is not known.
pub fn find(step: &StepId, name: &Name, state: &State, services: Arc<Services>) -> Outcome {
    let (Some(entry), Some(restore)) = (state.ledger.get(name), state.started.plan.definition.restore.get(name)) else {
        return nonsense(step, "a search without an intent");
    };
    let (point, since) = (entry.intended.point.clone(), entry.intended_at);
    let facts = (services.types)(restore.kind);
    let (key, value) = mark(facts, &restore.with, &entry.intended.expected);
    let (step, name) = (step.clone(), name.clone());
    Box::pin(async move {
        // Of whatever type: under which word AWS lists a job whose point is of one type and which makes another (Storage
        // Gateway, EBS) is not documented. The point and the mark tell it.
        let found = services.cloud.vault.find_restore_job(None, &point, (&key, &value), since);
        match found.await {
            Ok(FoundJob::Ours(job)) => vec![
                Event::RestoreAccepted { restore: name.clone(), job: job.id.clone(), found: true },
                Event::JobSeen { restore: name, job: *job },
            ],
            Ok(FoundJob::Nothing) => vec![Event::RestoreNotFound { restore: name }],
            Ok(FoundJob::Perhaps(jobs)) => vec![Event::RestoreDoubtful { restore: name, jobs }],
            Err(error) => vec![stumble_or_fail(&step, error)],
        }
    })
}

/// A look at a restore job: what it needs of the run's state. Runs that wait keep it, so it is small.
#[derive(Debug)]
pub struct JobLook {
    /// Whose job it is.
    pub restore: Name,
    job: JobId,
    /// Whose look it is, if not the restore's own: the teardown looks, too.
    other: Option<Box<StepId>>,
    /// How the job was last seen.
    before: Option<Likeness>,
    accepted_at: Option<Timestamp>,
}

impl JobLook {
    fn of(step: &StepId, name: &Name, entry: &Entry) -> Option<Self> {
        let before = entry.job_seen.as_ref().map(|(_, job)| Likeness::of(job));
        let (restore, job) = (name.clone(), entry.job.clone()?);
        let other = (Work::Restore(name.clone()).id() != *step).then(|| Box::new(step.clone()));
        Some(Self { restore, job, other, before, accepted_at: entry.accepted_at })
    }

    /// Whose look it is.
    #[must_use]
    pub fn step(&self) -> StepId {
        self.other.as_deref().cloned().unwrap_or_else(|| Work::Restore(self.restore.clone()).id())
    }

    /// Looks once. Only what changed is recorded: nothing if nothing did.
    pub async fn look(&self, vault: &dyn Vault, clock: &dyn Clock) -> Vec<Event> {
        let Self { restore, job, before, accepted_at, .. } = self;
        match vault.restore_job(job).await {
            Ok(seen) if before.is_some_and(|before| before == Likeness::of(&seen)) => Vec::new(),
            Ok(seen) => {
                // Many may have news at once and wait for their turn.
                let mut events = Vec::with_capacity(1);
                if let JobStatus::Other(word) = &seen.status {
                    let text = format!(
                        "restore job {job} has the status `{word}`, which this version does not know; it counts as not over"
                    );
                    events.push(Event::Warned { step: self.step(), text });
                }
                events.push(Event::JobSeen { restore: restore.clone(), job: seen });
                events
            }
            Err(error) if error.kind == ErrorKind::NotFound => {
                let young = accepted_at.is_some_and(|at| clock.now().duration_since(at) < VISIBLE_AFTER);
                if young { Vec::new() } else { vec![stumble_or_fail(&self.step(), error)] }
            }
            Err(error) => vec![stumble_or_fail(&self.step(), error)],
        }
    }
}

/// One look at the job.
pub fn look_at_job(step: &StepId, name: &Name, state: &State, services: Arc<Services>) -> Outcome {
    let Some(entry) = state.ledger.get(name) else { return nonsense(step, "a look without an intent") };
    let Some(look) = JobLook::of(step, name, entry) else { return nonsense(step, "a look without a job") };
    Box::pin(async move { look.look(services.cloud.vault.as_ref(), services.clock.as_ref()).await })
}

/// The looks of a restore that is under way and waits for nothing but its job, with their rhythm; nothing if it is not, or
/// waits for something else.
#[must_use]
pub fn awaited(situation: &Situation<'_>, step: &Step, name: &Name) -> Option<(JobLook, Rhythm)> {
    let state = situation.state;
    let running = state.steps.get(&step.id)?;
    let StepState::Running { since, .. } = running else { return None };
    let entry = state.ledger.get(name)?;
    let pauses = paused_until(running).is_some_and(|until| until > situation.now);
    let ground = !needs_ground(situation, name) || entry.ground == Some(true);
    if pauses || !ground || state.cancelled.is_some() || entry.terminal_job().is_some() {
        return None;
    }
    let pace = Pace::of_job(state, &step.id, name);
    let rhythm = situation.rhythm(step, *since, entry.began_at()?, &pace);
    Some((JobLook::of(&step.id, name, entry)?, rhythm))
}
