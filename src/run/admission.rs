//! The places of one process, with a bell for whoever waits for them, and what a run that holds some tells of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::cloud::vault::JobStatus;
use crate::journal::event::{Event, Recorded};
use crate::journal::state::State;
use crate::run::places::{Places, Spot, left, spot};
use crate::words::id::Name;

/// AWS's word for a place that is not free.
const NO_PLACE: &str = "LimitExceededException";

/// The places of a process, and a bell for whoever waits for them.
#[derive(Debug, Default)]
pub struct Admission {
    places: Mutex<Places>,
    changed: Notify,
}

impl Admission {
    /// The places, locked.
    pub fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a run may hold fewer places than before.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

/// The places that one run holds.
#[derive(Debug)]
pub struct Taken {
    number: u64,
    admission: Arc<Admission>,
}

impl Taken {
    /// Those of the run of this number, which was let in or took its places.
    #[must_use]
    pub fn new(number: u64, admission: Arc<Admission>) -> Self {
        Self { number, admission }
    }

    /// Learns from what the run recorded: a place that it needs no more, a start that was refused, a job that completed.
    pub fn note(&self, records: &[Recorded], state: &State) {
        let definition = &state.started.plan.definition;
        let mut places = self.admission.places();
        let mut may_need_less = false;
        for record in records {
            match &record.event {
                Event::Stumbled { step, error } if error.code == NO_PLACE => {
                    if let Some(spot) = spot_of_step(step.as_str(), state) {
                        places.refused(&spot);
                    }
                }
                Event::JobSeen { restore, job } if job.status.is_terminal() => {
                    may_need_less = true;
                    if let Some(spot) = spot(definition, restore).filter(|_| job.status == JobStatus::Completed) {
                        places.completed(&spot);
                    }
                }
                Event::StepEnded { .. } => may_need_less = true,
                _ => {}
            }
        }
        if may_need_less {
            places.shrink(self.number, &left(state));
            self.admission.changed.notify_one();
        }
    }
}

fn spot_of_step(step: &str, state: &State) -> Option<Spot> {
    let name = step.strip_prefix("restore.")?.parse::<Name>().ok()?;
    spot(&state.started.plan.definition, &name)
}
