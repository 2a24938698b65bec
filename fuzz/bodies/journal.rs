//! Any events, one a line as `SECONDS EVENT`, after the first record of a run: whatever can follow is folded, measured and
//! reported, the same each time, and survives being written and read as lines.

use jiff::SignedDuration;
use restore_drill::aws::resource::facts;
use restore_drill::journal::event::Event;
use restore_drill::journal::lines::{read_lines, write_lines};
use restore_drill::journal::state::State;
use restore_drill::journal::verdict::conclude;
use restore_drill::report::json;
use restore_drill::run::step::report::rendered;

use super::seeded_run::{begun, chained};

/// Lines of an input that are looked at.
const MOST_LINES: usize = 200;

pub(crate) fn run(data: &[u8]) {
    accepted(data);
}

/// How many lines of the input were events that could follow.
pub(crate) fn accepted(data: &[u8]) -> usize {
    let Ok(text) = std::str::from_utf8(data) else { return 0 };
    let (run, mut at, first) = begun();
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
