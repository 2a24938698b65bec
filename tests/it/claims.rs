//! A report claims what happened and no more: each sentence that a reader could rely on is held against the history that it
//! is made from.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use restore_drill::cloud::check::Check;
use restore_drill::cloud::resource::{Expected, REQUEST_ID};
use restore_drill::cloud::vault::JobStatus;
use restore_drill::journal::event::{Class, Earlier, Event, Failure, StepEnd};
use restore_drill::journal::measure::measure;
use restore_drill::journal::state::State;
use restore_drill::report::facts::{Context, context};
use restore_drill::report::html::html;
use restore_drill::report::runbook;
use restore_drill::words::kind::{CheckId, Mode, Verdict};

use crate::harness::paper::{Paper, arn, intended, job, job_id, name};
use crate::harness::worlds;
use crate::report::{TYPES, passed};

const TARGETS: &str = "objectives: { rto: 1h, rpo: 26h }\nlimits:";

fn paper(targets: bool) -> Paper {
    let text = worlds::orders_probed_by("  decides:\n    on: orders\n    tcp: {}\n");
    let text = if targets { text.replace("limits:", TARGETS) } else { text };
    Paper::begin(&worlds::definition(&text))
}

/// Everything that a reader sees of a history that has come to its verdict.
fn read(paper: &mut Paper) -> (Context, String) {
    let conclusion = Box::new(paper.concludes());
    paper.then(0, &Event::Concluded { conclusion });
    let context = context(&paper.state, &paper.records, TYPES);
    let markdown = runbook::render(&BTreeMap::new(), &name("default"), &context).expect("the default renders");
    (context, markdown)
}

fn over(targets: bool, checks: Vec<Check>) -> (Context, String) {
    let mut paper = paper(targets);
    paper.then(0, &Event::Preflighted { identity: None, checks });
    paper.restored();
    paper.holds(2, "decides", &[]);
    paper.torn_down();
    read(&mut paper)
}

#[test]
fn a_pass_names_no_target_where_none_is_set_and_one_recovery_point() {
    let (with, _) = over(true, Vec::new());
    assert!(with.verdict.sentence.starts_with("The chosen recovery point was restored"), "{}", with.verdict.sentence);
    assert!(with.verdict.sentence.contains("every target was met"), "{}", with.verdict.sentence);
    let (without, _) = over(false, Vec::new());
    assert!(!without.verdict.sentence.contains("target was met"), "{}", without.verdict.sentence);
    assert!(without.verdict.sentence.contains("nothing was left behind"), "{}", without.verdict.sentence);
}

#[test]
fn the_seal_says_what_the_chain_cannot_show_and_how_to_check() {
    let (context, markdown) = over(true, Vec::new());
    let page = html(&context);
    for text in [&markdown, &page] {
        assert!(!text.contains("without being noticed"), "{text}");
        for part in ["drill verify", "manifest.sig", "no key", "signed by nobody", "CloudTrail"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    assert!(context.seal.cloudtrail.contains(&context.scope.started), "{}", context.seal.cloudtrail);
}

#[test]
fn nobody_is_said_to_have_agreed_to_a_finding() {
    let journal = passed(Mode::Aws, "Orders database");
    let facts = context(&journal.state(), &journal.records, TYPES);
    assert!(!facts.findings.is_empty());
    let markdown = runbook::render(&BTreeMap::new(), &name("default"), &facts).expect("the default renders");
    assert!(markdown.contains("Nobody\nhas agreed to them here"), "{markdown}");
    let text = worlds::orders_probed_by("  decides:\n    on: orders\n    tcp: {}\n");
    let text = text.replace("limits:", "controls: [soc2:CC7.5]\nlimits:");
    let mut paper = Paper::begin(&worlds::definition(&text));
    paper.restored();
    paper.holds(2, "decides", &[]);
    paper.torn_down();
    let (context, _) = read(&mut paper);
    let control = &context.controls[0];
    let shown: Vec<&String> = control.evidences.iter().chain(&control.would_evidence).collect();
    assert!(!shown.iter().any(|text| text.contains("owner")), "{shown:?}");
    assert!(control.does_not.iter().any(|text| text.contains("nobody has agreed")), "{:?}", control.does_not);
}

#[test]
fn what_may_reach_production_stands_beside_the_verdict() {
    let open = Check::warning(CheckId::NetworkSecurityGroups, "security groups", "the default group is taken")
        .mended_by("set security_groups");
    let blind = Check::not_checked(CheckId::RoleTrust, "role drill-restore", "iam:GetRole is missing")
        .mended_by("allow iam:GetRole");
    let (context, markdown) = over(true, vec![open, blind]);
    assert_eq!(context.verdict.word, "passed");
    let finding = context.findings.first().expect("a finding");
    assert_eq!(finding.severity, "high", "{finding:?}");
    assert!(context.verdict.cautions.iter().any(|text| text.contains("the default group is taken")));
    let (first, _) = markdown.split_once("What was tested").expect("it says what was tested");
    assert!(first.contains("the default group is taken"), "it is on the first screen: {first}");
    let unseen = context.findings.iter().find(|one| one.text.contains("could not be looked at")).expect("it is told");
    assert!(unseen.text.contains("iam:GetRole is missing"), "{unseen:?}");
    assert_eq!(unseen.advice.as_deref(), Some("allow iam:GetRole"));
    let page = html(&context);
    assert!(!page.contains("the run went as planned, without a warning"), "{page}");
    assert!(page.contains("Before it, something was odd"), "{page}");
    let (clean, _) = over(true, Vec::new());
    assert!(html(&clean).contains("the run went as planned, without a warning"));
    assert!(clean.verdict.cautions.is_empty(), "{:?}", clean.verdict.cautions);
}

#[test]
fn a_number_says_of_what_it_is_the_most() {
    let app = "  app:\n    type: rds\n    resource: arn:aws:rds:eu-west-2:123456789012:db:app\n    with: { instance_class: \
               db.t4g.medium, subnet_group: drill-isolated, security_groups: [sg-0a1b2c3d4e5f60718] }\n";
    let probes = "  newest:\n    on: orders\n    command: { argv: [\"true\"] }\n    measures: { data_age: newest }\n  \
                  answers:\n    on: app\n    tcp: {}\n";
    let text = worlds::orders_probed_by(probes).replace("\nprobes:\n", &format!("\n{app}probes:\n"));
    let mut paper = Paper::begin(&worlds::definition(&text));
    paper.restored();
    paper.holds(2, "newest", &[("newest", "2026-11-21T11:00:00Z".into())]);
    paper.torn_down();
    let (context, _) = read(&mut paper);
    let lost = context.numbers.iter().find(|one| one.name.contains("lost")).expect("the number");
    assert!(lost.note.contains("orders") && lost.note.contains("not measured of app"), "{lost:?}");
}

#[test]
fn what_never_ran_measured_nothing_and_has_no_parts() {
    let probes = "  newest:\n    on: orders\n    command: { argv: [\"true\"] }\n    measures: { data_age: newest }\n";
    let text = worlds::orders_probed_by(probes).replace("limits:", "objectives: { rto: 1h, data_age: 26h }\nlimits:");
    let mut paper = Paper::begin(&worlds::definition(&text));
    paper.restored();
    paper.ends(0, "probe.newest", StepEnd::Skipped { because: "the run was ended".to_owned() });
    paper.torn_down();
    let measures = measure(&paper.state);
    assert_eq!((measures.rto.value, measures.rto_phases.len()), (None, 0));
    assert!(measures.data_age.how.contains("did not run"), "{}", measures.data_age.how);
    let (context, markdown) = read(&mut paper);
    assert!(!markdown.contains("The recovery time is made of"), "{markdown}");
    assert!(context.objectives.iter().all(|one| !one.how.contains('`')), "{:?}", context.objectives);
}

#[test]
fn many_steps_with_one_reason_are_one_sentence_and_one_row_of_tested() {
    let probes: String = (0..20).map(|n| format!("  p{n:02}: {{ on: orders, tcp: {{}} }}\n")).collect();
    let mut paper = Paper::begin(&worlds::definition(&worlds::orders_probed_by(&probes)));
    paper.restored();
    for n in 0..10 {
        paper.holds(1, &format!("p{n:02}"), &[]);
    }
    for n in 10..20 {
        paper.ends(0, &format!("probe.p{n}"), StepEnd::Skipped { because: "the run was ended".to_owned() });
    }
    paper.torn_down();
    let (context, markdown) = read(&mut paper);
    let held: Vec<&String> = context.tested.iter().filter(|text| text.contains("p00")).collect();
    assert!(held.len() == 1 && held[0].contains("p09"), "{:?}", context.tested);
    let skipped: Vec<&String> = context.not_tested.iter().filter(|text| text.contains("probe.p1")).collect();
    assert!(skipped.len() == 1 && skipped[0].contains("probe.p19"), "{:?}", context.not_tested);
    assert!(!context.diagram.graph.contains("-.->"), "the teardown of so many is not drawn");
    assert!(markdown.contains(&context.diagram.legend), "{markdown}");
    let report = context.steps.iter().find(|step| step.id == "report").expect("the step that writes it");
    assert_eq!(report.status, "passed", "a report that is read is no longer under way");
    assert!(!markdown.contains("beginning of their SHA-256"), "nothing is hidden: {markdown}");
}

#[test]
fn too_few_passes_have_no_median() {
    let mut paper = paper(true);
    let earlier = Earlier {
        run: paper.state.run,
        at: paper.state.started_at,
        verdict: Verdict::Passed,
        rto: Some(SignedDuration::from_mins(10)),
        rpo: None,
        copy_lag: None,
        data_age: None,
        restores: BTreeMap::new(),
        removals: BTreeMap::new(),
    };
    paper.state.started.history = vec![earlier];
    paper.restored();
    paper.holds(2, "decides", &[]);
    paper.torn_down();
    let conclusion = Box::new(paper.concludes());
    paper.then(0, &Event::Concluded { conclusion });
    // Without records the state speaks for itself.
    let trend = context(&paper.state, &[], TYPES).trend.expect("there is an earlier run");
    assert!(trend.notes[0].contains("too few"), "{:?}", trend.notes);
    assert!(trend.measures.iter().all(|one| one.median.is_none() && one.spread.is_none()), "{:?}", trend.measures);
}

#[test]
fn a_request_that_went_wrong_is_named_by_its_id() {
    let mut paper = paper(true);
    paper.restored();
    paper.starts(0, "probe.decides");
    let failure =
        Failure { class: Class::Data, message: "no".to_owned(), advice: None, request_id: Some("req-7".to_owned()) };
    paper.ends(1, "probe.decides", StepEnd::Failed(failure));
    paper.torn_down();
    let (context, markdown) = read(&mut paper);
    assert_eq!(context.requests.len(), 1, "{:?}", context.requests);
    assert!(markdown.contains("`req-7`"), "{markdown}");
}

// ---- by hand ----

/// A server and a bucket, restored and removed.
fn server_and_bucket() -> State {
    let text = r#"version: 1
name: site
title: A server and its documents
owner: platform@example.com
source: { region: eu-west-2, account: "123456789012" }
destination:
  region: eu-west-1
  account: "123456789012"
  vault: prod-vault-dr
  restore_role: arn:aws:iam::123456789012:role/drill-restore
restore:
  documents:
    type: s3
    resource: arn:aws:s3:::orders-documents
    needs: [web]
  web:
    type: ec2
    resource: arn:aws:ec2:eu-west-2:123456789012:instance/i-0123456789abcdef0
    with: { subnet: subnet-0a1b2c3d4e5f60718, security_groups: [sg-0a1b2c3d4e5f60718] }
probes:
  answers: { on: web, tcp: { port: 443 } }
  has-files: { on: documents, s3: { sample: 3 }, expect: { objects: { at_least: 1 } } }
"#;
    let mut paper = Paper::begin(&worlds::definition(text));
    let expected = Expected {
        name: "drill-07070707-web".to_owned(),
        arn: None,
        region: "eu-west-1".parse().expect("a region"),
        account: "123456789012".parse().expect("an account"),
    };
    let mut entry = intended(&paper.state.run);
    entry.expected = expected;
    entry.metadata = BTreeMap::from([
        ("InstanceType".to_owned(), "t3.medium".to_owned()),
        (REQUEST_ID.to_owned(), "11111111-2222-4333-8444-555555555555".to_owned()),
    ]);
    paper.then(0, &Event::RestoreIntended { restore: name("web"), entry: Box::new(entry) });
    paper.then(0, &Event::RestoreAccepted { restore: name("web"), job: job_id(), found: false });
    let made = arn("arn:aws:ec2:eu-west-1:123456789012:instance/i-0fedcba9876543210");
    paper.then(9, &Event::JobSeen { restore: name("web"), job: job(JobStatus::Completed, Some(made)) });
    paper.state
}

#[test]
fn a_restore_by_hand_has_its_own_id_its_bucket_and_its_order() {
    let state = server_and_bucket();
    let context = context(&state, &[], TYPES);
    let of = |name: &str| {
        let restore = context.restores.iter().find(|restore| restore.name == name).expect("the restore");
        restore.by_hand.iter().map(|one| one.command.as_str()).collect::<Vec<_>>().join("\n")
    };
    let web = of("web");
    assert!(!web.contains("i-0fedcba9876543210"), "the instance of this run is gone: {web}");
    assert!(web.contains("aws ec2 terminate-instances") && web.contains("i-id_of_the_restored_resource"), "{web}");
    assert!(!web.contains(REQUEST_ID), "the mark of this run: {web}");
    let documents = of("documents");
    let made = documents.find("aws s3api create-bucket").expect("the bucket is made");
    assert!(made < documents.find("start-restore-job").expect("it is restored"), "{documents}");
    let place = |part: &str| {
        let found = context.by_hand.iter().position(|text| text.contains(part));
        found.unwrap_or_else(|| panic!("`{part}` is not in {:?}", context.by_hand))
    };
    assert!(place("Restore web") < place("Restore documents"), "{:?}", context.by_hand);
    assert!(place("Wait until web is usable") < place("what the probe answers asks"), "{:?}", context.by_hand);
    assert!(place("what the probe has-files asks") < place("Remove documents"), "{:?}", context.by_hand);
    // What AWS names has no name of the run's: it is not said to have one.
    let named = context.isolation.known.iter().any(|row| row.of == "web" && row.what == "Name");
    assert!(!named, "{:?}", context.isolation.known);
}
