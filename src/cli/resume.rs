//! `drill resume`, and what a new run finds owed: teardowns, and leases that are over.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::sync::Arc;

use futures_util::future::FutureExt as _;
use jiff::{SignedDuration, Timestamp};

use crate::cli::clock::MachineClock;
use crate::cli::connect::{CloudArgs, Connection, connect, connect_nowhere};
use crate::cli::connections::Connections;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::keeper::{Came, Keeper, Task, Turn, concluded};
use crate::cli::lease::is_over;
use crate::cli::place::Place;
use crate::cli::run::{drive_to_end, finished};
use crate::cli::series::Series;
use crate::cli::signals::Signals;
use crate::cli::stop::StopFile;
use crate::cli::ui::Ui;
use crate::cli::world::{home, refuse_another};
use crate::journal::event::{CancelBy, Event, LeaseEnd, Recorded, World};
use crate::journal::state::State;
use crate::journal::store::{Append as _, DrillLock, RunJournal, RunRow, Store, StoreError, Unfinished};
use crate::plan::step::Work;
use crate::run::decide::is_forward;
use crate::run::drive::Ended;
use crate::run::places::Wants;
use crate::words::id::DrillName;
use crate::words::kind::{Mode, Verdict};

/// Goes on with a run whose process died, finishes a teardown that leaked, or removes what a run kept.
///
/// Exit code: as of `drill run`; with --all the gravest: leaked, failed, inconclusive, passed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, or at least four of its last digits
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    run: Option<String>,

    /// Every run that is not over or whose lease is, all at once; those of one drill one after the other
    #[arg(long)]
    all: bool,

    /// The simulated AWS of the run (`--sandbox=URL`) has ended, and everything in it: only ends the run
    #[arg(long, conflicts_with = "all")]
    world_lost: bool,

    #[command(flatten)]
    cloud: CloudArgs,
}

/// Why somebody goes on with a run.
#[derive(Debug, Clone)]
pub enum Occasion {
    /// `drill resume RUN`: what it kept is removed.
    Asked,
    /// `drill resume --all`: what it kept is removed when its time is over.
    All,
    /// A newer run comes, of whatever drill: what was not over is ended, what was kept as above.
    NewerRun,
    /// `drill keep RUN --for`: what it kept stays so long from now on.
    Longer {
        /// So long.
        length: SignedDuration,
        /// Who says so.
        by: String,
    },
    /// `drill keep RUN --end`.
    Ended,
    /// `drill sweep`: what was not over is ended, what was kept is removed when its time is over.
    Sweep,
    /// `drill resume RUN --world-lost`: a person says that its simulated AWS has ended. Nothing is asked any more.
    WorldLost,
}

/// What becomes of what a run kept.
pub(crate) enum Lease {
    /// Nothing.
    Stays,
    /// It is removed.
    Ends(LeaseEnd),
    /// It stays so long from now on, as this person said.
    Longer(SignedDuration, String),
}

impl Occasion {
    async fn of_lease(&self, state: &State) -> Lease {
        if state.lease().is_none() || !is_reported(state) {
            return Lease::Stays;
        }
        if self.world_is_gone(state) {
            return Lease::Ends(LeaseEnd::WorldLost);
        }
        let is_over = is_over(state).await;
        match self {
            Self::Asked => Lease::Ends(LeaseEnd::Resumed),
            Self::Ended => Lease::Ends(LeaseEnd::Command),
            Self::Longer { length, by } => Lease::Longer(*length, by.clone()),
            Self::Sweep if is_over => Lease::Ends(LeaseEnd::Sweep),
            Self::All | Self::NewerRun if is_over => Lease::Ends(LeaseEnd::Expired),
            Self::All | Self::NewerRun | Self::Sweep | Self::WorldLost => Lease::Stays,
        }
    }

    /// The same once a run is over that had been cut off. Whoever only let it go on did not ask for the end of a lease; but
    /// its time may have passed meanwhile.
    async fn of_lease_at_last(&self, state: &State) -> Lease {
        match self {
            Self::Asked => Self::All.of_lease(state).await,
            other => other.of_lease(state).await,
        }
    }

    /// Whether the simulated AWS of a run is known to have ended.
    fn world_is_gone(&self, state: &State) -> bool {
        // That in the process of the run ended with it.
        let inside = state.started.mode == Mode::Sandbox && state.started.world == Some(World::InProcess);
        inside || matches!(self, Self::WorldLost)
    }

    /// By whom a run is ended that still went forward.
    fn ends(&self) -> Option<CancelBy> {
        match self {
            Self::NewerRun => Some(CancelBy::NewerRun),
            Self::Sweep => Some(CancelBy::Sweep),
            Self::Asked | Self::All | Self::Longer { .. } | Self::Ended | Self::WorldLost => None,
        }
    }
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
        let why = if args.world_lost { Occasion::WorldLost } else { Occasion::Asked };
        let (_, ended) = go_on(&found.store, lock, &found.row, &args.cloud, place, ui, &why, &mut signals).await?;
        return Ok(finished(&ended, place, ui));
    }
    resume_all(args, place, ui).await
}

async fn resume_all(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let mut signals = Signals::listen();
    let stores = place.stores()?;
    let mut owed = Vec::new();
    for store in &stores {
        let runs = all_owed(store).await?;
        owed.extend(by_drill(runs, |one| &one.row).into_iter().map(|(drill, runs)| (store, drill, runs)));
    }
    let runs: usize = owed.iter().map(|(_, _, runs)| runs.len()).sum();
    if runs == 0 && !ui.is_json() {
        ui.print("no run is owed anything");
    }
    // A single one has the terminal for itself.
    let view = if runs > 1 { ui.among_others() } else { ui.clone() };
    let tasks = owed.into_iter().map(|(store, drill, runs)| {
        let (args, ui) = (&args.cloud, &view);
        let series = Series::new(store, args, place, ui, runs);
        let life = move |signals: Signals| series.goes_on(signals);
        Task { drill, turn: Turn::Now(Wants::new()), life: Box::new(life) }
    });
    let tasks: Vec<Task<'_>> = tasks.collect();
    let connections = Arc::new(Connections::new(None, format!("resume-{}", std::process::id())));
    let stop = Arc::new(StopFile::new(place.stop_file()));
    let keeper = Keeper::new(stores.clone(), connections, Arc::new(MachineClock), stop, ui);
    Ok(concluded(keeper.drive_all(tasks, &mut signals).await, ui))
}

/// A run to which something is owed.
pub(crate) struct OwedRun {
    pub(crate) row: RunRow,
    /// As it was read with all others; nothing if it could not be: then it is read by itself, under its lock.
    pub(crate) known: Option<Unfinished>,
}

/// The runs to which something is owed, oldest first, all of them read in one go.
async fn all_owed(store: &Store) -> Result<Vec<OwedRun>, CliError> {
    let reader = store.clone();
    let read = tokio::task::spawn_blocking(move || reader.unfinished(None)).await;
    let read = read.unwrap_or_else(|failed| resume_unwind(failed.into_panic()))?;
    let mut owed = Vec::with_capacity(read.len());
    for (row, known) in read {
        let is_owed = is_open(&row)
            || match &known {
                Ok(one) => is_over(&one.state).await,
                Err(_) => true,
            };
        if is_owed {
            owed.push(OwedRun { row, known: known.ok() });
        }
    }
    Ok(owed)
}

/// The runs of each drill, oldest first.
fn by_drill<T>(runs: Vec<T>, row: fn(&T) -> &RunRow) -> BTreeMap<DrillName, Vec<T>> {
    let mut drills: BTreeMap<DrillName, Vec<T>> = BTreeMap::new();
    for run in runs {
        drills.entry(row(&run).drill.clone()).or_default().push(run);
    }
    drills
}

/// What earlier runs of other drills than these left: they are torn down, each drill's at once.
///
/// # Errors
/// When the journals cannot be read.
pub(crate) async fn owed_by_others<'a>(
    store: &'a Store,
    except: &BTreeSet<DrillName>,
    args: &'a CloudArgs,
    place: &'a Place,
    ui: &'a Ui,
) -> Result<Vec<Task<'a>>, CliError> {
    let mut rows = owed_runs(store, None).await?;
    rows.retain(|row| !except.contains(&row.drill));
    let task = |(drill, rows): (DrillName, Vec<RunRow>)| {
        let life = move |mut signals: Signals| {
            async move {
                for row in &rows {
                    if signals.asked_to_end() {
                        break;
                    }
                    if let Err(error) = finish_unlocked(store, row, args, place, ui, &mut signals).await {
                        ui.error(&error);
                    }
                }
                Came::Over(Vec::new())
            }
            .boxed_local()
        };
        Task { drill, turn: Turn::Now(Wants::new()), life: Box::new(life) }
    };
    Ok(by_drill(rows, |row| row).into_iter().map(task).collect())
}

async fn finish_unlocked(
    store: &Store,
    row: &RunRow,
    args: &CloudArgs,
    place: &Place,
    ui: &Ui,
    signals: &mut Signals,
) -> Result<(), CliError> {
    match store.lock(&row.drill) {
        // Who holds the lock is at work on it.
        Err(StoreError::Locked { .. }) => Ok(()),
        other => finish(store, other?, row, args, place, ui, signals).await.map(drop),
    }
}

/// Before a new run: whatever earlier runs left is torn down, of its own drill and, with `others`, of every other in this
/// store. What cannot be is said, and stays owed.
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
    others: bool,
) -> Result<DrillLock, CliError> {
    let drill = lock.drill().clone();
    for row in owed_runs(store, Some(&drill)).await? {
        if signals.asked_to_end() {
            return Ok(lock);
        }
        lock = finish(store, lock, &row, args, place, ui, signals).await?;
    }
    let rest = if others { owed_runs(store, None).await? } else { Vec::new() };
    for row in rest.iter().filter(|row| row.drill != drill) {
        if signals.asked_to_end() {
            break;
        }
        finish_unlocked(store, row, args, place, ui, signals).await?;
    }
    Ok(lock)
}

/// The runs to which something is owed, oldest first.
async fn owed_runs(store: &Store, drill: Option<&DrillName>) -> Result<Vec<RunRow>, CliError> {
    let mut owed = Vec::new();
    for row in store.runs(drill)?.into_iter().rev() {
        if owes(store, &row).await {
            owed.push(row);
        }
    }
    Ok(owed)
}

/// Whether something is owed to a run: it is not over, it leaked, or the time of what it keeps is over. What kept something
/// and cannot be read counts as well: whoever goes on with it says why.
pub async fn owes(store: &Store, row: &RunRow) -> bool {
    if is_open(row) {
        return true;
    }
    if row.kept_until.is_none() {
        return false;
    }
    match store.state(&row.run) {
        Ok(state) => is_over(&state).await,
        Err(_) => true,
    }
}

/// Whether a run is not over, or leaked.
fn is_open(row: &RunRow) -> bool {
    matches!(row.verdict, None | Some(Verdict::Leaked))
}

async fn finish(
    store: &Store,
    lock: DrillLock,
    row: &RunRow,
    args: &CloudArgs,
    place: &Place,
    ui: &Ui,
    signals: &mut Signals,
) -> Result<DrillLock, CliError> {
    let (drill, run) = (&row.drill, row.run);
    let what = match (row.verdict, row.kept_until) {
        (None | Some(Verdict::Leaked), _) | (_, None) => "was not finished: its teardown comes first",
        (_, Some(_)) => "kept something whose time is over: that is removed first",
    };
    ui.say(&format!("{drill}  run {run} {what}"));
    // The new run's world is not the old one's.
    let args = CloudArgs { sandbox: None, ..args.clone() };
    match go_on(store, lock, row, &args, place, ui, &Occasion::NewerRun, signals).await {
        Ok((lock, Ended::Concluded(state))) if !leaked(&state) => Ok(lock),
        Ok((lock, _)) => {
            ui.say(&format!("{drill}  run {run} is still not clean; `drill resume {run}` tries again"));
            Ok(lock)
        }
        Err(error) => {
            ui.error(&error);
            ui.say(&format!("{drill}  run {run} stays owed; `drill resume {run}` tries again"));
            Ok(store.lock(drill)?)
        }
    }
}

/// Whether it is over and may have left something.
pub(crate) fn leaked(state: &State) -> bool {
    state.concluded.as_ref().is_some_and(|(_, conclusion)| conclusion.verdict == Verdict::Leaked)
}

/// Goes on with a run.
///
/// # Errors
/// When its journal cannot be read, its cloud cannot be asked or is another account's, or it cannot be driven to its end.
pub async fn go_on(
    store: &Store,
    lock: DrillLock,
    row: &RunRow,
    args: &CloudArgs,
    place: &Place,
    ui: &Ui,
    occasion: &Occasion,
    signals: &mut Signals,
) -> Result<(DrillLock, Ended), CliError> {
    let (mut journal, state) = read(store, lock, row)?;
    let taken = taken_over(&mut journal, state, row, args, place, ui, occasion, signals).await?;
    let (connection, state, was_cut_off) = match taken {
        Taken::IsOver(state) => return Ok((journal.close(), Ended::Concluded(state))),
        Taken::Over { connection, state, was_cut_off } => (*connection, state, was_cut_off),
    };
    let ended = match drive_to_end(&connection, args, place, ui, *state, &mut journal, signals).await {
        Ok(ended) => at_last(&connection, args, place, ui, occasion, ended, was_cut_off, &mut journal, signals).await,
        Err(error) => Err(error),
    };
    connection.close().await;
    Ok((journal.close(), ended?))
}

/// Reads a run under its lock.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read(store: &Store, lock: DrillLock, row: &RunRow) -> Result<(RunJournal, State), CliError> {
    let (journal, records) = store.go_on(lock, row.run)?;
    let state = replay(&records, row)?;
    Ok((journal, state))
}

/// What there is of a run that somebody wants to go on with.
pub(crate) enum Taken {
    /// Nothing is left to do.
    IsOver(Box<State>),
    /// It is this process's, and its journal says so.
    Over {
        connection: Box<Connection>,
        state: Box<State>,
        /// Nobody had driven it to its end.
        was_cut_off: bool,
    },
}

/// Takes a run over, if anything of it is left to do.
///
/// # Errors
/// When its cloud cannot be asked or is another account's, or that cannot be recorded.
pub(crate) async fn taken_over(
    journal: &mut RunJournal,
    mut state: State,
    row: &RunRow,
    args: &CloudArgs,
    place: &Place,
    ui: &Ui,
    occasion: &Occasion,
    signals: &mut Signals,
) -> Result<Taken, CliError> {
    let lease = occasion.of_lease(&state).await;
    if is_reported(&state) && !leaked(&state) && matches!(lease, Lease::Stays) {
        ui.say(&format!("{}  run {} is over", row.drill, row.run));
        return Ok(Taken::IsOver(Box::new(state)));
    }
    let connection = match occasion {
        Occasion::WorldLost => nowhere(&state).await?,
        _ => match signals.berth() {
            Some(berth) => connected(&state, args, place, Some(berth.connections())).await?,
            None => reconnect(&state, args, place).await?,
        },
    };
    let was_cut_off = !is_reported(&state);
    match take_over(&mut state, journal, &connection, occasion, lease).await {
        Ok(()) => Ok(Taken::Over { connection: Box::new(connection), state: Box::new(state), was_cut_off }),
        Err(error) => {
            connection.close().await;
            Err(error)
        }
    }
}

/// Of a run that was cut off, what it keeps is looked at once more at its end: its time may have passed while nobody drove
/// the run.
///
/// # Errors
/// When it cannot be driven to its end once more.
pub(crate) async fn at_last(
    connection: &Connection,
    args: &CloudArgs,
    place: &Place,
    ui: &Ui,
    occasion: &Occasion,
    ended: Ended,
    was_cut_off: bool,
    journal: &mut RunJournal,
    signals: &mut Signals,
) -> Result<Ended, CliError> {
    let mut state = match ended {
        Ended::Concluded(state) if was_cut_off => state,
        ended => return Ok(ended),
    };
    let lease = occasion.of_lease_at_last(&state).await;
    if matches!(lease, Lease::Stays) {
        return Ok(Ended::Concluded(state));
    }
    take_over(&mut state, journal, connection, occasion, lease).await?;
    drive_to_end(connection, args, place, ui, *state, journal, signals).await
}

/// Whether it is over, and its report was written or given up.
fn is_reported(state: &State) -> bool {
    state.concluded.is_some() && state.step(&Work::Report).end().is_some()
}

/// For a run whose simulated AWS has ended, as a person says: only what can be lost with its process is.
async fn nowhere(state: &State) -> Result<Connection, CliError> {
    let (run, started) = (state.run, &state.started);
    if started.world.is_none() {
        return Err(CliError::usage(format!(
            "run {run} did not talk to a simulated AWS of drill's, so nothing of it ended with one: leave `--world-lost` out"
        )));
    }
    if home(started).await.is_some() {
        return Err(CliError::usage(format!(
            "the simulated AWS of run {run} still answers: leave `--world-lost` out, or end it first"
        )));
    }
    connect_nowhere(&started.plan.definition).await
}

fn replay(records: &[Recorded], row: &RunRow) -> Result<State, CliError> {
    State::replay(records).map_err(|source| CliError::Store(StoreError::Senseless { run: row.run, source }))
}

/// That the run's cloud can still be asked: a simulated AWS in the process of the run ended with it.
///
/// # Errors
/// When it ended, with what cannot be done because of it.
pub(crate) fn refuse_ended_world(state: &State, what: &str) -> Result<(), CliError> {
    if state.started.world != Some(World::InProcess) {
        return Ok(());
    }
    Err(CliError::usage(format!(
        "{what}: the simulated AWS of run {} ended with the process that held it; start `drill sandbox`, and run the \
         drill again with `--sandbox=URL`",
        state.run
    )))
}

/// The same cloud as before: a run never changes sides.
///
/// # Errors
/// When it cannot be reached, or is another account's.
pub(crate) async fn reconnect(state: &State, args: &CloudArgs, place: &Place) -> Result<Connection, CliError> {
    connected(state, args, place, None).await
}

/// The same, over a connection that is there already, if there is one.
async fn connected(
    state: &State,
    args: &CloudArgs,
    place: &Place,
    known: Option<&Connections>,
) -> Result<Connection, CliError> {
    let definition = &state.started.plan.definition;
    let args = match (&state.started.world, args.sandbox.as_deref()) {
        (Some(World::InProcess), _) => return connect_nowhere(definition).await,
        (Some(World::Server { url }), None | Some("")) => {
            CloudArgs { sandbox: Some(url.clone()), ca_bundle: args.ca_bundle.clone(), ..CloudArgs::default() }
        }
        (Some(World::Server { .. }), Some(_)) => args.clone(),
        (None, _) => {
            CloudArgs { profile: args.profile.clone(), ca_bundle: args.ca_bundle.clone(), ..CloudArgs::default() }
        }
    };
    let connection = match known {
        Some(known) => known.of(definition, &args, place).await?,
        None => connect(definition, &args, place, &state.run.short()).await?,
    };
    let what = if connection.mode == state.started.mode {
        if let Err(error) = refuse_another(state, &connection) {
            connection.close().await;
            return Err(error);
        }
        let identity = connection.cloud.ground.identity().await;
        match identity {
            Ok(identity) if identity.account == definition.destination.account => return Ok(connection),
            // In another account nothing of the run is found, which would look as if it were gone.
            Ok(identity) => format!(
                "run {} restored into account {}, and the credentials are of account {}; use others, or `--profile`",
                state.run, definition.destination.account, identity.account
            ),
            Err(error) => {
                connection.close().await;
                return Err(CliError::Session(Box::new(error)));
            }
        }
    } else {
        format!(
            "run {} talked to `{}`, and now it would talk to `{}`; check `AWS_ENDPOINT_URL*` and the profile",
            state.run, state.started.mode, connection.mode
        )
    };
    connection.close().await;
    Err(CliError::usage(what))
}

/// Records the takeover, and what it means for the run.
async fn take_over(
    state: &mut State,
    journal: &mut RunJournal,
    connection: &Connection,
    occasion: &Occasion,
    lease: Lease,
) -> Result<(), CliError> {
    let at = connection.clock.now().max(state.last_at);
    let who = format!("process {}", std::process::id());
    let events: Vec<_> = takeover(state, at, who, occasion, lease).into_iter().map(|event| (at, event)).collect();
    journal.append(&events).await?;
    for (at, event) in &events {
        state.apply(*at, event).map_err(|source| CliError::Store(StoreError::Senseless { run: state.run, source }))?;
    }
    Ok(())
}

/// What a process records that goes on with a run at this moment.
pub(crate) fn takeover(state: &State, at: Timestamp, who: String, occasion: &Occasion, lease: Lease) -> Vec<Event> {
    let mut events = vec![Event::RunResumed { by: who }];
    let reopened = leaked(state) || !matches!(lease, Lease::Stays);
    if reopened {
        events.push(Event::TeardownReopened);
    }
    match lease {
        Lease::Stays => {}
        Lease::Ends(by) => events.push(Event::LeaseEnded { by }),
        Lease::Longer(length, by) => events.push(Event::LeaseExtended { until: at + length, by }),
    }
    // What had run to its end stays as it was: only its teardown is open, and its probes keep what they showed.
    let unfinished = state.in_order().any(|(step, known)| is_forward(&step.work) && known.end().is_none());
    if occasion.world_is_gone(state) && (reopened || state.concluded.is_none()) {
        events.push(Event::CancelRequested { by: CancelBy::WorldLost });
    } else if let Some(by) = occasion.ends().filter(|_| unfinished) {
        events.push(Event::CancelRequested { by });
    }
    events
}
