//! The report of a run of 5,000 steps, in every form: complete where it is a table, bounded where it is a picture. The
//! journal is written by hand and comes in by `drill import`; how fast it is rendered is for the benchmarks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use restore_drill::cloud::resource::{Expected, Phase};
use restore_drill::cloud::vault::{CopyEvidence, JobStatus, Picked, RestoreJob};
use restore_drill::definition::model::{Definition, ProbeReason};
use restore_drill::journal::event::{Class, Event, GoneProof, Intended, StepEnd, Tried, Witness};
use restore_drill::journal::lines::write_lines;
use restore_drill::probe::{Miss, Observed};
use restore_drill::words::kind::{Mode, Verdict};
use serde_json::{Map, Value, json as value};

use crate::harness::paper::{Paper, START, arn, expected, failed, intended, job, job_id, name, point, seen};
use crate::shell::Repository;

const RESTORES: usize = 500;

/// Of each restore.
const PROBES: usize = 6;

/// Before all and after all, and of each restore its pick, start, readiness, teardown and probes.
const STEPS: usize = 2 + RESTORES * (4 + PROBES);

/// The one probe that does not hold.
const MISSED: &str = "r250-p3";

fn definition() -> Definition {
    let (mut restores, mut probes) = (Map::new(), Map::new());
    for at in 0..RESTORES {
        let resource = format!("arn:aws:rds:eu-west-2:123456789012:db:r{at:03}");
        restores.insert(format!("r{at:03}"), value!({ "kind": "rds", "resource": resource, "timeout": "PT1H30M" }));
        for probe in 0..PROBES {
            let asked = value!({ "on": format!("r{at:03}"), "kind": "tcp", "settings": {}, "timeout": "PT30S" });
            probes.insert(format!("r{at:03}-p{probe}"), asked);
        }
    }
    serde_json::from_value(value!({
        "name": "large",
        "title": "Five hundred databases",
        "owner": "platform@example.com",
        "controls": ["nist-800-53:CP-9", "soc2:A1.3"],
        "objectives": { "rto": "PT4H" },
        "source": { "region": "eu-west-2", "account": "123456789012" },
        "destination": {
            "region": "eu-west-1",
            "account": "123456789012",
            "vault": "prod-rds-vault-dr",
            "restore_role": "arn:aws:iam::123456789012:role/drill-restore",
        },
        "limits": { "max_duration": "PT10H", "max_parallel_restores": 4 },
        "restore": restores,
        "probes": probes,
        "teardown": { "timeout": "PT2H" },
        "report": { "runbook": "default", "formats": ["markdown", "html", "json", "junit"] },
    }))
    .expect("it is a definition")
}

/// The run: the restores one after the other, torn down at the end.
fn run() -> Paper {
    let start = START.parse().expect("an instant");
    let mut paper = Paper::begin_at(start, Mode::Aws, &definition(), "name: large\n");
    paper.starts(0, "preflight");
    paper.then(1, &Event::Preflighted { identity: None, checks: Vec::new() });
    paper.passes(0, "preflight");
    for at in 0..RESTORES {
        restored(&mut paper, &format!("r{at:03}"));
    }
    for at in 0..RESTORES {
        torn_down(&mut paper, &format!("r{at:03}"));
    }
    let conclusion = Box::new(paper.concludes());
    assert_eq!(conclusion.verdict, Verdict::Failed, "{:?}", conclusion.reasons);
    paper.then(0, &Event::Concluded { conclusion });
    paper.passes(0, "report");
    paper
}

fn restored(paper: &mut Paper, own: &str) {
    let restore = || name(own);
    paper.starts(0, &format!("pick.{own}"));
    let copy = CopyEvidence::Seen { arrived: "2026-11-21T06:00:00Z".parse().expect("an instant") };
    let chosen = Some(point("copyjob-1", "2026-11-21T05:00:00Z"));
    let picked = Box::new(Picked { chosen, rejected: Vec::new(), older: 0, copy });
    paper.then(1, &Event::Picked { restore: restore(), picked });
    paper.passes(0, &format!("pick.{own}"));
    paper.starts(0, &format!("restore.{own}"));
    let made = format!("drill-{}-{own}", paper.state.run.short());
    let made_arn = arn(&format!("arn:aws:rds:eu-west-1:123456789012:db:{made}"));
    let expected = Expected { name: made, arn: Some(made_arn.clone()), ..expected(&paper.state.run) };
    let entry = Box::new(Intended { expected, ..intended(&paper.state.run) });
    paper.then(0, &Event::RestoreIntended { restore: restore(), entry });
    let job = RestoreJob { message: Some("it went well".to_owned()), ..job(JobStatus::Completed, Some(made_arn)) };
    paper.then(0, &Event::RestoreAccepted { restore: restore(), job: job.id.clone(), found: false });
    paper.then(3, &Event::JobSeen { restore: restore(), job });
    paper.passes(0, &format!("restore.{own}"));
    paper.starts(0, &format!("ready.{own}"));
    paper.then(1, &Event::ResourceSeen { restore: restore(), observation: seen(Phase::Ready) });
    paper.passes(0, &format!("ready.{own}"));
    for probe in 0..PROBES {
        asked(paper, &format!("{own}-p{probe}"));
    }
}

fn asked(paper: &mut Paper, probe: &str) {
    let observed =
        Observed { values: BTreeMap::new(), facts: BTreeMap::from([("took".to_owned(), "1 ms".to_owned())]) };
    let (result, end) = if probe == MISSED {
        let miss = Miss {
            reason: ProbeReason::Connection,
            message: "nobody listens".to_owned(),
            observed: Some(observed),
            missing_data: false,
        };
        (Tried::Missed { miss }, failed(Class::Data))
    } else {
        (Tried::Held { observed, explained: Vec::new() }, StepEnd::Passed)
    };
    paper.starts(0, &format!("probe.{probe}"));
    paper.then(0, &Event::ProbeTried { probe: name(probe), attempt: 1, result });
    paper.ends(0, &format!("probe.{probe}"), end);
}

fn torn_down(paper: &mut Paper, own: &str) {
    let restore = || name(own);
    paper.starts(0, &format!("teardown.{own}"));
    let witness = Witness::RestoreJob { job: job_id() };
    paper.then(0, &Event::RemovalIntended { restore: restore(), witness });
    paper.then(0, &Event::RemovalAccepted { restore: restore() });
    let proof = GoneProof::AbsentTwice { first: paper.at, second: paper.at };
    paper.then(1, &Event::Gone { restore: restore(), proof });
    paper.passes(0, &format!("teardown.{own}"));
}

/// What stands in code at the begin of each row of a table.
fn first_codes(markdown: &str) -> BTreeSet<&str> {
    let rows = markdown.lines().filter(|line| line.starts_with("| "));
    rows.filter_map(|line| line.split('`').nth(1)).collect()
}

/// The diagrams of a report.
fn diagrams(markdown: &str) -> Vec<&str> {
    markdown.split("```mermaid\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

fn assert_markdown(markdown: &str, steps: &BTreeSet<String>) {
    let rows = first_codes(markdown);
    let missing: Vec<&String> = steps.iter().filter(|step| !rows.contains(step.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let diagrams = diagrams(markdown);
    assert_eq!(diagrams.len(), 2);
    for diagram in diagrams {
        // What Mermaid draws at most, where nobody set it higher.
        assert!(diagram.len() < 50_000, "{} bytes", diagram.len());
        assert!(diagram.matches("->").count() <= 500, "{} edges", diagram.matches("->").count());
        assert!(diagram.contains(MISSED) || diagram.contains(&MISSED.replace('-', "_")), "{diagram}");
    }
    let said = format!("The pictures show 100 of {STEPS} steps");
    assert!(markdown.contains(&said), "`{said}` is missing");
}

fn assert_page(page: &str) {
    assert_eq!(page.matches("<td data-label=\"Step\">").count(), STEPS);
    let (_, picture) = page.split_once("<svg ").expect("there is a picture");
    let picture = picture.split("</svg>").next().unwrap_or_default();
    let height = picture.split("viewBox=\"0 0 1040.0 ").nth(1).and_then(|rest| rest.split('"').next());
    let height: f64 = height.and_then(|height| height.parse().ok()).expect("the picture has a height");
    assert!(height < 6_000.0, "{height}");
    assert!(picture.len() < 500_000, "{} bytes", picture.len());
    assert!(picture.contains(&format!("probe.{MISSED}: failed")), "what failed is drawn");
    assert!(picture.contains("class=\"critical\""), "the critical path is drawn");
    assert!(page.contains(" steps are not drawn"), "it says that not all are drawn");
}

#[test]
fn a_run_of_five_thousand_steps_has_every_form_of_a_report() {
    let paper = run();
    let steps: BTreeSet<String> = paper.state.started.plan.steps.iter().map(|step| step.id.to_string()).collect();
    assert_eq!(steps.len(), STEPS);
    let repository = Repository::new();
    let id = paper.state.run.to_string();
    repository.write("elsewhere/journal.jsonl", &write_lines(&paper.records));
    repository.drill(&["import", "elsewhere"]).ends(0).prints("1 taken");

    let written = repository.drill(&["report", &id, "--output", "json"]).ends(0).json();
    let folder = repository.path().join(written["evidence"].as_str().expect("a folder"));
    let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert_markdown(&read("report.md"), &steps);
    assert_page(&read("report.html"));
    assert_eq!(read("junit.xml").matches("<testcase ").count(), 5 + RESTORES * PROBES);
    let report: Value = serde_json::from_str(&read("report.json")).expect("it is JSON");
    for list in [&report["steps"], &report["report"]["steps"]] {
        assert_eq!(list.as_array().map(Vec::len), Some(STEPS));
    }
    assert_eq!(report["failures"][0]["step"], format!("probe.{MISSED}"), "{}", report["failures"]);

    let printed = repository.drill(&["report", &id, "--format", "oscal"]).ends(0).json();
    let result = &printed["assessment-results"]["results"][0];
    assert_eq!(result["observations"].as_array().map(Vec::len), Some(4 + RESTORES * PROBES));
    assert_eq!(result["local-definitions"]["inventory-items"].as_array().map(Vec::len), Some(RESTORES));
    let audit = repository.drill(&["report", &id, "--template", "audit"]).ends(0);
    assert_eq!(audit.stdout.matches("### Moments of ").count(), RESTORES);
}
