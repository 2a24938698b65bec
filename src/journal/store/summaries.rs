//! What later runs need of a run that is over, kept beside the list of runs: to begin one, nobody replays the last twenty.
//!
//! A summary is a function of the run's records and is written in the transaction of its verdict, with the number and the
//! hash of that record. Where that record is not in the journal any more, or the text is not the one that was written,
//! there is none: then the run itself is read.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::journal::chain::{Hash, sha256_hex};
use crate::journal::event::{Event, Recorded};
use crate::journal::state::State;
use crate::journal::store::Store;
use crate::journal::store::error::StoreError;
use crate::words::id::RunId;

/// Says what later runs need of a run with this state; nothing if that is not over.
pub type Summarize = fn(&State) -> Option<String>;

/// What is kept of a run that is over.
#[derive(Debug)]
pub(super) struct Summary {
    run: RunId,
    /// Number and hash of the record with the verdict.
    seq: i64,
    hash: Hash,
    text: String,
}

impl Summary {
    /// That of a run whose newest verdict is among these records, all of which are given.
    pub(super) fn of(records: &[Recorded], summarize: Summarize) -> Option<Self> {
        let concluded = records.iter().rposition(|record| matches!(record.event, Event::Concluded { .. }))?;
        let records = records.get(..=concluded)?;
        let last = records.last()?;
        let state = State::replay(records).ok()?;
        let seq = i64::try_from(last.seq).ok()?;
        Some(Self { run: last.run, seq, hash: last.hash.clone(), text: summarize(&state)? })
    }

    /// Over all of it, so that nothing of it can be changed unseen.
    fn checksum(&self) -> String {
        let Self { run, seq, hash, text } = self;
        sha256_hex(format!("{run}\n{seq}\n{hash}\n{text}").as_bytes())
    }
}

/// Keeps a summary, in the place of an earlier one.
pub(super) fn note(connection: &Connection, summary: &Summary) -> rusqlite::Result<()> {
    let insert = "INSERT OR REPLACE INTO summaries (run, seq, hash, body, checksum) VALUES (?1, ?2, ?3, ?4, ?5)";
    let (run, checksum) = (summary.run.to_string(), summary.checksum());
    let Summary { seq, hash, text, .. } = summary;
    connection.prepare_cached(insert)?.execute(params![run, seq, hash.to_string(), text, checksum])?;
    Ok(())
}

/// Forgets the summary of a run: its verdict is another one from here on.
pub(super) fn forget(connection: &Connection, run: &RunId) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM summaries WHERE run = ?1")?.execute([run.to_string()])?;
    Ok(())
}

impl Store {
    /// From now on the runs that conclude through this store leave a summary.
    #[must_use]
    pub fn summarizing(self, summarize: Summarize) -> Self {
        // Whoever opened it said so already.
        let _ = self.shared.summarize.set(summarize);
        self
    }

    /// What a run that is over left for later ones. Nothing if it left nothing, or if that or its verdict was changed since.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn summary(&self, run: &RunId) -> Result<Option<String>, StoreError> {
        let found = self.reading(|connection| {
            let Some((summary, checksum)) = noted(connection, run)? else { return Ok(None) };
            let is_its_record = hash_of(connection, run, summary.seq)? == Some(summary.hash.clone());
            Ok((is_its_record && checksum == summary.checksum()).then_some(summary))
        })?;
        Ok(found.map(|summary| summary.text))
    }
}

fn noted(connection: &Connection, run: &RunId) -> rusqlite::Result<Option<(Summary, String)>> {
    let find = "SELECT seq, hash, body, checksum FROM summaries WHERE run = ?1";
    let mut statement = connection.prepare_cached(find)?;
    let row = statement.query_row([run.to_string()], |row| {
        let summary = Summary { run: *run, seq: row.get(0)?, hash: Hash::stored(row.get(1)?), text: row.get(2)? };
        Ok((summary, row.get(3)?))
    });
    row.optional()
}

/// The hash of a record, as it stands in its table.
fn hash_of(connection: &Connection, run: &RunId, seq: i64) -> rusqlite::Result<Option<Hash>> {
    let in_records = "SELECT records.hash FROM chains JOIN records ON records.chain = chains.chain
                      WHERE chains.run = ?1 AND records.seq = ?2";
    let run = run.to_string();
    let mut find = connection.prepare_cached(in_records)?;
    let bytes: Option<Vec<u8>> = find.query_row(params![run, seq], |row| row.get(0)).optional()?;
    if let Some(bytes) = bytes {
        return Ok(Some(Hash::of_bytes(&bytes)));
    }
    let in_events = "SELECT hash FROM events WHERE run = ?1 AND seq = ?2";
    let mut find = connection.prepare_cached(in_events)?;
    let text: Option<String> = find.query_row(params![run, seq], |row| row.get(0)).optional()?;
    Ok(text.map(Hash::stored))
}
