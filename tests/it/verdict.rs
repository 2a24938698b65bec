//! What a history is worth: the verdict, its precedence, and measures that add up.

use jiff::SignedDuration;
use restore_drill::cloud::resource::Phase;
use restore_drill::cloud::vault::CopyEvidence;
use restore_drill::journal::event::{CancelBy, Class, Event, GoneProof, StepEnd};
use restore_drill::journal::measure::measure;
use restore_drill::journal::verdict::Conclusion;
use restore_drill::words::kind::Verdict;
use serde_json::json;

use crate::harness::paper::{ORDERS, Paper, failed, name, seen};
use crate::harness::worlds;

/// Two probes: one that decides, one that is only reported.
const TWO_PROBES: &str =
    "  decides:\n    on: orders\n    tcp: {}\n  told:\n    on: orders\n    tcp: {}\n    severity: advisory\n";

fn paper(objectives: &str) -> Paper {
    let text = worlds::orders_probed_by(TWO_PROBES);
    let text = text.replace("limits:", &format!("objectives: {objectives}\nlimits:"));
    Paper::begin(&worlds::definition(&text))
}

/// Generous targets: all are met by the histories here.
const MET: &str = "{ rto: 1h, rpo: 26h, copy_lag: 6h }";

/// What the probes bring, and how the teardown goes.
struct History {
    decides: Probe,
    told: Probe,
    leaks: bool,
    cancelled: bool,
}

enum Probe {
    Holds,
    Fails(Class),
    NotMeasured,
    Skipped,
}

impl Probe {
    fn write(&self, paper: &mut Paper, probe: &str) {
        let step = format!("probe.{probe}");
        match self {
            Self::Holds => paper.holds(1, probe, &[]),
            Self::Fails(class) => paper.misses(probe, *class),
            Self::NotMeasured => paper.ends(1, &step, StepEnd::NotMeasured { because: "no server".to_owned() }),
            Self::Skipped => paper.ends(1, &step, StepEnd::Skipped { because: "the run was ended".to_owned() }),
        }
    }
}

const PASSING: History = History { decides: Probe::Holds, told: Probe::Holds, leaks: false, cancelled: false };

fn concluded(history: &History) -> Conclusion {
    let mut paper = paper(MET);
    paper.restored();
    if history.cancelled {
        paper.then(1, &Event::CancelRequested { by: CancelBy::Signal });
    }
    history.decides.write(&mut paper, "decides");
    history.told.write(&mut paper, "told");
    if history.leaks {
        paper.starts(0, "teardown.orders");
        paper.ends(7_200, "teardown.orders", failed(Class::Deadline));
    } else {
        paper.torn_down();
    }
    paper.concludes()
}

#[test]
fn a_run_in_which_everything_held_passes_without_a_reason() {
    let conclusion = concluded(&PASSING);
    assert_eq!(conclusion.verdict, Verdict::Passed);
    assert!(conclusion.reasons.is_empty(), "{:?}", conclusion.reasons);
}

#[test]
fn every_history_has_its_verdict() {
    let decides = |decides| History { decides, ..PASSING };
    for (what, history, wanted) in [
        ("a probe that misses", decides(Probe::Fails(Class::Data)), Verdict::Failed),
        ("a control that passes", decides(Probe::Fails(Class::Untrustworthy)), Verdict::Failed),
        ("a probe that cannot run", decides(Probe::Fails(Class::Environment)), Verdict::Inconclusive),
        ("a probe that is late", decides(Probe::Fails(Class::Deadline)), Verdict::Inconclusive),
        ("a probe that was ended", decides(Probe::Fails(Class::Cancelled)), Verdict::Inconclusive),
        ("a probe that is not measured", decides(Probe::NotMeasured), Verdict::Inconclusive),
        ("a probe that is skipped", decides(Probe::Skipped), Verdict::Inconclusive),
        ("an advisory probe", History { told: Probe::Fails(Class::Data), ..PASSING }, Verdict::Passed),
        ("an advisory probe, not measured", History { told: Probe::NotMeasured, ..PASSING }, Verdict::Passed),
        ("a run that was ended", History { cancelled: true, ..PASSING }, Verdict::Inconclusive),
        ("a leak", History { leaks: true, ..PASSING }, Verdict::Leaked),
    ] {
        let conclusion = concluded(&history);
        assert_eq!(conclusion.verdict, wanted, "{what}: {:?}", conclusion.reasons);
        assert_eq!(conclusion.reasons.is_empty(), wanted == Verdict::Passed, "{what}: {:?}", conclusion.reasons);
    }
}

#[test]
fn leaked_wins_over_failed_over_inconclusive_and_each_is_still_said() {
    let all = History { decides: Probe::Fails(Class::Data), leaks: true, cancelled: true, ..PASSING };
    let conclusion = concluded(&all);
    assert_eq!(conclusion.verdict, Verdict::Leaked);
    let makes: Vec<Verdict> = conclusion.reasons.iter().map(|reason| reason.makes).collect();
    assert_eq!(makes.first(), Some(&Verdict::Leaked));
    assert!(makes.contains(&Verdict::Failed) && makes.contains(&Verdict::Inconclusive), "{makes:?}");
    let without_leak = concluded(&History { leaks: false, ..all });
    assert_eq!(without_leak.verdict, Verdict::Failed);
}

#[test]
fn a_leak_names_the_thing_the_job_and_what_removes_it() {
    let conclusion = concluded(&History { leaks: true, ..PASSING });
    let leak = conclusion.reasons.first().expect("a reason");
    let advice = leak.advice.as_deref().unwrap_or_default();
    assert!(leak.text.contains("drill-07070707-orders") && leak.text.contains("5A3D7C42"), "{}", leak.text);
    assert!(advice.contains("drill resume") && advice.contains("aws rds delete-db-instance"), "{advice}");
}

/// Its world ended before anybody resumed it: what the run had shown until then stays shown.
#[test]
fn a_leaked_run_whose_world_is_gone_was_over() {
    let mut paper = paper(MET);
    paper.restored();
    paper.holds(1, "decides", &[]);
    paper.holds(1, "told", &[]);
    paper.starts(0, "teardown.orders");
    paper.ends(1, "teardown.orders", failed(Class::Deadline));
    let leaked = paper.concludes();
    assert_eq!(leaked.verdict, Verdict::Leaked);
    paper.then(0, &Event::Concluded { conclusion: Box::new(leaked) });
    paper.passes(0, "report");
    paper.then(60, &Event::RunResumed { by: "somebody@somewhere".to_owned() });
    paper.then(0, &Event::TeardownReopened);
    paper.then(0, &Event::CancelRequested { by: CancelBy::WorldLost });
    paper.starts(0, "teardown.orders");
    paper.then(0, &Event::Gone { restore: name(ORDERS), proof: GoneProof::WorldLost });
    paper.passes(0, "teardown.orders");
    let conclusion = paper.concludes();
    assert_eq!(conclusion.verdict, Verdict::Passed, "{:?}", conclusion.reasons);
}

#[test]
fn one_end_is_one_reason_and_says_who_ended_the_run() {
    let mut paper = paper(MET);
    paper.restored();
    paper.starts(0, "probe.decides");
    let text = "everything was stopped by ada@desk at 03:00".to_owned();
    paper.then(0, &Event::Warned { step: "report".parse().expect("a step's id"), text });
    paper.then(0, &Event::CancelRequested { by: CancelBy::Stopped });
    paper.ends(0, "probe.decides", failed(Class::Cancelled));
    paper.ends(0, "probe.told", StepEnd::Skipped { because: "the run was ended".to_owned() });
    paper.torn_down();
    let conclusion = paper.concludes();
    let ended: Vec<_> = conclusion.reasons.iter().filter(|reason| reason.text.contains("was ended")).collect();
    assert_eq!(ended.len(), 1, "{:?}", conclusion.reasons);
    assert!(ended[0].text.contains("ada@desk") && ended[0].advice.is_some(), "{:?}", ended[0]);
    assert!(conclusion.measures.rto.value.is_none() && conclusion.measures.rto_phases.is_empty());
}

/// `shop` once said that its probe took eight minutes: it had waited for another restore.
#[test]
fn what_the_recovery_time_is_made_of_follows_the_critical_path() {
    let app = "  app:\n    type: rds\n    resource: arn:aws:rds:eu-west-2:123456789012:db:app\n    needs: [orders]\n    \
               with: { instance_class: db.t4g.medium, subnet_group: drill-isolated, \
               security_groups: [sg-0a1b2c3d4e5f60718] }\n";
    let probes = "  decides:\n    on: orders\n    tcp: {}\n  answers:\n    on: app\n    tcp: {}\n";
    let text = worlds::orders_probed_by(probes).replace("\nprobes:\n", &format!("\n{app}probes:\n"));
    let mut paper = Paper::begin(&worlds::definition(&text));
    paper.starts(0, "pick.app");
    paper.passes(0, "pick.app");
    paper.restored();
    paper.holds(2, "decides", &[]);
    paper.starts(0, "restore.app");
    paper.passes(300, "restore.app");
    paper.starts(0, "ready.app");
    paper.passes(30, "ready.app");
    paper.holds(3, "answers", &[]);
    let measures = measure(&paper.state);
    let phase = |name: &str| {
        let found = measures.rto_phases.iter().find(|(phase, _)| phase == name);
        found.map_or_else(|| panic!("no `{name}` in {:?}", measures.rto_phases), |(_, took)| took.as_secs())
    };
    assert_eq!((phase("restore"), phase("ready")), (600 + 300, 60 + 30), "{:?}", measures.rto_phases);
    assert!(phase("probe") <= 5, "{:?}", measures.rto_phases);
    let sum = measures.rto_phases.iter().fold(SignedDuration::ZERO, |sum, (_, time)| sum + *time);
    assert_eq!(Some(sum), measures.rto.value);
}

#[test]
fn nothing_restored_never_passes() {
    for (end, wanted) in [(Class::Data, Verdict::Failed), (Class::Environment, Verdict::Inconclusive)] {
        let mut paper = paper(MET);
        paper.starts(0, "preflight");
        paper.passes(1, "preflight");
        paper.starts(0, "pick.orders");
        paper.ends(1, "pick.orders", failed(end));
        for step in ["restore.orders", "ready.orders", "probe.decides", "probe.told"] {
            paper.ends(0, step, StepEnd::Skipped { because: "`pick.orders` failed".to_owned() });
        }
        paper.starts(0, "teardown.orders");
        paper.passes(0, "teardown.orders");
        let conclusion = paper.concludes();
        assert_eq!(conclusion.verdict, wanted, "{:?}", conclusion.reasons);
    }
}

#[test]
fn an_intent_that_was_never_cleared_is_a_leak_even_if_nothing_was_seen() {
    let mut paper = paper(MET);
    paper.starts(0, "preflight");
    paper.passes(1, "preflight");
    paper.starts(0, "pick.orders");
    paper.picks(1);
    paper.passes(0, "pick.orders");
    paper.starts(0, "restore.orders");
    paper.intends();
    paper.ends(1, "restore.orders", failed(Class::Environment));
    assert_eq!(paper.concludes().verdict, Verdict::Leaked);
}

#[test]
fn an_objective_that_is_missed_fails_and_one_that_is_not_measured_does_not_pass() {
    for (objectives, copy, wanted) in [
        (MET, true, Verdict::Passed),
        ("{ rto: 5m }", true, Verdict::Failed),
        ("{ rpo: 6h }", true, Verdict::Failed),
        ("{ copy_lag: 30m }", true, Verdict::Failed),
        ("{ copy_lag: 6h }", false, Verdict::Failed),
        ("{ rto: 1h, rpo: 26h }", false, Verdict::Passed),
        ("{ data_age: 26h }", true, Verdict::Failed),
    ] {
        let mut paper = paper(objectives);
        paper.restored();
        if !copy {
            paper.picks_with(0, CopyEvidence::NotMeasured { because: "the source region is gone".to_owned() });
        }
        paper.holds(1, "decides", &[]);
        paper.holds(1, "told", &[]);
        paper.torn_down();
        let conclusion = paper.concludes();
        assert_eq!(conclusion.verdict, wanted, "{objectives}: {:?}", conclusion.reasons);
    }
}

#[test]
fn max_duration_makes_a_run_inconclusive() {
    let mut paper = paper(MET);
    paper.restored();
    paper.then(1, &Event::CancelRequested { by: CancelBy::MaxDuration });
    paper.starts(0, "probe.decides");
    paper.ends(0, "probe.decides", failed(Class::Deadline));
    paper.ends(0, "probe.told", StepEnd::Skipped { because: "the run was ended".to_owned() });
    paper.torn_down();
    assert_eq!(paper.concludes().verdict, Verdict::Inconclusive);
}

#[test]
fn measures_are_what_happened_and_phases_add_up_to_the_rto() {
    let mut paper = paper(MET);
    paper.restored();
    paper.holds(25, "decides", &[]);
    let measures = measure(&paper.state);
    assert_eq!(measures.rto.value, Some(SignedDuration::from_secs(10 + 20 + 5 + 600 + 60 + 25)));
    assert_eq!(measures.rpo.value, Some(SignedDuration::from_hours(7)));
    assert_eq!(measures.copy_lag.value, Some(SignedDuration::from_hours(1)));
    assert_eq!(measures.data_age.value, None);
    let phases: Vec<(&str, i64)> =
        measures.rto_phases.iter().map(|(phase, time)| (phase.as_str(), time.as_secs())).collect();
    let wanted = [("preflight", 10), ("pick", 20), ("queue", 5), ("restore", 600), ("ready", 60), ("probe", 25)];
    assert_eq!(phases, wanted);
    let sum = measures.rto_phases.iter().fold(SignedDuration::ZERO, |sum, (_, time)| sum + *time);
    assert_eq!(Some(sum), measures.rto.value);
}

#[test]
fn no_measure_is_negative_when_the_clock_jumps_back() {
    let mut paper = paper(MET);
    paper.starts(0, "preflight");
    paper.passes(100, "preflight");
    paper.starts(-40, "pick.orders");
    paper.picks(1);
    paper.passes(-30, "pick.orders");
    paper.starts(0, "restore.orders");
    paper.intends();
    paper.passes(500, "restore.orders");
    paper.starts(-100, "ready.orders");
    paper.then(0, &Event::ResourceSeen { restore: name(ORDERS), observation: seen(Phase::Ready) });
    paper.passes(0, "ready.orders");
    paper.holds(10, "decides", &[]);
    let measures = measure(&paper.state);
    let zero = SignedDuration::ZERO;
    assert!(measures.rto_phases.iter().all(|(_, time)| *time >= zero), "{:?}", measures.rto_phases);
    assert!(measures.rto.value.is_some_and(|rto| rto >= zero), "{:?}", measures.rto);
}

#[test]
fn the_age_of_the_data_is_that_of_the_newest_row_and_never_negative() {
    let probe = "  newest:\n    on: orders\n    command: { argv: [\"true\"] }\n    measures: { data_age: newest }\n";
    let definition = worlds::definition(&worlds::orders_probed_by(probe));
    for (newest, wanted) in [
        (json!("2026-11-21T04:30:00Z"), Some(SignedDuration::from_mins(450))),
        (json!("2026-11-22T00:00:00Z"), Some(SignedDuration::ZERO)),
        (json!("yesterday"), None),
    ] {
        let mut paper = Paper::begin(&definition);
        paper.restored();
        paper.holds(1, "newest", &[("newest", newest.clone())]);
        assert_eq!(measure(&paper.state).data_age.value, wanted, "{newest}");
    }
}

#[test]
fn a_required_probe_that_an_advisory_one_made_skip_keeps_the_run_from_passing() {
    let text = worlds::orders_probed_by(
        "  decides:\n    on: orders\n    tcp: {}\n  told:\n    on: orders\n    tcp: {}\n    severity: advisory\n  \
         after:\n    on: orders\n    needs: [told]\n    tcp: {}\n",
    );
    let mut paper = Paper::begin(&worlds::definition(&text));
    paper.restored();
    paper.holds(1, "decides", &[]);
    paper.misses("told", Class::Data);
    paper.ends(0, "probe.after", StepEnd::Skipped { because: "`probe.told` failed".to_owned() });
    paper.torn_down();
    let conclusion = paper.concludes();
    assert_eq!(conclusion.verdict, Verdict::Inconclusive, "{:?}", conclusion.reasons);
    assert!(conclusion.reasons.iter().any(|reason| reason.text.contains("probe.after")), "{:?}", conclusion.reasons);
}
