//! What people leave for a run that another process drives, and what sweeps note: rows beside the journals.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::journal::event::GateAnswer;
use crate::journal::store::Store;
use crate::journal::store::error::StoreError;
use crate::journal::sweep::SweepNote;
use crate::words::id::{Name, RunId};

/// What people left for runs: for all of them, in one look.
#[derive(Debug, Clone, Default)]
pub struct Requests {
    cancelled: HashSet<RunId>,
    answers: HashMap<RunId, Vec<(Name, GateAnswer)>>,
}

impl Requests {
    /// Whether `drill cancel` was called for the run.
    #[must_use]
    pub fn is_cancelled(&self, run: &RunId) -> bool {
        self.cancelled.contains(run)
    }

    /// What people said at the run's gates.
    #[must_use]
    pub fn answers(&self, run: &RunId) -> Vec<(Name, GateAnswer)> {
        self.answers.get(run).cloned().unwrap_or_default()
    }

    /// Adds those of another store.
    pub fn extend(&mut self, other: Self) {
        self.cancelled.extend(other.cancelled);
        self.answers.extend(other.answers);
    }
}

fn all_cancels(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached("SELECT run FROM cancels")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

fn all_answers(connection: &Connection) -> rusqlite::Result<Vec<(String, String, String)>> {
    let mut statement = connection.prepare_cached("SELECT run, gate, body FROM answers")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
}

impl Store {
    /// What people left for any run.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn requests(&self) -> Result<Requests, StoreError> {
        let (cancels, answers) = self.reading(|connection| Ok((all_cancels(connection)?, all_answers(connection)?)))?;
        let mut requests = Requests::default();
        requests.cancelled.extend(cancels.iter().filter_map(|run| run.parse::<RunId>().ok()));
        for (run, gate, body) in answers {
            // Only `drill approve` writes here; what cannot be read is no answer.
            if let (Ok(run), Ok(gate), Ok(answer)) =
                (run.parse::<RunId>(), gate.parse::<Name>(), serde_json::from_str::<GateAnswer>(&body))
            {
                requests.answers.entry(run).or_default().push((gate, answer));
            }
        }
        Ok(requests)
    }

    /// Asks a running run to end. The process that runs it looks for this.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn request_cancel(&self, run: &RunId) -> Result<(), StoreError> {
        let connection = self.connect()?;
        let text = run.to_string();
        self.database(connection.execute("INSERT OR IGNORE INTO cancels (run) VALUES (?1)", [text]).map(|_| ()))
    }

    pub(super) fn cancel_requested(&self, run: &RunId) -> Result<bool, StoreError> {
        let found = self.reading(|connection| {
            let mut statement = connection.prepare_cached("SELECT 1 FROM cancels WHERE run = ?1")?;
            statement.query_row([run.to_string()], |_| Ok(())).optional()
        });
        found.map(|row| row.is_some())
    }

    /// Leaves an answer for a gate of a run. `false`: somebody answered already, and the first answer counts.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn answer(&self, run: &RunId, gate: &Name, answer: &GateAnswer) -> Result<bool, StoreError> {
        let connection = self.connect()?;
        let body = serde_json::to_string(answer).unwrap_or_default();
        let insert = "INSERT OR IGNORE INTO answers (run, gate, body) VALUES (?1, ?2, ?3)";
        let rows = connection.execute(insert, params![run.to_string(), gate.as_str(), body]);
        self.database(rows.map(|rows| rows == 1))
    }

    pub(super) fn answers(&self, run: &RunId) -> Result<Vec<(Name, GateAnswer)>, StoreError> {
        let rows = self.reading(|connection| {
            let mut statement = connection.prepare_cached("SELECT gate, body FROM answers WHERE run = ?1")?;
            let row = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
            statement.query_map([run.to_string()], row)?.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        // Only `drill approve` writes here; what cannot be read is no answer.
        let parsed = rows.into_iter().filter_map(|(gate, body)| {
            Some((gate.parse::<Name>().ok()?, serde_json::from_str::<GateAnswer>(&body).ok()?))
        });
        Ok(parsed.collect())
    }

    /// Notes what a sweep is about to do, or did. Returned means on the disk.
    ///
    /// # Errors
    /// When the database cannot be written: then nothing may be done that the note announces.
    pub fn note_sweep(&self, note: &SweepNote) -> Result<(), StoreError> {
        let connection = self.connect()?;
        let body = serde_json::to_string(note).unwrap_or_default();
        self.database(connection.execute("INSERT INTO sweeps (body) VALUES (?1)", [body]).map(|_| ()))
    }

    /// Everything that sweeps noted, oldest first. What cannot be read is left out: a newer drill may have written it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn sweeps(&self) -> Result<Vec<SweepNote>, StoreError> {
        let bodies = self.reading(|connection| {
            let mut statement = connection.prepare_cached("SELECT body FROM sweeps ORDER BY seq")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect::<rusqlite::Result<Vec<String>>>()
        })?;
        Ok(bodies.iter().filter_map(|body| serde_json::from_str(body).ok()).collect())
    }
}
