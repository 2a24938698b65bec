//! Any text as the lines of a journal: an error that names its line, or records whose chain holds.

use restore_drill::aws::resource::facts;
use restore_drill::journal::chain::Hash;
use restore_drill::journal::event::Event;
use restore_drill::journal::lines::{LinesError, read_lines, write_lines};
use restore_drill::journal::state::State;
use restore_drill::run::step::report::rendered;

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match read_lines(text) {
        Ok(records) => {
            let mut prev = Hash::zero();
            for record in &records {
                assert_eq!(record.prev, prev, "the chain is broken at {}", record.seq);
                prev = record.hash.clone();
                // In one go or for its name first: it is the same event.
                if let Ok(event) = serde_json::from_str::<Event>(record.body()) {
                    assert_eq!(record.event, event, "record {}", record.seq);
                }
            }
            assert_eq!(records.len(), text.lines().count());
            // Whatever stands around them in this text, the texts of the events are kept: their hashes hold once more.
            let again = write_lines(&records);
            assert_eq!(read_lines(&again).expect("what was written can be read"), records);
            if State::replay(&records).is_ok() {
                // It may be refused; it may not panic.
                let _ = rendered(&records, facts);
            }
        }
        Err(LinesError::Empty | LinesError::TooMany) => {}
        Err(
            LinesError::TooLong { line }
            | LinesError::NoRecord { line, .. }
            | LinesError::NoEvent { line, .. }
            | LinesError::OtherForm { line }
            | LinesError::Broken { line, .. },
        ) => assert!((1..=text.lines().count()).contains(&line), "there is no line {line}"),
    }
}
