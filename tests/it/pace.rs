//! How often a run looks, and how soon it sees what it waits for. Calls are counted by the world; its time stands still
//! while anything can be done, so the counts are exact.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use restore_drill::aws::resource::facts;
use restore_drill::cloud::vault::JobStatus;
use restore_drill::history::past::earlier;
use restore_drill::journal::event::{Class, Earlier, Event, StepEnd};
use restore_drill::plan::step::Work;
use restore_drill::run::decide::{Next, Situation};
use restore_drill::run::guards::Guards;
use restore_drill::run::pace::Looked;
use restore_drill::sandbox::{Fault, What};
use restore_drill::words::id::RunId;
use restore_drill::words::kind::Verdict;

use crate::harness::check::assert_harmless;
use crate::harness::life::conclusion;
use crate::harness::paper::{ORDERS, Paper, START, id, job_id, name};
use crate::harness::still::{self, Scene, Still, Told};
use crate::harness::worlds;

const LOOK: &str = "backup:DescribeRestoreJob";

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// An earlier run whose restore took so many minutes, and whose removal so many.
fn took(restore: i64, removal: i64) -> Earlier {
    let of = |span: i64| BTreeMap::from([(name(ORDERS), minutes(span))]);
    Earlier {
        run: RunId::new(1, [1; 10]),
        at: START.parse().expect("an instant"),
        verdict: Verdict::Passed,
        rto: None,
        rpo: None,
        copy_lag: None,
        data_age: None,
        restores: of(restore),
        removals: of(removal),
    }
}

/// What a run asked and saw, counted from the accepted start and from the accepted removal.
struct Seen {
    told: Told,
    looks: Vec<SignedDuration>,
    completed: SignedDuration,
    surveys: Vec<SignedDuration>,
    absent: SignedDuration,
}

/// A run that passes, and what it asked.
async fn run(still: &Still, history: Vec<Earlier>) -> Seen {
    let told = still.run(history).await;
    assert_eq!(conclusion(&told.state).verdict, Verdict::Passed, "{:?}", conclusion(&told.state).reasons);
    let accepted = told.when("the start", |event| matches!(event, Event::RestoreAccepted { .. }));
    let is_over = |event: &Event| matches!(event, Event::JobSeen { job, .. } if job.status == JobStatus::Completed);
    let completed = told.when("the end", is_over).duration_since(accepted);
    let since = |moment: Timestamp| move |call: Timestamp| call.duration_since(moment);
    let looks = still.calls(LOOK, accepted).into_iter().map(since(accepted)).collect();
    let removed = told.state.ledger[&name(ORDERS)].removal_accepted_at.unwrap_or(told.state.last_at);
    let surveys = still.calls("rds:DescribeDBInstances", removed).into_iter().map(since(removed)).collect();
    let absent = told.appends.iter().flatten().find(|record| matches!(record.event, Event::AbsenceSeen { .. }));
    let absent = absent.map_or(SignedDuration::ZERO, |record| record.at.duration_since(removed));
    Seen { told, looks, completed, surveys, absent }
}

fn world(takes: &str) -> String {
    worlds::QUICK.replace("takes: 1m", &format!("takes: {takes}"))
}

fn play(definition: &str, takes: &str, history: Vec<Earlier>) -> Seen {
    still::play(Scene::new(definition, &world(takes)), |still| async move { run(&still, history).await })
}

/// Nobody knows how long it takes, and what is seen late would count as recovery time.
#[test]
fn without_history_a_job_is_looked_at_steadily() {
    let seen = play(worlds::ORDERS, "12m", Vec::new());
    assert!(seen.completed <= minutes(12) + seconds(15), "{:?}", seen.completed);
    let gaps: Vec<SignedDuration> = seen.looks.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(gaps.len() > 40 && gaps.iter().all(|gap| *gap == seconds(15)), "{gaps:?}");
    let gaps: Vec<SignedDuration> =
        play(worlds::ORDERS, "5h", Vec::new()).looks.windows(2).map(|two| two[1] - two[0]).collect();
    assert_eq!((gaps.first(), gaps.iter().max()), (Some(&seconds(15)), Some(&minutes(2))), "a fiftieth of its age");
}

#[test]
fn with_history_twelve_minutes_are_one_look() {
    assert_eq!(play(worlds::ORDERS, "12m", vec![took(12, 4)]).looks.len(), 1);
    let history = vec![took(12, 4), took(12, 4), took(12, 4)];
    assert_eq!(play(worlds::ORDERS, "12m", history).looks.len(), 1);
}

/// What a run learns is in its journal, and the next run of the drill finds it in its first record.
#[test]
fn a_run_learns_from_the_one_before() {
    let (first, second) = still::play(Scene::new(worlds::ORDERS, &world("12m")), |still| async move {
        let before = still.direct.inventory();
        let first = run(&still, Vec::new()).await;
        let learned = earlier(&first.told.state).expect("it is over");
        assert_eq!(learned.restores[&name(ORDERS)].as_secs(), 12 * 60, "by AWS's own times, not by looks");
        assert_eq!(learned.removals[&name(ORDERS)], first.absent);
        let second = run(&still, vec![learned]).await;
        assert_harmless("two runs", &before, &still.direct.inventory());
        (first, second)
    });
    assert!(first.looks.len() > 40, "{:?}", first.looks);
    assert_eq!(second.looks.len(), 1);
    assert!(second.completed < minutes(12) + seconds(15), "{:?}", second.completed);
}

/// The bounds of docs/how-it-works.md: the usual time where that is short, and then a fiftieth of the age.
#[test]
fn a_job_that_ends_early_or_late_is_seen_within_the_bound() {
    let usual = || vec![took(12, 4)];
    let spread = || vec![took(12, 4), took(20, 4)];
    for (takes, history, ends, bound) in [
        ("1m", usual(), minutes(1), minutes(12)),
        ("3m", usual(), minutes(3), minutes(10)),
        ("7m", usual(), minutes(7), minutes(6)),
        ("11m", usual(), minutes(11), seconds(70)),
        ("12m", usual(), minutes(12), seconds(15)),
        ("17m", vec![took(60, 4)], minutes(17), seconds(1_080)),
        ("20m", usual(), minutes(20), seconds(25)),
        ("57m", vec![took(60, 4)], minutes(57), seconds(73)),
        ("60m", vec![took(60, 4)], minutes(60), seconds(75)),
        ("40m", usual(), minutes(40), seconds(49)),
        ("13m", spread(), minutes(13), seconds(16)),
        ("17m", spread(), minutes(17), seconds(21)),
        ("2m", Vec::new(), minutes(2), seconds(15)),
        ("12m", Vec::new(), minutes(12), seconds(15)),
        ("30m", Vec::new(), minutes(30), seconds(37)),
        ("50m", Vec::new(), minutes(50), seconds(61)),
    ] {
        let seen = play(worlds::ORDERS, takes, history);
        let late = seen.completed - ends;
        assert!(!late.is_negative() && late <= bound, "{takes}: {late:?} late; looks {:?}", seen.looks);
    }
}

#[test]
fn what_a_run_keeps_is_looked_at_steadily() {
    let keeps =
        worlds::orders_with("teardown: { timeout: 10d }", "teardown: { when: manual, keep_for: 4h, timeout: 10d }");
    let seen = play(&keeps, "12m", vec![took(12, 4)]);
    assert!(seen.completed <= minutes(12) + seconds(15), "{:?}", seen.completed);
    let gaps: Vec<SignedDuration> = seen.looks.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(gaps.iter().all(|gap| *gap == seconds(15)), "{gaps:?}");
}

/// A removal takes two to five minutes here: its absence is seen with at most six looks, and once more 30 seconds later.
#[test]
fn a_removal_is_looked_at_when_it_may_be_over() {
    for (case, history) in [("unknown", Vec::new()), ("known", vec![took(12, 5)])] {
        let seen = play(worlds::ORDERS, "12m", history);
        assert!(seen.surveys.len() <= 7, "{case}: {:?}", seen.surveys);
        let last = seen.surveys.last().copied().unwrap_or_default();
        assert_eq!(last, seen.absent + seconds(30), "{case}: absent twice");
        assert!(seen.absent <= minutes(6), "{case}: {:?}", seen.absent);
        let deletions = seen.told.appends.iter().flatten();
        let deletions = deletions.filter(|record| matches!(record.event, Event::RemovalAccepted { .. })).count();
        assert_eq!(deletions, 1, "{case}: it is asked for once");
    }
}

/// Once for its use, right before the deletion, and twice for its absence. The tags come with the look.
#[test]
fn what_is_restored_as_before_is_looked_at_four_times() {
    let takes = "removal: { takes: 3m30s }, restore: { takes: 12m }";
    let world = worlds::QUICK.replace("restore: { takes: 1m }", takes);
    let (seen, looks, asked_for_tags) = still::play(Scene::new(worlds::ORDERS, &world), |still| async move {
        // It was seen late.
        let seen = run(&still, vec![took(12, 4)]).await;
        let accepted = seen.told.when("the start", |event| matches!(event, Event::RestoreAccepted { .. }));
        let count = |operation: &str| still.calls(operation, accepted).len();
        (seen, count("rds:DescribeDBInstances"), count("rds:ListTagsForResource"))
    });
    assert_eq!((seen.looks.len(), looks, asked_for_tags), (1, 4, 0), "{:?}", seen.surveys);
    let stamp = seen.told.state.ledger[&name(ORDERS)].stamp.as_ref().expect("it carries the drill's tags");
    assert!(!stamp.remove.is_empty() && !stamp.add.is_empty(), "{stamp:?}");
}

/// The look half way fails: it is made again soon, and not when the job should be over.
#[test]
fn a_look_that_fails_is_made_again_soon() {
    let looks = still::play(Scene::new(worlds::ORDERS, &world("20m")), |still| async move {
        still.direct.add_fault(Fault { times: Some(1), ..Fault::new(What::Throttle).on(LOOK) });
        run(&still, vec![took(20, 4)]).await.looks
    });
    assert_eq!(looks[1] - looks[0], seconds(15), "{looks:?}");
    assert!(looks[2] - looks[1] > minutes(5), "{looks:?}");
}

/// The next look would come after the restore's time: there is one just before it.
#[test]
fn a_job_that_ends_just_before_its_time_is_over_is_seen() {
    let hurried = worlds::orders_with("    timeout: 10d\nprobes:", "    timeout: 40m30s\nprobes:");
    let (told, looks) = still::play(Scene::new(&hurried, &world("40m14s")), |still| async move {
        let told = still.run(Vec::new()).await;
        let accepted = told.when("the start", |event| matches!(event, Event::RestoreAccepted { .. }));
        let looks = still.calls(LOOK, accepted);
        (told, looks.into_iter().map(|call| call.duration_since(accepted)).collect::<Vec<_>>())
    });
    let end = told.state.step(&Work::Restore(name(ORDERS))).end().cloned();
    assert_eq!(end, Some(StepEnd::Passed), "{looks:?}");
    assert_eq!(looks.last(), Some(&(minutes(40) + seconds(15))), "{looks:?}");
}

/// A restore that is asked for, and accepted an hour later.
fn accepted_late() -> Paper {
    let mut paper = Paper::begin(&worlds::definition(worlds::ORDERS));
    paper.starts(0, "preflight");
    paper.passes(0, "preflight");
    paper.starts(0, "pick.orders");
    paper.picks(0);
    paper.passes(0, "pick.orders");
    paper.starts(0, "restore.orders");
    paper.intends();
    paper
}

fn is_late(paper: &Paper, now: Timestamp) -> bool {
    let mut step = paper.state.started.plan.step(&id("restore.orders")).expect("the plan has it").clone();
    step.timeout = minutes(90);
    let looked = Looked::default();
    let situation = Situation { state: &paper.state, now, looked: &looked, types: facts, guards: Guards::all() };
    match situation.next(&step) {
        Next::Record(events) => matches!(
            events.as_slice(),
            [Event::StepEnded { end: StepEnd::Failed(failure), .. }] if failure.class == Class::Deadline
        ),
        _ => false,
    }
}

#[test]
fn the_timeout_of_a_restore_counts_from_the_accepted_start() {
    let mut paper = accepted_late();
    let asked = paper.at;
    assert!(!is_late(&paper, asked + minutes(89)));
    assert!(is_late(&paper, asked + minutes(90)), "a start that nobody accepts is not waited for longer than that");
    paper.then(3_600, &Event::RestoreAccepted { restore: name(ORDERS), job: job_id(), found: false });
    assert!(!is_late(&paper, asked + minutes(149)));
    assert!(is_late(&paper, asked + minutes(150)));
}
