//! Several things at once: actions and their undoing, gates, one probe for each of several restores, recovery points of
//! one moment, and branches that do not drag each other down.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use restore_drill::definition::model::Definition;
use restore_drill::journal::event::{Event, GateAnswer, Recorded, StepEnd};
use restore_drill::journal::state::State;
use restore_drill::plan::step::Work;
use restore_drill::run::drive::Signal;
use restore_drill::sandbox::{Fault, What};
use restore_drill::words::kind::Verdict;

use crate::harness::check::assert_harmless;
use crate::harness::life::{Bench, End, Fate, Pen, conclusion, over};
use crate::harness::paper::name;
use crate::harness::still::{Scene, play};
use crate::harness::worlds;

/// Two databases, an action on both of them with an undo, and a probe of each.
const PAIR: &str = r#"version: 1
name: pair
title: Two databases
owner: platform@example.com
limits: { max_duration: 10d }
source: { region: eu-west-2, account: "123456789012" }
destination:
  region: eu-west-1
  account: "123456789012"
  vault: prod-rds-vault-dr
  restore_role: arn:aws:iam::123456789012:role/drill-restore
restore:
  orders: &db
    type: rds
    resource: arn:aws:rds:eu-west-2:123456789012:db:orders
    with: { subnet_group: drill-isolated, security_groups: [sg-0a1b2c3d4e5f60718] }
    timeout: 10d
  billing:
    <<: *db
    resource: arn:aws:rds:eu-west-2:123456789012:db:billing
actions:
  join:
    needs: [accepts]
    command:
      argv: [sh, -c, 'echo "$1 $2" >> joined', sh, "${{ restore.orders.identifier }}", "${{ restore.billing.identifier }}"]
    undo:
      command: { argv: [sh, -c, "echo undone >> joined"] }
probes:
  accepts:
    on: [orders, billing]
    tcp: {}
    retry: { for: 2d, every: 15s }
  joined:
    on: billing
    needs: [join]
    command: { argv: [sh, -c, 'printf "{\"lines\": %s}" "$(wc -l < joined)"'] }
    expect: { lines: { at_least: 1 } }
teardown: { timeout: 10d }
"#;

const QUICK_PAIR: &str = r#"version: 1
starts: "2026-11-21T12:00:00Z"
quotas: { token_lifetime: 30d }
resources:
  orders: { restore: { takes: 1m } }
  billing: { restore: { takes: 3m } }
"#;

async fn pair(text: &str) -> Bench {
    let mut bench = Bench::strict(text, QUICK_PAIR).await;
    for kind in ["restore", "ready", "probe", "action", "undo", "teardown", "pick", "preflight", "report"] {
        bench.allow(kind, SignedDuration::from_hours(240));
    }
    bench
}

fn ended(state: &State, work: Work) -> Option<&StepEnd> {
    state.step(&work).end()
}

/// Position of the first record that fits.
#[track_caller]
fn at(records: &[Recorded], what: &str, fits: impl Fn(&Event) -> bool) -> usize {
    records.iter().position(|record| fits(&record.event)).unwrap_or_else(|| panic!("{what} never happened"))
}

fn step_ended(id: &str) -> impl Fn(&Event) -> bool + '_ {
    move |event| matches!(event, Event::StepEnded { step, .. } if step.as_str() == id)
}

fn step_started(id: &str) -> impl Fn(&Event) -> bool + '_ {
    move |event| matches!(event, Event::StepStarted { step } if step.as_str() == id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_is_done_after_what_it_needs_and_undone_before_that_is_torn_down() {
    let case = "a pair";
    // What the action needs became two probes.
    let bench = pair(PAIR).await;
    let state = bench.run(case).await;
    assert_eq!(conclusion(&state).verdict, Verdict::Passed, "{:?}", conclusion(&state).reasons);
    let records = bench.records(state.run);
    let done = at(&records, "the action", step_started("action.join"));
    for needed in ["ready.orders", "ready.billing", "probe.accepts-orders", "probe.accepts-billing"] {
        assert!(at(&records, needed, step_ended(needed)) < done, "{needed} ends before the action begins");
    }
    let undone = at(&records, "the undo", step_ended("undo.join"));
    assert!(at(&records, "its user", step_ended("probe.joined")) < undone);
    for torn in ["teardown.orders", "teardown.billing"] {
        assert!(undone < at(&records, torn, step_started(torn)), "{torn} waits for the undo");
    }
    let text = std::fs::read_to_string(bench.services.folder.join("joined")).expect("the action wrote it");
    let short = state.run.short();
    assert_eq!(text, format!("drill-{short}-orders drill-{short}-billing\nundone\n"));
    assert_harmless(case, &bench.before, &bench.inventory());
    bench.assert_reported(case, state.run);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_that_was_cut_off_is_undone_and_one_that_never_began_is_not() {
    for (case, when, expected) in [
        ("begun", (|event| matches!(event, Event::ActionIntended { .. })) as fn(&Event) -> bool, true),
        ("not begun", |event| matches!(event, Event::Picked { .. }), false),
    ] {
        let bench = pair(PAIR).await;
        let (journal, state) = bench.begin().await;
        let run = state.run;
        let ended = bench.live(case, &mut Pen::new(journal, Fate::DiesOnce(when)), state, None).await;
        assert!(matches!(ended, End::Died), "{case}");
        let cancelled =
            bench.take_over(run, Some(restore_drill::journal::event::CancelBy::Command)).await.expect("it is owed");
        let (journal, state) = cancelled;
        let state = over(case, bench.live(case, &mut Pen::new(journal, Fate::Lives), state, None).await);
        let undone = state.actions.get(&name("join")).is_some_and(|action| !action.undone.is_empty());
        assert_eq!(undone, expected, "{case}");
        assert_eq!(conclusion(&state).verdict, Verdict::Inconclusive, "{case}: {:?}", conclusion(&state).reasons);
        assert_harmless(case, &bench.before, &bench.inventory());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_undone_is_a_leak_and_is_said() {
    let case = "no undo";
    let text = PAIR.replace("echo undone >> joined", "exit 7");
    let mut bench = pair(&text).await;
    bench.allow("undo", SignedDuration::from_mins(5));
    let state = bench.run(case).await;
    let conclusion = conclusion(&state);
    assert_eq!(conclusion.verdict, Verdict::Leaked, "{:?}", conclusion.reasons);
    assert!(conclusion.reasons[0].text.contains("undo.join"), "{:?}", conclusion.reasons);
    // The databases go all the same.
    assert_harmless(case, &bench.before, &bench.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_restore_fails_and_the_other_is_probed_and_both_are_gone() {
    let case = "a broken branch";
    let bench = pair(PAIR).await;
    let mut fault = Fault::new(What::JobFailed);
    fault.resource = Some("billing".to_owned());
    fault.leaves_partial = true;
    bench.sandbox.add_fault(fault);
    let state = bench.run(case).await;
    assert_eq!(conclusion(&state).verdict, Verdict::Failed, "{:?}", conclusion(&state).reasons);
    assert_eq!(ended(&state, Work::Probe(name("accepts-orders"))), Some(&StepEnd::Passed));
    for skipped in [Work::Probe(name("accepts-billing")), Work::Probe(name("joined")), Work::Action(name("join"))] {
        assert!(matches!(ended(&state, skipped.clone()), Some(StepEnd::Skipped { .. })), "{skipped}");
    }
    assert_harmless(case, &bench.before, &bench.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restores_run_side_by_side_up_to_the_limit() {
    for (limit, together) in [(1, 1), (2, 2)] {
        let text = PAIR.replace("max_duration: 10d", &format!("max_duration: 10d, max_parallel_restores: {limit}"));
        let bench = pair(&text).await;
        let state = bench.run("side by side").await;
        let (mut now, mut most) = (0, 0);
        for record in bench.records(state.run) {
            match record.event {
                Event::StepStarted { step } if step.as_str().starts_with("restore.") => now += 1,
                Event::StepEnded { step, .. } if step.as_str().starts_with("restore.") => now -= 1,
                _ => {}
            }
            most = most.max(now);
        }
        assert_eq!(most, together);
    }
}

fn gated() -> String {
    worlds::orders_with(
        "teardown: { timeout: 10d }",
        "  looks-right:\n    on: orders\n    needs: [go-on]\n    tcp: {}\ngates:\n  go-on: { ask: \"Does it look right?\", needs: \
         [accepts-connections], timeout: 2h }\nteardown: { timeout: 10d }",
    )
}

fn said(approved: bool) -> GateAnswer {
    GateAnswer { approved, by: "Ada".into(), at: "ada@desk".into(), note: "seen".into() }
}

/// Drives a gated drill, and answers once the gate is open.
async fn answered(case: &str, answer: Option<GateAnswer>) -> (Bench, State) {
    let mut bench = Bench::new(&gated()).await;
    bench.allow("gate", SignedDuration::from_hours(2));
    let (journal, state) = bench.begin().await;
    let mut pen = Pen::new(journal, Fate::Lives);
    let answer = answer.map(|answer| Signal::Answer { gate: name("go-on"), answer });
    let state = over(case, bench.live_answering(case, &mut pen, state, answer).await);
    (bench, state)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_waits_for_a_person_and_that_time_is_apart() {
    let (bench, state) = answered("yes", Some(said(true))).await;
    let conclusion = conclusion(&state);
    assert_eq!(conclusion.verdict, Verdict::Passed, "{:?}", conclusion.reasons);
    let rto = conclusion.measures.rto.value.expect("it is measured");
    let green = state.probes[&name("looks-right")].tried[0].1;
    let whole = green.duration_since(state.started_at);
    assert_eq!(rto + conclusion.measures.waited, whole);
    assert!(!conclusion.measures.waited.is_zero());
    let phases: SignedDuration = conclusion.measures.rto_phases.iter().map(|(_, took)| *took).sum();
    assert_eq!(phases, rto);
    let report = std::fs::read_to_string(bench.evidence().join("report.md")).expect("a report");
    assert!(report.contains("Ada") && report.contains("Does it look right?"), "{report}");
    assert_harmless("yes", &bench.before, &bench.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_no_and_silence_tear_down() {
    for (case, answer, why) in [("no", Some(said(false)), "Ada said no"), ("silence", None, "nobody answered")] {
        let (bench, state) = answered(case, answer).await;
        let conclusion = conclusion(&state);
        assert_eq!(conclusion.verdict, Verdict::Inconclusive, "{case}: {:?}", conclusion.reasons);
        assert!(conclusion.reasons.iter().any(|reason| reason.text.contains(why)), "{case}: {:?}", conclusion.reasons);
        assert_harmless(case, &bench.before, &bench.inventory());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recovery_points_of_one_moment_are_chosen_together() {
    let text = PAIR.replace("actions:", "consistency: { within: 1h }\nactions:");
    // Billing's newest copies never came: the newest moment that both have is two nights ago.
    let world = QUICK_PAIR.replace("takes: 3m }", "takes: 3m }, newest_copy: { age: 40h }");
    let mut bench = Bench::strict(&text, &world).await;
    bench.plan.steps.iter_mut().for_each(|step| step.timeout = SignedDuration::from_hours(240));
    let state = bench.run("together").await;
    assert_eq!(conclusion(&state).verdict, Verdict::Passed, "{:?}", conclusion(&state).reasons);
    let created: BTreeMap<&str, _> = state
        .picked
        .iter()
        .map(|(name, picked)| (name.as_str(), picked.chosen.as_ref().and_then(|point| point.created).expect("chosen")))
        .collect();
    let skew = conclusion(&state).measures.skew.clone().expect("a group has a span");
    assert_eq!(skew.value, Some((created["orders"].duration_since(created["billing"])).abs()));
    assert_eq!(skew.met(), Some(true));
    let age = state.started_at.duration_since(created["orders"]);
    assert!(age > SignedDuration::from_hours(30), "orders goes back with billing: {age}");
    let passed_over = &state.picked[&name("orders")].rejected;
    assert!(passed_over.iter().any(|point| point.reason.contains("compatible")), "{passed_over:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_compatible_recovery_points_nothing_is_restored() {
    let text = PAIR.replace("actions:", "consistency: { within: 1s }\nactions:");
    let world = QUICK_PAIR.replace("takes: 3m }", "takes: 3m }, newest_copy: { age: 40d }");
    let mut bench = Bench::strict(&text, &world).await;
    bench.plan.steps.iter_mut().for_each(|step| step.timeout = SignedDuration::from_hours(240));
    let state = bench.run("apart").await;
    assert_eq!(conclusion(&state).verdict, Verdict::Failed, "{:?}", conclusion(&state).reasons);
    assert!(bench.inventory().restore_jobs.is_empty());
}

#[test]
fn one_probe_for_each_of_several_has_its_own_name_and_its_own_references() {
    let text = PAIR.replace("    tcp: {}\n", "    tcp: { host: \"${{ on.endpoint.host }}\" }\n");
    let definition: Definition = worlds::definition(&text);
    let names: Vec<&str> = definition.probes.keys().map(restore_drill::words::id::Name::as_str).collect();
    assert_eq!(names, ["accepts-billing", "accepts-orders", "joined"]);
    let host = definition.probes[&name("accepts-billing")].settings["host"].as_str();
    assert_eq!(host, Some("${{ restore.billing.endpoint.host }}"));
}

/// Two probes that are asked at one instant and answer at one instant: what they said is made durable together.
#[test]
fn what_has_ended_together_is_one_append() {
    let probes = "  one:\n    on: orders\n    tcp: {}\n  two:\n    on: orders\n    tcp: {}\n";
    let definition = worlds::orders_probed_by(probes);
    let told = play(Scene::new(&definition, worlds::QUICK), |still| async move { still.run(Vec::new()).await });
    assert_eq!(conclusion(&told.state).verdict, Verdict::Passed, "{:?}", conclusion(&told.state).reasons);
    let answers = |append: &Vec<Recorded>| append.iter().filter(|record| tries(&record.event)).count();
    let answers: Vec<usize> = told.appends.iter().map(answers).filter(|answers| *answers > 0).collect();
    assert_eq!(answers, [2]);
    // The outcomes and what follows from them: both probes pass, and the teardown begins.
    let append = told.appends.iter().find(|append| append.iter().any(|record| tries(&record.event)));
    let append = append.expect("they answered");
    for id in ["probe.one", "probe.two"] {
        assert!(append.iter().any(|record| step_ended(id)(&record.event)), "{id}");
    }
    assert!(append.iter().any(|record| step_started("teardown.orders")(&record.event)));
}

fn tries(event: &Event) -> bool {
    matches!(event, Event::ProbeTried { .. })
}
