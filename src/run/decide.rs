//! What to do now. Pure: a plan, a state and the time go in; events to record, calls to begin or a time to wake come out.

use jiff::Timestamp;

use crate::cloud::resource::Types;
use crate::definition::model::Definition;
use crate::journal::event::{CancelBy, Class, Event, StepEnd};
use crate::journal::ledger::Entry;
use crate::journal::state::{State, StepState};
use crate::plan::step::{Step, Until, Work};
use crate::run::call::{Call, failed};
use crate::run::cost::{Affordable, affordable, reached_at};
use crate::run::guards::{Guard, Guards};
use crate::run::pace::{Looked, Pace, Rhythm, paused_until};
use crate::run::step;
use crate::words::id::Name;

/// Everything that a step's `next` may look at.
pub struct Situation<'a> {
    /// The fold of the journal.
    pub state: &'a State,
    /// Now.
    pub now: Timestamp,
    /// When things were last looked at.
    pub looked: &'a Looked,
    /// The resource types.
    pub types: Types,
    /// The guards that stand.
    pub guards: Guards,
}

/// What a step needs.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// These happened; ask again.
    Record(Vec<Event>),
    /// Begin this call, after `intent` is durable.
    Call {
        /// What must be durable first.
        intent: Option<Box<Event>>,
        /// The call.
        call: Call,
    },
    /// Nothing before this moment.
    At(Timestamp),
    /// Nothing until something else happens.
    Idle,
    /// Over.
    Over,
}

impl Next {
    /// A call that needs no intent.
    #[must_use]
    pub fn call(call: Call) -> Self {
        Self::Call { intent: None, call }
    }

    /// A call behind its intent.
    #[must_use]
    pub fn intend(intent: Event, call: Call) -> Self {
        Self::Call { intent: Some(Box::new(intent)), call }
    }

    /// One event.
    #[must_use]
    pub fn record(event: Event) -> Self {
        Self::Record(vec![event])
    }
}

impl Situation<'_> {
    /// The definition.
    #[must_use]
    pub fn definition(&self) -> &Definition {
        &self.state.started.plan.definition
    }

    /// Why a run ends for which [`Situation::must_end_by`] has come: it has taken too long, or it has cost too much.
    #[must_use]
    pub fn why_it_ends(&self) -> CancelBy {
        if self.now >= self.time_is_over() { CancelBy::MaxDuration } else { CancelBy::MaxCost }
    }

    /// When the first of the run's own limits is reached.
    #[must_use]
    pub fn must_end_by(&self) -> Timestamp {
        let time_is_over = self.time_is_over();
        reached_at(self.state).map_or(time_is_over, |at| at.min(time_is_over))
    }

    /// When `limits.max_duration` is over. What is kept after the run has its own end.
    fn time_is_over(&self) -> Timestamp {
        self.state.started_at + self.definition().limits.max_duration
    }

    /// Whether any step but teardown and report is not over.
    #[must_use]
    pub fn goes_forward(&self) -> bool {
        self.state.in_order().any(|(step, state)| is_forward(&step.work) && state.end().is_none())
    }

    /// When a restore's job began: its `timeout` counts from here.
    #[must_use]
    pub fn began(&self, restore: &Name) -> Option<Timestamp> {
        self.state.ledger.get(restore).and_then(Entry::began_at)
    }

    /// When a step's time is over. A restore's counts from the accepted start; waiting for that is bounded by the same
    /// length again.
    fn deadline(&self, step: &Step, since: Timestamp) -> Timestamp {
        let began = if let Work::Restore(name) = &step.work { self.began(name) } else { None };
        began.unwrap_or(since) + step.timeout
    }

    /// When to look next at what a step waits for and what began then.
    #[must_use]
    pub fn look_at(&self, step: &Step, since: Timestamp, began: Timestamp, pace: &Pace) -> Timestamp {
        self.rhythm(step, since, began, pace).next(self.looked.last(&step.id), self.now)
    }

    /// What the moments of those looks go by.
    #[must_use]
    pub fn rhythm(&self, step: &Step, since: Timestamp, began: Timestamp, pace: &Pace) -> Rhythm {
        let stumbled_at = match self.state.steps.get(&step.id) {
            Some(StepState::Running { stumbled_at, .. }) => *stumbled_at,
            _ => None,
        };
        Rhythm { began, pace: *pace, stumbled_at, deadline: self.deadline(step, since) }
    }

    /// What one step needs now.
    #[must_use]
    pub fn next(&self, step: &Step) -> Next {
        match self.state.steps.get(&step.id) {
            None | Some(StepState::Ended { .. }) => Next::Over,
            Some(StepState::Waiting) => self.begin(step),
            Some(running @ StepState::Running { since, .. }) => {
                if is_forward(&step.work)
                    && let Some((_, by)) = &self.state.cancelled
                {
                    return Next::record(cancelled(step, by));
                }
                let deadline = self.deadline(step, *since);
                let answered =
                    matches!(&step.work, Work::Gate(name) | Work::Probe(name) if self.state.gates.contains_key(name));
                let late = self.now >= deadline && self.guards.stand(Guard::Deadline);
                if late && is_forward(&step.work) && !answered {
                    return Next::record(step::too_late(step, self.state));
                }
                let next = match paused_until(running) {
                    Some(until) if until > self.now => Next::At(until),
                    _ => self.ask(step, *since),
                };
                match next {
                    Next::At(at) if is_forward(&step.work) && self.guards.stand(Guard::Deadline) => {
                        Next::At(at.min(deadline))
                    }
                    other => other,
                }
            }
        }
    }

    fn ask(&self, step: &Step, since: Timestamp) -> Next {
        match &step.work {
            Work::Preflight => step::preflight::next(self, step),
            Work::Pick(name) => step::pick::next(self, step, name),
            Work::Restore(name) => step::restore::next(self, step, name, since),
            Work::Ready(name) => step::ready::next(self, step, name, since),
            Work::Finish(name) => step::finish::next(self, step, name, since),
            Work::Probe(name) => step::probe::next(self, step, name, since),
            Work::Action(name) => step::action::next(self, step, name),
            Work::Gate(name) => step::gate::next(self, step, name, since),
            Work::Undo(name) => step::action::next_undo(self, step, name, since),
            Work::Teardown(name) => step::teardown::next(self, step, name, since),
            Work::Report => step::report::next(self, step),
        }
    }

    /// Whether a waiting step may begin, waits on, or is skipped.
    fn begin(&self, step: &Step) -> Next {
        if is_forward(&step.work)
            && let Some((_, by)) = &self.state.cancelled
        {
            return Next::record(skipped(step, format!("the run was ended ({})", why_ended(by))));
        }
        let mut waits = false;
        for need in &step.needs {
            match self.state.steps.get(&need.step).and_then(StepState::end) {
                None => waits = true,
                // What is not needed stands in nobody's way.
                Some(StepEnd::Passed | StepEnd::Unneeded { .. }) => {}
                Some(end) if need.until == Until::Passed => {
                    return Next::record(skipped(step, format!("`{}` {}", need.step, how(end))));
                }
                Some(_) => {}
            }
        }
        if waits || self.must_wait(&step.work) {
            return Next::Idle;
        }
        if let Work::Restore(_) = &step.work
            && let Affordable::No(message) = affordable(self)
        {
            let advice = Some("nothing was started; restore less or smaller, or raise `limits.max_cost_usd`");
            let began = Event::StepStarted { step: step.id.clone() };
            return Next::Record(vec![began, failed(&step.id, Class::Environment, message, advice)]);
        }
        if let Work::Probe(name) = &step.work
            && let Some(because) = step::probe::unmeasurable(self, name)
        {
            return Next::record(Event::StepEnded { step: step.id.clone(), end: StepEnd::NotMeasured { because } });
        }
        if let Work::Probe(name) = &step.work
            && let Some(end) = step::probe::left_out(self, name)
        {
            return Next::record(Event::StepEnded { step: step.id.clone(), end });
        }
        Next::record(Event::StepStarted { step: step.id.clone() })
    }

    /// Whether something besides its needs keeps a step from beginning for now.
    fn must_wait(&self, work: &Work) -> bool {
        match work {
            Work::Restore(_) => {
                self.restores_under_way() >= self.most_restores() || affordable(self) == Affordable::NotYet
            }
            Work::Teardown(name) => step::lease::waits(self, name),
            _ => false,
        }
    }

    /// A job that outlived its step is under way until it is over, or given up with the teardown.
    fn restores_under_way(&self) -> usize {
        let is_under_way = |name: &&Name| {
            let running = matches!(self.state.step(&Work::Restore((*name).clone())), StepState::Running { .. });
            let given_up = self.state.step(&Work::Teardown((*name).clone())).end().is_some();
            let entry = self.state.ledger.get(*name);
            let job = entry.is_some_and(|entry| entry.job.is_some() && entry.terminal_job().is_none());
            running || (job && !given_up)
        };
        self.definition().restore.keys().filter(is_under_way).count()
    }

    fn most_restores(&self) -> usize {
        usize::try_from(self.definition().limits.max_parallel_restores).unwrap_or(usize::MAX).max(1)
    }
}

/// Whether a step is there for what the run is to show, and not for clearing up after it.
pub(crate) fn is_forward(work: &Work) -> bool {
    !matches!(work, Work::Teardown(_) | Work::Undo(_) | Work::Report)
}

fn how(end: &StepEnd) -> &'static str {
    match end {
        StepEnd::Passed => "passed",
        StepEnd::Failed(_) => "failed",
        StepEnd::Skipped { .. } => "was skipped",
        StepEnd::Unneeded { .. } => "was not needed",
        StepEnd::NotMeasured { .. } => "was not measured",
    }
}

fn skipped(step: &Step, because: String) -> Event {
    Event::StepEnded { step: step.id.clone(), end: StepEnd::Skipped { because } }
}

fn cancelled(step: &Step, by: &CancelBy) -> Event {
    let class = if *by == CancelBy::MaxDuration { Class::Deadline } else { Class::Cancelled };
    failed(&step.id, class, format!("the run was ended while `{}` was under way ({})", step.id, why_ended(by)), None)
}

/// Why a run was ended, in words.
#[must_use]
pub fn why_ended(by: &CancelBy) -> &'static str {
    match by {
        CancelBy::Signal => "Ctrl-C or SIGTERM",
        CancelBy::Command => "`drill cancel`",
        CancelBy::NewerRun => "its process had died and a newer run began",
        CancelBy::Sweep => "its process had died and `drill sweep` tore it down",
        CancelBy::MaxDuration => "`limits.max_duration` is over",
        CancelBy::WorldLost => "the simulated AWS ended with the process that held it",
        CancelBy::JournalLost => "the journal could not be written",
        CancelBy::Stopped => "everything was stopped, by `drill stop --all` or by `limits.stop_parameter`",
        CancelBy::MaxCost => "what it cost reached `limits.max_cost_usd`",
    }
}
