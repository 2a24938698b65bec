//! `drill report RUN --format oscal`, against the schema that NIST published, and against what a schema cannot say: ids are
//! unique, and every reference leads somewhere.

use std::collections::BTreeSet;

use restore_drill::definition::model::Redaction;
use restore_drill::journal::chain::sha256_hex;
use restore_drill::journal::event::{Event, RunStarted};
use restore_drill::report::facts;
use restore_drill::report::oscal::{OSCAL_VERSION, assessment_results};
use restore_drill::words::kind::{Control, Mode};
use serde_json::{Value, json as value};

use crate::harness::json_schema::JsonSchema;
use crate::report::{HOSTILE, Journal, TYPES, failed, leaked, passed};
use crate::shell::{ORDERS, Repository};

/// `tests/cases/oscal/NOTICE.md` says where it is from.
const SCHEMA: &str = include_str!("../cases/oscal/oscal_assessment-results_schema.json");

/// Of that file: nobody edits it.
const SCHEMA_SHA256: &str = "37f41f6813c78e6d2c272b27030e17e93d7f92fee519c72e7531574fa0ecbb05";

fn nist() -> JsonSchema {
    assert_eq!(sha256_hex(SCHEMA.as_bytes()), SCHEMA_SHA256, "the schema was changed");
    JsonSchema::read(SCHEMA)
}

fn document(journal: &Journal) -> Value {
    let state = journal.state();
    assessment_results(&state, &journal.records, &facts::context(&state, &journal.records, TYPES))
}

/// The journal of another definition: the first record is changed before anything is made of it.
fn changed(mut journal: Journal, change: impl FnOnce(&mut RunStarted)) -> Journal {
    match &mut journal.records[0].event {
        Event::RunStarted(started) => change(started),
        other => panic!("a journal begins with {other:?}"),
    }
    journal
}

fn with_controls(journal: Journal, controls: &[&str]) -> Journal {
    let controls = controls.iter().map(|id| (*id).to_owned()).collect();
    changed(journal, |started| started.plan.definition.controls = controls)
}

#[track_caller]
fn assert_fits(document: &Value) {
    let problems = nist().problems(document);
    assert!(problems.is_empty(), "{}\n{document:#}", problems.join("\n"));
}

/// The one result of a document.
fn result(document: &Value) -> &Value {
    let results = document["assessment-results"]["results"].as_array().expect("there are results");
    assert_eq!(results.len(), 1);
    &results[0]
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Every key with its value, however deep.
fn each<'a>(value: &'a Value, found: &mut Vec<(&'a str, &'a Value)>) {
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields {
                found.push((key.as_str(), inner));
                each(inner, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| each(item, found)),
        _ => {}
    }
}

fn texts<'a>(document: &'a Value, keys: &[&str]) -> Vec<&'a str> {
    let mut all = Vec::new();
    each(document, &mut all);
    all.into_iter().filter(|(key, _)| keys.contains(key)).filter_map(|(_, value)| value.as_str()).collect()
}

#[test]
fn the_schema_is_that_of_the_version_that_documents_name() {
    assert_eq!(nist().id(), format!("http://csrc.nist.gov/ns/oscal/{OSCAL_VERSION}/oscal-ar-schema.json"));
    let document = document(&passed(Mode::Aws, "Orders database"));
    assert_eq!(document["assessment-results"]["metadata"]["oscal-version"], OSCAL_VERSION);
}

#[test]
fn documents_fit_the_schema_that_nist_published() {
    for said in ["Orders database", HOSTILE, "", "  ", "line one\nline two", "1 of ours: (x)"] {
        for journal in [passed(Mode::Aws, said), passed(Mode::Sandbox, said), failed(said), leaked(said)] {
            assert_fits(&document(&with_controls(journal, Control::WORDS)));
        }
        assert_fits(&document(&passed(Mode::CustomEndpoint, said)));
        assert_fits(&document(&with_controls(failed(said), &[])));
        let mut begun = Journal::begin(Mode::Aws, said);
        assert_fits(&document(&begun));
        begun.picked();
        assert_fits(&document(&begun));
    }
}

#[test]
fn the_schema_notices_what_is_wrong() {
    let right = document(&with_controls(failed("the table is empty"), Control::WORDS));
    assert_fits(&right);
    let first = "/assessment-results/results/0";
    let changes = [
        (String::from("/assessment-results/uuid"), value!("01a1fc42-0000-7000-8000-0000000000aa")),
        (format!("{first}/uuid"), value!("not an id")),
        (format!("{first}/start"), value!("2026-11-21 03:00:00")),
        (format!("{first}/title"), value!("two\nlines")),
        (format!("{first}/observations"), value!([])),
        (format!("{first}/observations/0/methods/0"), value!(" ")),
        (format!("{first}/observations/0/collected"), value!(null)),
        (format!("{first}/observations/0/subjects/0/type"), value!("inventory item")),
        (format!("{first}/risks/0/deadline"), value!("2026-12-05")),
        (format!("{first}/findings/0/target/target-id"), value!("soc2:CC7.5")),
        (format!("{first}/findings/0/target/status/state"), value!("passed")),
        (format!("{first}/reviewed-controls/control-selections/0"), value!({ "description": "none" })),
        (String::from("/assessment-results/more"), value!("than there is")),
    ];
    for (place, change) in changes {
        let mut wrong = right.clone();
        let (parent, key) = place.rsplit_once('/').expect("it is a pointer");
        match wrong.pointer_mut(parent).unwrap_or_else(|| panic!("{parent} is there")) {
            Value::Array(items) => items[key.parse::<usize>().expect("an index")] = change,
            parent => parent[key] = change,
        }
        assert!(!nist().problems(&wrong).is_empty(), "{place}");
    }
    let mut wrong = right.clone();
    wrong["assessment-results"].as_object_mut().expect("an object").remove("import-ap");
    assert!(!nist().problems(&wrong).is_empty());
}

#[test]
fn ids_are_unique_and_every_reference_leads_somewhere() {
    for journal in [passed(Mode::Aws, "Orders database"), failed("the table is empty"), leaked("it was denied")] {
        let document = document(&with_controls(journal, Control::WORDS));
        let ids = texts(&document, &["uuid"]);
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(unique.len(), ids.len(), "{ids:?}");
        let referred = ["observation-uuid", "risk-uuid", "subject-uuid"];
        let inside = texts(&document, &["href"]).into_iter().filter_map(|href| href.strip_prefix('#'));
        let all: Vec<&str> = texts(&document, &referred).into_iter().chain(inside).collect();
        assert!(all.len() > 20, "{all:?}");
        for id in all {
            assert!(unique.contains(id), "{id} is nowhere:\n{document:#}");
        }
        let metadata = &document["assessment-results"]["metadata"];
        assert_eq!(metadata["responsible-parties"][0]["role-id"], metadata["roles"][0]["id"]);
        assert_eq!(metadata["responsible-parties"][0]["party-uuids"][0], metadata["parties"][0]["uuid"]);
    }
}

#[test]
fn the_same_journal_gives_the_same_document_and_another_run_other_ids() {
    let journal = passed(Mode::Aws, "Orders database");
    assert_eq!(document(&journal).to_string(), document(&journal).to_string());
    let ids = texts(&document(&journal), &["uuid"]).into_iter().map(str::to_owned).collect::<Vec<String>>();
    assert!(ids.iter().all(|id| id.as_bytes()[14] == b'5'), "{ids:?}");
}

#[test]
fn an_assessor_finds_what_was_tested_of_what_and_when() {
    let document = document(&failed("the table is empty"));
    let result = result(&document);
    let item = &list(&result["local-definitions"], "inventory-items")[0];
    let props: Vec<(&str, &str)> =
        list(item, "props").iter().filter_map(|prop| Some((prop["name"].as_str()?, prop["value"].as_str()?))).collect();
    for name in ["type", "source-resource", "recovery-point", "restore-job", "restored-resource"] {
        assert!(props.iter().any(|(known, _)| *known == name), "{name}: {props:?}");
    }
    let probe = &list(result, "observations")[0];
    assert_eq!((&probe["title"], &probe["methods"]), (&value!("Probe has-orders"), &value!(["TEST"])));
    assert_eq!(probe["subjects"], value!([{ "subject-uuid": item["uuid"], "type": "inventory-item" }]));
    assert!(probe["collected"].as_str() < result["end"].as_str(), "it was asked before the run ended: {probe:#}");
    let evidence: Vec<&str> =
        list(probe, "relevant-evidence").iter().filter_map(|one| one["description"].as_str()).collect();
    assert!(evidence[0].starts_with("Expected: ") && evidence[1].starts_with("Observed: "), "{evidence:?}");
    assert_eq!(list(result, "observations").len(), 5, "a probe and four objectives");
    let risk = &list(result, "risks")[0];
    assert_eq!((&risk["status"], &risk["description"]), (&value!("open"), &value!("the table is empty")));
    assert_eq!(risk["related-observations"][0]["observation-uuid"], probe["uuid"]);
    assert!(result["remarks"].as_str().expect("remarks").starts_with("Not tested: "));
}

/// State and reason of each finding.
fn judged(journal: Journal) -> BTreeSet<(String, String)> {
    let document = document(&with_controls(journal, Control::WORDS));
    let findings = list(result(&document), "findings");
    assert_eq!(findings.len(), Control::ALL.len());
    let word = |finding: &Value, key: &str| finding["target"]["status"][key].as_str().unwrap_or_default().to_owned();
    findings.iter().map(|finding| (word(finding, "state"), word(finding, "reason"))).collect()
}

#[test]
fn only_a_pass_against_aws_satisfies_a_control_and_only_a_failure_fails_one() {
    let pair = |state: &str, reason: &str| (state.to_owned(), reason.to_owned());
    let all = judged(passed(Mode::Aws, "Orders database"));
    // One database in the workload's own account, without an isolation probe: some controls ask for more.
    assert_eq!(all, BTreeSet::from([pair("satisfied", "pass"), pair("not-satisfied", "other")]));
    for rehearsal in [Mode::Sandbox, Mode::CustomEndpoint] {
        let all = judged(passed(rehearsal, "Orders database"));
        assert_eq!(all, BTreeSet::from([pair("not-satisfied", "other")]), "{rehearsal}");
    }
    assert_eq!(judged(failed("the table is empty")), BTreeSet::from([pair("not-satisfied", "fail")]));
    assert_eq!(judged(leaked("it was denied")), BTreeSet::from([pair("not-satisfied", "other")]));
}

#[test]
fn controls_are_named_once_and_a_drill_without_any_stands_for_itself() {
    let selected = |controls: &[&str]| {
        let document = document(&with_controls(passed(Mode::Aws, "Orders database"), controls));
        assert_fits(&document);
        let selection = result(&document)["reviewed-controls"]["control-selections"][0]["include-controls"].clone();
        (selection, list(result(&document), "findings").len())
    };
    let twice = selected(&["nist-800-53:CP-9", "nist-800-53:CP-9", "ours:7"]);
    assert_eq!(twice, (value!([{ "control-id": "cp-9" }, { "control-id": "ours_7" }]), 1));
    assert_eq!(selected(&[]), (value!([{ "control-id": "drill_rds-prod" }]), 0));
}

#[test]
fn what_is_read_as_markdown_cannot_become_markup() {
    for journal in [passed(Mode::Sandbox, HOSTILE), failed(HOSTILE), leaked(HOSTILE)] {
        let document = document(&journal);
        let marked = texts(&document, &["title", "description", "remarks", "statement"]);
        assert!(marked.iter().any(|text| text.contains("INJECTED")));
        for text in marked {
            assert!(!text.contains("<script") && !text.contains(" [l](") && !text.contains("![i]("), "{text}");
        }
        for text in texts(&document, &["title", "description", "remarks", "statement", "value", "name"]) {
            assert!(!text.contains(['\n', '\u{1b}', '\u{202e}']), "{text:?}");
        }
    }
}

#[test]
fn what_a_report_leaves_out_is_left_out_here() {
    let journal = changed(passed(Mode::Aws, "Orders database"), |started| {
        started.plan.definition.report.redact = vec![Redaction::AccountIds, Redaction::RestoreMetadata];
    });
    let document = document(&journal);
    assert_fits(&document);
    assert!(!document.to_string().contains("123456789012"), "{document:#}");
    assert!(!document.to_string().contains("a private value"), "{document:#}");
}

#[test]
fn a_run_is_printed_as_oscal() {
    let repository = Repository::with_orders();
    repository.write("drills/orders.yaml", &format!("{ORDERS}controls: [nist-800-53:CP-9, soc2:A1.3]\n"));
    let run = repository.drill(&["run", "orders", "--sandbox", "--seed", "7", "--output", "json"]).ends(0).json();
    let run = run["run"].as_str().expect("a run has an id");
    let printed = repository.drill(&["report", run, "--format", "oscal"]).ends(0).json();
    assert_fits(&printed);
    let metadata = &printed["assessment-results"]["metadata"];
    assert_eq!(metadata["version"], run);
    assert!(metadata["remarks"].as_str().is_some_and(|banner| banner.starts_with("REHEARSAL")), "{metadata:#}");
    assert_eq!(list(result(&printed), "findings").len(), 2);
}
