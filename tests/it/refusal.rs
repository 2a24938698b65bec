//! Nobody lets the drill: credentials that expire, permissions that are missing, regions that are away, definitions and
//! credentials that do not fit each other. What was made is never forgotten; what was not begun leaves no trace.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use restore_drill::aws::resource::facts;
use restore_drill::definition::load::check_text;
use restore_drill::journal::event::Event;
use restore_drill::journal::state::State;
use restore_drill::sandbox::file::Span;
use restore_drill::sandbox::{Fault, Hold, Sandbox, What, When};
use restore_drill::words::kind::Verdict;
use serde_json::Value;

use crate::harness::check::{assert_clean, assert_harmless, assert_only_own_touched, assert_untouched};
use crate::harness::child::Drill;
use crate::harness::life::{Bench, conclusion};
use crate::harness::worlds::{self, ACCOUNT, HERE, THERE};

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

/// Every operation of a run that nobody disturbs.
async fn operations(bench: &Bench) -> Vec<String> {
    let state = bench.run("undisturbed").await;
    assert_verdict("undisturbed", &state, Verdict::Passed);
    let mut operations: Vec<String> = bench.inventory().calls.into_iter().map(|call| call.operation).collect();
    operations.sort();
    operations.dedup();
    assert!(operations.len() >= 12, "{operations:?}");
    operations
}

/// The credentials expire before any call, are refreshed, and the run goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_expire_before_any_call_only_cost_time() {
    let bench = Bench::new(worlds::ORDERS).await;
    for operation in operations(&bench).await {
        let case = format!("expired before {operation}");
        bench.sandbox.add_fault(Fault { times: Some(2), ..Fault::new(What::ExpiredToken).on(&operation) });
        let state = bench.run(&case).await;
        assert_verdict(&case, &state, Verdict::Passed);
        assert_harmless(&case, &bench.before, &bench.inventory());
    }
}

/// The teardown has a time of its own, and the ledger forgets nothing while it lasts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_expire_during_teardown_delay_it_or_leave_what_is_named() {
    let bench = Bench::new(worlds::ORDERS).await;
    let case = "expired for twenty tries of the deletion";
    bench.sandbox.add_fault(Fault { times: Some(20), ..Fault::new(What::ExpiredToken).on("rds:DeleteDBInstance") });
    let state = bench.run(case).await;
    assert_verdict(case, &state, Verdict::Passed);
    assert_harmless(case, &bench.before, &bench.inventory());

    let case = "expired until somebody renews them";
    let mut bench = Bench::new(worlds::ORDERS).await;
    bench.allow("teardown", SignedDuration::from_hours(2));
    bench.sandbox.add_fault(Fault {
        until: Some(Span(SignedDuration::from_hours(100))),
        ..Fault::new(What::ExpiredToken).on("rds:DeleteDBInstance")
    });
    let state = bench.run(case).await;
    assert_verdict(case, &state, Verdict::Leaked);
    let after = bench.inventory();
    let left = after.restored().find(|thing| thing.kind == "rds:db").expect("it is left behind");
    for wanted in [left.arn.as_str(), "drill resume", "aws rds delete-db-instance"] {
        assert!(reasons(&state).contains(wanted), "`{wanted}` is not in:\n{}", reasons(&state));
    }
    bench.sandbox.advance(SignedDuration::from_hours(100));
    let state = bench.resume(case, state.run, None).await;
    assert_verdict(case, &state, Verdict::Passed);
    assert_harmless(case, &bench.before, &bench.inventory());
}

/// STS answers who the caller is: before the run, and before the first change with a key that it was not asked about yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_sts_is_down_nothing_is_changed_and_afterwards_the_run_goes_on() {
    for (what, after) in [(What::Error500, 0), (What::Error500, 1), (What::ResetBefore, 2), (What::Throttle, 3)] {
        let case = format!("{what:?} of sts after {after} answers");
        let bench = Bench::new(worlds::ORDERS).await;
        bench.sandbox.add_fault(Fault { after, times: Some(15), ..Fault::new(what).on("sts:*") });
        let state = bench.run(&case).await;
        assert_verdict(&case, &state, Verdict::Passed);
        assert_harmless(&case, &bench.before, &bench.inventory());
    }
}

/// A run in which something goes wrong as soon as its restore job is looked at.
async fn from_the_first_look_on(bench: &Bench, case: &str, fault: Fault) -> State {
    let rule = Hold { operation: "backup:DescribeRestoreJob".to_owned(), nth: 1, when: When::Before };
    let held = bench.sandbox.hold(rule);
    let goes_wrong = async {
        let reached = tokio::time::timeout(Duration::from_secs(30), held.reached()).await;
        reached.expect("the job is looked at");
        bench.sandbox.add_fault(fault);
        held.release();
    };
    let (state, ()) = tokio::join!(bench.run(case), goes_wrong);
    state
}

/// A role that is revoked in the middle of the run: nothing more can be looked at, changed or removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_no_longer_be_looked_at_or_removed_is_left_named_and_retried() {
    let word = "explicit deny in a service control policy";
    for operation in ["rds:DescribeDBInstances", "rds:DeleteDBInstance", "rds:*"] {
        let case = format!("{operation} is denied");
        let bench = Bench::new(worlds::ORDERS).await;
        let message = Some(format!("User is not authorized to perform {operation} with an {word}"));
        let until = Some(Span(SignedDuration::from_hours(500)));
        let denied = Fault { message, until, ..Fault::new(What::AccessDenied).on(operation) };
        let state = from_the_first_look_on(&bench, &case, denied).await;
        assert_verdict(&case, &state, Verdict::Leaked);
        assert_eq!(conclusion(&state).verdict.exit_code(), 4);
        let after = bench.inventory();
        let left = after.restored().find(|thing| thing.kind == "rds:db").expect("it is left behind");
        for wanted in [left.arn.as_str(), word, "drill resume"] {
            assert!(reasons(&state).contains(wanted), "{case}: `{wanted}` is not in:\n{}", reasons(&state));
        }
        bench.assert_reported(&case, state.run);
        bench.sandbox.advance(SignedDuration::from_hours(500));
        let state = bench.resume(&case, state.run, None).await;
        assert!(conclusion(&state).verdict != Verdict::Leaked, "{case}: {}", reasons(&state));
        let after = bench.inventory();
        assert_clean(&case, &bench.before, &after);
        assert_only_own_touched(&case, &bench.before, &after);
    }
}

/// One service of the region is away and the others are not: the run waits, and ends when it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_that_is_away_in_part_is_waited_for() {
    for (operation, after) in [("rds:*", 1), ("rds:*", 6), ("backup:*", 4), ("ec2:*", 0), ("kms:*", 0)] {
        let case = format!("{operation} is away after {after} answers");
        let bench = Bench::new(worlds::ORDERS).await;
        bench.sandbox.add_fault(Fault { after, times: Some(30), ..Fault::new(What::ResetBefore).on(operation) });
        let state = bench.run(&case).await;
        // What a preflight cannot look at is no obstacle; it is said not to have been checked.
        assert_verdict(&case, &state, Verdict::Passed);
        assert_harmless(&case, &bench.before, &bench.inventory());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_that_goes_away_for_good_leaves_what_is_named_and_retried() {
    let case = "the region goes away when the job was started";
    let mut bench = Bench::new(worlds::ORDERS).await;
    bench.allow("restore", SignedDuration::from_hours(3));
    bench.allow("teardown", SignedDuration::from_hours(3));
    let until = Some(Span(SignedDuration::from_hours(1_000)));
    let away = Fault { region: Some(THERE.to_owned()), until, ..Fault::new(What::Unreachable) };
    let state = from_the_first_look_on(&bench, case, away).await;
    assert_verdict(case, &state, Verdict::Leaked);
    assert!(reasons(&state).contains("drill resume"), "{}", reasons(&state));
    bench.sandbox.advance(SignedDuration::from_hours(1_000));
    let state = bench.resume(case, state.run, None).await;
    assert_verdict(case, &state, Verdict::Inconclusive);
    assert_harmless(case, &bench.before, &bench.inventory());
}

/// The real program, in a world of its own.
async fn ground() -> (Drill, Sandbox, String) {
    let sandbox = worlds::start(&worlds::definition(worlds::ORDERS), worlds::QUICK, worlds::STEADY).await;
    let url = format!("--sandbox={}", sandbox.url());
    (Drill::new().definition("orders", worlds::ORDERS), sandbox, url)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_run_first_removes_what_a_denied_teardown_left() {
    let case = "a leak, and the next run";
    let (drill, sandbox, url) = ground().await;
    let before = sandbox.inventory();
    sandbox.add_fault(Fault { times: Some(1), ..Fault::new(What::DenyDelete) });
    drill.ask(&["run", "orders", &url]).await.ends(4);
    assert_eq!(sandbox.inventory().restored().filter(|thing| thing.kind == "rds:db").count(), 1);
    let said = drill.ask(&["run", "orders", &url]).await.ends(0);
    assert!(said.stderr.contains("its teardown comes first"), "{said:?}");
    assert_harmless(case, &before, &sandbox.inventory());
    let runs = drill.ask(&["status", "--output", "json"]).await.json();
    let verdicts: Vec<&str> =
        runs["runs"].as_array().into_iter().flatten().filter_map(|run| run["verdict"].as_str()).collect();
    assert_eq!(verdicts, ["passed", "passed"], "what leaked passed once it was removed");
}

/// The next run of the drill is denied as well: what is owed stays owed, is said, and is not forgotten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stays_denied_stays_owed() {
    let (drill, sandbox, url) = ground().await;
    let before = sandbox.inventory();
    sandbox.add_fault(Fault { times: Some(2), ..Fault::new(What::DenyDelete) });
    drill.ask(&["run", "orders", &url]).await.ends(4);
    let first = drill.last_id().await;
    let said = drill.ask(&["run", "orders", &url]).await;
    assert!(said.stderr.contains("is still not clean") && said.stderr.contains(&first), "{said:?}");
    drill.ask(&["resume", "--all"]).await.ends(0);
    assert_harmless("owed, and paid in the end", &before, &sandbox.inventory());
}

// ---- before the first write ----

/// [`worlds::ORDERS`], restored in another region.
fn restored_in(region: &str) -> String {
    worlds::orders_with("  region: eu-west-1\n", &format!("  region: {region}\n"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn source_and_destination_that_are_the_same_are_refused_before_the_first_request() {
    let case = "the same region";
    let (_, sandbox, url) = ground().await;
    let before = sandbox.inventory();
    let same = restored_in(HERE);
    let problems =
        check_text("orders.yaml", same.as_bytes(), None, &BTreeMap::new(), facts).expect_err("it is refused");
    assert!(problems.diagnostics.iter().any(|one| one.message.contains("same region")), "{:?}", problems.diagnostics);
    let said = Drill::new().definition("orders", &same).ask(&["run", "orders", &url]).await.ends(2);
    assert!(said.all().contains("same_region: true"), "{said:?}");
    let after = sandbox.inventory();
    assert_eq!(after.calls.len(), before.calls.len(), "{case}: something was asked");
    assert_untouched(case, &before, &after);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wrong_account_behind_the_credentials_is_found_before_the_first_write() {
    let case = "credentials of another account";
    let mut bench = Bench::new(worlds::ORDERS).await;
    for other in ["999999999999", "210987654321"] {
        bench.use_account(other).await;
        let state = bench.run(case).await;
        assert_verdict(case, &state, Verdict::Inconclusive);
        let said = reasons(&state);
        assert!(said.contains(other) && said.contains(ACCOUNT) && said.contains("--profile"), "{said}");
        assert!(state.ledger.is_empty(), "{case}: something was meant to be made");
        let after = bench.inventory();
        let asked: Vec<&str> = after.calls.iter().map(|call| call.operation.as_str()).collect();
        assert!(asked.iter().all(|operation| *operation == "sts:GetCallerIdentity"), "{case}: {asked:?}");
        assert_untouched(case, &bench.before, &after);
    }
}

/// A vault that is not in the destination's region or account: nothing is restored from it, and nothing begun.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vault_in_the_wrong_region_is_found_before_the_first_write() {
    // The world has the vault of `ORDERS` in `eu-west-1`; the run looks for it in other regions.
    let world = worlds::definition(worlds::ORDERS);
    let sandbox = worlds::start(&world, worlds::QUICK, worlds::STEADY).await;
    let before = sandbox.inventory();
    for region in ["eu-central-1", "us-east-1"] {
        let case = format!("the vault is looked for in {region}");
        let text = restored_in(region);
        let drill = Drill::new().definition("orders", &text);
        let url = format!("--sandbox={}", sandbox.url());
        let run = drill.ask(&["run", "orders", &url, "--output", "json"]).await.ends(3).json();
        assert_eq!(run["verdict"], "inconclusive", "{run:#}");
        assert_eq!(run["failure"]["step"], "preflight", "{run:#}");
        let made = run["created"].as_array().map_or(0, Vec::len);
        assert_eq!(made, 0, "{run:#}");
        let message = run["failure"]["message"].as_str().unwrap_or_default().to_lowercase();
        assert!(message.contains("vault"), "{message}");
        assert_untouched(&case, &before, &sandbox.inventory());
    }
}

/// Whatever the order, a name for production is no name for a restore: nobody can restore over what exists.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_definition_cannot_ask_to_restore_over_what_exists() {
    let (_, sandbox, url) = ground().await;
    let before = sandbox.inventory();
    for line in ["metadata: { DBInstanceIdentifier: orders }", "metadata: { dbinstanceidentifier: orders }"] {
        let text = worlds::orders_with("    timeout: 10d\n", &format!("    {line}\n    timeout: 10d\n"));
        let said = Drill::new().definition("orders", &text).ask(&["run", "orders", &url]).await.ends(2);
        assert!(said.all().contains("cannot be set"), "{line}: {said:?}");
        assert_untouched(line, &before, &sandbox.inventory());
    }
}

/// A failure is said once with its place: the journal of a run that began nothing has nothing in its ledger.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_refused_at_the_door_has_no_intent() {
    let bench = Bench::new(worlds::ORDERS).await;
    bench.sandbox.add_fault(Fault::new(What::AccessDenied).on("backup:DescribeBackupVault"));
    let state = bench.run("a vault that is denied").await;
    assert_verdict("a vault that is denied", &state, Verdict::Inconclusive);
    let intents = bench.records(state.run).into_iter().filter(|record| {
        let text = serde_json::to_value(&record.event).unwrap_or(Value::Null);
        text["event"].as_str().is_some_and(|word| word.ends_with("_intended"))
    });
    assert_eq!(intents.count(), 0);
    let refused = bench.records(state.run).iter().any(|record| matches!(record.event, Event::Preflighted { .. }));
    assert!(refused, "what the preflight found is in the journal");
}
