//! Runs of a keeper that are parked: each is a record, a timer and the lock of its drill, until something wakes it.
//!
//! Invariant: who is asleep misses nothing. What a keeper says to all runs, and what people leave for one, wakes whoever
//! would have heeded it, and each is told what was said since it fell asleep.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::oneshot;

use crate::cli::error::CliError;
use crate::cli::keeper::Came;
use crate::cli::signals::Signals;
use crate::cloud::vault::Vault;
use crate::journal::state::State;
use crate::journal::store::{ParkedJournal, Requests, RunJournal, StoreError};
use crate::run::drive::DriveError;
use crate::run::park::{Heeds, News, Parked, Woken};
use crate::words::id::RunId;
use crate::words::time::Clock;

/// Drives a run on, from its journal.
pub(crate) type Wakes<'a> = Box<dyn FnOnce(Signals, Woken) -> LocalBoxFuture<'a, Came<'a>> + 'a>;

/// A run that is parked, and how it is driven on.
pub(crate) struct Sleeper<'a> {
    pub(crate) parked: Box<Parked>,
    /// Where its jobs are looked at.
    pub(crate) vault: Arc<dyn Vault>,
    /// The run's clock.
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) wakes: Wakes<'a>,
}

/// A run that is to be driven on.
pub(crate) struct Awake<'a> {
    /// Its number among the places.
    pub(crate) number: u64,
    /// Where it stands in the list of tasks.
    pub(crate) position: usize,
    /// How much had been said to all runs when it fell asleep.
    pub(crate) heard: usize,
    sleeper: Sleeper<'a>,
    news: Vec<News>,
}

impl<'a> Awake<'a> {
    /// Drives it on.
    pub(crate) fn drive(self, signals: Signals) -> LocalBoxFuture<'a, Came<'a>> {
        let Sleeper { parked, wakes, .. } = self.sleeper;
        tracing::debug!(run = %parked.run, "woken");
        wakes(signals, parked.woken(self.news))
    }
}

/// What a sleeper is woken for from outside.
struct Bell {
    run: RunId,
    heeds: Heeds,
    ring: oneshot::Sender<()>,
}

impl Bell {
    fn is_rung_by(&self, requests: &Requests, is_stopped: bool) -> bool {
        let Heeds { cancel, stop, gates } = &self.heeds;
        (*stop && is_stopped)
            || (*cancel && requests.is_cancelled(&self.run))
            || (!gates.is_empty() && requests.answers(&self.run).iter().any(|(gate, _)| gates.contains(gate)))
    }
}

/// Everybody who is parked.
#[derive(Default)]
pub(crate) struct Asleep<'a> {
    sleepers: FuturesUnordered<LocalBoxFuture<'a, Awake<'a>>>,
    /// By their numbers, of those whom nobody has woken yet.
    bells: HashMap<u64, Bell>,
    /// Woken, and driven on as soon as fewer are.
    awake: VecDeque<Awake<'a>>,
}

impl<'a> Asleep<'a> {
    /// One more falls asleep.
    pub(crate) fn put(&mut self, number: u64, position: usize, heard: usize, mut sleeper: Sleeper<'a>) {
        let (ring, rung) = oneshot::channel();
        let (run, heeds) = (sleeper.parked.run, mem::take(&mut sleeper.parked.heeds));
        tracing::debug!(%run, until = %sleeper.parked.until, "parked");
        self.bells.insert(number, Bell { run, heeds, ring });
        let awakes = async move {
            let news = sleeps(&mut sleeper, rung).await;
            Awake { number, position, heard, sleeper, news }
        };
        self.sleepers.push(Box::pin(awakes));
    }

    /// How many are not driven.
    pub(crate) fn count(&self) -> usize {
        self.sleepers.len() + self.awake.len()
    }

    /// Whether anybody sleeps who may wake by himself.
    pub(crate) fn is_quiet(&self) -> bool {
        self.sleepers.is_empty()
    }

    /// Returns when one more wakes.
    pub(crate) async fn wait(&mut self) {
        if let Some(awake) = self.sleepers.next().await {
            self.bells.remove(&awake.number);
            self.awake.push_back(awake);
        }
    }

    /// Whether somebody is to be driven on.
    pub(crate) fn is_next(&self) -> bool {
        !self.awake.is_empty()
    }

    /// The next who is to be driven on.
    pub(crate) fn next(&mut self) -> Option<Awake<'a>> {
        let next = self.awake.pop_front();
        if self.awake.is_empty() {
            // All may have woken at once.
            self.awake.shrink_to_fit();
        }
        next
    }

    /// Wakes everybody.
    pub(crate) fn wake_all(&mut self) {
        for bell in mem::take(&mut self.bells).into_values() {
            // Who is not there any more is awake.
            let _ = bell.ring.send(());
        }
    }

    /// Wakes those whom people left something for.
    pub(crate) fn ask(&mut self, requests: &Requests, is_stopped: bool) {
        for (_, bell) in self.bells.extract_if(|_, bell| bell.is_rung_by(requests, is_stopped)) {
            let _ = bell.ring.send(());
        }
    }
}

/// Sleeps until somebody rings, or there is a reason of one's own.
async fn sleeps(sleeper: &mut Sleeper<'_>, rung: oneshot::Receiver<()>) -> Vec<News> {
    let Sleeper { parked, vault, clock, .. } = sleeper;
    tokio::select! {
        biased;
        _ = rung => Vec::new(),
        news = parked.watch(vault, clock) => news,
    }
}

/// The journal and the state of a run that was parked. `left` is what it may have made.
///
/// # Errors
/// When they cannot be had: the run stays as it is, and is owed.
pub(crate) fn read_again(journal: ParkedJournal, left: Vec<String>) -> Result<(RunJournal, State), CliError> {
    journal.wake().map_err(|source| match source {
        taken @ StoreError::TakenOver(_) => CliError::Drive(DriveError::TakenOver(taken)),
        source => CliError::Drive(DriveError::Unread { left, source }),
    })
}
