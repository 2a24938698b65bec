//! The run of `fuzz/seed/fuzzed.yaml`, whose journal several bodies go on with. It is no body itself.

use std::collections::BTreeMap;

use jiff::Timestamp;
use restore_drill::aws::resource::facts;
use restore_drill::definition::load::check_text;
use restore_drill::journal::chain::Hash;
use restore_drill::journal::event::{Event, Recorded, RunStarted};
use restore_drill::plan::compile::compile;
use restore_drill::report::runbook;
use restore_drill::words::id::RunId;
use restore_drill::words::kind::Mode;

const DEFINITION: &str = include_str!("../seed/fuzzed.yaml");

/// When it starts.
const START: &str = "2026-11-21T12:00:00Z";

/// Its id, when it starts, and its first record's event.
pub(crate) fn begun() -> (RunId, Timestamp, Event) {
    let run = RunId::new(1_795_262_400_000, [7; 10]);
    let loaded = check_text("fuzzed.yaml", DEFINITION.as_bytes(), None, &BTreeMap::new(), facts);
    let plan = compile(&loaded.expect("the seed is right").definition, facts).expect("the seed has a plan");
    let started = RunStarted {
        folder: "drills".to_owned(),
        templates: runbook::built_in().into(),
        seed: Some(7),
        ..RunStarted::new(Mode::Sandbox, plan, DEFINITION, "somebody@somewhere")
    };
    (run, START.parse().expect("an instant"), Event::RunStarted(Box::new(started)))
}

/// Events as the records of a run.
pub(crate) fn chained(run: RunId, events: Vec<(Timestamp, Event)>) -> Vec<Recorded> {
    let mut prev = Hash::zero();
    let mut records = Vec::new();
    for (seq, (at, event)) in (1_u64..).zip(events) {
        let record = Recorded::new(run, seq, at, event, prev).expect("an event can be stored");
        prev = record.hash.clone();
        records.push(record);
    }
    records
}
