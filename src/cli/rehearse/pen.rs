//! A journal under somebody else's power: it can end its process's life at any record, or refuse to be written.

use std::future::poll_fn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::pin::Pin;
use std::task::Poll;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::journal::event::{Event, GateAnswer, Recorded};
use crate::journal::store::{Append, RunJournal, StoreError};
use crate::words::id::Name;

/// What becomes of a process through its journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fate {
    /// It dies at the append that makes this record durable.
    pub(crate) dies_at: Option<u64>,
    /// It dies before that append, not after it: what led to it has happened, and nobody wrote it down.
    pub(crate) unwritten: bool,
    /// From this append on, counted from 1 in each process, the disk is full.
    pub(crate) full_from: Option<u64>,
}

/// The death of a process, thrown out of an append. Nothing catches it but [`until_death`].
struct Death;

/// A journal with a fate.
pub(crate) struct Pen {
    inner: RunJournal,
    fate: Fate,
    durable: u64,
    appends: Vec<u64>,
    tried: u64,
    lost: bool,
}

impl Pen {
    pub(crate) fn new(inner: RunJournal, durable: u64, fate: Fate) -> Self {
        Self { inner, fate, durable, appends: Vec::new(), tried: 0, lost: false }
    }

    /// Whether it ever could not be written.
    pub(crate) fn was_lost(&self) -> bool {
        self.lost
    }

    /// The last record of each append.
    pub(crate) fn appends(&self) -> Vec<u64> {
        self.appends.clone()
    }

    async fn write(&mut self, events: &[(Timestamp, Event)]) -> Result<Vec<Recorded>, StoreError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let records = self.inner.append(events).await.inspect_err(|_| self.lost = true)?;
        self.durable += u64::try_from(events.len()).unwrap_or(u64::MAX);
        self.appends.push(self.durable);
        Ok(records)
    }
}

#[async_trait]
impl Append for Pen {
    async fn append(&mut self, events: &[(Timestamp, Event)]) -> Result<Vec<Recorded>, StoreError> {
        self.tried += 1;
        if self.fate.full_from.is_some_and(|from| self.tried >= from) {
            self.lost = true;
            let source = io::Error::from(io::ErrorKind::StorageFull);
            return Err(StoreError::Folder { path: PathBuf::from("journal"), source });
        }
        let after = self.durable + u64::try_from(events.len()).unwrap_or(u64::MAX);
        match self.fate.dies_at {
            Some(dies_at) if after >= dies_at => {
                // An append is one transaction: all of it is durable, or nothing.
                if !self.fate.unwritten {
                    self.write(events).await?;
                }
                // Without the hook of `panic!`: a death is nothing to report.
                resume_unwind(Box::new(Death))
            }
            _ => self.write(events).await,
        }
    }

    fn records(&self) -> Result<Vec<Recorded>, StoreError> {
        self.inner.records()
    }

    fn still_ours(&self) -> Result<(), StoreError> {
        self.inner.still_ours()
    }

    fn cancel_requested(&self) -> Result<bool, StoreError> {
        self.inner.cancel_requested()
    }

    fn answers(&self) -> Result<Vec<(Name, GateAnswer)>, StoreError> {
        self.inner.answers()
    }
}

/// What `life` answers, or nothing if it died. A life that died must not be polled again.
pub(crate) async fn until_death<T>(mut life: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Option<T> {
    poll_fn(move |context| match catch_unwind(AssertUnwindSafe(|| life.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(answer)) => Poll::Ready(Some(answer)),
        Err(thrown) if thrown.is::<Death>() => Poll::Ready(None),
        Err(thrown) => resume_unwind(thrown),
    })
    .await
}
