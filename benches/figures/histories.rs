//! Histories written by hand: a run whose restore is under way, a run of many steps that is over, and one of many restores.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use restore_drill::aws::resource::facts;
use restore_drill::cloud::resource::{Endpoint, Expected, Observation, Phase};
use restore_drill::cloud::vault::{CopyEvidence, JobStatus, Picked, RecoveryPoint, RestoreJob};
use restore_drill::definition::model::ProbeReason;
use restore_drill::journal::chain::Hash;
use restore_drill::journal::event::{
    Class, Event, Failure, GoneProof, Intended, Recorded, RunStarted, StepEnd, Tried, Witness,
};
use restore_drill::journal::lines::write_lines;
use restore_drill::journal::state::State;
use restore_drill::journal::store::{RunJournal, Store};
use restore_drill::journal::verdict::conclude;
use restore_drill::plan::compile::compile;
use restore_drill::plan::step::{Plan, Work};
use restore_drill::probe::{Miss, Observed};
use restore_drill::report::runbook;
use restore_drill::words::arn::Arn;
use restore_drill::words::id::{JobId, Name, RunId, StepId};
use restore_drill::words::kind::{Mode, Verdict};

use crate::figure::explain;
use crate::{many, no_op};

/// The recovery point of every history.
const POINT: &str = "arn:aws:rds:eu-west-1:123456789012:snapshot:awsbackup:copyjob-1";

/// Records of a run whose restore is under way, the first included.
pub(crate) const EVENTS: usize = 40;

/// An event a second.
type Events = Vec<(Timestamp, Event)>;

fn name(text: &str) -> Result<Name, String> {
    text.parse().map_err(explain)
}

fn step(text: &str) -> Result<StepId, String> {
    text.parse().map_err(explain)
}

fn arn(text: &str) -> Result<Arn, String> {
    text.parse().map_err(explain)
}

fn picked() -> Result<Picked, String> {
    let created: Timestamp = "2026-11-21T05:00:00Z".parse().map_err(explain)?;
    let point = RecoveryPoint {
        arn: arn(POINT)?,
        resource: Some(arn("arn:aws:rds:eu-west-2:123456789012:db:orders")?),
        resource_type: Some("RDS".to_owned()),
        status: "COMPLETED".to_owned(),
        created: Some(created),
        size_bytes: None,
        source_vault: None,
        delete_at: None,
        delete_after_copy: false,
        is_parent: false,
        encryption_key: None,
        malware: false,
        plan: None,
    };
    let copy = CopyEvidence::Seen { arrived: created };
    Ok(Picked { chosen: Some(point), rejected: Vec::new(), older: 0, copy })
}

fn intended(state: &State, restore: &str) -> Result<Intended, String> {
    let made = format!("drill-{}-{restore}", state.run.short());
    let expected = Expected {
        arn: Some(arn(&format!("arn:aws:rds:eu-west-1:123456789012:db:{made}"))?),
        name: made,
        region: "eu-west-1".parse().map_err(explain)?,
        account: "123456789012".parse().map_err(explain)?,
    };
    Ok(Intended {
        attempt: 1,
        token: format!("drill-{}", "0".repeat(48)).parse().map_err(explain)?,
        metadata: BTreeMap::from([("DBInstanceIdentifier".to_owned(), expected.name.clone())]),
        expected,
        point: arn(POINT)?,
        role: arn("arn:aws:iam::123456789012:role/drill-restore")?,
    })
}

/// A job as a look tells of it.
fn job(id: JobId, status: JobStatus, message: &str) -> Result<RestoreJob, String> {
    Ok(RestoreJob {
        id,
        status,
        message: Some(message.to_owned()),
        point: Some(arn(POINT)?),
        created_resource: None,
        created: None,
        completed: None,
        from_restore_testing: false,
    })
}

/// What happened to the run of `orders` until its restore was under way.
fn waiting(state: &State, number: u32) -> Result<Vec<Event>, String> {
    let orders = || name("orders");
    let began = |id: &str| step(id).map(|step| Event::StepStarted { step });
    let passed = |id: &str| step(id).map(|step| Event::StepEnded { step, end: StepEnd::Passed });
    let id: JobId = job_of(number).parse().map_err(explain)?;
    let mut events = vec![
        began("preflight")?,
        passed("preflight")?,
        began("pick.orders")?,
        Event::Picked { restore: orders()?, picked: Box::new(picked()?) },
        passed("pick.orders")?,
        began("restore.orders")?,
        Event::RestoreIntended { restore: orders()?, entry: Box::new(intended(state, "orders")?) },
        Event::RestoreAccepted { restore: orders()?, job: id.clone(), found: false },
    ];
    // A job that looks a little different at every look.
    for look in events.len()..EVENTS - 1 {
        let job = job(id.clone(), JobStatus::Running, &format!("{look} % done"))?;
        events.push(Event::JobSeen { restore: orders()?, job });
    }
    Ok(events)
}

/// Begins the n-th run of `plan` under a name of its own, as of ten minutes ago, and brings it to where its restore is under
/// way: with [`EVENTS`] durable records.
pub(crate) fn begin_waiting(
    store: &Store,
    plan: &Plan,
    now: Timestamp,
    number: u32,
) -> Result<(State, RunJournal), String> {
    let mut plan = plan.clone();
    plan.definition.name = drill_of(number).parse().map_err(explain)?;
    let began = now.saturating_sub(SignedDuration::from_mins(10)).map_err(explain)?;
    let (mut state, mut journal) = many::begin(store, plan, began, number)?;
    let events = waiting(&state, number)?;
    let events = a_second_apart(began, events)?;
    write(&mut state, &mut journal, &events)?;
    Ok((state, journal))
}

/// The drill of the n-th run.
pub(crate) fn drill_of(number: u32) -> String {
    format!("drill-{number:05}")
}

/// The restore job of the n-th run.
pub(crate) fn job_of(number: u32) -> String {
    format!("{number:08X}-0000-4000-8000-000000000003")
}

fn a_second_apart(began: Timestamp, events: Vec<Event>) -> Result<Events, String> {
    let at = |(second, event): (i64, Event)| -> Result<(Timestamp, Event), String> {
        let at = began.saturating_add(SignedDuration::from_secs(second)).map_err(explain)?;
        Ok((at, event))
    };
    (1..).zip(events).map(at).collect()
}

fn write(state: &mut State, journal: &mut RunJournal, events: &[(Timestamp, Event)]) -> Result<(), String> {
    use restore_drill::journal::store::Append as _;
    for (at, event) in events {
        state.apply(*at, event).map_err(explain)?;
    }
    many::at_once(journal.append(events))?.map(|_| ()).map_err(explain)
}

/// A run of a plan of actions that is over, durable.
pub(crate) fn over(store: &Store, plan: Plan, began: Timestamp) -> Result<(), String> {
    let actions: Vec<Name> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.work {
            Work::Action(name) => Some(name.clone()),
            _ => None,
        })
        .collect();
    let (mut state, mut journal) = many::begin(store, plan, began, 1)?;
    let mut events = Vec::with_capacity(actions.len() * 4 + 2);
    for action in actions {
        let step = Work::Action(action.clone()).id();
        let observed = Observed { values: BTreeMap::new(), facts: BTreeMap::new() };
        let result = Tried::Held { observed, explained: Vec::new() };
        events.push(Event::StepStarted { step: step.clone() });
        events.push(Event::ActionIntended { action: action.clone(), attempt: 1 });
        events.push(Event::ActionTried { action, attempt: 1, result });
        events.push(Event::StepEnded { step, end: StepEnd::Passed });
    }
    events.push(Event::StepStarted { step: Work::Report.id() });
    let events = a_second_apart(began, events)?;
    for part in events.chunks(4_000) {
        write(&mut state, &mut journal, part)?;
    }
    let verdict = Event::Concluded { conclusion: Box::new(conclude(&state, facts)) };
    let at = state.last_at;
    write(&mut state, &mut journal, &[(at, verdict)])
}

/// When the large run began.
const LARGE_BEGAN: &str = "2026-11-21T12:00:00Z";

/// Restores of the large run.
const RESTORES: u32 = 500;

/// Of each of these.
const PROBES: u32 = 6;

/// Before all and after all, and of each restore its pick, start, readiness, teardown and probes.
const LARGE_STEPS: u32 = 2 + RESTORES * (4 + PROBES);

/// The one probe that does not hold.
const MISSED: &str = "r250-p3";

/// The drill of the large run.
pub(crate) const LARGE: &str = "large";

/// The large run.
pub(crate) fn large_run() -> Result<RunId, String> {
    let began: Timestamp = LARGE_BEGAN.parse().map_err(explain)?;
    Ok(many::run_id(began, 1))
}

/// A definition with every form of a report that no browser prints.
fn large_text() -> String {
    let mut text = format!(
        "version: 1\nname: {LARGE}\ntitle: Five hundred databases\nowner: platform@example.com\ncontrols: [nist-800-53:CP-9, \
         soc2:A1.3]\nobjectives: {{ rto: 4h }}\nlimits: {{ max_duration: 10h }}\nsource: {{ region: eu-west-2, account: \
         \"123456789012\" }}\ndestination:\n  region: eu-west-1\n  account: \"123456789012\"\n  vault: prod-rds-vault-dr\n  \
         restore_role: arn:aws:iam::123456789012:role/drill-restore\nreport: {{ formats: [markdown, html, json, junit] \
         }}\nrestore:\n"
    );
    for number in 0..RESTORES {
        text.push_str(&format!(
            "  r{number:03}:\n    type: rds\n    resource: arn:aws:rds:eu-west-2:123456789012:db:r{number:03}\n    \
             with: {{ instance_class: db.t4g.medium, subnet_group: drill-isolated, security_groups: [sg-0a1b2c3d4e5f60718] }}\n    \
             timeout: 90m\n"
        ));
    }
    text.push_str("probes:\n");
    for number in 0..RESTORES {
        for probe in 0..PROBES {
            text.push_str(&format!("  r{number:03}-p{probe}: {{ on: r{number:03}, tcp: {{}} }}\n"));
        }
    }
    text
}

/// The journal of the large run, as lines: 500 restores one after the other, torn down at the end, and a probe that failed.
/// `tests/it/large.rs` looks at the report of such a run.
pub(crate) fn large() -> Result<String, String> {
    let text = large_text();
    let plan = compile(&no_op::definition(&text)?, facts).map_err(explain)?;
    if u32::try_from(plan.steps.len()) != Ok(LARGE_STEPS) {
        return Err(format!("the plan of the large run has {} steps", plan.steps.len()));
    }
    let mut pen = Pen::begin(plan, &text)?;
    pen.starts("preflight")?;
    pen.then(1, Event::Preflighted { identity: None, checks: Vec::new() })?;
    pen.passes("preflight")?;
    for number in 0..RESTORES {
        restored(&mut pen, number)?;
    }
    for number in 0..RESTORES {
        torn_down(&mut pen, number)?;
    }
    pen.starts("report")?;
    let conclusion = Box::new(conclude(&pen.state, facts));
    if conclusion.verdict != Verdict::Failed {
        return Err(format!("the verdict of the large run is {}", conclusion.verdict));
    }
    pen.then(0, Event::Concluded { conclusion })?;
    pen.passes("report")?;
    Ok(write_lines(&pen.records))
}

/// A run that no store has yet: its state, and the records that made it.
struct Pen {
    state: State,
    records: Vec<Recorded>,
}

impl Pen {
    /// The large run.
    fn begin(plan: Plan, text: &str) -> Result<Self, String> {
        let (run, at): (RunId, Timestamp) = (large_run()?, LARGE_BEGAN.parse().map_err(explain)?);
        let started = RunStarted::new(Mode::Aws, plan, text, "somebody@somewhere");
        let first = Event::RunStarted(Box::new(RunStarted { templates: runbook::built_in().into(), ..started }));
        let state = State::begin(run, at, &first).map_err(explain)?;
        let first = Recorded::new(run, 1, at, first, Hash::zero()).map_err(explain)?;
        Ok(Self { state, records: vec![first] })
    }

    /// So many seconds later this happens.
    fn then(&mut self, seconds: i64, event: Event) -> Result<(), String> {
        let at = self.state.last_at.checked_add(SignedDuration::from_secs(seconds)).map_err(explain)?;
        self.state.apply(at, &event).map_err(explain)?;
        let prev = self.records.last().map_or_else(Hash::zero, |record| record.hash.clone());
        let record = Recorded::new(self.state.run, self.state.seq, at, event, prev).map_err(explain)?;
        self.records.push(record);
        Ok(())
    }

    fn starts(&mut self, id: &str) -> Result<(), String> {
        self.then(0, Event::StepStarted { step: step(id)? })
    }

    fn ends(&mut self, id: &str, end: StepEnd) -> Result<(), String> {
        self.then(0, Event::StepEnded { step: step(id)?, end })
    }

    fn passes(&mut self, id: &str) -> Result<(), String> {
        self.ends(id, StepEnd::Passed)
    }
}

/// From the pick to the last probe.
fn restored(pen: &mut Pen, number: u32) -> Result<(), String> {
    let own = format!("r{number:03}");
    let restore = name(&own)?;
    pen.starts(&format!("pick.{own}"))?;
    pen.then(1, Event::Picked { restore: restore.clone(), picked: Box::new(picked()?) })?;
    pen.passes(&format!("pick.{own}"))?;
    pen.starts(&format!("restore.{own}"))?;
    let entry = Box::new(intended(&pen.state, &own)?);
    let made = entry.expected.arn.clone();
    pen.then(0, Event::RestoreIntended { restore: restore.clone(), entry })?;
    let id: JobId = job_of(number).parse().map_err(explain)?;
    pen.then(0, Event::RestoreAccepted { restore: restore.clone(), job: id.clone(), found: false })?;
    let job = RestoreJob { created_resource: made, ..job(id, JobStatus::Completed, "it went well")? };
    pen.then(3, Event::JobSeen { restore: restore.clone(), job })?;
    pen.passes(&format!("restore.{own}"))?;
    pen.starts(&format!("ready.{own}"))?;
    pen.then(1, Event::ResourceSeen { restore, observation: usable() })?;
    pen.passes(&format!("ready.{own}"))?;
    for probe in 0..PROBES {
        asked(pen, &format!("{own}-p{probe}"))?;
    }
    Ok(())
}

fn usable() -> Observation {
    Observation {
        phase: Phase::Ready,
        status: "available".to_owned(),
        endpoint: Some(Endpoint { host: "127.0.0.1".to_owned(), port: Some(5432) }),
        protected: false,
        parts: Vec::new(),
        facts: BTreeMap::new(),
    }
}

fn asked(pen: &mut Pen, probe: &str) -> Result<(), String> {
    let took = BTreeMap::from([("took".to_owned(), "1 ms".to_owned())]);
    let observed = Observed { values: BTreeMap::new(), facts: took };
    let (result, end) = if probe == MISSED {
        let (reason, message) = (ProbeReason::Connection, "nobody listens".to_owned());
        let failure = Failure { class: Class::Data, message: message.clone(), advice: None, request_id: None };
        let miss = Miss { reason, message, observed: Some(observed), missing_data: false };
        (Tried::Missed { miss }, StepEnd::Failed(failure))
    } else {
        (Tried::Held { observed, explained: Vec::new() }, StepEnd::Passed)
    };
    pen.starts(&format!("probe.{probe}"))?;
    pen.then(0, Event::ProbeTried { probe: name(probe)?, attempt: 1, result })?;
    pen.ends(&format!("probe.{probe}"), end)
}

fn torn_down(pen: &mut Pen, number: u32) -> Result<(), String> {
    let own = format!("r{number:03}");
    let restore = name(&own)?;
    pen.starts(&format!("teardown.{own}"))?;
    let witness = Witness::RestoreJob { job: job_of(number).parse().map_err(explain)? };
    pen.then(0, Event::RemovalIntended { restore: restore.clone(), witness })?;
    pen.then(0, Event::RemovalAccepted { restore: restore.clone() })?;
    let at = pen.state.last_at;
    pen.then(1, Event::Gone { restore, proof: GoneProof::AbsentTwice { first: at, second: at } })?;
    pen.passes(&format!("teardown.{own}"))
}
