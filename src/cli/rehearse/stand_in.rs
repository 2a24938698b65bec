//! Who answers for the restored workload where nothing answers: a stand-in that looks into the world.
//!
//! It says that a probe holds only where the world really has the restored thing, made by a restore job of the run that
//! asks, with that job completed. Everything that it says is written down, for the judge.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::cli::rehearse::marks::Marks;
use crate::cli::rehearse::trouble::{Lie, Trouble};
use crate::definition::model::{Definition, ProbeReason};
use crate::journal::event::Tried;
use crate::probe::{Miss, Observed};
use crate::run::prober::{Prober, Purpose, Question};
use crate::sandbox::inventory::JobRecord;
use crate::sandbox::{Direct, Inventory};
use crate::words::id::{Name, RunId};
use crate::words::time::Clock;

/// A probe whose first answers are bad gets better after so many.
const LATE: usize = 2;

/// What the stand-in said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    pub(crate) name: Name,
    pub(crate) purpose: Purpose,
    pub(crate) held: bool,
    /// The restore job of the thing that it was asked about.
    pub(crate) job: Option<String>,
    /// When, by the run's clock.
    pub(crate) at: Timestamp,
    /// What was read, where it held.
    pub(crate) values: BTreeMap<String, Value>,
}

/// Stands in for the workload of one run.
pub(crate) struct StandIn {
    direct: Direct,
    marks: Marks,
    lies: BTreeMap<Name, Lie>,
    measures: BTreeMap<Name, String>,
    said: Mutex<Vec<Said>>,
}

impl StandIn {
    pub(crate) fn new(direct: Direct, run: RunId, definition: &Definition, troubles: &[Trouble]) -> Self {
        let lies = troubles.iter().filter_map(|trouble| match trouble {
            Trouble::Probe { how, probe } => Some((probe.clone(), *how)),
            _ => None,
        });
        let measures = definition.probes.iter();
        let measures = measures.filter_map(|(name, probe)| Some((name.clone(), probe.measures.data_age.clone()?)));
        let marks = Marks::of(definition, &run);
        Self { direct, marks, lies: lies.collect(), measures: measures.collect(), said: Mutex::default() }
    }

    /// Everything that it said so far.
    pub(crate) fn said(&self) -> Vec<Said> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Said>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The restore job of the thing that is asked about, if the thing is there and the run's own.
    fn job(&self, question: &Question) -> Result<Option<String>, Miss> {
        if question.on.is_none() {
            return Ok(None);
        }
        let target = question.target.clone()?;
        let Some(id) = target.identifier else { return Err(miss(ProbeReason::Setup, "nothing says what to ask")) };
        let inventory = self.direct.holdings();
        let Some(job) = made_by(&inventory, &id) else {
            return Err(miss(ProbeReason::Connection, "nothing answers there"));
        };
        let completed = |own: &JobRecord| own.id == job && own.status == "COMPLETED";
        if inventory.restore_jobs.iter().any(|own| completed(own) && self.marks.restore(own).is_some()) {
            Ok(Some(job))
        } else {
            Err(miss(ProbeReason::Expectation, "what answers there is somebody else's"))
        }
    }

    fn answer(&self, question: &Question, now: Timestamp) -> (bool, Option<String>, Tried) {
        let (job, told) = match self.job(question) {
            Ok(job) => (job, self.told(question)),
            Err(miss) => (None, Err(miss)),
        };
        let tried = match told {
            Ok(()) => Tried::Held { observed: self.observed(question, now), explained: Vec::new() },
            Err(miss) => Tried::Missed { miss },
        };
        (matches!(tried, Tried::Held { .. }), job, tried)
    }

    fn told(&self, question: &Question) -> Result<(), Miss> {
        let lie = self.lies.get(&question.name).copied();
        match (question.purpose, lie) {
            (Purpose::Control(_), Some(Lie::ControlHolds)) => Ok(()),
            (Purpose::Control(reason), _) => Err(miss(reason, "as predicted")),
            (_, Some(Lie::Wrong)) => Err(miss(ProbeReason::Expectation, "the answer is wrong")),
            (_, Some(Lie::Unreachable)) => Err(miss(ProbeReason::Unreachable, "nothing can be reached")),
            (_, Some(Lie::Late)) if self.asked(&question.name) < LATE => Err(miss(ProbeReason::Connection, "not yet")),
            _ => Ok(()),
        }
    }

    fn asked(&self, name: &Name) -> usize {
        self.lock().iter().filter(|said| said.name == *name).count()
    }

    /// What a probe that holds reads: the newest data are as old as the world's newest recovery point may be.
    fn observed(&self, question: &Question, now: Timestamp) -> Observed {
        let newest = now.saturating_sub(SignedDuration::from_hours(2)).unwrap_or(now).to_string();
        let measured = self.measures.get(&question.name).cloned();
        let values = measured.into_iter().chain(["value".to_owned()]).map(|name| (name, Value::from(newest.clone())));
        Observed { values: values.collect(), facts: BTreeMap::new() }
    }
}

#[async_trait]
impl Prober for StandIn {
    async fn ask(&self, question: Question, clock: &Arc<dyn Clock>) -> Tried {
        let at = clock.now();
        let (held, job, tried) = self.answer(&question, at);
        let values = match &tried {
            Tried::Held { observed, .. } => observed.values.clone(),
            Tried::Missed { .. } => BTreeMap::new(),
        };
        self.lock().push(Said { name: question.name, purpose: question.purpose, held, job, at, values });
        tried
    }
}

fn miss(reason: ProbeReason, message: &str) -> Miss {
    Miss { reason, message: message.to_owned(), observed: None, missing_data: false }
}

/// The restore job that made the thing of this id.
fn made_by(inventory: &Inventory, id: &str) -> Option<String> {
    let is_it = |arn: &str| arn == id || arn.rsplit([':', '/']).next() == Some(id);
    inventory.things.iter().find(|thing| is_it(&thing.arn)).and_then(|thing| thing.made_by_restore_job.clone())
}
