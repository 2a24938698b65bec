//! Any events, one a line as `SECONDS EVENT`, after the first record of a run: whatever can follow is folded, measured and
//! reported, the same each time, and survives being written and read as lines.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use restore_drill::aws::resource::facts;
use restore_drill::definition::load::check_text;
use restore_drill::journal::chain::{Hash, link};
use restore_drill::journal::event::{Event, FORMAT, Recorded, RunStarted};
use restore_drill::journal::lines::{read_lines, write_lines};
use restore_drill::journal::state::State;
use restore_drill::journal::verdict::conclude;
use restore_drill::plan::compile::compile;
use restore_drill::report::{json, runbook};
use restore_drill::run::step::report::rendered;
use restore_drill::words::id::RunId;
use restore_drill::words::kind::Mode;

const DEFINITION: &str = include_str!("../seed/fuzzed.yaml");

/// When the run of every input here starts.
const START: &str = "2026-11-21T12:00:00Z";

/// Lines of an input that are looked at.
const MOST_LINES: usize = 200;

pub(crate) fn run(data: &[u8]) {
    accepted(data);
}

/// How many lines of the input were events that could follow.
pub(crate) fn accepted(data: &[u8]) -> usize {
    let Ok(text) = std::str::from_utf8(data) else { return 0 };
    let mut at: Timestamp = START.parse().expect("an instant");
    let run = RunId::new(1_795_262_400_000, [7; 10]);
    let first = Event::RunStarted(Box::new(started()));
    let mut state = State::begin(run, at, &first).expect("a first record");
    let mut events = vec![(at, first)];
    for (later, event) in text.lines().take(MOST_LINES).filter_map(event) {
        let Ok(moment) = at.checked_add(SignedDuration::from_secs(later)) else { continue };
        if state.apply(moment, &event).is_ok() {
            at = moment;
            events.push((at, event));
        }
    }
    let records = chained(run, events);
    let lines = write_lines(&records);
    let read = read_lines(&lines).expect("what was written can be read");
    assert_eq!(read, records, "the lines hold other records");
    assert_eq!(State::replay(&records).as_ref(), Ok(&state), "the records make another state");
    let conclusion = conclude(&state, facts);
    assert_eq!(conclude(&state, facts), conclusion, "the same state is judged otherwise");
    let _ = json::summary(&state, None);
    assert_eq!(rendered(&records, facts), rendered(&records, facts), "two reports differ");
    records.len() - 1
}

fn event(line: &str) -> Option<(i64, Event)> {
    let (seconds, event) = line.split_once(' ')?;
    Some((seconds.parse().ok()?, serde_json::from_str(event).ok()?))
}

fn chained(run: RunId, events: Vec<(Timestamp, Event)>) -> Vec<Recorded> {
    let mut prev = Hash::zero();
    let mut records = Vec::new();
    for (seq, (at, event)) in (1_u64..).zip(events) {
        let body = serde_json::to_string(&event).expect("an event can be stored");
        let hash = link(&run, seq, at, &body, &prev);
        records.push(Recorded { run, seq, at, event, prev, hash: hash.clone() });
        prev = hash;
    }
    records
}

fn started() -> RunStarted {
    let loaded = check_text("fuzzed.yaml", DEFINITION.as_bytes(), None, &BTreeMap::new(), facts);
    let definition = loaded.expect("the seed is right").definition;
    RunStarted {
        format: FORMAT,
        version: "0.1.0".to_owned(),
        drill: definition.name.clone(),
        mode: Mode::Sandbox,
        plan: compile(&definition, facts).expect("the seed has a plan").into(),
        definition: DEFINITION.to_owned(),
        definition_sha256: "0".repeat(64),
        folder: "drills".to_owned(),
        vars: BTreeMap::new(),
        started_by: "somebody@somewhere".to_owned(),
        asked_at: None,
        templates: runbook::built_in().into(),
        seed: Some(7),
        world: None,
        world_id: None,
        unmeasurable: BTreeMap::new(),
        made_world: false,
        last_pass: None,
        history: Vec::new(),
        commit: None,
        previous: None,
    }
}
