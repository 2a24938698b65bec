//! The loop that owns a run: decide, make durable, call, make durable.
//!
//! One task owns the state; calls run beside it and send back events. The outcomes of all calls that have ended, and the
//! next intents, share one sync.
//! Without a durable intent no side effect: when the journal cannot be written, nothing new begins, and what memory
//! knows is torn down.

mod park;
mod pass;

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use crate::journal::event::{CancelBy, Event, GateAnswer, Recorded};
use crate::journal::ledger::Entry;
use crate::journal::state::{Illegal, State, StepState};
use crate::journal::store::{Append, StoreError};
use crate::plan::step::{Plan, Step, Work};
use crate::run::call::{Call, begin, bug, of_step};
use crate::run::decide::is_forward;
use crate::run::guards::Guard;
use crate::run::needed::Needed;
use crate::run::pace::Looked;
use crate::run::park::{Parked, Woken};
use crate::run::ready_set::ReadySet;
use crate::run::services::Services;
use crate::run::stop;
use crate::words::id::{Name, StepId};
use crate::words::shared::Shared;

/// What a person asks of a run under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// First Ctrl-C, SIGTERM: cancel, tear down.
    Cancel,
    /// Second Ctrl-C: stop at once.
    Stop,
    /// A person at the terminal answered a gate.
    Answer { gate: Name, answer: GateAnswer },
}

/// Whoever shows a run.
pub trait Observer: Send {
    /// These were recorded; this is the state after them.
    fn recorded(&mut self, records: &[Recorded], state: &State);
}

/// How the loop ended.
#[derive(Debug)]
pub enum Ended {
    /// With a verdict.
    Concluded(Box<State>),
    /// At once, by request. `drill resume` goes on.
    Stopped(Box<State>),
}

/// How far a run was driven that is one of many.
#[derive(Debug)]
pub enum Driven {
    /// To its end.
    Ended(Ended),
    /// To where it waits. Nothing is in flight, and it is driven on from its journal.
    Parked(Box<Parked>),
}

impl Driven {
    /// How it ended; nothing if it was parked.
    #[must_use]
    pub fn ended(self) -> Option<Ended> {
        match self {
            Self::Ended(ended) => Some(ended),
            Self::Parked(_) => None,
        }
    }
}

/// What a run knows of the others that are driven beside it, and what it is driven on with.
#[derive(Debug, Default)]
pub struct Beside {
    /// There are so many that those that wait are parked. A run that is alone never is.
    pub crowd: Option<Arc<AtomicBool>>,
    /// It was parked.
    pub woken: Option<Woken>,
}

/// Why the loop could not end properly.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The journal could not be written. Teardown was done from memory.
    #[error(
        "the journal could not be written; nothing new was started and what was known was torn down{}",
        left_text(left)
    )]
    Journal {
        /// What may still exist.
        left: Vec<String>,
        /// Why.
        source: StoreError,
    },
    /// The journal of a run that was parked could not be read: nobody drives it any more.
    #[error(
        "the journal could not be read to go on with the run; `drill resume` goes on once it can{}",
        left_text(left)
    )]
    Unread {
        /// What may still exist.
        left: Vec<String>,
        /// Why.
        source: StoreError,
    },
    /// Another process goes on with the run: this one did nothing more.
    #[error(transparent)]
    TakenOver(StoreError),
    /// An event that cannot be: a bug.
    #[error("drill has a bug: it recorded something that cannot be; please report it")]
    Illegal(#[from] Illegal),
}

fn left_text(left: &[String]) -> String {
    if left.is_empty() { String::new() } else { format!("; these may still exist: {}", left.join(", ")) }
}

/// What a run may have made and is not gone, in words.
#[must_use]
pub fn left(state: &State) -> Vec<String> {
    let left = state.ledger.values().filter(|entry| entry.gone.is_none());
    let undos = state.owed_undos().into_iter().map(|step| format!("what `{step}` undoes"));
    left.map(Entry::label).chain(undos).collect()
}

/// Drives a run to its end.
///
/// # Errors
/// When the journal cannot be written.
///
/// # Panics
/// Never: only a run among many is parked.
pub async fn drive(
    services: Arc<Services>,
    state: State,
    journal: &mut dyn Append,
    signals: &mut mpsc::Receiver<Signal>,
    observer: &mut dyn Observer,
) -> Result<Ended, DriveError> {
    let driven = drive_beside(services, state, journal, signals, observer, Beside::default()).await?;
    Ok(driven.ended().expect("only a run among many is parked"))
}

/// Drives a run that is one of many to its end, or to where it waits.
///
/// # Errors
/// When the journal cannot be written.
pub async fn drive_beside(
    services: Arc<Services>,
    state: State,
    journal: &mut dyn Append,
    signals: &mut mpsc::Receiver<Signal>,
    observer: &mut dyn Observer,
    beside: Beside,
) -> Result<Driven, DriveError> {
    let plan = state.started.plan.clone();
    let (ready, needed) = (ReadySet::of(&state), Needed::of(&state.started.plan.definition));
    let driver = Driver {
        services,
        state,
        journal,
        observer,
        plan,
        ready,
        needed,
        pending: Vec::new(),
        looked: Looked::default(),
        just_looked: false,
        writes_wait: false,
        own_moment: None,
        due: Vec::new(),
        calls: JoinSet::new(),
        under_way: HashMap::new(),
        broken: None,
        crowd: beside.crowd,
    };
    driver.run(signals, beside.woken).await
}

struct UnderWay {
    step: StepId,
    call: Call,
    abort: AbortHandle,
}

struct Driver<'a> {
    services: Arc<Services>,
    state: State,
    journal: &'a mut dyn Append,
    observer: &'a mut dyn Observer,
    /// `ready` knows its steps by their positions.
    plan: Shared<Plan>,
    ready: ReadySet,
    needed: Needed,
    /// Applied to the state, not yet durable.
    pending: Vec<(Timestamp, Event)>,
    looked: Looked,
    /// A look at the parameter has just ended: whatever waited for it may begin, however fast the run's clock goes.
    just_looked: bool,
    /// Something waits for a look at the parameter.
    writes_wait: bool,
    /// When something is due that is no step's.
    own_moment: Option<Timestamp>,
    /// Looks at jobs that begin unless the run is parked.
    due: Vec<(StepId, Call)>,
    calls: JoinSet<Vec<Event>>,
    under_way: HashMap<Id, UnderWay>,
    /// The journal's failure; from then on nothing is durable and nothing new begins.
    broken: Option<StoreError>,
    /// Whether there are so many runs that those that wait are parked.
    crowd: Option<Arc<AtomicBool>>,
}

impl Driver<'_> {
    async fn run(mut self, signals: &mut mpsc::Receiver<Signal>, woken: Option<Woken>) -> Result<Driven, DriveError> {
        let mut cancel_look = tokio::time::interval(self.services.look_for_requests);
        let was_parked = woken.is_some();
        if let Some(woken) = woken {
            self.wakes(woken)?;
        }
        // What was said while nobody drove the run counts before anything is decided.
        self.look_for_cancel()?;
        while was_parked && let Ok(signal) = signals.try_recv() {
            if self.hears(signal)? {
                // What was said before it is not forgotten: whoever goes on with a run that was ended clears up.
                self.commit().await?;
                return Ok(self.stopped());
            }
        }
        let mut listening = true;
        loop {
            let wake = self.decide().await?;
            if self.is_over() {
                break;
            }
            if let Some(parked) = self.parks(signals) {
                return Ok(Driven::Parked(parked));
            }
            for (step, call) in mem::take(&mut self.due) {
                self.begin(&step, call);
            }
            let clock = Arc::clone(&self.services.clock);
            let sleep = async {
                match wake {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                signal = signals.recv(), if listening => match signal {
                    Some(signal) => {
                        if self.hears(signal)? {
                            return Ok(self.stopped());
                        }
                    }
                    None => listening = false,
                },
                Some(ended) = self.calls.join_next_with_id(), if !self.calls.is_empty() => self.calls_ended(ended)?,
                _ = cancel_look.tick() => self.look_for_cancel()?,
                () = sleep => {}
            }
        }
        self.end().map(Driven::Ended)
    }

    fn end(self) -> Result<Ended, DriveError> {
        let left = left(&self.state);
        let Some(source) = self.broken else { return Ok(Ended::Concluded(Box::new(self.state))) };
        Err(DriveError::Journal { left, source })
    }

    fn stopped(self) -> Driven {
        Driven::Ended(Ended::Stopped(Box::new(self.state)))
    }

    /// What a person asks. Whether the run is to stop at once.
    fn hears(&mut self, signal: Signal) -> Result<bool, Illegal> {
        match signal {
            Signal::Cancel => self.asked_to_end()?,
            Signal::Stop => return Ok(true),
            Signal::Answer { gate, answer } => self.answered(gate, answer)?,
        }
        Ok(false)
    }

    fn is_over(&self) -> bool {
        self.calls.is_empty() && self.state.step(&Work::Report).end().is_some()
    }

    /// The run's clock, which never goes back within a run.
    fn now(&self) -> Timestamp {
        self.services.clock.now().max(self.state.last_at)
    }

    fn happened(&mut self, at: Timestamp, event: Event) -> Result<(), Illegal> {
        self.state.apply(at, &event)?;
        self.ready.touch(&event, &self.state);
        self.pending.push((at, event));
        Ok(())
    }

    /// Decides until nothing is left to decide, makes it durable, begins the calls, and says when to wake.
    async fn decide(&mut self) -> Result<Option<Timestamp>, DriveError> {
        let mut calls: Vec<(StepId, Call)> = Vec::new();
        self.writes_wait = false;
        let bound = self.bound();
        let now = loop {
            let now = self.now();
            if !self.pass(now, bound, &mut calls)? {
                break now;
            }
        };
        #[cfg(debug_assertions)]
        self.assert_nothing_missed(now);
        self.just_looked = false;
        let bound = bound.filter(|_| self.is_bounded());
        self.own_moment = [bound, self.look_at_parameter(now, &mut calls)].into_iter().flatten().min();
        let wake = self.ready.wake().into_iter().chain(self.own_moment).min();
        if !self.services.guards.stand(Guard::IntentFirst) {
            calls.drain(..).for_each(|(step, call)| self.begin(&step, call));
        }
        if !self.commit().await? {
            for (step, _) in &calls {
                self.ready.released(step);
            }
            return Ok(Some(self.now()));
        }
        if calls.iter().any(|(_, call)| call.changes()) {
            self.see_that_it_is_ours()?;
        }
        // As close to the side effect as it can be: what was intended and is not begun is torn down like after a crash.
        let writes = calls.iter().any(|(step, call)| call.changes() && !is_backward(step));
        if writes && self.look_for_stop()? {
            let (kept, dropped): (Vec<_>, Vec<_>) = calls.into_iter().partition(|(step, _)| is_backward(step));
            for (step, _) in &dropped {
                self.ready.released(step);
            }
            calls = kept;
        }
        let stopped = !self.pending.is_empty();
        if !stopped && self.could_be_parked(&calls) {
            self.due = calls;
            return Ok(wake);
        }
        for (step, call) in calls {
            self.begin(&step, call);
        }
        Ok(if stopped { Some(self.now()) } else { wake })
    }

    /// Whether a parameter may stop this run.
    fn heeds_parameter(&self) -> bool {
        self.state.started.plan.definition.limits.stop_parameter.is_some() && self.state.cancelled.is_none()
    }

    /// Asks for the parameter that stops everything, when it is time or a write waits for it, and says when it will be time
    /// again.
    fn look_at_parameter(&self, now: Timestamp, calls: &mut Vec<(StepId, Call)>) -> Option<Timestamp> {
        if !self.heeds_parameter() || !self.ready.goes_forward() {
            return None;
        }
        if self.under_way.values().any(|call| call.call == Call::LookAtStop) {
            return None;
        }
        let id = stop::look_id();
        let due = self.looked.last(&id).map(|last| last + stop::LOOK_EVERY);
        let next = due.filter(|next| *next > now && !self.writes_wait);
        if next.is_none() {
            calls.push((id, Call::LookAtStop));
        }
        next
    }

    /// Whether nothing goes forward yet, because nobody has seen the parameter that stops everything.
    fn awaits_parameter(&self) -> bool {
        self.heeds_parameter() && !self.looked.has(&stop::look_id())
    }

    /// Whether this call must wait until the parameter was looked at again. Nothing was intended yet, so nothing is in doubt.
    fn awaits_look(&self, step: &Step, call: &Call, now: Timestamp) -> bool {
        if !call.changes() || !is_forward(&step.work) || !self.heeds_parameter() || self.just_looked {
            return false;
        }
        let last = self.looked.last(&stop::look_id());
        last.is_none_or(|last| now.duration_since(last) > stop::ALLOWS_FOR)
    }

    /// Makes everything pending durable. `false`: it could not, and whatever it announced must not be done.
    async fn commit(&mut self) -> Result<bool, DriveError> {
        let pending = std::mem::take(&mut self.pending);
        if self.broken.is_some() || pending.is_empty() {
            return Ok(true);
        }
        match self.journal.append(&pending).await {
            Ok(records) => self.observer.recorded(&records, &self.state),
            Err(error @ StoreError::TakenOver(_)) => {
                if self.services.guards.stand(Guard::OneWriter) {
                    return Err(DriveError::TakenOver(error));
                }
                self.broken = Some(error);
            }
            Err(error) => {
                tracing::error!(error = %error, "the journal cannot be written");
                self.broken = Some(error);
                if !self.services.guards.stand(Guard::StopWithoutJournal) {
                    return Ok(true);
                }
                self.cancel(CancelBy::JournalLost)?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A process that stood still for a while may have been taken over, and what it does next need not be a record of its
    /// own: a request is repeated without one. So the journal is looked at before each change.
    fn see_that_it_is_ours(&self) -> Result<(), DriveError> {
        if self.broken.is_some() || !self.services.guards.stand(Guard::OneWriter) {
            return Ok(());
        }
        match self.journal.still_ours() {
            Err(error @ StoreError::TakenOver(_)) => Err(DriveError::TakenOver(error)),
            // A journal that cannot be read says nothing about who writes it; the next append decides.
            Err(_) | Ok(()) => Ok(()),
        }
    }

    fn begin(&mut self, step: &StepId, call: Call) {
        let journal = &*self.journal;
        let future = begin(&call, step, &self.state, &self.services, &self.needed, || journal.records());
        let abort = self.calls.spawn(of_step(step.clone(), future));
        self.under_way.insert(abort.id(), UnderWay { step: step.clone(), call, abort });
    }

    /// Takes every call that has ended by now: their outcomes, and everything that follows from them, are one append.
    fn calls_ended(&mut self, first: Result<(Id, Vec<Event>), JoinError>) -> Result<(), Illegal> {
        let mut ended = Some(first);
        while let Some(one) = ended {
            self.call_ended(one)?;
            ended = self.calls.try_join_next_with_id();
        }
        Ok(())
    }

    fn call_ended(&mut self, ended: Result<(Id, Vec<Event>), JoinError>) -> Result<(), Illegal> {
        let answered = ended.is_ok();
        let (id, events) = match ended {
            Ok((id, events)) => (id, events),
            Err(error) => {
                let id = error.id();
                let events = match self.under_way.get(&id) {
                    Some(call) if error.is_panic() => vec![bug(&call.step)],
                    _ => Vec::new(),
                };
                (id, events)
            }
        };
        let Some(UnderWay { step, call, .. }) = self.under_way.remove(&id) else { return Ok(()) };
        self.took(&step, &call, answered, events)
    }

    /// Takes the outcome of a call.
    fn took(&mut self, step: &StepId, call: &Call, answered: bool, events: Vec<Event>) -> Result<(), Illegal> {
        self.ready.released(step);
        let now = self.now();
        // A look that was not answered shows nothing: what an earlier process saw is no ground for anything.
        let stumbled = events.iter().any(|event| matches!(event, Event::Stumbled { .. }));
        if answered && !stumbled && call.looks() {
            self.looked.note(step, now);
        } else {
            self.looked.asked(step, now);
        }
        self.just_looked |= *call == Call::LookAtStop;
        for event in events {
            match event {
                // The call saw it; what is under way beside it ends here.
                Event::CancelRequested { by } => self.cancel(by)?,
                event => self.happened(now, event)?,
            }
        }
        Ok(())
    }

    /// From here on only teardown and report. What only reads is dropped; what may change something ends by itself.
    fn cancel(&mut self, by: CancelBy) -> Result<(), Illegal> {
        if self.state.cancelled.is_none() {
            self.happened(self.now(), Event::CancelRequested { by })?;
        }
        let forward = |call: &&UnderWay| !call.call.changes() && !is_backward(&call.step);
        for call in self.under_way.values().filter(forward) {
            call.abort.abort();
        }
        Ok(())
    }

    /// A run that is being torn down already can only be told so.
    fn asked_to_end(&mut self) -> Result<(), Illegal> {
        if self.state.cancelled.is_none() {
            return self.cancel(CancelBy::Signal);
        }
        let text = "asked to end: teardown is under way; once more stops at once and leaves what is left".to_owned();
        self.happened(self.now(), Event::Warned { step: Work::Report.id(), text })
    }

    /// Only the first answer at a gate that is open counts.
    fn answered(&mut self, gate: Name, answer: GateAnswer) -> Result<(), Illegal> {
        let step = self.state.asks(&gate);
        let open = step.is_some_and(|step| matches!(self.state.step(&step), StepState::Running { .. }));
        if open && !self.state.gates.contains_key(&gate) {
            self.happened(self.now(), Event::GateAnswered { gate, answer })?;
        }
        Ok(())
    }

    fn look_for_answers(&mut self) -> Result<(), Illegal> {
        if self.state.questions().is_empty() || self.broken.is_some() {
            return Ok(());
        }
        for (gate, answer) in self.journal.answers().unwrap_or_default() {
            self.answered(gate, answer)?;
        }
        Ok(())
    }

    fn look_for_cancel(&mut self) -> Result<(), Illegal> {
        self.look_for_answers()?;
        if self.state.cancelled.is_none() && self.broken.is_none() && self.journal.cancel_requested().unwrap_or(false) {
            self.cancel(CancelBy::Command)?;
        }
        self.look_for_stop().map(|_| ())
    }

    /// Whoever stops everything ends this run too, as long as there is something to end.
    fn look_for_stop(&mut self) -> Result<bool, Illegal> {
        if self.state.cancelled.is_some() || self.broken.is_some() || !self.ready.goes_forward() {
            return Ok(false);
        }
        let Some(who) = self.services.stop.stopped() else { return Ok(false) };
        if !self.services.guards.stand(Guard::StopFirst) {
            return Ok(false);
        }
        let text = format!("everything was stopped {who}");
        self.happened(self.now(), Event::Warned { step: Work::Report.id(), text })?;
        self.cancel(CancelBy::Stopped)?;
        Ok(true)
    }
}

/// Whether a step clears up. It goes on when everything else is ended.
fn is_backward(step: &StepId) -> bool {
    ["teardown", "undo"].iter().any(|kind| step.as_str().starts_with(kind))
}
