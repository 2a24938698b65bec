//! `drill run NAME NAME...` and `drill run --all`: every definition is checked before anything is asked for, and then each
//! drill begins as soon as its restores have places.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::{FutureExt as _, LocalBoxFuture};
use jiff::{SignedDuration, Timestamp};

use crate::aws::resource::facts;
use crate::cli::asleep::{Sleeper, read_again};
use crate::cli::commit::{Committed, asked};
use crate::cli::connect::{Connection, start_world, world_spec};
use crate::cli::connections::Connections;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::keeper::{Came, Ending, Keeper, Task, Turn, concluded};
use crate::cli::key::key;
use crate::cli::place::Place;
use crate::cli::resume::owed_by_others;
use crate::cli::run::{Args, Checked, begun, drive_among, earlier_runs, folder_of, hex, ready, told};
use crate::cli::signals::Signals;
use crate::cli::signing;
use crate::cli::stop::{StopFile, refuse_while_stopped};
use crate::cli::templates::templates;
use crate::cli::ui::Ui;
use crate::cli::validate::load_or_explain;
use crate::definition::load::names;
use crate::journal::state::State;
use crate::journal::store::{RunJournal, RunRow, Store};
use crate::plan::compile::compile;
use crate::run::drive::Driven;
use crate::run::park::Woken;
use crate::run::places::{expected, wants};
use crate::sandbox::spec::WorldSpec;
use crate::words::id::{DrillName, RunId};
use crate::words::kind::Mode;
use crate::words::time::Clock;

/// See [`Args`].
///
/// # Errors
/// When a definition or an option is wrong, or no cloud can be reached: nothing was started.
pub(crate) async fn several(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let (checked, spec) = all_checked(args, place, ui)?;
    // A run may begin hours later, and what it goes by was read now. All definitions are in one folder.
    let committed = asked(checked.first().map(|one| folder_of(&one.path)).unwrap_or_default());
    refuse_while_stopped(place)?;
    let world = match spec {
        Some(spec) => Some(start_world(spec, &args.cloud, place).await?),
        None => None,
    };
    let connections = Arc::new(Connections::new(world, tag()));
    let ended = over(&connections, checked, committed, args, place, ui).await;
    // Whoever shared it is over.
    if let Some(connections) = Arc::into_inner(connections) {
        connections.close().await;
    }
    Ok(concluded(ended?, ui))
}

/// Names the sessions of assumed roles.
fn tag() -> String {
    hex(&uuid::Uuid::new_v4().into_bytes()[..4])
}

/// Every drill that is asked for, checked, and what a simulated AWS in this process is made from, if one is wanted.
fn all_checked(args: &Args, place: &Place, ui: &Ui) -> Result<(Vec<Checked>, Option<WorldSpec>), CliError> {
    args.cloud.check()?;
    if args.cloud.world.is_some() {
        let why = "`--world` is for one drill alone: several have their own drills/NAME.world.yaml";
        return Err(CliError::usage(why));
    }
    let vars = args.vars.map()?;
    let (mut checked, mut worlds): (Vec<Checked>, Vec<WorldSpec>) = (Vec::new(), Vec::new());
    let (mut problems, mut files) = (0, 0);
    for name in asked_for(args, place)? {
        match check(&name, &vars, args, place, ui) {
            Ok((one, world)) => {
                checked.push(one);
                worlds.extend(world);
            }
            Err(CliError::Definition { problems: found, files: wrong }) => {
                problems += found;
                files += wrong;
            }
            Err(error) => {
                ui.error(&error);
                problems += 1;
                files += 1;
            }
        }
    }
    if files > 0 {
        return Err(CliError::Definition { problems, files });
    }
    if checked.is_empty() {
        return Err(CliError::usage(format!("no drills in {}", Place::shown(&place.drills()))));
    }
    Ok((checked, WorldSpec::merge_all(worlds)))
}

/// The names, each once, in the order in which they were given.
fn asked_for(args: &Args, place: &Place) -> Result<Vec<String>, CliError> {
    if args.all {
        return Ok(names(&place.drills())?.into_iter().map(|(name, _)| name.to_string()).collect());
    }
    let mut seen = BTreeSet::new();
    Ok(args.names.iter().filter(|name| seen.insert(name.as_str())).cloned().collect())
}

/// Everything about one drill that can be found wrong without asking anybody.
fn check(
    name: &str,
    vars: &BTreeMap<String, String>,
    args: &Args,
    place: &Place,
    ui: &Ui,
) -> Result<(Checked, Option<WorldSpec>), CliError> {
    let path: PathBuf = place.definition(name)?;
    let loaded = load_or_explain(&path, vars, ui)?;
    let checked = Checked::new(path, loaded, args.keep);
    templates(place, &checked.definition)?;
    if checked.definition.selections.is_empty() {
        compile(&checked.definition, facts).map_err(|problem| CliError::usage(problem.to_string()))?;
    }
    let is_inside = args.cloud.sandbox.as_deref() == Some("");
    let spec = if is_inside { Some(world_spec(&checked.definition, None, place)?) } else { None };
    Ok((checked, spec))
}

/// What all of them go by.
struct Common<'a> {
    args: &'a Args,
    place: &'a Place,
    ui: &'a Ui,
    connections: &'a Connections,
    /// By the kind of cloud that they talk to: two kinds may have the same journals.
    stores: BTreeMap<Mode, Store>,
    committed: Committed,
    asked_at: Timestamp,
}

/// Finishes what other drills left, then runs these.
async fn over(
    connections: &Arc<Connections>,
    checked: Vec<Checked>,
    committed: Committed,
    args: &Args,
    place: &Place,
    ui: &Ui,
) -> Result<Vec<Ending>, CliError> {
    let (stores, clock) = opened(connections, &checked, args, place).await?;
    let ui = &ui.among_others();
    let mut signals = Signals::listen();
    let all: Vec<Store> = stores.values().cloned().collect();
    let stop = Arc::new(StopFile::new(place.stop_file()));
    let keeper = Keeper::new(all.clone(), Arc::clone(connections), Arc::clone(&clock), stop, ui);
    // Whoever restores to keep is in need: what other drills left can wait.
    if args.keep.is_none() {
        let drills: BTreeSet<DrillName> = checked.iter().map(|one| one.drill().clone()).collect();
        for store in &all {
            let tasks = owed_by_others(store, &drills, &args.cloud, place, ui).await?;
            keeper.drive_all(tasks, &mut signals).await;
        }
    }
    let common = Common { args, place, ui, connections, stores, committed, asked_at: clock.now() };
    let tasks = tasks(&common, checked).await?;
    Ok(keeper.drive_all(tasks, &mut signals).await)
}

/// One connection for each pair of sides, and the journals that belong to them. Nobody is asked for anything yet.
async fn opened(
    connections: &Connections,
    checked: &[Checked],
    args: &Args,
    place: &Place,
) -> Result<(BTreeMap<Mode, Store>, Arc<dyn Clock>), CliError> {
    let mut folders: BTreeMap<PathBuf, Store> = BTreeMap::new();
    let mut stores = BTreeMap::new();
    let mut clock: Option<Arc<dyn Clock>> = None;
    for one in checked {
        let connection = connections.of(&one.definition, &args.cloud, place).await?;
        clock.get_or_insert_with(|| Arc::clone(&connection.clock));
        let mode = connection.mode;
        if stores.contains_key(&mode) {
            continue;
        }
        let folder = place.state(mode);
        let store = match folders.get(&folder) {
            Some(store) => store.clone(),
            None => place.store(mode)?,
        };
        // A key that cannot be read or made is found out before anything begins.
        key(&folder)?;
        folders.insert(folder, store.clone());
        stores.insert(mode, store);
    }
    signing::key(place)?;
    let clock = clock.ok_or_else(|| CliError::usage("no drills"))?;
    Ok((stores, clock))
}

/// Each drill with its turn.
async fn tasks<'a>(common: &'a Common<'a>, checked: Vec<Checked>) -> Result<Vec<Task<'a>>, CliError> {
    let mut rows: BTreeMap<(Mode, DrillName), Vec<RunRow>> = BTreeMap::new();
    for (mode, store) in &common.stores {
        for row in store.runs(None)?.into_iter().filter(|row| row.mode == *mode) {
            rows.entry((*mode, row.drill.clone())).or_default().push(row);
        }
    }
    let mut tasks = Vec::with_capacity(checked.len());
    for one in checked {
        let connection = common.connections.of(&one.definition, &common.args.cloud, common.place).await?;
        let mode = connection.mode;
        let wants = wants(&one.definition);
        let turn = if common.args.keep.is_some() {
            // A disaster does not wait outside.
            Turn::Now(wants)
        } else {
            let earlier = rows.remove(&(mode, one.drill().clone())).unwrap_or_default();
            Turn::Waits { wants, expected: expects(common, mode, &one, earlier) }
        };
        let drill = one.drill().clone();
        let life = move |signals: Signals| lives(common, one, signals);
        tasks.push(Task { drill, turn, life: Box::new(life) });
    }
    Ok(tasks)
}

fn expects(common: &Common<'_>, mode: Mode, one: &Checked, rows: Vec<RunRow>) -> SignedDuration {
    let history = common.stores.get(&mode).map(|store| earlier_runs(rows, store, mode)).unwrap_or_default();
    expected(&one.definition, &history, facts)
}

/// One run, from its beginning to what came of it, or to where it waits.
fn lives<'a>(common: &'a Common<'a>, one: Checked, mut signals: Signals) -> LocalBoxFuture<'a, Came<'a>> {
    async move {
        let drill = one.drill().clone();
        let begun = begin(common, &one, &mut signals).await;
        // From here on its journal has all of it.
        drop(one);
        match begun {
            Ok(Some(run)) => goes_on(common, drill, run, signals, None).await,
            Ok(None) => Came::Over(vec![Ending::not_begun(&drill, common.ui)]),
            Err(error) => failed(common, &drill, None, &error),
        }
    }
    .boxed_local()
}

/// A run that was begun, and what it talks to.
struct Begun {
    connection: Connection,
    journal: RunJournal,
    state: State,
}

async fn begin(common: &Common<'_>, one: &Checked, signals: &mut Signals) -> Result<Option<Begun>, CliError> {
    let Common { args, place, ui, connections, stores, committed, asked_at } = common;
    if signals.asked_to_end() {
        return Ok(None);
    }
    refuse_while_stopped(place)?;
    let templates = templates(place, &one.definition)?;
    let random = uuid::Uuid::new_v4().into_bytes();
    let connection = connections.of(&one.definition, &args.cloud, place).await?;
    let store = stores.get(&connection.mode).cloned();
    let committed = committed.clone();
    let ready = ready(one, committed, templates, random, &connection, place, store, Some(*asked_at)).await?;
    let begun = begun(ready, one, &connection, args, place, ui, signals).await?;
    Ok(begun.map(|(journal, state)| Begun { connection, journal, state }))
}

/// Drives a run to what came of it, or to where it waits: then it is driven on when something wakes it.
fn goes_on<'a>(
    common: &'a Common<'a>,
    drill: DrillName,
    run: Begun,
    mut signals: Signals,
    woken: Option<Woken>,
) -> LocalBoxFuture<'a, Came<'a>> {
    async move {
        let Common { args, place, ui, .. } = common;
        let Begun { connection, mut journal, state } = run;
        let run = state.run;
        let driven = drive_among(&connection, &args.cloud, place, ui, state, &mut journal, &mut signals, woken).await;
        let mut parked = match driven {
            Ok(Driven::Parked(parked)) => parked,
            Ok(Driven::Ended(ended)) => {
                let ending = told(&ended, place, ui);
                let exit = ending.exit;
                return Came::Over(vec![ending.with_exit(exit)]);
            }
            Err(error) => return failed(common, &drill, Some(run), &error),
        };
        let (vault, clock) = (Arc::clone(&connection.cloud.vault), Arc::clone(&connection.clock));
        let (connection, journal, left) = (connection.park(), journal.park(), std::mem::take(&mut parked.left));
        let wakes = move |signals: Signals, woken: Woken| {
            async move {
                match read_again(journal, left) {
                    Ok((journal, state)) => {
                        let connection = connection.wake();
                        goes_on(common, drill, Begun { connection, journal, state }, signals, Some(woken)).await
                    }
                    Err(error) => failed(common, &drill, Some(run), &error),
                }
            }
            .boxed_local()
        };
        Came::Parked(Box::new(Sleeper { parked, vault, clock, wakes: Box::new(wakes) }))
    }
    .boxed_local()
}

fn failed<'a>(common: &Common<'_>, drill: &DrillName, run: Option<RunId>, error: &CliError) -> Came<'a> {
    let ending = Ending::failed(drill, run, error, common.ui);
    // Others were started: that it is somebody's mistake is no reason to say that nothing was.
    let exit = if ending.exit == Exit::Usage { Exit::Inconclusive } else { ending.exit };
    Came::Over(vec![ending.with_exit(exit)])
}
