//! What a step can ask for, and how calls become events.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::cloud::error::{CloudError, ErrorKind};
use crate::journal::event::{Class, Event, Failure, Recorded, StepEnd};
use crate::journal::state::State;
use crate::journal::store::StoreError;
use crate::run::needed::Needed;
use crate::run::services::Services;
use crate::run::{step, stop};
use crate::words::id::{Name, StepId};

/// One call to the outside. At most one is under way per step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Look at everything before the first write.
    Preflight,
    /// List, sort out and choose a recovery point.
    Pick(Name),
    /// Read what the restore's metadata needs, and see that the name is free.
    Prepare(Name),
    /// Make what the restore job needs to find.
    Lay(Name),
    /// Start the restore job.
    Start(Name),
    /// Look for a restore job whose start was never answered.
    Find(Name),
    /// Look at the restore job.
    LookAtJob(Name),
    /// Look for the thing that no restore job names.
    Search(Name),
    /// Read the tags that the restored resource inherited.
    ReadTags(Name),
    /// Take the inherited tags off, put the drill's on.
    Stamp(Name),
    /// Look at the restored resource, while it is awaited.
    Observe(Name),
    /// Add what is missing before the restored resource is usable.
    Finish(Name),
    /// Set a new master password on the restored database.
    SetPassword(Name),
    /// One attempt of a probe.
    Probe(Name),
    /// One attempt of its negative control.
    Control(Name),
    /// One attempt of an action.
    Act(Name),
    /// One attempt of an action's undo.
    Undo(Name),
    /// Look at the restored resource, while it is removed; read its tags where they are the witness.
    Survey(Name),
    /// Switch deletion protection off.
    Unprotect(Name),
    /// Delete.
    Remove(Name),
    /// Set the tag that says until when it is kept.
    TagLease(Name),
    /// See whether the parameter stops everything.
    LookAtStop,
    /// Write the report.
    WriteReport,
    /// Copy the bundle to the archive.
    Archive,
}

impl Call {
    /// Whether it may change something in the cloud: then it is never dropped half-way. What an action began goes on
    /// elsewhere when nobody waits for it any more: its undo would come too early.
    #[must_use]
    pub fn changes(&self) -> bool {
        matches!(
            self,
            Self::Lay(_)
                | Self::Start(_)
                | Self::Stamp(_)
                | Self::Finish(_)
                | Self::SetPassword(_)
                | Self::Act(_)
                | Self::Undo(_)
                | Self::Unprotect(_)
                | Self::Remove(_)
                | Self::TagLease(_)
                | Self::WriteReport
                | Self::Archive
        )
    }

    /// Whether its answer shows how the thing that its step is about stands.
    #[must_use]
    pub fn looks(&self) -> bool {
        matches!(self, Self::Observe(_) | Self::Survey(_) | Self::Search(_) | Self::LookAtStop)
    }
}

/// A call under way: the events that it ends with. Never empty-handed forever: every I/O below has its own time-out.
pub type Outcome = Pin<Box<dyn Future<Output = Vec<Event>> + Send>>;

tokio::task_local! {
    static STEP: StepId;
}

/// The step whose call this task does, if it does one.
#[must_use]
pub fn under_way() -> Option<StepId> {
    STEP.try_with(Clone::clone).ok()
}

/// A call that knows its step.
pub(crate) fn of_step<F: Future<Output = Vec<Event>>>(step: StepId, call: F) -> impl Future<Output = Vec<Event>> {
    STEP.scope(step, call)
}

/// Begins a call. What it needs of the state is copied now; it sees nothing of what happens meanwhile. `needed` is of the
/// run's definition. `history` reads the journal's records, for the report.
pub fn begin(
    call: &Call,
    step: &StepId,
    state: &State,
    services: &Arc<Services>,
    needed: &Needed,
    history: impl FnOnce() -> Result<Vec<Recorded>, StoreError>,
) -> Outcome {
    let services = Arc::clone(services);
    if matches!(call, Call::Preflight | Call::Act(_) | Call::Probe(_) | Call::Survey(_)) {
        step::report::compile_meanwhile(state);
    }
    match call {
        Call::Preflight => step::preflight::look(step, state, services),
        Call::Pick(name) => step::pick::pick(step, name, state, services),
        Call::Prepare(name) => step::restore::prepare(step, name, state, services),
        Call::Lay(name) => step::restore::lay(step, name, state, services),
        Call::Start(name) => step::restore::start(step, name, state, services),
        Call::Find(name) => step::restore::find(step, name, state, services),
        Call::LookAtJob(name) => step::restore::look_at_job(step, name, state, services),
        Call::Search(name) => step::restore::search(step, name, state, services),
        Call::ReadTags(name) => step::ready::read_tags(step, name, state, services),
        Call::Stamp(name) => step::ready::stamp(name, state, services),
        Call::Finish(name) => step::finish::ask(step, name, state, services),
        Call::Observe(name) => step::ready::observe(step, name, state, services),
        Call::SetPassword(name) => step::probe::set_password(step, name, state, services),
        Call::Probe(name) => step::probe::attempt(step, name, state, services, needed, false),
        Call::Control(name) => step::probe::attempt(step, name, state, services, needed, true),
        Call::Act(name) => step::action::act(step, name, state, services),
        Call::Undo(name) => step::action::undo(step, name, state, services),
        Call::Survey(name) => step::teardown::survey(step, name, state, services),
        Call::Unprotect(name) => step::teardown::unprotect(step, name, state, services),
        Call::Remove(name) => step::teardown::remove(step, name, state, services),
        Call::TagLease(name) => step::lease::tag(step, name, state, services),
        Call::LookAtStop => stop::look(state, services),
        Call::WriteReport => step::report::write(step, state, history(), services),
        Call::Archive => step::archive::copy(step, state, services),
    }
}

/// A call that was asked for about something that the state does not have: a bug of ours, shown instead of hidden.
#[must_use]
pub fn nonsense(step: &StepId, what: &str) -> Outcome {
    let end = failed(step, Class::Environment, format!("drill has a bug: {what}; please report it"), None);
    Box::pin(std::future::ready(vec![end]))
}

/// The end of a step whose call ended in a panic.
#[must_use]
pub fn bug(step: &StepId) -> Event {
    failed(step, Class::Environment, "drill has a bug: a call ended in a panic; please report it".to_owned(), None)
}

/// The event of a request that failed: tried again if it passes, the end of the step if not.
#[must_use]
pub fn stumble_or_fail(step: &StepId, error: CloudError) -> Event {
    if error.passes() {
        return Event::Stumbled { step: step.clone(), error };
    }
    let class = Class::Environment;
    Event::StepEnded { step: step.clone(), end: StepEnd::Failed(failure(class, error)) }
}

/// A failure out of an AWS error.
#[must_use]
pub fn failure(class: Class, error: CloudError) -> Failure {
    let advice = Some(error.advice().to_owned());
    let message = format!("{}: {}: {}", error.operation, error.code, error.message);
    Failure { class, message, advice, request_id: error.request_id }
}

/// The end of a step that failed.
#[must_use]
pub fn failed(step: &StepId, class: Class, message: String, advice: Option<&str>) -> Event {
    let failure = Failure { class, message, advice: advice.map(str::to_owned), request_id: None };
    Event::StepEnded { step: step.clone(), end: StepEnd::Failed(failure) }
}

/// The end of a step that did what it is for.
#[must_use]
pub fn passed(step: &StepId) -> Event {
    Event::StepEnded { step: step.clone(), end: StepEnd::Passed }
}

/// Whether a start may have been refused for good.
#[must_use]
pub fn is_refusal(error: &CloudError) -> bool {
    matches!(error.kind, ErrorKind::Denied | ErrorKind::Invalid | ErrorKind::NotFound)
}
