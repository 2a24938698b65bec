//! Histories written by hand: a run whose restore is under way, and a run of many steps that is over.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use restore_drill::aws::resource::facts;
use restore_drill::cloud::resource::Expected;
use restore_drill::cloud::vault::{CopyEvidence, JobStatus, Picked, RecoveryPoint, RestoreJob};
use restore_drill::journal::event::{Event, Intended, StepEnd, Tried};
use restore_drill::journal::state::State;
use restore_drill::journal::store::{RunJournal, Store};
use restore_drill::journal::verdict::conclude;
use restore_drill::plan::step::{Plan, Work};
use restore_drill::probe::Observed;
use restore_drill::words::arn::Arn;
use restore_drill::words::id::{JobId, Name, StepId};

use crate::figure::explain;
use crate::many;

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

fn intended(state: &State) -> Result<Intended, String> {
    let made = format!("drill-{}-orders", state.run.short());
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

/// What happened to the run of `orders` until its restore was under way.
fn waiting(state: &State, number: u32) -> Result<Vec<Event>, String> {
    let orders = || name("orders");
    let began = |id: &str| step(id).map(|step| Event::StepStarted { step });
    let passed = |id: &str| step(id).map(|step| Event::StepEnded { step, end: StepEnd::Passed });
    let job: JobId = job_of(number).parse().map_err(explain)?;
    let mut events = vec![
        began("preflight")?,
        passed("preflight")?,
        began("pick.orders")?,
        Event::Picked { restore: orders()?, picked: Box::new(picked()?) },
        passed("pick.orders")?,
        began("restore.orders")?,
        Event::RestoreIntended { restore: orders()?, entry: Box::new(intended(state)?) },
        Event::RestoreAccepted { restore: orders()?, job: job.clone(), found: false },
    ];
    // A job that looks a little different at every look.
    for look in events.len()..EVENTS - 1 {
        let job = RestoreJob {
            id: job.clone(),
            status: JobStatus::Running,
            message: Some(format!("{look} % done")),
            point: Some(arn(POINT)?),
            created_resource: None,
            created: None,
            completed: None,
            from_restore_testing: false,
        };
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
