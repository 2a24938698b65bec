//! Leaving a run that waits to its journal, and going on with it (`run::park`).

use std::mem;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use tokio::sync::mpsc;

#[cfg(debug_assertions)]
use crate::journal::state::State;
use crate::journal::state::{Illegal, StepState};
use crate::plan::step::Work;
use crate::run::call::Call;
use crate::run::drive::{Driver, Signal, left};
use crate::run::pace::Rhythm;
use crate::run::park::{Heeds, News, Parked, WORTH_IT, Woken};
use crate::run::step::restore::{JobLook, awaited};
use crate::run::stop;
use crate::words::id::{Name, StepId};

impl Driver<'_> {
    /// Whether somebody else could make these calls for a run that is parked: they are looks at jobs, and nothing else is
    /// under way.
    pub(super) fn could_be_parked(&self, calls: &[(StepId, Call)]) -> bool {
        let is_look = |(step, call): &(StepId, Call)| match call {
            Call::LookAtJob(name) => *step == Work::Restore(name.clone()).id(),
            _ => false,
        };
        self.is_crowded() && self.calls.is_empty() && calls.iter().all(is_look)
    }

    fn is_crowded(&self) -> bool {
        self.crowd.as_ref().is_some_and(|crowd| crowd.load(Ordering::Relaxed))
    }

    /// What is kept of the run, if it is parked now. Only a run with nothing under way and nothing to say is; of what is due,
    /// only looks at jobs.
    pub(super) fn parks(&mut self, signals: &mpsc::Receiver<Signal>) -> Option<Box<Parked>> {
        let is_busy = !self.calls.is_empty() || !self.pending.is_empty() || self.writes_wait || self.broken.is_some();
        if is_busy || !self.is_crowded() || !self.ready.is_calm() || !signals.is_empty() {
            return None;
        }
        let (until, awaits) = self.waits_for(self.now())?;
        #[cfg(debug_assertions)]
        self.assert_replays();
        let looked = mem::take(&mut self.looked);
        let is_open = |step: &StepId| self.state.steps.get(step).is_some_and(|known| known.end().is_none());
        let seen = looked.into_glances().filter(|seen| seen.step == stop::look_id() || is_open(&seen.step));
        let (run, heeds, left) = (self.state.run, self.heeds(), left(&self.state));
        Some(Box::new(Parked::new(run, until, heeds, left, awaits, seen)))
    }

    /// Until when the run has nothing to do but to look at these jobs; nothing if that is too soon.
    fn waits_for(&self, now: Timestamp) -> Option<(Timestamp, Vec<(JobLook, Rhythm)>)> {
        let situation = self.situation(now);
        let mut until = self.own_moment;
        let mut awaits = Vec::new();
        for (position, step) in self.plan.steps.iter().enumerate() {
            let moment = self.ready.moment(position);
            if moment.is_none() && !self.ready.is_busy(position) {
                continue;
            }
            let job = if let Work::Restore(name) = &step.work { awaited(&situation, step, name) } else { None };
            let at = match job {
                Some((look, rhythm)) => {
                    awaits.push((look, rhythm));
                    rhythm.deadline
                }
                None => moment?,
            };
            until = Some(until.map_or(at, |until| until.min(at)));
        }
        let until = until.filter(|until| until.duration_since(now) >= WORTH_IT)?;
        Some((until, awaits))
    }

    fn heeds(&self) -> Heeds {
        let cancel = self.state.cancelled.is_none();
        let is_open = |gate: &Name| {
            let step = self.state.asks(gate).map(|work| self.state.step(&work));
            matches!(step, Some(StepState::Running { .. })) && !self.state.gates.contains_key(gate)
        };
        let mut gates = self.state.questions();
        gates.retain(is_open);
        Heeds { cancel, stop: cancel && self.ready.goes_forward(), gates }
    }

    /// What the process saw before the run was parked, and what it heard of its jobs meanwhile.
    pub(super) fn wakes(&mut self, woken: Woken) -> Result<(), Illegal> {
        self.looked = woken.looked;
        for News { step, restore, events } in woken.news {
            self.took(&step, &Call::LookAtJob(restore), true, events)?;
        }
        Ok(())
    }

    /// Whoever drives the run again knows of it what its journal says.
    #[cfg(debug_assertions)]
    fn assert_replays(&self) {
        let Ok(records) = self.journal.records() else { return };
        let replayed = State::replay(&records);
        assert!(
            replayed.is_ok_and(|state| state == self.state),
            "the journal's replay is not the state that was lived"
        );
    }
}
