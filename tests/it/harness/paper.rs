//! Histories of one restore, written by hand: what a journal says when this and that happened.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use restore_drill::aws::resource::facts;
use restore_drill::cloud::resource::{Endpoint, Expected, Observation, Phase};
use restore_drill::cloud::vault::{CopyEvidence, JobStatus, Picked, RecoveryPoint, RestoreJob};
use restore_drill::definition::model::{Definition, ProbeReason};
use restore_drill::journal::chain::{Hash, link, sha256_hex};
use restore_drill::journal::event::{
    Class, Event, FORMAT, Failure, GoneProof, Intended, Recorded, RunStarted, StepEnd, Tried, Witness,
};
use restore_drill::journal::state::State;
use restore_drill::journal::verdict::{Conclusion, conclude};
use restore_drill::plan::compile::compile;
use restore_drill::probe::{Miss, Observed};
use restore_drill::words::arn::Arn;
use restore_drill::words::id::{JobId, Name, RunId, StepId};
use restore_drill::words::kind::Mode;
use restore_drill::words::shared::Shared;
use serde_json::Value;

/// When every history here begins.
pub(crate) const START: &str = "2026-11-21T12:00:00Z";

/// The restore of every history here.
pub(crate) const ORDERS: &str = "orders";

/// A state under the pen, the time of its last event, and the records that made it.
pub(crate) struct Paper {
    pub(crate) state: State,
    pub(crate) at: Timestamp,
    pub(crate) records: Vec<Recorded>,
}

impl Paper {
    pub(crate) fn begin(definition: &Definition) -> Self {
        Self::begin_at(START.parse().expect("an instant"), Mode::Sandbox, definition, "")
    }

    /// A run of a definition with this text, of this mode, that started then.
    pub(crate) fn begin_at(at: Timestamp, mode: Mode, definition: &Definition, text: &str) -> Self {
        let run = RunId::new(u64::try_from(at.as_millisecond()).expect("after 1970"), [7; 10]);
        let started = RunStarted {
            format: FORMAT,
            version: "0.1.0".to_owned(),
            drill: definition.name.clone(),
            mode,
            plan: compile(definition, facts).expect("the plan has no cycle").into(),
            definition: text.to_owned(),
            definition_sha256: sha256_hex(text.as_bytes()),
            folder: String::new(),
            vars: BTreeMap::new(),
            started_by: "somebody@somewhere".to_owned(),
            asked_at: None,
            templates: Shared::default(),
            seed: None,
            world: None,
            world_id: None,
            unmeasurable: BTreeMap::new(),
            made_world: false,
            last_pass: None,
            history: Vec::new(),
            commit: None,
            previous: None,
        };
        let first = Event::RunStarted(Box::new(started));
        let mut paper = Self { state: State::begin(run, at, &first).expect("a first record"), at, records: Vec::new() };
        paper.record(&first);
        paper
    }

    fn record(&mut self, event: &Event) {
        let (run, at) = (self.state.run, self.at);
        let seq = u64::try_from(self.records.len()).expect("not so many") + 1;
        let prev = self.records.last().map_or_else(Hash::zero, |record| record.hash.clone());
        let hash = link(&run, seq, at, &serde_json::to_string(event).expect("it is JSON"), &prev);
        self.records.push(Recorded { run, seq, at, event: event.clone(), prev, hash });
    }

    /// So many seconds later (or earlier: clocks may jump) this happens.
    pub(crate) fn then(&mut self, seconds: i64, event: &Event) {
        self.at = self.at.checked_add(SignedDuration::from_secs(seconds)).expect("in range");
        self.state.apply(self.at, event).unwrap_or_else(|illegal| panic!("{illegal}"));
        self.record(event);
    }

    pub(crate) fn starts(&mut self, seconds: i64, step: &str) {
        self.then(seconds, &Event::StepStarted { step: id(step) });
    }

    pub(crate) fn ends(&mut self, seconds: i64, step: &str, end: StepEnd) {
        self.then(seconds, &Event::StepEnded { step: id(step), end });
    }

    pub(crate) fn passes(&mut self, seconds: i64, step: &str) {
        self.ends(seconds, step, StepEnd::Passed);
    }

    /// Everything up to a restored thing that is ready: 10 s of preflight, 20 s of pick, 5 s of queue, 10 minutes of
    /// restore, 1 minute until it is ready.
    pub(crate) fn restored(&mut self) {
        self.restored_in(600);
    }

    /// The same with so many seconds of restore.
    pub(crate) fn restored_in(&mut self, seconds: i64) {
        self.starts(0, "preflight");
        self.passes(10, "preflight");
        self.starts(0, "pick.orders");
        self.picks(20);
        self.passes(0, "pick.orders");
        self.starts(5, "restore.orders");
        self.intends();
        self.then(0, &Event::RestoreAccepted { restore: name(ORDERS), job: job_id(), found: false });
        let made = expected(&self.state.run).arn.expect("a name of its own");
        self.then(seconds, &Event::JobSeen { restore: name(ORDERS), job: job(JobStatus::Completed, Some(made)) });
        self.passes(0, "restore.orders");
        self.starts(0, "ready.orders");
        self.then(60, &Event::ResourceSeen { restore: name(ORDERS), observation: seen(Phase::Ready) });
        self.passes(0, "ready.orders");
    }

    /// A recovery point 7 hours old, whose copy took an hour.
    pub(crate) fn picks(&mut self, seconds: i64) {
        let copy = CopyEvidence::Seen { arrived: "2026-11-21T06:00:00Z".parse().expect("an instant") };
        self.picks_with(seconds, copy);
    }

    pub(crate) fn picks_with(&mut self, seconds: i64, copy: CopyEvidence) {
        let chosen = Some(point("copyjob-1", "2026-11-21T05:00:00Z"));
        let picked = Picked { chosen, rejected: Vec::new(), older: 0, copy };
        self.then(seconds, &Event::Picked { restore: name(ORDERS), picked: Box::new(picked) });
    }

    pub(crate) fn intends(&mut self) {
        let entry = Box::new(intended(&self.state.run));
        self.then(0, &Event::RestoreIntended { restore: name(ORDERS), entry });
    }

    /// A probe that holds after so many seconds, with these values.
    pub(crate) fn holds(&mut self, seconds: i64, probe: &str, values: &[(&str, Value)]) {
        self.starts(0, &format!("probe.{probe}"));
        let values = values.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        let observed = Observed { values, facts: BTreeMap::new() };
        let result = Tried::Held { observed, explained: Vec::new() };
        self.then(seconds, &Event::ProbeTried { probe: name(probe), attempt: 1, result });
        self.passes(0, &format!("probe.{probe}"));
    }

    /// A probe that misses.
    pub(crate) fn misses(&mut self, probe: &str, class: Class) {
        self.starts(0, &format!("probe.{probe}"));
        let reason = ProbeReason::Expectation;
        let miss = Miss { reason, message: "missed".to_owned(), observed: None, missing_data: false };
        self.then(1, &Event::ProbeTried { probe: name(probe), attempt: 1, result: Tried::Missed { miss } });
        self.ends(0, &format!("probe.{probe}"), failed(class));
    }

    pub(crate) fn torn_down(&mut self) {
        self.starts(0, "teardown.orders");
        let witness = Witness::RestoreJob { job: job_id() };
        self.then(1, &Event::RemovalIntended { restore: name(ORDERS), witness });
        self.then(1, &Event::RemovalAccepted { restore: name(ORDERS) });
        let proof = GoneProof::AbsentTwice { first: self.at, second: self.at };
        self.then(200, &Event::Gone { restore: name(ORDERS), proof });
        self.passes(0, "teardown.orders");
    }

    pub(crate) fn concludes(&mut self) -> Conclusion {
        self.starts(0, "report");
        conclude(&self.state, facts)
    }
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

pub(crate) fn id(text: &str) -> StepId {
    text.parse().expect("a step's id")
}

pub(crate) fn arn(text: &str) -> Arn {
    text.parse().expect("an ARN")
}

pub(crate) fn job_id() -> JobId {
    "5A3D7C42-0000-4000-8000-000000000003".parse().expect("a job's id")
}

pub(crate) fn failed(class: Class) -> StepEnd {
    StepEnd::Failed(Failure { class, message: format!("{class:?}"), advice: None, request_id: None })
}

pub(crate) fn expected(run: &RunId) -> Expected {
    let made = format!("drill-{}-{ORDERS}", run.short());
    Expected {
        arn: Some(arn(&format!("arn:aws:rds:eu-west-1:123456789012:db:{made}"))),
        name: made,
        region: "eu-west-1".parse().expect("a region"),
        account: "123456789012".parse().expect("an account"),
    }
}

pub(crate) fn intended(run: &RunId) -> Intended {
    let expected = expected(run);
    Intended {
        attempt: 1,
        token: format!("drill-{}", "0".repeat(48)).parse().expect("a token"),
        metadata: BTreeMap::from([("DBInstanceIdentifier".to_owned(), expected.name.clone())]),
        expected,
        point: arn("arn:aws:rds:eu-west-1:123456789012:snapshot:awsbackup:copyjob-1"),
        role: arn("arn:aws:iam::123456789012:role/drill-restore"),
    }
}

pub(crate) fn job(status: JobStatus, made: Option<Arn>) -> RestoreJob {
    RestoreJob {
        id: job_id(),
        status,
        message: None,
        point: None,
        created_resource: made,
        created: None,
        completed: None,
        from_restore_testing: false,
    }
}

pub(crate) fn seen(phase: Phase) -> Observation {
    Observation {
        phase,
        status: "available".to_owned(),
        endpoint: Some(Endpoint { host: "127.0.0.1".to_owned(), port: Some(5432) }),
        protected: false,
        parts: Vec::new(),
        facts: BTreeMap::new(),
    }
}

/// A copy of the orders database that nothing is wrong with.
pub(crate) fn point(id: &str, created: &str) -> RecoveryPoint {
    RecoveryPoint {
        arn: arn(&format!("arn:aws:rds:eu-west-1:123456789012:snapshot:awsbackup:{id}")),
        resource: Some(arn("arn:aws:rds:eu-west-2:123456789012:db:orders")),
        resource_type: Some("RDS".to_owned()),
        status: "COMPLETED".to_owned(),
        created: Some(created.parse().expect("an instant")),
        size_bytes: None,
        source_vault: None,
        delete_at: None,
        delete_after_copy: false,
        is_parent: false,
        encryption_key: None,
        malware: false,
        plan: None,
    }
}
