//! B11: a definition of 10,000 steps from its text to its plan, with every check and the drawing of its diagnostics.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use restore_drill::aws::resource::facts;
use restore_drill::definition::load::check_text;
use restore_drill::plan::compile::compile;
use restore_drill::yaml::diagnostic::to_json;
use restore_drill::yaml::snippet::render;
use saphyr_parser::Parser;

use crate::figure::{Figure, Once, REAL, UNPREPARED, explain};
use crate::measure::{Stopwatch, memory_kib};
use crate::table::shown;

/// Each has four steps: pick, restore, ready, teardown.
const RESTORES: usize = 1_000;

/// With the preflight and the report, 10,000 steps.
const PROBES: usize = 5_998;

pub(crate) const FIGURES: &[Figure] = &[
    Figure {
        id: "B11",
        what: "10,000 steps (1.8 MB of YAML) read, checked, compiled, diagnostics drawn",
        unit: "ms",
        target: Some(80.0),
        moonshot: Some(25.0),
        more: false,
        times: REAL,
        deadline: Duration::from_secs(60),
        prepare: UNPREPARED,
        once: time,
    },
    Figure {
        id: "B11m",
        what: "of it, the most memory",
        unit: "MB",
        target: Some(64.0),
        moonshot: None,
        more: false,
        times: REAL,
        deadline: Duration::from_secs(60),
        prepare: UNPREPARED,
        once: memory,
    },
];

/// The definition's text.
fn text() -> String {
    let mut text = String::from(
        "version: 1\nname: large\ntitle: A large drill\nowner: platform@example.com\ncontrols: [nobody:knows-this-one]\nsource: { \
         region: eu-west-2, account: \"123456789012\" }\ndestination:\n  region: eu-west-1\n  account: \"123456789012\"\n  vault: \
         prod-rds-vault-dr\n  restore_role: arn:aws:iam::123456789012:role/drill-restore\nrestore:\n",
    );
    for number in 0..RESTORES {
        text.push_str(&format!(
            "  database-{number:05}:\n    type: rds\n    resource: arn:aws:rds:eu-west-2:123456789012:db:database-{number:05}\n    \
             with: {{ instance_class: db.t4g.medium, subnet_group: drill-isolated, security_groups: [sg-0a1b2c3d4e5f60718] }}\n    \
             timeout: 90m\n"
        ));
    }
    text.push_str("probes:\n");
    for number in 0..PROBES {
        let on = number % RESTORES;
        text.push_str(&format!(
            "  # Question {number}, database {on}.\n  question-{number:05}:\n    on: \
             database-{on:05}\n    sql: {{ database: shop, user: drill_probe, password: {{ secretsmanager: drill/orders }}, query: \
             \"SELECT {number} AS it\" }}\n    expect: {{ it: {{ equals: {number} }} }}\n    retry: {{ for: 10m, every: 15s }}\n"
        ));
    }
    text
}

/// Read, checked, compiled; what is worth a look is drawn. In ms.
fn compiled(text: &str) -> Result<f64, String> {
    let watch = Stopwatch::start();
    let loaded = check_text("large.yaml", text.as_bytes(), None, &BTreeMap::new(), facts);
    let loaded = loaded.map_err(|problems| render(&problems.sources, &problems.diagnostics, false))?;
    let plan = compile(&loaded.definition, facts).map_err(explain)?;
    let drawn = render(&loaded.sources, &loaded.warnings, false);
    let table = to_json(&[("large.yaml".to_owned(), &loaded.sources, loaded.warnings.as_slice())]).to_string();
    let took = watch.millis();
    if plan.steps.len() != 10_000 || drawn.is_empty() || table.is_empty() {
        return Err(format!(
            "the plan has {} steps, and {} warnings were drawn",
            plan.steps.len(),
            loaded.warnings.len()
        ));
    }
    Ok(took)
}

fn time(_: &Path) -> Result<Once, String> {
    let text = text();
    let took = compiled(&text)?;
    let watch = Stopwatch::start();
    let mut events = 0_usize;
    for event in Parser::new_from_str(&text) {
        event.map_err(|error| error.info().to_owned())?;
        events += 1;
    }
    let limit = watch.millis();
    let note = format!("{} bytes; limit: the YAML parser alone, {} ms for {events} events", text.len(), shown(limit));
    Ok(Once::new(took).limit(limit).note(note))
}

fn memory(_: &Path) -> Result<Once, String> {
    let text = text();
    compiled(&text)?;
    Ok(Once::new(memory_kib("self", "VmHWM")? * 1_024.0 / 1_000_000.0))
}
