//! What bounds a run: its cost, and how much of it is under way at once.

use jiff::SignedDuration;
use restore_drill::aws::resource::facts;
use restore_drill::cloud::vault::JobStatus;
use restore_drill::journal::event::{CancelBy, Class, Event};
use restore_drill::run::decide::{Next, Situation};
use restore_drill::run::guards::Guards;
use restore_drill::run::pace::Looked;
use restore_drill::words::kind::Verdict;

use crate::harness::check::{assert_harmless, assert_untouched};
use crate::harness::child::Drill;
use crate::harness::life::{Bench, conclusion};
use crate::harness::paper::{Paper, failed, id, job, job_id, name};
use crate::harness::worlds;

/// A bound on the cost, and what an hour of a database costs.
fn costing(most: &str, per_hour: &str) -> String {
    let limits =
        format!("limits: {{ max_duration: 10d, max_cost_usd: {most} }}\nrates: {{ rds: {{ per_hour: {per_hour} }} }}");
    worlds::orders_with("limits: { max_duration: 10d }", &limits)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_estimate_above_the_bound_starts_nothing() {
    let case = "too dear";
    let bench = Bench::new(&costing("1", "1000")).await;
    let state = bench.run(case).await;
    assert_eq!(conclusion(&state).verdict, Verdict::Inconclusive, "{:?}", conclusion(&state).reasons);
    let reasons: Vec<&str> = conclusion(&state).reasons.iter().map(|reason| reason.text.as_str()).collect();
    assert!(reasons.iter().any(|text| text.contains("max_cost_usd") && text.contains("estimated")), "{reasons:?}");
    assert_untouched(case, &bench.before, &bench.inventory());
    bench.assert_reported(case, state.run);
}

/// The estimate goes by what restores usually take; this one takes six hours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_has_cost_too_much_is_ended_and_torn_down() {
    let case = "dearer than estimated";
    let world = worlds::QUICK.replace("takes: 1m", "takes: 6h");
    let mut bench = Bench::strict(&costing("2", "1"), &world).await;
    bench.plan.steps.iter_mut().for_each(|step| step.timeout = SignedDuration::from_hours(240));
    let state = bench.run(case).await;
    let (at, by) = state.cancelled.clone().expect("it was ended");
    assert_eq!((by, conclusion(&state).verdict), (CancelBy::MaxCost, Verdict::Inconclusive));
    let accepted = state.ledger[&name("orders")].accepted_at.expect("it was accepted");
    assert!(at.duration_since(accepted) >= SignedDuration::from_mins(119), "two hours cost two dollars");
    assert_harmless(case, &bench.before, &bench.inventory());
    let report = std::fs::read_to_string(bench.evidence().join("report.md")).expect("there is a report");
    for wanted in ["Estimated cost", "Most that it may cost", "2.00 USD", "Basis for"] {
        assert!(report.contains(wanted), "{wanted}: {report}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_within_its_bound_passes_and_says_what_it_cost() {
    let case = "cheap enough";
    let bench = Bench::new(&costing("100", "1")).await;
    let state = bench.run(case).await;
    assert_eq!(conclusion(&state).verdict, Verdict::Passed, "{:?}", conclusion(&state).reasons);
    assert_harmless(case, &bench.before, &bench.inventory());
    let json = restore_drill::report::json::summary(&state, None);
    assert_eq!(json["cost"]["max_usd"], 100.0);
    assert!(json["cost"]["spent_usd"].is_number(), "{json:#}");
}

#[tokio::test]
async fn a_plan_shows_the_cost_with_its_basis_or_that_there_is_none() {
    let with_size = costing("100", "0.5").replace("per_hour: 0.5", "per_hour: 0.5, per_gb_month: 0.133");
    let drill = Drill::new().definition("orders", &with_size);
    let text = drill.ask(&["plan", "orders"]).await.ends(0).stdout;
    assert!(text.contains("0.5 for each of ") && text.contains("the size is not known"), "{text}");
    assert!(text.contains("of 100.00 USD allowed"), "{text}");
    let json = drill.ask(&["plan", "orders", "--output", "json"]).await.ends(0).json();
    assert!(json["cost"]["usd"].as_f64().is_some_and(|usd| usd > 0.0 && usd < 1.0), "{json:#}");
    let plain = Drill::new().definition("orders", worlds::ORDERS);
    let text = plain.ask(&["plan", "orders"]).await.ends(0).stdout;
    assert!(text.contains("not estimated: the definition has no `rates`"), "{text}");
}

/// A job that outlived its step is still under way: with one at a time, the next restore waits for it.
#[test]
fn a_job_whose_step_is_over_counts_until_it_is_over_itself() {
    let (head, probes) = worlds::ORDERS.split_once("probes:").expect("there are probes");
    let text = format!(
        "{head}  billing:\n    type: rds\n    resource: arn:aws:rds:eu-west-2:123456789012:db:billing\n    timeout: 10d\nprobes:\n  \
         billed: {{ on: billing, tcp: {{}} }}{probes}"
    );
    let text = text.replace("max_duration: 10d", "max_duration: 10d, max_parallel_restores: 1");
    let mut paper = Paper::begin(&worlds::definition(&text));
    for step in ["preflight", "pick.orders", "pick.billing"] {
        paper.starts(0, step);
        paper.passes(1, step);
    }
    paper.starts(0, "restore.orders");
    paper.intends();
    paper.then(1, &Event::RestoreAccepted { restore: name("orders"), job: job_id(), found: false });
    paper.then(1, &Event::JobSeen { restore: name("orders"), job: job(JobStatus::Running, None) });
    assert_eq!(wants(&paper), Next::Idle, "one is under way");
    paper.ends(60, "restore.orders", failed(Class::Deadline));
    assert_eq!(wants(&paper), Next::Idle, "its job still is");
    paper.then(1, &Event::JobSeen { restore: name("orders"), job: job(JobStatus::Failed, None) });
    assert_eq!(wants(&paper), Next::record(Event::StepStarted { step: id("restore.billing") }));
}

fn wants(paper: &Paper) -> Next {
    let looked = Looked::default();
    let guards = Guards::all();
    let situation = Situation { state: &paper.state, now: paper.at, looked: &looked, types: facts, guards };
    situation.next(paper.state.started.plan.step(&id("restore.billing")).expect("the plan has it"))
}
