//! Which steps may have something to do: those about which something may have changed since they were last asked.
//!
//! An event touches the steps that it is about; the end of a step, those that wait for it; a moment that came, the step
//! that named it. What concerns everybody, such as the run's end, touches everybody. Steps that go by how long ago
//! something was seen are asked at each decision while they run.
//!
//! Invariant: whoever is not asked would have had nothing to record and nothing to call. Builds for development ask
//! everybody after each decision and hold the set to it (`drive`). It is no part of the run's state: each process makes
//! it anew.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use crate::definition::model::Definition;
use crate::journal::event::{Event, StepEnd};
use crate::journal::state::{State, StepState};
use crate::plan::step::{Step, Until, Work};
use crate::run::decide::{Next, is_forward};
use crate::words::id::{Name, StepId};

/// The steps of a plan by their position in it, and what is known of each for the sake of asking it.
#[derive(Debug)]
pub struct ReadySet {
    places: Vec<Place>,
    /// By position: who needs the step, and what must have become of it.
    later: Vec<Vec<(usize, Until)>>,
    index: HashMap<StepId, usize>,
    /// The steps that go by what is known of a restore.
    about: HashMap<Name, Vec<usize>>,
    /// To be asked.
    marked: BTreeSet<usize>,
    /// To be asked from then on.
    moments: BTreeSet<(Timestamp, usize)>,
    /// Asked at each decision.
    restless: BTreeSet<usize>,
    /// Those that wait though nothing that they need is open: for a place among the restores, for what is to be kept.
    held: BTreeSet<usize>,
    /// Steps that go forward and are not over.
    forward: usize,
}

#[derive(Debug)]
struct Place {
    id: StepId,
    work: Work,
    /// Needs that are not over.
    open: usize,
    over: bool,
    /// A call of it is decided or under way.
    busy: bool,
    /// When it asked to be asked again.
    moment: Option<Timestamp>,
}

impl Place {
    /// Whether the step, while it runs, goes by how long ago something was seen or asked for, and not by its own moment
    /// alone.
    fn goes_by_age(&self) -> bool {
        matches!(self.work, Work::Ready(_) | Work::Finish(_) | Work::Teardown(_))
    }
}

impl ReadySet {
    /// Everybody is to be asked.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let steps = &state.started.plan.steps;
        let index: HashMap<StepId, usize> =
            steps.iter().enumerate().map(|(position, step)| (step.id.clone(), position)).collect();
        let mut later: Vec<Vec<(usize, Until)>> = vec![Vec::new(); steps.len()];
        for (position, step) in steps.iter().enumerate() {
            for need in &step.needs {
                if let Some(needed) = index.get(&need.step)
                    && let Some(users) = later.get_mut(*needed)
                {
                    users.push((position, need.until));
                }
            }
        }
        let place = |step: &Step| Place {
            id: step.id.clone(),
            work: step.work.clone(),
            open: 0,
            over: false,
            busy: false,
            moment: None,
        };
        let mut set = Self {
            places: steps.iter().map(place).collect(),
            later,
            index,
            about: HashMap::new(),
            marked: BTreeSet::new(),
            moments: BTreeSet::new(),
            restless: BTreeSet::new(),
            held: BTreeSet::new(),
            forward: 0,
        };
        set.learn_about(&state.started.plan.definition);
        set.recount(state);
        set
    }

    fn learn_about(&mut self, definition: &Definition) {
        for (position, place) in self.places.iter().enumerate() {
            let restore = match &place.work {
                Work::Pick(name)
                | Work::Restore(name)
                | Work::Ready(name)
                | Work::Finish(name)
                | Work::Teardown(name) => Some(name),
                Work::Probe(name) => definition.probes.get(name).map(|probe| &probe.on),
                Work::Action(name) | Work::Undo(name) => {
                    definition.actions.get(name).and_then(|action| action.on.as_ref())
                }
                Work::Preflight | Work::Gate(_) | Work::Report => None,
            };
            if let Some(restore) = restore {
                self.about.entry(restore.clone()).or_default().push(position);
            }
        }
    }

    /// Reads from the state what is over, and marks the rest.
    fn recount(&mut self, state: &State) {
        self.places.iter_mut().for_each(|place| place.open = 0);
        self.forward = 0;
        for position in 0..self.places.len() {
            let Some(place) = self.places.get_mut(position) else { continue };
            place.over = state.steps.get(&place.id).and_then(StepState::end).is_some();
            if place.over {
                continue;
            }
            self.forward += usize::from(is_forward(&place.work));
            for (user, _) in self.later.get(position).into_iter().flatten() {
                if let Some(user) = self.places.get_mut(*user) {
                    user.open += 1;
                }
            }
        }
        self.mark_all();
    }

    /// Marks everybody whom an event that was just applied may concern.
    pub fn touch(&mut self, event: &Event, state: &State) {
        if let Some(restore) = restore_of(event) {
            return self.mark_restore(restore);
        }
        match event {
            Event::Warned { .. } => {}
            Event::StepStarted { step } | Event::Stumbled { step, .. } => self.mark_step(step),
            Event::StepEnded { step, end } => self.ended(step, end),
            Event::Preflighted { .. } => self.mark_step(&Work::Preflight.id()),
            Event::ProbeTried { probe, .. } | Event::ControlTried { probe, .. } => {
                self.mark_step(&Work::Probe(probe.clone()).id());
            }
            Event::ActionIntended { action, .. }
            | Event::ActionTried { action, .. }
            | Event::UndoIntended { action, .. }
            | Event::UndoTried { action, .. } => {
                self.mark_step(&Work::Action(action.clone()).id());
                self.mark_step(&Work::Undo(action.clone()).id());
            }
            Event::GateAnswered { gate, .. } => {
                self.mark_step(&Work::Gate(gate.clone()).id());
                self.mark_step(&Work::Probe(gate.clone()).id());
            }
            Event::Concluded { .. } | Event::ReportWritten { .. } | Event::ReportFailed { .. } => {
                self.mark_step(&Work::Report.id());
            }
            _ => self.recount(state),
        }
    }

    fn ended(&mut self, step: &StepId, end: &StepEnd) {
        let Some(position) = self.index.get(step).copied() else { return };
        self.forget(position);
        self.marked.remove(&position);
        let Some(place) = self.places.get_mut(position).filter(|place| !place.over) else { return };
        place.over = true;
        let work = place.work.clone();
        let passed = matches!(end, StepEnd::Passed | StepEnd::Unneeded { .. });
        for (user, until) in self.later.get(position).into_iter().flatten() {
            let Some(place) = self.places.get_mut(*user) else { continue };
            place.open = place.open.saturating_sub(1);
            // Who needs a pass is skipped at once, whatever else it waits for.
            if !place.over && (place.open == 0 || (!passed && *until == Until::Passed)) {
                self.marked.insert(*user);
            }
        }
        if matches!(work, Work::Pick(_) | Work::Restore(_) | Work::Teardown(_)) {
            self.mark_held();
        }
        if is_forward(&work) {
            self.forward = self.forward.saturating_sub(1);
            if self.forward == 0 {
                self.mark_all();
            }
        }
    }

    /// Marks everybody.
    pub fn mark_all(&mut self) {
        let places = self.places.iter().enumerate();
        self.marked.extend(places.filter(|(_, place)| !place.over).map(|(position, _)| position));
    }

    fn mark(&mut self, position: usize) {
        if self.places.get(position).is_some_and(|place| !place.over) {
            self.marked.insert(position);
        }
    }

    fn mark_step(&mut self, step: &StepId) {
        if let Some(position) = self.index.get(step).copied() {
            self.mark(position);
        }
    }

    /// What is known of one restore decides whether others may begin.
    fn mark_restore(&mut self, restore: &Name) {
        for position in self.about.get(restore).into_iter().flatten() {
            if self.places.get(*position).is_some_and(|place| !place.over) {
                self.marked.insert(*position);
            }
        }
        self.mark_held();
    }

    fn mark_held(&mut self) {
        self.marked.extend(self.held.iter().copied());
    }

    /// Marks whose moment has come, and who is asked at each decision.
    pub fn begin_pass(&mut self, now: Timestamp) {
        while let Some((moment, position)) = self.moments.first().copied().filter(|(moment, _)| *moment <= now) {
            self.moments.remove(&(moment, position));
            self.forget(position);
            self.mark(position);
        }
        self.marked.extend(self.restless.iter().copied());
    }

    /// The next step to ask at `from` or behind it, in the order of the plan. It is marked no more.
    pub fn next_from(&mut self, from: usize) -> Option<usize> {
        let position = self.marked.range(from..).next().copied()?;
        self.marked.remove(&position);
        self.forget(position);
        Some(position)
    }

    /// Forgets what a step said when it was last asked.
    fn forget(&mut self, position: usize) {
        if let Some(moment) = self.places.get_mut(position).and_then(|place| place.moment.take()) {
            self.moments.remove(&(moment, position));
        }
        self.restless.remove(&position);
        self.held.remove(&position);
    }

    /// Takes what a step said, before anything of it happens.
    pub fn answered(&mut self, position: usize, next: &Next) {
        let Some(place) = self.places.get_mut(position) else { return };
        match next {
            Next::Record(_) => self.mark(position),
            Next::Call { .. } => place.busy = true,
            Next::At(moment) => {
                place.moment = Some(*moment);
                self.moments.insert((*moment, position));
                if place.goes_by_age() {
                    self.restless.insert(position);
                }
            }
            // Its needs say when they are over.
            Next::Idle if place.open > 0 => {}
            Next::Idle if matches!(place.work, Work::Pick(_)) => {
                self.restless.insert(position);
            }
            Next::Idle => {
                self.held.insert(position);
            }
            Next::Over => {}
        }
    }

    /// What a step wants to call may not begin yet: it is asked again at each decision.
    pub fn held_up(&mut self, position: usize) {
        if let Some(place) = self.places.get_mut(position).filter(|place| !place.over) {
            place.busy = false;
            self.restless.insert(position);
        }
    }

    /// A call of this step ended, or was decided and never begun. A step that the plan does not have concerns everybody.
    pub fn released(&mut self, step: &StepId) {
        let Some(position) = self.index.get(step).copied() else { return self.mark_all() };
        if let Some(place) = self.places.get_mut(position) {
            place.busy = false;
        }
        self.mark(position);
    }

    /// Whether a call of it is decided or under way.
    #[must_use]
    pub fn is_busy(&self, position: usize) -> bool {
        self.places.get(position).is_some_and(|place| place.busy)
    }

    /// The first step that is not busy and, where nothing goes forward for now, does not go forward.
    #[must_use]
    pub fn first_free(&self, forward_waits: bool) -> Option<usize> {
        self.places.iter().position(|place| !(place.busy || forward_waits && is_forward(&place.work)))
    }

    /// Whether each step that waits has named its moment, or waits for what others record.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.restless.is_empty()
    }

    /// Whether any step but teardown and report is not over.
    #[must_use]
    pub fn goes_forward(&self) -> bool {
        self.forward > 0
    }

    /// The first moment that a step named.
    #[must_use]
    pub fn wake(&self) -> Option<Timestamp> {
        self.moments.first().map(|(moment, _)| *moment)
    }

    /// The moment that this step named.
    #[must_use]
    pub fn moment(&self, position: usize) -> Option<Timestamp> {
        self.places.get(position)?.moment
    }
}

/// The restore that an event is about.
fn restore_of(event: &Event) -> Option<&Name> {
    match event {
        Event::Picked { restore, .. }
        | Event::RestoreIntended { restore, .. }
        | Event::GroundIntended { restore }
        | Event::GroundLaid { restore }
        | Event::RestoreAccepted { restore, .. }
        | Event::RestoreNotFound { restore }
        | Event::RestoreDoubtful { restore, .. }
        | Event::RestoreRefused { restore, .. }
        | Event::JobSeen { restore, .. }
        | Event::Searched { restore, .. }
        | Event::FinishIntended { restore, .. }
        | Event::FinishAsked { restore }
        | Event::ResourceSeen { restore, .. }
        | Event::StampIntended { restore, .. }
        | Event::Stamped { restore }
        | Event::StampFailed { restore, .. }
        | Event::PasswordIntended { restore }
        | Event::PasswordSet { restore }
        | Event::TagsSeen { restore, .. }
        | Event::UnprotectIntended { restore }
        | Event::Unprotected { restore }
        | Event::RemovalIntended { restore, .. }
        | Event::RemovalAccepted { restore }
        | Event::AbsenceSeen { restore }
        | Event::Gone { restore, .. }
        | Event::Kept { restore, .. }
        | Event::LeaseTagged { restore }
        | Event::LeaseTagFailed { restore, .. } => Some(restore),
        _ => None,
    }
}
