//! The journal of a run that waits and that nobody drives meanwhile: its lock, and where its last record ended.

use crate::journal::chain::Hash;
use crate::journal::state::State;
use crate::journal::store::Store;
use crate::journal::store::error::StoreError;
use crate::journal::store::lock::ParkedLock;
use crate::journal::store::write::{Home, RunJournal};
use crate::words::id::RunId;

/// The journal of a run that is not driven now. The drill stays locked.
#[derive(Debug)]
pub struct ParkedJournal {
    pub(super) store: Store,
    pub(super) run: RunId,
    pub(super) home: Home,
    pub(super) last: (u64, Hash),
    pub(super) lock: ParkedLock,
}

impl ParkedJournal {
    /// The run.
    #[must_use]
    pub fn run(&self) -> RunId {
        self.run
    }

    /// Goes on with the run: its records are read and checked, and nobody wrote to it since.
    ///
    /// # Errors
    /// When they cannot be read, do not verify or make no sense, and [`StoreError::TakenOver`] if they are not those that this
    /// process wrote.
    pub fn wake(self) -> Result<(RunJournal, State), StoreError> {
        let Self { store, run, home, last, lock } = self;
        // A connection that gave an error is not used again, and all who are parked share one: another may read it.
        let (found, records) = store.loaded(&run).or_else(|_| store.loaded(&run))?;
        let is_ours = records.last().is_some_and(|record| (record.seq, &record.hash) == (last.0, &last.1));
        if found != home || !is_ours {
            return Err(StoreError::TakenOver(run));
        }
        let state = State::replay(&records).map_err(|source| StoreError::Senseless { run, source })?;
        let lock = lock.of(state.started.drill.clone());
        Ok((RunJournal::new(store, run, home, last, lock), state))
    }
}
