//! How restore jobs go when they do not just complete: words that go back, hours of waiting, limits, and tokens that AWS
//! forgot or knows from somebody else.

use jiff::SignedDuration;
use restore_drill::cloud::error::{CloudError, ErrorKind};
use restore_drill::cloud::vault::{JobStatus, StartRestore};
use restore_drill::journal::event::Event;
use restore_drill::journal::state::State;
use restore_drill::sandbox::fault::Lasting;
use restore_drill::sandbox::file::Span;
use restore_drill::sandbox::{Fault, What};
use restore_drill::words::id::RunId;
use restore_drill::words::kind::Verdict;

use crate::harness::check::{assert_clean, assert_harmless, assert_one_restore};
use crate::harness::life::{Bench, End, Fate, Pen, conclusion};
use crate::harness::paper::name;
use crate::harness::seam::ToldVault;
use crate::harness::worlds;

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// The reasons' texts and advice, in one piece.
fn reasons(state: &State) -> String {
    let one = |reason: &restore_drill::journal::verdict::Reason| {
        format!("{} -> {}", reason.text, reason.advice.as_deref().unwrap_or_default())
    };
    conclusion(state).reasons.iter().map(one).collect::<Vec<String>>().join("\n")
}

#[track_caller]
fn assert_verdict(case: &str, state: &State, wanted: Verdict) {
    assert_eq!(conclusion(state).verdict, wanted, "{case}: {}", reasons(state));
}

/// A job that runs for so long before it completes.
fn takes(span: SignedDuration) -> Fault {
    Fault { lasts: Some(Lasting::For(Span(span))), ..Fault::new(What::JobStuck) }
}

/// Every status of the job, as it was journalled.
fn statuses(bench: &Bench, run: RunId) -> Vec<JobStatus> {
    let records = bench.records(run).into_iter();
    records
        .filter_map(|record| match record.event {
            Event::JobSeen { job, .. } => Some(job.status),
            _ => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_that_goes_back_is_followed_to_its_end() {
    let case = "RUNNING, PENDING, RUNNING, …";
    let mut bench = Bench::new(worlds::ORDERS).await;
    bench.sandbox.add_fault(takes(hours(1)));
    let mut vault = ToldVault::over(&bench);
    vault.job = |look, mut job| {
        if !job.status.is_terminal() {
            job.status = if look % 2 == 1 { JobStatus::Running } else { JobStatus::Pending };
        }
        job
    };
    vault.stands_in(&mut bench);
    let state = bench.run(case).await;
    assert_verdict(case, &state, Verdict::Passed);
    let seen = statuses(&bench, state.run);
    let back = seen.windows(2).any(|two| two == [JobStatus::Running, JobStatus::Pending]);
    assert!(back && seen.last() == Some(&JobStatus::Completed), "{seen:?}");
    assert_harmless(case, &bench.before, &bench.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_pending_for_hours_is_waited_for_as_long_as_the_definition_says() {
    for (case, allowed, wanted) in
        [("six of 240 hours", None, Verdict::Passed), ("six of two hours", Some(hours(2)), Verdict::Inconclusive)]
    {
        let mut bench = Bench::new(worlds::ORDERS).await;
        bench.sandbox.add_fault(takes(hours(6)));
        let mut vault = ToldVault::over(&bench);
        vault.job = |_, mut job| {
            if !job.status.is_terminal() {
                job.status = JobStatus::Pending;
            }
            job
        };
        vault.stands_in(&mut bench);
        if let Some(allowed) = allowed {
            bench.allow("restore", allowed);
        }
        let state = bench.run(case).await;
        assert_verdict(case, &state, wanted);
        assert!(allowed.is_none() || reasons(&state).contains("was not over within 2h"), "{}", reasons(&state));
        // What came after the deadline was waited for by the teardown, and removed.
        assert_eq!(statuses(&bench, state.run).last(), Some(&JobStatus::Completed), "{case}");
        assert_harmless(case, &bench.before, &bench.inventory());
    }
}

/// A limit of AWS Backup that frees itself: the start waits and is made again, with the same token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_on_starts_is_waited_out_and_said() {
    let limit = || {
        let message = "the limit of concurrent restore jobs is reached";
        CloudError::new("backup:StartRestoreJob", ErrorKind::Throttled, "LimitExceededException", message, None)
    };
    let case = "a limit that frees itself";
    let mut bench = Bench::new(worlds::ORDERS).await;
    let mut vault = ToldVault::over(&bench);
    vault.refuses = Some((7, limit()));
    vault.stands_in(&mut bench);
    let state = bench.run(case).await;
    assert_verdict(case, &state, Verdict::Passed);
    let refused = bench.records(state.run).into_iter().filter_map(|record| match record.event {
        Event::Stumbled { error, .. } if error.code == "LimitExceededException" => Some(record.at),
        _ => None,
    });
    let refused: Vec<jiff::Timestamp> = refused.collect();
    assert_eq!(refused.len(), 7, "each is in the journal");
    let pauses: Vec<i64> = refused.windows(2).map(|two| two[1].duration_since(two[0]).as_secs()).collect();
    assert!(pauses.iter().all(|pause| *pause >= 2), "it does not hammer: {pauses:?}");
    assert_harmless(case, &bench.before, &bench.inventory());

    let case = "a limit that stays";
    let mut bench = Bench::new(worlds::ORDERS).await;
    bench.allow("restore", hours(2));
    let mut vault = ToldVault::over(&bench);
    vault.refuses = Some((u32::MAX, limit()));
    vault.stands_in(&mut bench);
    let state = bench.run(case).await;
    assert_verdict(case, &state, Verdict::Inconclusive);
    assert!(reasons(&state).contains("LimitExceededException"), "{}", reasons(&state));
    let after = bench.inventory();
    assert!(after.restore_jobs.is_empty(), "{case}: {:?}", after.restore_jobs);
    assert_harmless(case, &bench.before, &after);
}

/// What the destination lacks says nothing about the recovery point.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quotas_and_capacity_are_the_surroundings_fault_and_said() {
    let words = [
        "Insufficient capacity: InsufficientDBInstanceCapacity for db.t4g.medium",
        "We currently do not have sufficient capacity: InsufficientInstanceCapacity",
        "Subscriber limit exceeded: only 50 tables can be created, updated, or deleted simultaneously",
        "InstanceQuotaExceeded: DB Instance quota exceeded",
    ];
    let bench = Bench::new(worlds::ORDERS).await;
    for words in words {
        for leaves_partial in [false, true] {
            let message = Some(words.to_owned());
            let fault = Fault { message, leaves_partial, times: Some(1), ..Fault::new(What::JobFailed) };
            bench.sandbox.add_fault(fault);
            let state = bench.run(words).await;
            assert_verdict(words, &state, Verdict::Inconclusive);
            assert!(reasons(&state).contains(words), "{words}: {}", reasons(&state));
            assert_harmless(words, &bench.before, &bench.inventory());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_of_the_account_is_no_failure_of_the_drill() {
    let case = "no instance more";
    let world = worlds::QUICK.replace("token_lifetime: 30d", "token_lifetime: 30d, db_instances: 0");
    let bench = Bench::in_world(worlds::ORDERS, &world).await;
    let state = bench.run(case).await;
    assert_verdict(case, &state, Verdict::Inconclusive);
    assert!(reasons(&state).to_lowercase().contains("quota"), "{}", reasons(&state));
    assert_harmless(case, &bench.before, &bench.inventory());
}

/// A run that died when its start had been answered and nothing of the answer was durable yet.
async fn dies_unanswered(bench: &Bench, case: &str) -> RunId {
    let (journal, state) = bench.begin().await;
    let run = state.run;
    bench.sandbox.add_fault(Fault { times: Some(1), ..Fault::new(What::ResetAfter).on("backup:StartRestoreJob") });
    let fate = Fate::DiesOnce(|event| matches!(event, Event::Stumbled { .. }));
    let end = bench.live(case, &mut Pen::new(journal, fate), state, None).await;
    assert!(matches!(end, End::Died), "{case}: it went on");
    assert_eq!(bench.inventory().restore_jobs.len(), 1, "{case}: the start had its effect");
    run
}

/// The token is durable before the start. AWS may have forgotten it: then the job is known by its mark.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_aws_has_forgotten_starts_nothing_twice() {
    for (case, away) in [("back within the minute", hours(0)), ("back after two days", hours(48))] {
        let world = worlds::QUICK.replace("token_lifetime: 30d", "token_lifetime: 1s");
        let bench = Bench::in_world(worlds::ORDERS, &world).await;
        let run = dies_unanswered(&bench, case).await;
        let token = bench.state(run).ledger[&name("orders")].intended.token.clone();
        bench.sandbox.advance(away);
        let state = bench.resume(case, run, None).await;
        assert_eq!(bench.inventory().restore_jobs.len(), 1, "{case}: a second job was started");
        assert_eq!(state.ledger[&name("orders")].intended.token, token, "{case}");
        assert!(conclusion(&state).verdict != Verdict::Leaked, "{case}: {}", reasons(&state));
        assert_harmless(case, &bench.before, &bench.inventory());
    }
}

/// A run that died with its intent durable and nothing sent; then somebody else uses its token for another restore.
async fn stolen_token(bench: &Bench, case: &str) -> RunId {
    let (journal, state) = bench.begin().await;
    let run = state.run;
    let fate = Fate::DiesOnce(|event| matches!(event, Event::RestoreIntended { .. }));
    let end = bench.live(case, &mut Pen::new(journal, fate), state, None).await;
    assert!(matches!(end, End::Died), "{case}: it never intended to restore");
    let intended = bench.state(run).ledger[&name("orders")].intended.clone();
    let mut metadata = intended.metadata.clone();
    metadata.insert("DBInstanceIdentifier".to_owned(), "billing-copy".to_owned());
    let ask = StartRestore {
        point: intended.point,
        role: intended.role,
        metadata,
        token: intended.token,
        resource_type: Some("RDS".to_owned()),
    };
    bench.services.cloud.vault.start_restore(&ask).await.expect("somebody else's restore is accepted");
    run
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_somebody_used_for_something_else_never_makes_that_the_runs_own() {
    for silent in [false, true] {
        let case = format!("AWS answers the other job instead of an error: {silent}");
        let world = format!("token_lifetime: 30d, silent_token_reuse: {silent}");
        let world = worlds::QUICK.replace("token_lifetime: 30d", &world);
        let bench = Bench::in_world(worlds::ORDERS, &world).await;
        let run = stolen_token(&bench, &case).await;
        let state = bench.resume(&case, run, None).await;
        assert!(conclusion(&state).verdict != Verdict::Passed, "{case}: {}", reasons(&state));
        let after = bench.inventory();
        assert_eq!(after.restore_jobs.len(), 1, "{case}: {:?}", after.restore_jobs);
        let deleted = after.calls.iter().any(|call| call.operation == "rds:DeleteDBInstance");
        assert!(!deleted, "{case}: a deletion was asked for");
        let theirs = after.restored().filter(|thing| thing.arn.ends_with(":billing-copy")).count();
        assert_eq!(theirs, 1, "{case}: what somebody else restored is gone");
        if silent {
            assert!(reasons(&state).contains("billing-copy"), "{case}: it is not named: {}", reasons(&state));
        }
    }
}

/// Another recovery point, another time, another try: every run has a token of its own, and the same one for each send.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_start_is_sent_with_the_same_token_and_every_run_has_its_own() {
    let case = "lost answers";
    let bench = Bench::new(worlds::ORDERS).await;
    for _ in 0..2 {
        bench.sandbox.add_fault(Fault { times: Some(2), ..Fault::new(What::ResetBefore).on("backup:StartRestoreJob") });
        let state = bench.run(case).await;
        assert_verdict(case, &state, Verdict::Passed);
    }
    let after = bench.inventory();
    let mut tokens: Vec<&str> = after.restore_jobs.iter().filter_map(|job| job.token.as_deref()).collect();
    assert_eq!(tokens.len(), 2, "{:?}", after.restore_jobs);
    tokens.dedup();
    assert_eq!(tokens.len(), 2, "two runs share a token");
    assert_clean(case, &bench.before, &after);
    assert_one_restore(case, &after);
}
