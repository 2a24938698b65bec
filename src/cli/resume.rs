//! `drill resume`, and the teardowns that a new run finds owed.

use crate::cli::connect::{CloudArgs, Connection, connect, connect_nowhere};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::place::Place;
use crate::cli::run::{drive_to_end, finished, owes};
use crate::cli::signals::Signals;
use crate::cli::ui::Ui;
use crate::journal::event::{CancelBy, Event, Recorded, World};
use crate::journal::state::State;
use crate::journal::store::{Append as _, DrillLock, RunJournal, RunRow, Store, StoreError};
use crate::plan::step::Work;
use crate::run::drive::Ended;
use crate::words::kind::{Mode, Verdict};

/// Goes on with a run whose process died, or finishes a teardown that leaked.
///
/// Exit code: as of `drill run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, or at least four of its last digits
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    run: Option<String>,

    /// Every run that is not over, one after the other
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    cloud: CloudArgs,
}

/// See [`Args`].
///
/// # Errors
/// When there is no such run, another process has it, or it could not be driven to its end.
pub async fn resume(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    if let Some(text) = &args.run {
        let found = place.run(text)?;
        let lock = found.store.lock(&found.row.drill)?;
        let mut signals = Signals::listen();
        let (_, ended) = go_on(&found.store, lock, &found.row, &args.cloud, place, ui, None, &mut signals).await?;
        return Ok(finished(&ended, place, ui));
    }
    let mut worst = Exit::Passed;
    let mut owed = false;
    let mut signals = Signals::listen();
    for store in place.stores()? {
        for row in store.runs(None)?.into_iter().rev().filter(|row| owes(row.verdict)) {
            if signals.asked_to_end() {
                return Ok(worst);
            }
            owed = true;
            let exit = resume_one(&store, &row, args, place, ui, &mut signals).await.unwrap_or_else(|error| {
                ui.error(&error);
                error.exit()
            });
            worst = if exit.number() > worst.number() { exit } else { worst };
        }
    }
    if !owed && !ui.is_json() {
        ui.print("no run is owed anything");
    }
    Ok(worst)
}

async fn resume_one(
    store: &Store,
    row: &RunRow,
    args: &Args,
    place: &Place,
    ui: &Ui,
    signals: &mut Signals,
) -> Result<Exit, CliError> {
    let lock = match store.lock(&row.drill) {
        Err(StoreError::Locked { .. }) => {
            ui.say(&format!("{}  run {} is under way in another process", row.drill, row.run));
            return Ok(Exit::Passed);
        }
        other => other?,
    };
    let (_, ended) = go_on(store, lock, row, &args.cloud, place, ui, None, signals).await?;
    Ok(finished(&ended, place, ui))
}

/// Before a new run: whatever earlier runs of the drill left is torn down. What cannot be is said, and stays owed.
///
/// # Errors
/// When the journals cannot be read.
pub async fn finish_owed(
    store: &Store,
    mut lock: DrillLock,
    args: &CloudArgs,
    place: &Place,
    ui: &Ui,
    signals: &mut Signals,
) -> Result<DrillLock, CliError> {
    let drill = lock.drill().clone();
    for row in store.runs(Some(&drill))?.into_iter().rev().filter(|row| owes(row.verdict)) {
        if signals.asked_to_end() {
            break;
        }
        ui.say(&format!("{drill}  run {} was not finished: its teardown comes first", row.run));
        lock = match go_on(store, lock, &row, args, place, ui, Some(CancelBy::NewerRun), signals).await {
            Ok((lock, Ended::Concluded(state))) if !leaked(&state) => lock,
            Ok((lock, _)) => {
                ui.say(&format!("{drill}  run {} is still not clean; `drill resume {}` tries again", row.run, row.run));
                lock
            }
            Err(error) => {
                ui.error(&error);
                ui.say(&format!("{drill}  run {} stays owed; `drill resume {}` tries again", row.run, row.run));
                store.lock(&drill)?
            }
        };
    }
    Ok(lock)
}

/// Whether it is over and may have left something.
pub(crate) fn leaked(state: &State) -> bool {
    state.concluded.as_ref().is_some_and(|(_, conclusion)| conclusion.verdict == Verdict::Leaked)
}

/// Goes on with a run; `end_it` ends it first, so that only its teardown is left.
///
/// # Errors
/// When its journal cannot be read, its cloud is not the one it talked to, or it could not be driven to its end.
pub(crate) async fn go_on(
    store: &Store,
    lock: DrillLock,
    row: &RunRow,
    args: &CloudArgs,
    place: &Place,
    ui: &Ui,
    end_it: Option<CancelBy>,
    signals: &mut Signals,
) -> Result<(DrillLock, Ended), CliError> {
    let (mut journal, records) = store.go_on(lock, row.run)?;
    let mut state = replay(&records, row)?;
    if state.concluded.is_some() && !leaked(&state) && state.step(&Work::Report).end().is_some() {
        ui.say(&format!("{}  run {} is over", row.drill, row.run));
        return Ok((journal.close(), Ended::Concluded(Box::new(state))));
    }
    let connection = reconnect(&state, args, place).await?;
    take_over(&mut state, &mut journal, &connection, end_it)?;
    let ended = drive_to_end(&connection, args, place, ui, state, &mut journal, signals).await;
    connection.close().await;
    Ok((journal.close(), ended?))
}

fn replay(records: &[Recorded], row: &RunRow) -> Result<State, CliError> {
    State::replay(records).map_err(|source| CliError::Store(StoreError::Senseless { run: row.run, source }))
}

/// The same cloud as before: a run never changes sides.
async fn reconnect(state: &State, args: &CloudArgs, place: &Place) -> Result<Connection, CliError> {
    let definition = &state.started.plan.definition;
    let connection = match (&state.started.world, args.sandbox.as_deref()) {
        (Some(World::InProcess), _) => return connect_nowhere(definition).await,
        (Some(World::Server { url }), None | Some("")) => {
            let args =
                CloudArgs { sandbox: Some(url.clone()), ca_bundle: args.ca_bundle.clone(), ..CloudArgs::default() };
            connect(definition, &args, place, &state.run.short()).await?
        }
        (Some(World::Server { .. }), Some(_)) => connect(definition, args, place, &state.run.short()).await?,
        (None, _) => {
            let args =
                CloudArgs { profile: args.profile.clone(), ca_bundle: args.ca_bundle.clone(), ..CloudArgs::default() };
            connect(definition, &args, place, &state.run.short()).await?
        }
    };
    if connection.mode == state.started.mode {
        return Ok(connection);
    }
    let what = format!(
        "run {} talked to `{}`, and now it would talk to `{}`; check `AWS_ENDPOINT_URL*` and the profile",
        state.run, state.started.mode, connection.mode
    );
    connection.close().await;
    Err(CliError::usage(what))
}

/// Records the takeover, and what it means for the run.
fn take_over(
    state: &mut State,
    journal: &mut RunJournal,
    connection: &Connection,
    end_it: Option<CancelBy>,
) -> Result<(), CliError> {
    let at = connection.clock.now().max(state.last_at);
    let mut events = vec![(at, Event::RunResumed { by: format!("process {}", std::process::id()) })];
    if leaked(state) {
        events.push((at, Event::TeardownReopened));
    }
    let world_is_gone = state.started.mode == Mode::Sandbox && state.started.world == Some(World::InProcess);
    let by = if world_is_gone { Some(CancelBy::WorldLost) } else { end_it };
    // What leaked had run to its end: only its teardown is open, and its probes keep what they showed.
    if let Some(by) = by.filter(|by| state.concluded.is_none() || (leaked(state) && *by == CancelBy::WorldLost)) {
        events.push((at, Event::CancelRequested { by }));
    }
    journal.append(&events)?;
    for (at, event) in &events {
        state.apply(*at, event).map_err(|source| CliError::Store(StoreError::Senseless { run: state.run, source }))?;
    }
    Ok(())
}
