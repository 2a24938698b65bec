//! What a template may use is written down: `docs/report.md`, the schema of `report.json` and the types say the same. The
//! shipped templates use nothing else, in any branch.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use restore_drill::report::{facts, runbook, sample, schema};
use restore_drill::words::kind::{Control, Mode};
use serde_json::Value;

use crate::report::{HOSTILE, Journal, TYPES, failed, leaked, passed};

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/report.md");
    fs::read_to_string(path).expect("docs/report.md is there")
}

/// The first cells of the tables below a heading, without their backticks.
fn first_cells(text: &str, heading: &str) -> Vec<String> {
    let (_, rest) = text.split_once(heading).unwrap_or_else(|| panic!("there is no `{heading}`"));
    let rest = rest.split("\n## ").next().unwrap_or_default();
    let cells = rest.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    cells.map(|(first, _)| first.to_owned()).collect()
}

/// The fields of a schema, written as [`sample::fields`] writes them.
fn fields_of(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    let schema = schema.get("anyOf").map_or(schema, |either| &either[0]);
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (key, inner) in properties {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            fields_of(inner, &path, found);
        }
    } else if let Some(items) = schema.get("items") {
        fields_of(items, &format!("{path}[]"), found);
    } else {
        found.insert(path.to_owned());
    }
}

#[test]
fn the_document_lists_every_field_once() {
    let listed = first_cells(&document(), "\n## Fields\n");
    let unique: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(unique.len(), listed.len(), "a field is listed twice");
    assert_eq!(unique, sample::fields().into_iter().collect::<BTreeSet<String>>());
    assert!(listed.len() > 200, "{listed:?}");
}

#[test]
fn the_schema_of_reports_has_every_field() {
    let mut found = BTreeSet::new();
    fields_of(&schema::report()["properties"]["report"], "", &mut found);
    assert_eq!(found, sample::fields().into_iter().collect::<BTreeSet<String>>());
}

#[test]
fn the_document_lists_every_control() {
    let text = document();
    let (_, rest) = text.split_once("\n## Controls\n").expect("there is a section on controls");
    let rest = rest.split("\n## ").next().unwrap_or_default();
    for control in Control::WORDS {
        assert!(rest.contains(&format!("`{control}`")), "{control}");
    }
}

#[test]
fn findings_are_due_when_the_document_says() {
    let text = document();
    for (journal, severity) in [(leaked("it was denied"), "critical"), (failed("the table is empty"), "high")] {
        let context = facts::context(&journal.state(), &journal.records, TYPES);
        let finding = &context.findings[0];
        assert_eq!(finding.severity, severity);
        let row = text.lines().find_map(|line| line.strip_prefix(&format!("| `{severity}` | "))).expect("a row");
        let days: i64 = row.split(' ').next().and_then(|days| days.parse().ok()).expect("a number of days");
        let (at, _) = journal.state().concluded.expect("it has a verdict");
        let due = at.checked_add(jiff::SignedDuration::from_hours(24 * days)).expect("in range");
        assert_eq!(finding.due, due.strftime("%Y-%m-%d").to_string());
    }
}

#[test]
fn a_template_of_ones_own_is_told_from_the_shipped_ones() {
    let shipped = runbook::built_in();
    assert!(runbook::are_built_in(&shipped));
    let mut more = shipped.clone();
    more.insert("own".to_owned(), "# own\n".to_owned());
    let mut other = shipped.clone();
    other.insert("default".to_owned(), "# {{md scope.run}}, mine\n".to_owned());
    assert!(
        !runbook::are_built_in(&more) && !runbook::are_built_in(&other) && !runbook::are_built_in(&BTreeMap::new())
    );
    // What is compiled once is no other's.
    let journal = failed("the table is empty");
    let context = facts::context(&journal.state(), &journal.records, TYPES);
    let text = |templates: &BTreeMap<String, String>| {
        runbook::render(templates, &"default".parse().expect("a name"), &context).expect("it is rendered")
    };
    assert_eq!(text(&shipped), text(&BTreeMap::new()));
    assert_eq!(text(&shipped), text(&more));
    assert!(text(&other).contains(", mine") && !text(&shipped).contains(", mine"));
    let unknown = "nobodys".parse().expect("a name");
    assert!(matches!(runbook::render(&shipped, &unknown, &context), Err(runbook::RunbookError::Unknown { .. })));
}

#[test]
fn the_shipped_templates_use_only_what_there_is() {
    for name in ["default", "executive", "audit"] {
        let name = name.parse().expect("a name");
        runbook::check(&BTreeMap::new(), &name).unwrap_or_else(|error| panic!("{error}"));
        let begun = Journal::begin(Mode::Aws, "Orders database");
        for journal in [begun, passed(Mode::Sandbox, HOSTILE), failed("the table is empty"), leaked("it was denied")] {
            let context = facts::context(&journal.state(), &journal.records, TYPES);
            let text = runbook::render(&BTreeMap::new(), &name, &context).unwrap_or_else(|error| panic!("{error}"));
            assert!(text.starts_with("# ") && text.contains(&context.scope.run), "{text}");
        }
    }
}
