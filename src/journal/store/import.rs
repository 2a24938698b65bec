//! Taking over runs that were recorded elsewhere, and what came of runs that are known.
//!
//! A journal is only ever added to. What is known of a run stays, and what comes must lead through it, hash by hash. Trust
//! never sinks by it: whoever can write a file can chain records to a journal that somebody else signed, so what nobody known
//! signed is not added to what is trusted.

use rusqlite::{Connection, TransactionBehavior};

use crate::journal::chain::{BrokenChain, Hash, verify};
use crate::journal::event::Event;
use crate::journal::record::Recorded;
use crate::journal::state::State;
use crate::journal::store::Store;
use crate::journal::store::error::StoreError;
use crate::journal::store::lock::DrillLock;
use crate::journal::store::origin;
use crate::journal::store::read::{Row, Stored, decoded, stored};
use crate::journal::store::write::{Batch, Home, insert};
use crate::words::id::RunId;

/// What came of [`Store::import`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// The run is in the journal now.
    Taken,
    /// Its first records were there already, and now the rest is.
    Continued,
    /// It was there already, with the same records, and maybe with some that are no verdict.
    Had,
    /// It was there already, and went on to a later verdict.
    Outgrown,
}

impl Store {
    /// Takes over a run that was recorded elsewhere, in the texts in which it was recorded. All of it or nothing. Of a run that
    /// is there already nothing is changed; what comes after all of its records is added. It may have more records than are
    /// given.
    ///
    /// `signer` is the id of the trusted key that signed the bundle of exactly these records. It sticks to the run, and so does
    /// that there was none; a run whose signer was not known is vouched for by a bundle that has all of its records.
    ///
    /// # Errors
    /// When the records do not verify, the journal has the run with other records, or it cannot be written. When there is
    /// something to be added: if a process runs the drill, the run was begun here and is not over, or it is trusted and
    /// `signer` is none.
    pub fn import(&self, records: Vec<Recorded>, signer: Option<&str>) -> Result<Imported, StoreError> {
        let Some(run) = records.first().map(|first| first.run) else { return Ok(Imported::Had) };
        check(&run, &records).map_err(|source| StoreError::Broken { run, source })?;
        let mut connection = self.connect()?;
        let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = self.database(begun)?;
        let known = self.database(stored(&transaction, &run))?;
        if let Some(seq) = parting(&records, &known.rows) {
            return Err(StoreError::Other { run, seq });
        }
        let (had, all) = (known.rows.len(), records.len());
        if had >= all {
            if let Some(signer) = signer.filter(|_| had == all) {
                self.database(origin::vouch(&transaction, &run, signer))?;
                self.database(transaction.commit())?;
            }
            let later = known.rows.get(all..).unwrap_or_default();
            return Ok(if later.iter().any(concludes) { Imported::Outgrown } else { Imported::Had });
        }
        let mut batch = Batch::new(if had == 0 { Home::New } else { known.home() });
        // Given back when all is written.
        let _lock = if had == 0 { None } else { Some(self.may_add(&transaction, &run, known, signer)?) };
        for record in records.into_iter().skip(had) {
            batch.push(record);
        }
        self.database(insert(&transaction, &batch))?;
        self.database(origin::note(&transaction, &run, signer))?;
        self.database(transaction.commit())?;
        Ok(if had == 0 { Imported::Taken } else { Imported::Continued })
    }

    /// Whether something may be added to what is known of a run. While the lock is held nobody else goes on with it.
    fn may_add(
        &self,
        connection: &Connection,
        run: &RunId,
        known: Stored,
        signer: Option<&str>,
    ) -> Result<DrillLock, StoreError> {
        let known = decoded(run, known)?;
        let state = State::replay(&known).map_err(|source| StoreError::Senseless { run: *run, source })?;
        let origin = self.database(origin::of(connection, run))?;
        if origin.is_here() && state.concluded.is_none() {
            return Err(StoreError::BegunHere(*run));
        }
        if origin.is_trusted() && signer.is_none() {
            return Err(StoreError::Unvouched { run: *run, seq: state.seq });
        }
        self.lock(&state.started.drill)
    }
}

/// Checks every record against the one before.
fn check(run: &RunId, records: &[Recorded]) -> Result<(), BrokenChain> {
    let mut prev = &Hash::zero();
    for (record, seq) in records.iter().zip(1_u64..) {
        verify(record, run, seq, prev)?;
        prev = &record.hash;
    }
    Ok(())
}

/// The first record that is another one than the one that is known.
fn parting(records: &[Recorded], known: &[Row]) -> Option<u64> {
    let mut pairs = records.iter().zip(known);
    pairs.find(|(record, row)| record.hash != row.hash).map(|(record, _)| record.seq)
}

/// Whether a record is a verdict. Only for what is said of it: the chain is not looked at.
fn concludes(row: &Row) -> bool {
    let event = row.body.as_deref().map(serde_json::from_str::<Event>);
    matches!(event, Some(Ok(Event::Concluded { .. })))
}
