//! A cloud that lags behind itself: made and not found yet, removed and still shown, listed later, tagged and not seen so.
//! Nothing fails falsely, nothing is made twice, and only what is absent twice is gone.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use restore_drill::aws::resource::facts;
use restore_drill::cloud::resource::{Observation, Phase};
use restore_drill::cloud::vault::JobStatus;
use restore_drill::journal::event::{Class, Event, GoneProof, StepEnd};
use restore_drill::journal::state::State;
use restore_drill::run::call::Call;
use restore_drill::run::decide::{Next, Situation};
use restore_drill::run::guards::Guards;
use restore_drill::run::pace::{Looked, NEVER_SEEN_ABSENT_FOR, VISIBLE_AFTER};
use restore_drill::run::step::{ready, teardown};
use restore_drill::sandbox::{Fault, What};
use restore_drill::words::kind::Verdict;

use crate::harness::check::assert_harmless;
use crate::harness::life::{Bench, Fate, Pen, conclusion, over};
use crate::harness::paper::{ORDERS, Paper, expected, failed, id, job, job_id, name, seen};
use crate::harness::seam::{LaggingCalls, ToldVault};
use crate::harness::worlds;

/// World seconds for each real second, where the engine's patience of two minutes is what is looked at.
const SLOW: f64 = 40.0;

/// A restore whose job is over and that was looked at once, without finding what the job made.
fn not_found_yet() -> Paper {
    let mut paper = Paper::begin(&worlds::definition(worlds::ORDERS));
    paper.starts(0, "preflight");
    paper.passes(0, "preflight");
    paper.starts(0, "pick.orders");
    paper.picks(0);
    paper.passes(0, "pick.orders");
    paper.starts(0, "restore.orders");
    paper.intends();
    paper.then(0, &Event::RestoreAccepted { restore: name(ORDERS), job: job_id(), found: false });
    let made = expected(&paper.state.run).arn.expect("a name of its own");
    paper.then(60, &Event::JobSeen { restore: name(ORDERS), job: job(JobStatus::Completed, Some(made)) });
    paper.passes(0, "restore.orders");
    paper.starts(0, "ready.orders");
    let absent = Observation::absent();
    paper.then(0, &Event::ResourceSeen { restore: name(ORDERS), observation: absent });
    paper
}

/// What the step needs so many seconds after the last event, having looked at its beginning.
fn later(paper: &Paper, step: &str, seconds: i64, ask: impl Fn(&Situation<'_>, Timestamp) -> Next) -> Next {
    let since = paper.state.steps[&id(step)].since().expect("it is under way");
    let now = paper.at + SignedDuration::from_secs(seconds);
    let mut looked = Looked::default();
    looked.note(&id(step), paper.at);
    let guards = Guards::all();
    let situation = Situation { state: &paper.state, now, looked: &looked, types: facts, guards };
    ask(&situation, since)
}

#[test]
fn what_was_just_made_may_be_invisible_for_two_minutes_and_no_longer() {
    let paper = not_found_yet();
    let step = paper.state.started.plan.step(&id("ready.orders")).expect("the plan has it").clone();
    let next = |seconds: i64| {
        later(&paper, "ready.orders", seconds, |situation, since| ready::next(situation, &step, &name(ORDERS), since))
    };
    let patience = VISIBLE_AFTER.as_secs();
    assert!(patience >= 120, "AWS says so itself");
    for seconds in [15, 30, 60, 119, patience] {
        let looks = Next::call(Call::Observe(name(ORDERS)));
        assert_eq!(next(seconds), looks, "{seconds} s after the first look");
    }
    assert!(matches!(next(1), Next::At(_)), "it does not look all the time");
    let Next::Record(events) = next(patience + 1) else { panic!("{:?}", next(patience + 1)) };
    assert!(matches!(events.as_slice(), [Event::StepEnded { .. }]), "{events:?}");
}

/// What was never seen counts as absent only after as long as it may have been invisible.
#[test]
fn absence_of_what_was_never_seen_is_believed_late() {
    let mut paper = not_found_yet();
    paper.ends(0, "ready.orders", failed(Class::Deadline));
    paper.ends(0, "probe.accepts-connections", StepEnd::Skipped { because: "x".into() });
    paper.starts(0, "teardown.orders");
    let mut never_seen = Paper { state: forget_look(&paper.state), at: paper.at, records: Vec::new() };
    never_seen.then(0, &Event::AbsenceSeen { restore: name(ORDERS) });
    let step = never_seen.state.started.plan.step(&id("teardown.orders")).expect("the plan has it").clone();
    let next = |seconds: i64| {
        let ask = |situation: &Situation<'_>, since| teardown::next(situation, &step, &name(ORDERS), since);
        later(&never_seen, "teardown.orders", seconds, ask)
    };
    let patience = NEVER_SEEN_ABSENT_FOR.as_secs();
    for seconds in [0, 29, 60, patience - 1] {
        assert!(matches!(next(seconds), Next::At(_)), "{seconds}: {:?}", next(seconds));
    }
    assert_eq!(next(patience), Next::call(Call::Survey(name(ORDERS))));
}

/// The same history without the look that found nothing.
fn forget_look(state: &State) -> State {
    let mut state = state.clone();
    state.ledger.get_mut(&name(ORDERS)).expect("it is in the ledger").seen = None;
    state
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_found_at_first_is_waited_for_and_not_made_again() {
    let case = "the first three looks find nothing";
    let mut bench = Bench::at_speed(worlds::ORDERS, worlds::QUICK, SLOW).await;
    let mut calls = LaggingCalls::over(&bench);
    calls.hides = 3;
    calls.stands_in(&mut bench);
    let state = bench.run(case).await;
    assert_eq!(conclusion(&state).verdict, Verdict::Passed, "{:?}", conclusion(&state).reasons);
    let records = bench.records(state.run);
    let saw = |wanted: Phase| {
        records.iter().position(
            |record| matches!(&record.event, Event::ResourceSeen { observation, .. } if observation.phase == wanted),
        )
    };
    assert!(saw(Phase::Gone) < saw(Phase::Ready) && saw(Phase::Gone).is_some(), "it was never invisible");
    assert_harmless(case, &bench.before, &bench.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_removed_and_is_still_shown_is_not_gone_before_it_is_absent_twice() {
    for (case, haunts, flickers) in [
        ("shown for ten minutes after its removal", SignedDuration::from_mins(10), false),
        ("shown once more after its first absence", SignedDuration::ZERO, true),
        ("both", SignedDuration::from_mins(10), true),
    ] {
        let mut bench = Bench::new(worlds::ORDERS).await;
        let mut calls = LaggingCalls::over(&bench);
        (calls.haunts, calls.flickers) = (haunts, flickers);
        calls.stands_in(&mut bench);
        let state = bench.run(case).await;
        assert_eq!(conclusion(&state).verdict, Verdict::Passed, "{case}: {:?}", conclusion(&state).reasons);
        let records = bench.records(state.run);
        let absences = records.iter().filter(|record| matches!(record.event, Event::AbsenceSeen { .. })).count();
        assert_eq!(absences, if flickers { 2 } else { 1 }, "{case}: a first absence each time");
        let proof = records.iter().find_map(|record| match &record.event {
            Event::Gone { proof, .. } => Some(proof.clone()),
            _ => None,
        });
        assert!(matches!(proof, Some(GoneProof::AbsentTwice { first, second }) if first < second), "{case}: {proof:?}");
        assert_harmless(case, &bench.before, &bench.inventory());
    }
}

/// The start's answer is lost, the person gives up, the list leaves the job out, and no tag is to be seen: the drill goes
/// on looking for its own job instead of touching what it cannot prove, or forgetting it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_the_list_omits_and_tags_that_are_not_seen_yet_lose_nothing() {
    let case = "four searches find nothing";
    let mut bench = Bench::new(worlds::ORDERS).await;
    let mut calls = LaggingCalls::over(&bench);
    calls.untagged = SignedDuration::from_hours(24);
    calls.stands_in(&mut bench);
    let mut vault = ToldVault::over(&bench);
    vault.omits = 4;
    vault.stands_in(&mut bench);
    bench.sandbox.add_fault(Fault { times: Some(1), ..Fault::new(What::ResetAfter).on("backup:StartRestoreJob") });
    let (journal, state) = bench.begin().await;
    let state = over(case, bench.live(case, &mut Pen::new(journal, Fate::Lives), state, Some(stumbles)).await);
    assert_eq!(conclusion(&state).verdict, Verdict::Inconclusive, "{:?}", conclusion(&state).reasons);
    let entry = state.ledger.values().next().expect("it is in the ledger");
    assert!(entry.job.is_some() && entry.gone.is_some(), "the job was found in the end: {entry:?}");
    let after = bench.inventory();
    assert_eq!(after.restore_jobs.len(), 1, "{:?}", after.restore_jobs);
    assert_harmless(case, &bench.before, &after);
}

fn stumbles(event: &Event) -> bool {
    matches!(event, Event::Stumbled { .. })
}

/// A tag that does not show yet is no witness, and its absence no reason to leave the run's own thing behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_that_show_late_are_set_all_the_same() {
    let case = "tags show a day late";
    let mut bench = Bench::new(worlds::ORDERS).await;
    let mut calls = LaggingCalls::over(&bench);
    calls.untagged = SignedDuration::from_hours(24);
    calls.stands_in(&mut bench);
    let state = bench.run(case).await;
    assert_eq!(conclusion(&state).verdict, Verdict::Passed, "{:?}", conclusion(&state).reasons);
    let stamp = state.ledger.values().next().and_then(|entry| entry.stamp.clone()).expect("it was journalled");
    assert_eq!(stamp.remove, BTreeMap::new(), "nothing was seen to be taken off");
    assert_eq!(stamp.add.get("drill:run"), Some(&state.run.to_string()));
    assert_harmless(case, &bench.before, &bench.inventory());
}

/// Seen and then absent: the endpoint of a look is no proof of anything later.
#[test]
fn one_absence_after_a_sight_is_not_believed() {
    let mut paper = Paper::begin(&worlds::definition(worlds::ORDERS));
    paper.restored();
    paper.holds(1, "accepts-connections", &[]);
    paper.starts(0, "teardown.orders");
    paper.then(1, &Event::AbsenceSeen { restore: name(ORDERS) });
    let entry = |paper: &Paper| paper.state.ledger[&name(ORDERS)].clone();
    assert!(entry(&paper).gone.is_none() && entry(&paper).absent_since.is_some());
    paper.then(1, &Event::ResourceSeen { restore: name(ORDERS), observation: seen(Phase::Ready) });
    assert_eq!(entry(&paper).absent_since, None, "it is there after all: the first absence does not count any more");
}
