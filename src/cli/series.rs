//! The runs of one drill that `drill resume --all` goes on with: one after the other, beside those of other drills.
//!
//! A run that waits is parked, and those behind it wait with it: of one drill no two are ever under way.

use std::mem;
use std::sync::Arc;
use std::vec;

use futures_util::future::{FutureExt as _, LocalBoxFuture};

use crate::cli::asleep::{Sleeper, read_again};
use crate::cli::connect::{CloudArgs, Connection};
use crate::cli::error::CliError;
use crate::cli::keeper::{Came, Ending};
use crate::cli::place::Place;
use crate::cli::resume::{Occasion, OwedRun, Taken, at_last, read, taken_over};
use crate::cli::run::{drive_among, told};
use crate::cli::signals::Signals;
use crate::cli::ui::Ui;
use crate::journal::state::State;
use crate::journal::store::{ParkedJournal, RunJournal, RunRow, Store, StoreError, Unfinished};
use crate::run::drive::{Driven, Ended};
use crate::run::park::{Parked, Woken};

/// The runs of one drill, which are gone on with one after the other.
pub(crate) struct Series<'a> {
    store: &'a Store,
    args: &'a CloudArgs,
    place: &'a Place,
    ui: &'a Ui,
    rest: vec::IntoIter<OwedRun>,
    endings: Vec<Ending>,
}

/// A run of a series that is parked.
struct Waits {
    row: RunRow,
    connection: Connection,
    journal: ParkedJournal,
    was_cut_off: bool,
    parked: Box<Parked>,
}

/// What came of a run of a series.
enum One {
    Over(Ending),
    Waits(Box<Waits>),
}

impl<'a> Series<'a> {
    /// Of these runs, oldest first.
    pub(crate) fn new(store: &'a Store, args: &'a CloudArgs, place: &'a Place, ui: &'a Ui, runs: Vec<OwedRun>) -> Self {
        Self { store, args, place, ui, rest: runs.into_iter(), endings: Vec::new() }
    }

    /// Goes on with each, as far as it can be driven now.
    pub(crate) fn goes_on(mut self, mut signals: Signals) -> LocalBoxFuture<'a, Came<'a>> {
        async move {
            while !signals.asked_to_end()
                && let Some(OwedRun { row, known }) = self.rest.next()
            {
                let came = self.resume(&row, known, &mut signals).await;
                if let Some(waits) = self.takes(&row, came) {
                    return self.sleeps(*waits);
                }
            }
            let ui = self.ui;
            self.endings.extend(self.rest.map(|one| Ending::not_gone_on(&one.row.drill, one.row.run, ui)));
            Came::Over(self.endings)
        }
        .boxed_local()
    }

    /// Takes what came of a run, unless it waits.
    fn takes(&mut self, row: &RunRow, came: Result<One, CliError>) -> Option<Box<Waits>> {
        match came {
            Ok(One::Waits(waits)) => return Some(waits),
            Ok(One::Over(ending)) => self.endings.push(ending),
            Err(error) => self.endings.push(Ending::failed(&row.drill, Some(row.run), &error, self.ui)),
        }
        None
    }

    /// The run is parked, and with it those behind it.
    fn sleeps(self, waits: Waits) -> Came<'a> {
        let Waits { row, connection, journal, was_cut_off, mut parked } = waits;
        let (vault, clock) = (Arc::clone(&connection.cloud.vault), Arc::clone(&connection.clock));
        let (connection, left) = (connection.park(), mem::take(&mut parked.left));
        let mut series = self;
        let wakes = move |mut signals: Signals, woken: Woken| {
            async move {
                let came = match read_again(journal, left) {
                    Ok((journal, state)) => {
                        let (connection, run) = (connection.wake(), (journal, state));
                        series.drive(&row, connection, run, was_cut_off, Some(woken), &mut signals).await
                    }
                    Err(error) => Err(error),
                };
                match series.takes(&row, came) {
                    Some(waits) => series.sleeps(*waits),
                    None => series.goes_on(signals).await,
                }
            }
            .boxed_local()
        };
        Came::Parked(Box::new(Sleeper { parked, vault, clock, wakes: Box::new(wakes) }))
    }

    /// Takes a run over, and drives it.
    async fn resume(&self, row: &RunRow, known: Option<Unfinished>, signals: &mut Signals) -> Result<One, CliError> {
        let Self { store, args, place, ui, .. } = self;
        let lock = match store.lock(&row.drill) {
            Err(StoreError::Locked { .. }) => {
                ui.say(&format!("{}  run {} is under way in another process", row.drill, row.run));
                return Ok(One::Over(Ending::elsewhere(&row.drill, row.run)));
            }
            other => other?,
        };
        let (mut journal, state) = match known {
            Some(known) => store.take_up(lock, known)?,
            None => read(store, lock, row)?,
        };
        match taken_over(&mut journal, state, row, args, place, ui, &Occasion::All, signals).await? {
            Taken::IsOver(state) => Ok(One::Over(self.over(&Ended::Concluded(state)))),
            Taken::Over { connection, state, was_cut_off } => {
                self.drive(row, *connection, (journal, *state), was_cut_off, None, signals).await
            }
        }
    }

    /// Drives a run to what came of it, or to where it waits.
    async fn drive(
        &self,
        row: &RunRow,
        connection: Connection,
        (mut journal, state): (RunJournal, State),
        was_cut_off: bool,
        woken: Option<Woken>,
        signals: &mut Signals,
    ) -> Result<One, CliError> {
        let Self { args, place, ui, .. } = self;
        let driven = drive_among(&connection, args, place, ui, state, &mut journal, signals, woken).await;
        let ended = match driven {
            Ok(Driven::Parked(parked)) => {
                let (row, journal) = (row.clone(), journal.park());
                return Ok(One::Waits(Box::new(Waits { row, connection, journal, was_cut_off, parked })));
            }
            Ok(Driven::Ended(ended)) => {
                let occasion = &Occasion::All;
                at_last(&connection, args, place, ui, occasion, ended, was_cut_off, &mut journal, signals).await
            }
            Err(error) => Err(error),
        };
        connection.close().await;
        Ok(One::Over(self.over(&ended?)))
    }

    fn over(&self, ended: &Ended) -> Ending {
        let ending = told(ended, self.place, self.ui);
        let exit = ending.exit;
        ending.with_exit(exit)
    }
}
