//! One pass of a decision: whoever may have something to do is asked, and what they say is taken down. And the oracle that
//! nobody was forgotten.

use jiff::Timestamp;

use crate::plan::step::Step;
use crate::run::call::Call;
use crate::run::decide::{Next, Situation, is_forward};
use crate::run::drive::{DriveError, Driver};
use crate::run::guards::Guard;
use crate::words::id::StepId;

impl Driver<'_> {
    /// Whether time and money end the run once they are over.
    pub(super) fn is_bounded(&self) -> bool {
        self.services.guards.stand(Guard::Deadline) && self.state.cancelled.is_none() && self.ready.goes_forward()
    }

    /// When the first of the run's own limits is reached. Nothing that is decided now moves it.
    pub(super) fn bound(&self) -> Option<Timestamp> {
        self.is_bounded().then(|| self.situation(self.now()).must_end_by())
    }

    pub(super) fn situation(&self, now: Timestamp) -> Situation<'_> {
        Situation {
            state: &self.state,
            now,
            looked: &self.looked,
            types: self.services.types,
            guards: self.services.guards,
        }
    }

    /// Asks once, in the order of the plan, whoever may have something to do. Whether anything was recorded: then there
    /// may be more.
    pub(super) fn pass(
        &mut self,
        now: Timestamp,
        bound: Option<Timestamp>,
        calls: &mut Vec<(StepId, Call)>,
    ) -> Result<bool, DriveError> {
        let awaits_parameter = self.awaits_parameter();
        let (mut recorded, mut from) = (false, 0);
        self.ready.begin_pass(now);
        if self.is_bounded()
            && bound.is_some_and(|bound| now >= bound)
            && let Some(first) = self.ready.first_free(awaits_parameter)
        {
            let by = self.situation(now).why_it_ends();
            self.cancel(by)?;
            (recorded, from) = (true, first + 1);
        }
        let plan = self.plan.clone();
        while let Some(position) = self.ready.next_from(from) {
            from = position + 1;
            let waits = |step: &&Step| self.ready.is_busy(position) || (awaits_parameter && is_forward(&step.work));
            let Some(step) = plan.steps.get(position).filter(|step| !waits(step)) else { continue };
            let next = self.situation(now).next(step);
            self.ready.answered(position, &next);
            match next {
                Next::Record(events) => {
                    for event in events {
                        self.happened(now, event)?;
                    }
                    recorded = true;
                }
                Next::Call { call, .. } if self.awaits_look(step, &call, now) => {
                    self.writes_wait = true;
                    self.ready.held_up(position);
                }
                Next::Call { intent, call } => {
                    if let Some(intent) = intent {
                        self.happened(now, *intent)?;
                    }
                    calls.push((step.id.clone(), call));
                }
                Next::At(_) | Next::Idle | Next::Over => {}
            }
        }
        Ok(recorded)
    }

    /// The oracle of `ready_set`: everybody is asked once more, and nobody has anything to do, nor wakes before their
    /// moment.
    #[cfg(debug_assertions)]
    pub(super) fn assert_nothing_missed(&self, now: Timestamp) {
        let awaits_parameter = self.awaits_parameter();
        for (position, step) in self.plan.steps.iter().enumerate() {
            if self.ready.is_busy(position) || (awaits_parameter && is_forward(&step.work)) {
                continue;
            }
            let next = self.situation(now).next(step);
            if matches!(&next, Next::Call { call, .. } if self.awaits_look(step, call, now)) {
                continue;
            }
            assert!(!matches!(next, Next::Record(_) | Next::Call { .. }), "`{}` was not asked: {next:?}", step.id);
            if let Next::At(at) = next {
                let known = self.ready.moment(position);
                assert!(known.is_some_and(|known| known <= at), "`{}` wakes at {known:?}, not at {at}", step.id);
            }
        }
    }
}
