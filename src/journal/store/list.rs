//! The list of runs. It is a function of their events, and it is read only while it is: a list that hides a run would say
//! that nothing is owed to it.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use crate::journal::store::Store;
use crate::journal::store::error::StoreError;
use crate::journal::store::lock::{MANY, Word};
use crate::journal::store::origin::Origin;
use crate::journal::store::read::has;
use crate::words::both::both;
use crate::words::id::{DrillName, RunId};
use crate::words::kind::{Mode, Verdict};

/// Whether the list of runs is what the records say: none is missing, none is of another drill, none stands in old and new
/// tables at once. A few seeks for each run. It looks at `started` so that the rows themselves are read, and not an index of
/// them.
const IS_WHOLE: &str = "
    WITH RECURSIVE begun(run) AS (
        SELECT min(run) FROM events
        UNION ALL
        SELECT (SELECT min(events.run) FROM events WHERE events.run > begun.run) FROM begun WHERE begun.run IS NOT NULL
    ),
    linked(chain) AS (
        SELECT min(chain) FROM records
        UNION ALL
        SELECT (SELECT min(records.chain) FROM records WHERE records.chain > linked.chain)
        FROM linked WHERE linked.chain IS NOT NULL
    )
    SELECT NOT EXISTS (SELECT 1 FROM begun WHERE run IS NOT NULL AND run NOT IN (SELECT run FROM runs))
       AND NOT EXISTS (SELECT 1 FROM linked WHERE chain IS NOT NULL AND chain NOT IN (SELECT chain FROM chains))
       AND NOT EXISTS (SELECT 1 FROM chains WHERE run NOT IN (SELECT run FROM runs))
       AND NOT EXISTS (
           SELECT 1 FROM runs
                LEFT JOIN events ON events.run = runs.run AND events.seq = 1
                LEFT JOIN chains ON chains.run = runs.run
                LEFT JOIN records ON records.chain = chains.chain AND records.seq = 1
           WHERE (events.run IS NULL) = (records.chain IS NULL)
              OR typeof(runs.drill) <> 'text' OR typeof(runs.started) <> 'text'
              OR coalesce(instr(substr(coalesce(events.body, records.body), 1, 400),
                                '\"drill\":\"' || runs.drill || '\"'), 0) = 0
       )
";

/// Newest first, before a run: those of one drill, or all. Along the rows themselves: an index that was damaged would hide
/// runs.
const PAGE: &str = "
    SELECT runs.run, drill, mode, started, verdict, until, imports.run IS NOT NULL, signer
    FROM runs LEFT JOIN leases ON leases.run = runs.run LEFT JOIN imports ON imports.run = runs.run
    WHERE (?1 IS NULL OR +drill = ?1) AND runs.run < ?2 ORDER BY runs.run DESC LIMIT ?3
";

/// Stands after the id of every run.
const LAST: &str = "~";

/// One line of the list of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// The run.
    pub run: RunId,
    /// Its drill.
    pub drill: DrillName,
    /// What it talked to.
    pub mode: Mode,
    /// When it started.
    pub started: Timestamp,
    /// Its verdict, once there is one.
    pub verdict: Option<Verdict>,
    /// What it keeps on purpose stays until then, by the run's own clock.
    pub kept_until: Option<Timestamp>,
    /// Where its journal comes from.
    pub origin: Origin,
}

impl Store {
    /// All runs, newest first; those of one drill, if it is given.
    ///
    /// # Errors
    /// When they cannot be read, or a run that was begun is not among them: an empty list would say that nothing is owed.
    pub fn runs(&self, drill: Option<&DrillName>) -> Result<Vec<RunRow>, StoreError> {
        self.page(drill, None, usize::MAX)
    }

    /// The `most` newest runs that are older than `before`, newest first: of one drill, or of all. The next page comes
    /// before the last run of this one. The list is checked as a whole when its first page is asked for.
    ///
    /// # Errors
    /// As [`Store::runs`].
    pub fn page(
        &self,
        drill: Option<&DrillName>,
        before: Option<&RunId>,
        most: usize,
    ) -> Result<Vec<RunRow>, StoreError> {
        if before.is_none() {
            self.check_list(&self.last_runs(drill)?)?;
        }
        self.listed(drill, before, most)
    }

    /// Checks the list as a whole: against the records, and against the last runs as their locks name them.
    pub(super) fn check_list(&self, last: &[Word]) -> Result<(), StoreError> {
        let look = |connection: &Connection| connection.prepare_cached(IS_WHOLE)?.query_row([], |row| row.get(0));
        let is_whole: bool = if last.len() < MANY {
            self.lost(last)?;
            self.reading(look)?
        } else {
            let here = || self.connect().and_then(|connection| self.database(look(&connection)));
            let (lost, is_whole) = both(|| self.lost(last), here);
            lost?;
            is_whole?
        };
        if is_whole { Ok(()) } else { Err(StoreError::List { path: self.path() }) }
    }

    /// A page of a list that was checked.
    pub(super) fn listed(
        &self,
        drill: Option<&DrillName>,
        before: Option<&RunId>,
        most: usize,
    ) -> Result<Vec<RunRow>, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = self.reading(|connection| page(connection, drill, before, most))?;
        rows.ok_or_else(|| StoreError::List { path: self.path() })
    }

    /// The last run of a drill, as its lock names it, must be in the journal.
    fn lost(&self, last: &[Word]) -> Result<(), StoreError> {
        for Word { run, lock, .. } in last {
            if !self.reading(|connection| has(connection, run))? {
                return Err(StoreError::Lost { path: self.path(), run: *run, lock: lock.clone() });
            }
        }
        Ok(())
    }

    /// The runs whose id or last digits are `text`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn find(&self, text: &str) -> Result<Vec<RunRow>, StoreError> {
        let wanted = text.to_lowercase();
        let mut rows = self.runs(None)?;
        rows.retain(|row| {
            row.run.to_string() == wanted || (wanted.len() >= 4 && row.run.to_string().ends_with(&wanted))
        });
        Ok(rows)
    }
}

/// Nothing if a row is one that no drill wrote.
fn page(
    connection: &Connection,
    drill: Option<&DrillName>,
    before: Option<&RunId>,
    most: i64,
) -> rusqlite::Result<Option<Vec<RunRow>>> {
    let before = before.map_or_else(|| LAST.to_owned(), RunId::to_string);
    let mut statement = connection.prepare_cached(PAGE)?;
    let rows = statement.query_map(params![drill.map(DrillName::as_str), before, most], |row| {
        let texts: (String, String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(run_row(texts, known(row)?, Origin::noted(row.get(6)?, row.get(7)?)))
    })?;
    rows.collect()
}

/// Verdict, and until when something is kept.
fn known(row: &Row<'_>) -> rusqlite::Result<(Option<String>, Option<String>)> {
    Ok((row.get(4)?, row.get(5)?))
}

fn run_row(
    (run, drill, mode, started): (String, String, String, String),
    (verdict, until): (Option<String>, Option<String>),
    origin: Origin,
) -> Option<RunRow> {
    Some(RunRow {
        run: run.parse().ok()?,
        drill: drill.parse().ok()?,
        mode: Mode::from_word(&mode)?,
        started: started.parse().ok()?,
        verdict: verdict.as_deref().and_then(Verdict::from_word),
        kept_until: until.and_then(|until| until.parse().ok()),
        origin,
    })
}
