//! A journal as text: one record a line, each a JSON object. Pure.
//!
//! ```json
//! {"run":"0199…","seq":1,"at":"2026-11-21T12:00:00Z","event":{"event":"run_started",…},"prev":"0000…","hash":"5f1d…"}
//! ```
//!
//! The hash covers the text of `event` as it stands in the line, so whoever has the lines alone can check the chain. What is
//! read is written again in that text, whichever version of drill wrote it.
//! What comes in may be anything: every error names its line.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::journal::chain::{BrokenChain, Hash, verify};
use crate::journal::record::{Position, Recorded};
use crate::words::id::RunId;

/// The longest line that is read, in bytes. The first record holds the plan, the definition and the templates, and is by
/// far the longest.
pub const LONGEST_LINE: usize = 16 * 1024 * 1024;

/// Records that are read at most. A run of days, looked at all the time, has some ten thousand.
pub const MOST_LINES: usize = 1_000_000;

/// Why a text is no journal. Lines count from 1.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    /// Nothing at all.
    #[error("there is no record in it")]
    Empty,
    /// More than [`MOST_LINES`].
    #[error("it has more than {MOST_LINES} lines")]
    TooMany,
    /// Longer than [`LONGEST_LINE`].
    #[error("line {line} is longer than {LONGEST_LINE} bytes")]
    TooLong {
        /// The line.
        line: usize,
    },
    /// Not a record.
    #[error("line {line} is no record of a journal")]
    NoRecord {
        /// The line.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// A record of something that this version does not know, or that lacks something.
    #[error("line {line} is a record of an event that this version of drill cannot read")]
    NoEvent {
        /// The line.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// A record that is not what was written.
    #[error("line {line} is not as it was written")]
    Broken {
        /// The line.
        line: usize,
        /// In which way.
        source: BrokenChain,
    },
    /// In a whole chain, and yet another text than drill makes of it.
    #[error("line {line} is not in the form in which drill writes it")]
    OtherForm {
        /// The line.
        line: usize,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    run: RunId,
    seq: u64,
    at: Timestamp,
    #[serde(borrow)]
    event: &'a RawValue,
    prev: Hash,
    hash: Hash,
}

/// What a line has besides the text of its event, about: so much is asked for at once.
const AROUND: usize = 320;

/// The records as lines, each with its end. The same records give the same bytes.
#[must_use]
pub fn write_lines(records: &[Recorded]) -> String {
    let mut text = String::with_capacity(records.iter().map(|record| record.body().len() + AROUND).sum());
    for record in records {
        text.push_str(&line_of(record));
        text.push('\n');
    }
    text
}

/// A record as a line, without its end. Nothing in it but the event's text, which is JSON, has anything to escape.
#[must_use]
pub fn line_of(record: &Recorded) -> String {
    let Recorded { run, seq, at, prev, hash, .. } = record;
    let body = record.body();
    format!(r#"{{"run":"{run}","seq":{seq},"at":"{at}","event":{body},"prev":"{prev}","hash":"{hash}"}}"#)
}

/// The records of one run, every one checked against the one before.
///
/// # Errors
/// The first line that is not a record of the run, or not as it was written.
pub fn read_lines(text: &str) -> Result<Vec<Recorded>, LinesError> {
    let mut records: Vec<Recorded> = Vec::new();
    let mut prev = Hash::zero();
    for (line, written) in (1_usize..).zip(text.lines()) {
        if line > MOST_LINES {
            return Err(LinesError::TooMany);
        }
        if written.len() > LONGEST_LINE {
            return Err(LinesError::TooLong { line });
        }
        let record = read_line(line, written)?;
        let run = records.first().map_or(record.run, |first| first.run);
        let seq = u64::try_from(line).unwrap_or(u64::MAX);
        verify(&record, &run, seq, &prev).map_err(|source| LinesError::Broken { line, source })?;
        prev = record.hash.clone();
        records.push(record);
    }
    if records.is_empty() { Err(LinesError::Empty) } else { Ok(records) }
}

/// Checks that a text is to the byte what [`write_lines`] makes of the records that were read from it: around the texts of
/// the events there is nothing that their hashes do not cover. Another version of drill may put other things there.
///
/// # Errors
/// [`LinesError::OtherForm`] with the first line that is not so.
pub fn check_form<'a>(text: &str, records: impl IntoIterator<Item = &'a Recorded>) -> Result<(), LinesError> {
    for (line, (written, record)) in (1_usize..).zip(text.split_inclusive('\n').zip(records)) {
        if write_lines(std::slice::from_ref(record)) != written {
            return Err(LinesError::OtherForm { line });
        }
    }
    Ok(())
}

fn read_line(line: usize, written: &str) -> Result<Recorded, LinesError> {
    let Line { run, seq, at, event, prev, hash } =
        serde_json::from_str(written).map_err(|source| LinesError::NoRecord { line, source })?;
    let read = Recorded::found(Position { run, seq, at, prev, hash }, event.get().to_owned());
    read.map_err(|source| LinesError::NoEvent { line, source })
}

#[cfg(test)]
mod tests {
    use super::{LinesError, check_form, read_lines, write_lines};
    use crate::journal::chain::{BrokenChain, Hash, link};
    use crate::journal::event::Event;
    use crate::journal::record::Recorded;
    use crate::words::id::RunId;

    fn records(texts: &[&str]) -> Vec<Recorded> {
        let run = RunId::new(1_795_262_400_000, [7; 10]);
        let mut prev = Hash::zero();
        let mut records = Vec::new();
        for (seq, text) in (1_u64..).zip(texts) {
            let at = "2026-11-21T12:00:00.123Z".parse().unwrap();
            let event = Event::RunResumed { by: (*text).to_owned() };
            let record = Recorded::new(run, seq, at, event, prev).unwrap();
            prev = record.hash.clone();
            records.push(record);
        }
        records
    }

    /// One line with this text of its event, and a hash that fits.
    fn line(body: &str) -> String {
        let run = RunId::new(1_795_262_400_000, [7; 10]);
        let (at, prev) = ("2026-11-21T12:00:00Z".parse().unwrap(), Hash::zero());
        let hash = link(&run, 1, at, body, &prev);
        format!(r#"{{"run":"{run}","seq":1,"at":"{at}","event":{body},"prev":"{prev}","hash":"{hash}"}}"#) + "\n"
    }

    #[test]
    fn what_another_version_wrote_is_written_again_in_its_own_text() {
        let own = r#"{"event":"run_resumed","by":"one"}"#;
        for (body, is_own) in [
            (own, true),
            (r#"{"by":"one","event":"run_resumed"}"#, false),
            (r#"{"event":"run_resumed","why":{"since":9},"by":"one"}"#, false),
            (r#"{ "event": "run_resumed", "by": "\u006fne" }"#, false),
        ] {
            let text = line(body);
            let records = read_lines(&text).unwrap();
            assert_eq!((records[0].body(), records[0].is_own_text()), (body, is_own));
            assert_eq!(records[0].event, Event::RunResumed { by: "one".to_owned() });
            assert_eq!(write_lines(&records), text);
            assert!(check_form(&text, &records).is_ok(), "{body}");
        }
        let broken = read_lines(&line(&own.replace(',', ",\r"))).unwrap_err();
        assert!(
            matches!(broken, LinesError::Broken { line: 1, source: BrokenChain::NotOneLine { seq: 1 } }),
            "{broken}"
        );
    }

    #[test]
    fn what_is_written_is_read() {
        let written = records(&["one", "two\nlines", "\u{1b}[31m\u{202e}\"}"]);
        let text = write_lines(&written);
        assert_eq!(text.lines().count(), 3);
        assert_eq!(read_lines(&text).unwrap(), written);
        assert_eq!(write_lines(&read_lines(&text).unwrap()), text);
    }

    #[test]
    fn another_form_of_the_same_records_is_not_what_was_written() {
        let text = write_lines(&records(&["one", "two", "three"]));
        let written = read_lines(&text).unwrap();
        assert!(check_form(&text, &written).is_ok());
        let lines: Vec<&str> = text.lines().collect();
        let spaced = format!("{}\n {}\n{}\n", lines[0], lines[1], lines[2]);
        for (other, wanted) in [(text.trim_end().to_owned(), 3), (text.replace('\n', "\r\n"), 1), (spaced, 2)] {
            assert_eq!(read_lines(&other).unwrap(), written);
            let found = check_form(&other, &written);
            assert!(matches!(found, Err(LinesError::OtherForm { line }) if line == wanted), "{other}");
        }
    }

    #[test]
    fn every_error_names_its_line() {
        let text = write_lines(&records(&["one", "two", "three"]));
        let lines: Vec<&str> = text.lines().collect();
        let broken = |text: &str| match read_lines(text).unwrap_err() {
            LinesError::Broken { line, source } => (line, source),
            other => panic!("{other}"),
        };
        assert_eq!(broken(&text.replace("two", "too")), (2, BrokenChain::Changed { seq: 2 }));
        assert_eq!(broken(&[lines[0], lines[2]].join("\n")), (2, BrokenChain::OutOfOrder { expected: 2, found: 3 }));
        assert_eq!(broken(lines[1]), (1, BrokenChain::OutOfOrder { expected: 1, found: 2 }));
        let other = lines[1].replace("\"prev\":\"", "\"prev\":\"0");
        assert_eq!(broken(&[lines[0], &other].join("\n")), (2, BrokenChain::NotLinked { seq: 2 }));
        for (text, said) in [
            (String::new(), "there is no record in it"),
            ("\n".to_owned(), "line 1 is no record of a journal"),
            ("{}".to_owned(), "line 1 is no record of a journal"),
            ([lines[0], "[1]"].join("\n"), "line 2 is no record of a journal"),
            (lines[0].replace("run_resumed", "run_paused"), "line 1 is a record of an event"),
        ] {
            let error = read_lines(&text).unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
        }
    }
}
