//! What may be deleted: every guard has somebody here who tries to get past it.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use restore_drill::aws::resource::facts;
use restore_drill::cloud::error::{CloudError, ErrorKind};
use restore_drill::cloud::resource::{Phase, Settings};
use restore_drill::cloud::vault::{JobStatus, StartRestore};
use restore_drill::definition::model::{Action, Definition, NegativeControl, ProbeReason, Retry, Undo, Via};
use restore_drill::journal::event::{CancelBy, Class, Event, Witness};
use restore_drill::journal::ledger::Entry;
use restore_drill::run::decide::{Next, Situation};
use restore_drill::run::guard::{NEVER_TAG, RUN_TAG, Refusal, may_delete};
use restore_drill::run::guards::Guards;
use restore_drill::run::pace::Looked;
use restore_drill::run::step::teardown;
use restore_drill::sandbox::inventory::Thing;
use restore_drill::words::id::{Name, RunId};
use restore_drill::words::kind::{ProbeKind, Verdict};
use serde_json::json;

use crate::harness::check::{assert_harmless, assert_only_own_touched};
use crate::harness::life::{Bench, End, Fate, Pen, conclusion, over};
use crate::harness::paper::{Paper, arn, failed, id, intended, job, job_id, name, seen};
use crate::harness::worlds;

type Tags = BTreeMap<String, String>;

/// Somebody who asks the guard.
struct Asker {
    run: RunId,
    restore: Name,
    entry: Entry,
    definition: Definition,
    tags: Option<Tags>,
}

/// An entry whose restore job was accepted and completed.
fn honest() -> Asker {
    let run = RunId::new(1_795_262_400_000, [7; 10]);
    let at = "2026-11-21T12:00:00Z".parse().expect("an instant");
    let mut entry = Entry::new(intended(&run), at);
    entry.job = Some(job_id());
    let made = entry.intended.expected.arn.clone().unwrap();
    entry.job_seen = Some((at, job(JobStatus::Completed, Some(made))));
    entry.seen = Some((at, seen(Phase::Ready)));
    Asker { run, restore: name("orders"), entry, definition: worlds::definition(worlds::ORDERS), tags: None }
}

/// The same without any restore job.
fn jobless() -> Asker {
    let mut asker = honest();
    asker.entry.job = None;
    asker.entry.job_seen = None;
    asker
}

impl Asker {
    fn asks(&self) -> Result<Witness, Refusal> {
        may_delete(&self.run, &self.restore, &self.entry, &self.definition, self.tags.as_ref())
    }

    fn is_called(&mut self, made: &str) {
        let expected = &mut self.entry.intended.expected;
        made.clone_into(&mut expected.name);
        expected.arn = Some(arn(&format!("arn:aws:rds:eu-west-1:123456789012:db:{made}")));
        self.entry.job_seen = None;
    }
}

#[test]
fn what_the_runs_own_job_made_may_be_deleted() {
    assert_eq!(honest().asks(), Ok(Witness::RestoreJob { job: job_id() }));
    let mut without_arn = honest();
    without_arn.entry.job_seen = None;
    assert_eq!(without_arn.asks(), Ok(Witness::RestoreJob { job: job_id() }));
}

#[test]
fn what_carries_the_runs_tag_may_be_deleted() {
    let mut tagged = jobless();
    tagged.tags = Some(BTreeMap::from([(RUN_TAG.to_owned(), tagged.run.to_string())]));
    assert_eq!(tagged.asks(), Ok(Witness::Tag));
}

#[test]
fn a_name_alone_proves_nothing() {
    let mut asker = jobless();
    let other = RunId::new(1_795_262_400_000, [8; 10]);
    for tags in [
        None,
        Some(BTreeMap::new()),
        Some(BTreeMap::from([("Name".to_owned(), "orders".to_owned())])),
        Some(BTreeMap::from([(RUN_TAG.to_owned(), other.to_string())])),
        Some(BTreeMap::from([(RUN_TAG.to_owned(), asker.run.short())])),
        Some(BTreeMap::from([("Drill:Run".to_owned(), asker.run.to_string())])),
    ] {
        asker.tags = tags;
        assert!(matches!(asker.asks(), Err(Refusal::NoWitness(_))), "{:?}", asker.tags);
    }
}

#[test]
fn what_the_definition_names_is_never_deleted() {
    let mut asker = honest();
    asker.is_called("orders");
    assert!(matches!(asker.asks(), Err(Refusal::Named(_))));
    // A definition that names a thing as if a drill had made it.
    let mut asker = honest();
    let named = asker.entry.intended.expected.arn.clone().unwrap();
    asker.definition.restore.get_mut(&name("orders")).expect("it is there").resource = named;
    assert!(matches!(asker.asks(), Err(Refusal::Named(_))));
}

/// Wherever it stands: in a probe's control, in its way, in an action, in an action's undo.
#[test]
fn what_a_control_a_way_or_an_undo_names_is_never_deleted() {
    let named = honest().entry.intended.expected.name;
    let settings = || Settings::from_iter([("host".to_owned(), json!(named))]);
    let probe = "accepts-connections";
    let mut askers: Vec<(&str, Asker)> = Vec::new();
    let mut asker = honest();
    asker.definition.probes.get_mut(&name(probe)).expect("it is there").settings = settings();
    askers.push(("a probe", asker));
    let mut asker = honest();
    let control = NegativeControl { settings: settings(), fails_with: ProbeReason::Connection };
    asker.definition.probes.get_mut(&name(probe)).expect("it is there").negative_control = Some(control);
    askers.push(("a control", asker));
    let mut asker = honest();
    asker.definition.probes.get_mut(&name(probe)).expect("it is there").via = Some(Via::SsmTunnel(named.clone()));
    askers.push(("a way", asker));
    for undo in [false, true] {
        let mut asker = honest();
        let mut action = action();
        if undo {
            action.undo = Some(Undo { kind: ProbeKind::Command, settings: settings() });
        } else {
            action.settings = settings();
        }
        asker.definition.actions.insert(name("warms-up"), action);
        askers.push((if undo { "an undo" } else { "an action" }, asker));
    }
    for (what, asker) in askers {
        assert!(matches!(asker.asks(), Err(Refusal::Named(_))), "{what}: {:?}", asker.asks());
    }
}

/// An action that does nothing.
fn action() -> Action {
    Action {
        kind: ProbeKind::Command,
        settings: Settings::new(),
        on: None,
        needs: Vec::new(),
        retry: Retry::default(),
        timeout: SignedDuration::from_secs(30),
        expect: BTreeMap::new(),
        undo: None,
    }
}

/// What a drill made is its own whatever it inherited; what it did not make is out of its reach, tag or no tag.
#[test]
fn what_must_never_be_touched_is_not_unless_the_runs_own_job_made_it() {
    for value in ["", "false", "owned by billing"] {
        let never = || (NEVER_TAG.to_owned(), value.to_owned());
        let mut inherited = honest();
        inherited.tags = Some(BTreeMap::from([never()]));
        assert_eq!(inherited.asks(), Ok(Witness::RestoreJob { job: job_id() }), "{value}");

        let mut tagged = jobless();
        tagged.tags = Some(BTreeMap::from([(RUN_TAG.to_owned(), tagged.run.to_string()), never()]));
        assert!(matches!(tagged.asks(), Err(Refusal::Protected(_))), "{value}: {:?}", tagged.asks());

        // A bucket that the run meant to make, and somebody else's is there.
        let mut asked_for = jobless();
        asked_for.entry.ground = Some(false);
        asked_for.tags = Some(BTreeMap::from([never()]));
        assert!(matches!(asked_for.asks(), Err(Refusal::Protected(_))), "{value}: {:?}", asked_for.asks());
    }
}

/// A job that failed because the name was taken is no proof, and the tag wins over whatever else there is.
#[test]
fn a_job_that_made_nothing_does_not_overrule_the_tag() {
    let mut asker = honest();
    let mut failed = job(JobStatus::Failed, None);
    failed.message = Some("DB instance already exists".to_owned());
    asker.entry.job_seen = Some((asker.entry.intended_at, failed));
    asker.tags =
        Some(BTreeMap::from([(RUN_TAG.to_owned(), asker.run.to_string()), (NEVER_TAG.to_owned(), String::new())]));
    assert!(matches!(asker.asks(), Err(Refusal::Protected(_))), "{:?}", asker.asks());
}

#[test]
fn another_account_or_region_is_out_of_reach() {
    for (place, recorded) in [
        ("arn:aws:rds:eu-west-2:123456789012:db:", "eu-west-1"),
        ("arn:aws:rds:eu-west-2:123456789012:db:", "eu-west-2"),
        ("arn:aws:rds:eu-west-1:999999999999:db:", "eu-west-1"),
    ] {
        let mut asker = honest();
        let expected = &mut asker.entry.intended.expected;
        expected.arn = Some(arn(&format!("{place}{}", expected.name)));
        expected.region = recorded.parse().expect("a region");
        assert!(matches!(asker.asks(), Err(Refusal::Elsewhere { .. })), "{place} {recorded}");
    }
    let mut asker = honest();
    asker.entry.intended.expected.account = "999999999999".parse().expect("an account");
    assert!(matches!(asker.asks(), Err(Refusal::Elsewhere { .. })));
}

#[test]
fn a_name_without_the_runs_digits_and_the_restores_name_is_foreign() {
    let run = honest().run.short();
    for made in [
        "production".to_owned(),
        "drill-orders".to_owned(),
        "drill-08080808-orders".to_owned(),
        format!("x-drill-{run}-orders"),
        format!("drill-{run}-billing"),
        format!("drill-{run}-"),
    ] {
        let mut asker = honest();
        asker.is_called(&made);
        assert!(matches!(asker.asks(), Err(Refusal::ForeignName(_))), "{made}");
    }
    let mut asker = honest();
    asker.entry.intended.expected.name = format!("drill-{run}-orders-2");
    assert!(matches!(asker.asks(), Err(Refusal::ForeignName(_))), "name and ARN differ");
}

#[test]
fn a_job_that_made_something_else_is_no_witness_even_with_the_tag() {
    let mut asker = honest();
    let at = asker.entry.intended_at;
    let other = arn("arn:aws:rds:eu-west-1:123456789012:db:production");
    asker.entry.job_seen = Some((at, job(JobStatus::Completed, Some(other))));
    asker.tags = Some(BTreeMap::from([(RUN_TAG.to_owned(), asker.run.to_string())]));
    assert!(matches!(asker.asks(), Err(Refusal::OtherResource { .. })));
}

/// A job that failed because the name was taken made nothing: whatever has the name is somebody else's.
#[test]
fn a_job_that_failed_because_the_name_was_taken_is_no_witness() {
    let mut asker = honest();
    let at = asker.entry.intended_at;
    let mut failed = job(JobStatus::Failed, None);
    failed.message = Some(
        "DB instance already exists (Service: AmazonRDS; Status Code: 400; Error Code: DBInstanceAlreadyExists)"
            .to_owned(),
    );
    asker.entry.job_seen = Some((at, failed));
    assert!(matches!(asker.asks(), Err(Refusal::NoWitness(_))), "{:?}", asker.asks());
}

/// A run that died with its intent durable and nothing sent; then somebody else restores another recovery point under
/// the very name that the run would have used.
async fn taken_name(bench: &Bench, case: &str) -> RunId {
    let (journal, state) = bench.begin().await;
    let run = state.run;
    let fate = Fate::DiesOnce(|event| matches!(event, Event::RestoreIntended { .. }));
    let end = bench.live(case, &mut Pen::new(journal, fate), state, None).await;
    assert!(matches!(end, End::Died), "{case}: it never intended to restore");
    let died = bench.state(run);
    let entry = died.ledger.get(&name("orders")).expect("the intent is durable");
    let vault = &bench.plan.definition.destination.vault;
    let resource = &bench.plan.definition.restore[&name("orders")].resource;
    let points = bench.services.cloud.vault.recovery_points(vault, resource).await.expect("the vault is listed");
    let other = points.into_iter().find(|point| point.arn != entry.intended.point && point.status == "COMPLETED");
    let ask = StartRestore {
        point: other.expect("there is another recovery point").arn,
        role: entry.intended.role.clone(),
        metadata: entry.intended.metadata.clone(),
        token: format!("drill-{}", "f".repeat(48)).parse().expect("a token"),
        resource_type: Some("RDS".to_owned()),
    };
    bench.services.cloud.vault.start_restore(&ask).await.expect("somebody else's restore is accepted");
    appeared(bench, entry.intended.expected.arn.as_ref().unwrap().as_str()).await;
    run
}

/// Waits until the world has this thing, usable.
async fn appeared(bench: &Bench, arn: &str) {
    let look = async {
        let mut pace = tokio::time::interval(std::time::Duration::from_millis(2));
        while !bench.inventory().things.iter().any(|thing| thing.arn == arn && thing.state == "available") {
            pace.tick().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), look).await.expect("it appears");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_under_the_expected_name_is_never_deleted() {
    let case = "a stranger under the expected name";
    let bench = Bench::new(worlds::ORDERS).await;
    let run = taken_name(&bench, case).await;
    let (journal, state) = bench.take_over(run, Some(CancelBy::Signal)).await.expect("the run is not over");
    let state = over(case, bench.live(case, &mut Pen::new(journal, Fate::Lives), state, None).await);
    let conclusion = conclusion(&state);
    assert_eq!(conclusion.verdict, Verdict::Leaked, "{:?}", conclusion.reasons);
    // Whoever it belongs to, no command that deletes it is handed out.
    let mut advised = conclusion.reasons.iter().filter_map(|reason| reason.advice.as_deref());
    assert!(!advised.any(|advice| advice.contains("delete-db-instance")), "{:?}", conclusion.reasons);
    let after = bench.inventory();
    assert_eq!(after.restored().filter(|thing| thing.kind == "rds:db").count(), 1, "the stranger is still there");
    let deleted = after.calls.iter().any(|call| call.operation == "rds:DeleteDBInstance");
    assert!(!deleted, "a deletion was asked for");
    assert_only_own_touched(case, &bench.before, &after);
}

/// The tag of the source comes along with the restore, is journalled and taken off, and the drill removes what it made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_must_never_be_touched_is_restored_and_its_copy_is_removed() {
    let case = "a source with `drill:never`";
    let world = worlds::QUICK.replace("restore: { takes: 1m }", &format!("restore: {{ takes: 1m }}, {PROTECTED}"));
    let bench = Bench::in_world(worlds::ORDERS, &world).await;
    let source = |things: &[Thing]| things.iter().find(|thing| thing.tags.contains_key(NEVER_TAG)).cloned();
    let before = source(&bench.before.things).expect("the source carries the tag");
    let state = bench.run(case).await;
    assert_eq!(conclusion(&state).verdict, Verdict::Passed, "{:?}", conclusion(&state).reasons);
    let stamp = state.ledger.values().next().and_then(|entry| entry.stamp.clone()).expect("it was journalled");
    assert_eq!(stamp.remove.get(NEVER_TAG).map(String::as_str), Some("production"), "{stamp:?}");
    assert_harmless(case, &bench.before, &bench.inventory());
    assert_eq!(source(&bench.inventory().things), Some(before));
}

/// In the block of the source in a world file.
const PROTECTED: &str = "tags: { \"drill:never\": production }";

/// A stranger under the run's expected name that even carries the run's tag, and `drill:never`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_that_must_never_be_touched_is_not_even_with_the_runs_own_tag() {
    let case = "a stranger with the run's tag and `drill:never`";
    let bench = Bench::new(worlds::ORDERS).await;
    let run = taken_name(&bench, case).await;
    let died = bench.state(run);
    let entry = died.ledger.get(&name("orders")).expect("the intent is durable");
    let restore = &bench.plan.definition.restore[&name("orders")];
    let tags = BTreeMap::from([(RUN_TAG.to_owned(), run.to_string()), (NEVER_TAG.to_owned(), "yes".to_owned())]);
    let calls = bench.services.calls(restore.kind);
    calls.tag(&entry.subject(restore), &tags).await.expect("its owner may tag it");
    let (journal, state) = bench.take_over(run, Some(CancelBy::Signal)).await.expect("the run is not over");
    let state = over(case, bench.live(case, &mut Pen::new(journal, Fate::Lives), state, None).await);
    assert_eq!(conclusion(&state).verdict, Verdict::Leaked, "{:?}", conclusion(&state).reasons);
    let after = bench.inventory();
    assert!(!after.calls.iter().any(|call| call.operation == "rds:DeleteDBInstance"), "a deletion was asked for");
    let kept = after.restored().find(|thing| thing.kind == "rds:db").expect("the stranger is still there");
    assert_eq!(kept.tags.get(NEVER_TAG).map(String::as_str), Some("yes"), "{kept:?}");
}

/// The same, and the run goes on: its own job fails because the name is taken. That job is no proof either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_survives_a_run_whose_own_restore_failed_on_the_name() {
    let case = "a stranger and a job that failed on the name";
    let bench = Bench::new(worlds::ORDERS).await;
    let run = taken_name(&bench, case).await;
    let state = bench.resume(case, run, None).await;
    assert_ne!(conclusion(&state).verdict, Verdict::Passed);
    let after = bench.inventory();
    assert_eq!(
        after.restored().filter(|thing| thing.kind == "rds:db").count(),
        1,
        "the stranger is still there: {:?}",
        conclusion(&state).reasons
    );
    assert!(!after.calls.iter().any(|call| call.operation == "rds:DeleteDBInstance"), "a deletion was asked for");
}

/// What the teardown wants after a start was refused; `doubted` says that an earlier one got no answer.
fn after_a_refusal(doubted: bool) -> Next {
    let mut paper = Paper::begin(&worlds::definition(worlds::ORDERS));
    paper.starts(0, "preflight");
    paper.passes(0, "preflight");
    paper.starts(0, "pick.orders");
    paper.picks(0);
    paper.passes(0, "pick.orders");
    paper.starts(0, "restore.orders");
    paper.intends();
    let error = |kind| CloudError::new("backup:StartRestoreJob", kind, "code", "message", None);
    if doubted {
        paper.then(1, &Event::Stumbled { step: id("restore.orders"), error: error(ErrorKind::Unavailable) });
        paper.then(1, &Event::RestoreNotFound { restore: name("orders") });
    }
    paper.then(1, &Event::RestoreRefused { restore: name("orders"), error: error(ErrorKind::Denied) });
    paper.ends(0, "restore.orders", failed(Class::Environment));
    paper.starts(0, "teardown.orders");
    let looked = Looked::default();
    let guards = Guards::all();
    let situation = Situation { state: &paper.state, now: paper.at, looked: &looked, types: facts, guards };
    let step = paper.state.started.plan.step(&id("teardown.orders")).expect("the plan has it");
    teardown::next(&situation, step, &name("orders"), paper.at)
}

/// A refusal is about its own request: one before it whose answer was lost may have started a job all the same.
#[test]
fn a_refusal_after_a_lost_answer_does_not_hide_what_the_first_start_made() {
    let nothing =
        |next: &Next| matches!(next, Next::Record(events) if matches!(events.as_slice(), [Event::Gone { .. }]));
    assert!(nothing(&after_a_refusal(false)));
    let next = after_a_refusal(true);
    assert!(!nothing(&next), "{next:?}");
}
