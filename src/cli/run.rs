//! `drill run`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::aws::resource::facts;
use crate::cli::archive;
use crate::cli::ask::{Asking, can_ask};
use crate::cli::clock::MachineClock;
use crate::cli::commit::{Committed, asked};
use crate::cli::connect::{CloudArgs, Connection, connect, environment};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::keeper::{Ending, Heard, Keeping};
use crate::cli::key::key;
use crate::cli::lease::{expired, length};
use crate::cli::place::Place;
use crate::cli::previous::before;
use crate::cli::progress::observer;
use crate::cli::resume::finish_owed;
use crate::cli::several::several;
use crate::cli::signals::Signals;
use crate::cli::signing;
use crate::cli::stop::{StopFile, refuse_while_stopped};
use crate::cli::templates::templates;
use crate::cli::ui::{Ui, clean};
use crate::cli::validate::load_or_explain;
use crate::definition::expand::expand;
use crate::definition::load::Loaded;
use crate::definition::model::{Definition, TeardownWhen};
use crate::history::summary::Summary;
use crate::journal::chain::Hash;
use crate::journal::event::{Earlier, Event, LastPass, MOST_EARLIER, Recorded, RunStarted, World};
use crate::journal::ledger::{Entry, Existence};
use crate::journal::state::State;
use crate::journal::store::{DrillLock, RunJournal, RunRow, Store};
use crate::plan::compile::compile;
use crate::plan::step::Plan;
use crate::report::facts::earlier;
use crate::report::{json, redact, runbook, write};
use crate::run::drive::{Beside, Driven, Ended, Observer, drive, drive_beside, left};
use crate::run::guards::Guards;
use crate::run::park::Woken;
use crate::run::prober::Asks;
use crate::run::select::resolve;
use crate::run::services::Services;
use crate::run::step::report::rendered;
use crate::run::stop::is_pulled;
use crate::words::id::{DrillName, RunId};
use crate::words::kind::{Mode, Verdict};
use crate::words::time::{Clock as _, show_duration, show_instant};

/// Real time between two looks for `drill cancel` and for answers at gates.
const LOOK_FOR_REQUESTS: Duration = Duration::from_millis(500);

/// Steps of the longest run whose report a test renders.
const LONGEST_KNOWN: usize = 5_000;

/// Runs a drill, or several at once: restores, probes, tears down, reports.
///
/// Whatever earlier runs left is removed first: of this drill and, unless --keep is given, of every other.
/// Several begin as AWS has places for their restores, the longest first; with --keep all of them begin at once.
/// Ctrl-C ends every run with a teardown; a second Ctrl-C stops at once and says what is left.
/// Exit code: 0 passed, 1 failed, 2 usage (nothing was started), 3 inconclusive, 4 leaked; of several the gravest: leaked,
/// failed, inconclusive, passed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The drill's name: drills/NAME.yaml
    #[arg(value_name = "NAME", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) names: Vec<String>,

    /// Every drill in drills/
    #[arg(long)]
    pub(crate) all: bool,

    /// Keep what was restored for so long, such as 4h, whatever `teardown` says; `drill keep` ends it
    #[arg(long, value_name = "DURATION", value_parser = length)]
    pub(crate) keep: Option<SignedDuration>,

    #[command(flatten)]
    pub(crate) cloud: CloudArgs,

    #[command(flatten)]
    pub(crate) vars: VarArgs,
}

/// Overrides of a definition's `vars:`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct VarArgs {
    /// Override a variable of the definition
    #[arg(long = "var", value_name = "NAME=VALUE")]
    vars: Vec<String>,
}

impl VarArgs {
    /// Name to value.
    ///
    /// # Errors
    /// When one has no `=`.
    pub fn map(&self) -> Result<BTreeMap<String, String>, CliError> {
        let pair = |text: &String| {
            text.split_once('=')
                .map(|(name, value)| (name.trim().to_owned(), value.to_owned()))
                .ok_or_else(|| CliError::usage(format!("`--var {text}` needs a name and a value: `--var name=value`")))
        };
        self.vars.iter().map(pair).collect()
    }
}

/// See [`Args`].
///
/// # Errors
/// When nothing could be started, or the run could not be driven to its end.
pub async fn run(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let ended = match args.names.as_slice() {
        [name] if !args.all => alone(name, args, place, ui).await,
        _ => several(args, place, ui).await,
    };
    if let Err(CliError::Stopped { .. }) = &ended {
        say_what_expired(place, ui).await;
    }
    ended
}

/// Runs that are not begun end no leases either: whoever stopped everything is told what that costs.
async fn say_what_expired(place: &Place, ui: &Ui) {
    match expired(place).await {
        Ok(rows) => rows.iter().for_each(|row| {
            let (drill, run) = (&row.drill, row.run);
            ui.say(&format!(
                "{drill}  run {run} kept something whose time is over, and `drill run` removes nothing while everything is stopped; \
                 `drill keep {run} --end` does"
            ));
        }),
        Err(error) => ui.error(&error),
    }
}

/// A drill whose definition was found right.
pub(crate) struct Checked {
    /// Its file.
    pub(crate) path: PathBuf,
    /// As it was read.
    pub(crate) loaded: Loaded,
    /// As the command line has it.
    pub(crate) definition: Definition,
}

impl Checked {
    /// From what was read, as the command line has it.
    pub(crate) fn new(path: PathBuf, loaded: Loaded, keep: Option<SignedDuration>) -> Self {
        let definition = kept_for(loaded.definition.clone(), keep);
        Self { path, loaded, definition }
    }

    /// The drill.
    pub(crate) fn drill(&self) -> &DrillName {
        &self.loaded.definition.name
    }
}

/// What a run has before anything of it is begun.
pub(crate) struct Ready {
    plan: Plan,
    templates: BTreeMap<String, String>,
    store: Store,
    lock: DrillLock,
    random: [u8; 16],
    committed: Committed,
    /// When it was asked for, if it may have waited.
    asked_at: Option<Timestamp>,
}

async fn alone(name: &str, args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let path = place.definition(name)?;
    let loaded = load_or_explain(&path, &args.vars.map()?, ui)?;
    refuse_while_stopped(place)?;
    let committed = asked(folder_of(&path));
    let checked = Checked::new(path, loaded, args.keep);
    let templates = templates(place, &checked.definition)?;
    let random = uuid::Uuid::new_v4().into_bytes();
    let connection = connect(&checked.definition, &args.cloud, place, &hex(&random[6..10])).await?;
    let ended = match ready(&checked, committed, templates, random, &connection, place, None, None).await {
        Ok(ready) => {
            let mut signals = Signals::listen();
            driven(ready, &checked, &connection, args, place, ui, &mut signals).await
        }
        Err(error) => Err(error),
    };
    connection.close().await;
    let Some(ended) = ended? else {
        ui.say(&format!("{}  ended before it began: nothing was started", checked.drill()));
        return Ok(Exit::Inconclusive);
    };
    Ok(finished(&ended, place, ui))
}

/// Gets ready, as far as nothing is begun by it: the plan is made and the drill is locked. `committed` is the commit at the
/// moment when the definition was read, `store` that of the runs beside it, if there are any.
///
/// # Errors
/// When the run is stopped or cannot be planned, its key cannot be had, or another process has the drill.
pub(crate) async fn ready(
    checked: &Checked,
    committed: Committed,
    templates: BTreeMap<String, String>,
    random: [u8; 16],
    connection: &Connection,
    place: &Place,
    store: Option<Store>,
    asked_at: Option<Timestamp>,
) -> Result<Ready, CliError> {
    let plan = allowed(connection, &checked.definition).await?;
    let store = match store {
        Some(store) => store,
        None => place.store(connection.mode)?,
    };
    // A key that cannot be read or made is found out before anything begins.
    key(&place.state(connection.mode))?;
    signing::key(place)?;
    let lock = store.lock(checked.drill())?;
    Ok(Ready { plan, templates, store, lock, random, committed, asked_at })
}

/// Finishes what earlier runs left, begins the run and drives it to its end; nothing if it was ended before it began.
///
/// # Errors
/// When it could not be begun, or not driven to its end.
async fn driven(
    ready: Ready,
    checked: &Checked,
    connection: &Connection,
    args: &Args,
    place: &Place,
    ui: &Ui,
    signals: &mut Signals,
) -> Result<Option<Ended>, CliError> {
    let Some((mut journal, state)) = begun(ready, checked, connection, args, place, ui, signals).await? else {
        return Ok(None);
    };
    drive_to_end(connection, &args.cloud, place, ui, state, &mut journal, signals).await.map(Some)
}

/// Finishes what earlier runs left, and begins the run; nothing if it was ended before it began. Beside others it finishes only
/// what its own drill left.
///
/// # Errors
/// When it could not be begun.
pub(crate) async fn begun(
    ready: Ready,
    checked: &Checked,
    connection: &Connection,
    args: &Args,
    place: &Place,
    ui: &Ui,
    signals: &mut Signals,
) -> Result<Option<(RunJournal, State)>, CliError> {
    let Ready { plan, templates, store, lock, random, committed, asked_at } = ready;
    let drill = checked.drill();
    // Whoever restores to keep is in need: what other drills left can wait.
    let others = args.keep.is_none() && !ui.shared;
    let lock = finish_owed(&store, lock, &args.cloud, place, ui, signals, others).await?;
    if signals.asked_to_end() {
        return Ok(None);
    }
    // What an earlier run owed is not this run's time.
    let now = connection.clock.now();
    // Ids are in the order of this machine's time: the clocks of simulated worlds start anew with each of them.
    let machine_now = MachineClock.now();
    let run = RunId::new(u64::try_from(machine_now.as_millisecond()).unwrap_or(0), first_ten(&random));
    let rows = store.runs(Some(drill))?;
    let last_pass = last_pass(&rows, &store, connection.mode);
    let history = earlier_runs(rows, &store, connection.mode);
    let mut started = started(&checked.loaded, plan, connection, templates, &checked.path, last_pass, history);
    started.asked_at = asked_at;
    started.commit = committed.await;
    started.previous = before(place, connection.mode, (drill, &run));
    let first = Event::RunStarted(Box::new(started));
    let evidence = place.evidence(connection.mode, drill, &run);
    try_report(run, now, &first, &evidence)?;
    let journal = store.begin(lock, run, now, &first).await?;
    let state = State::begin(run, now, &first).map_err(|illegal| CliError::Render(illegal.to_string()))?;
    ui.say(&banner(&state, connection));
    Ok(Some((journal, state)))
}

/// `--keep` wins over the definition.
fn kept_for(mut definition: Definition, keep: Option<SignedDuration>) -> Definition {
    if keep.is_some() {
        definition.teardown.when = TeardownWhen::Manual;
        definition.teardown.keep_for = keep;
    }
    definition
}

/// The plan, unless the parameter says that everything is stopped. One that cannot be read is warned about by the run.
async fn allowed(connection: &Connection, definition: &Definition) -> Result<Plan, CliError> {
    if let Some(parameter) = &definition.limits.stop_parameter
        && let Ok(true) = is_pulled(&connection.cloud, parameter).await
    {
        let who = format!("by the parameter `{parameter}` in {}", definition.destination.region);
        return Err(CliError::Stopped { who, clear: "set it to something else than `stop`".to_owned() });
    }
    planned(connection, definition).await
}

/// The plan, with every selection resolved by asking the vault.
///
/// # Errors
/// When a selection finds nothing, or the vault cannot be asked.
pub async fn planned(connection: &Connection, definition: &Definition) -> Result<Plan, CliError> {
    let resolved = if definition.selections.is_empty() {
        definition.clone()
    } else {
        let found =
            resolve(&connection.cloud, facts, definition).await.map_err(|error| CliError::Select(Box::new(error)))?;
        expand(definition.clone(), &found)
    };
    compile(&resolved, facts).map_err(|problem| CliError::usage(problem.to_string()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn first_ten(random: &[u8; 16]) -> [u8; 10] {
    let mut ten = [0; 10];
    ten.copy_from_slice(&random[6..]);
    ten
}

/// A report that cannot be written is found out before anything is restored, not after: the runbook is rendered from
/// the first record alone, and the folder is made.
fn try_report(run: RunId, at: Timestamp, first: &Event, evidence: &Path) -> Result<(), CliError> {
    if !has_known_report(first) {
        let record = Recorded::new(run, 1, at, first.clone(), Hash::zero());
        let record = record.map_err(|error| CliError::Render(error.to_string()))?;
        rendered(std::slice::from_ref(&record), facts).map_err(CliError::Render)?;
    }
    write::write(evidence, &[])?;
    Ok(())
}

/// Whether the report is made of the built-in templates, and no longer than those that the tests render.
fn has_known_report(first: &Event) -> bool {
    matches!(first, Event::RunStarted(started)
        if started.plan.steps.len() <= LONGEST_KNOWN && runbook::are_built_in(&started.templates))
}

fn banner(state: &State, connection: &Connection) -> String {
    let seed = connection.seed.map(|seed| format!(", seed {seed}")).unwrap_or_default();
    format!("{}  run {}  ({}{seed})", state.started.drill, state.run, connection.mode)
}

fn started(
    loaded: &Loaded,
    plan: Plan,
    connection: &Connection,
    templates: BTreeMap<String, String>,
    path: &Path,
    last_pass: Option<LastPass>,
    history: Vec<Earlier>,
) -> RunStarted {
    RunStarted {
        unmeasurable: connection.unmeasurable(&plan.definition),
        folder: folder_of(path).display().to_string(),
        vars: loaded.vars.clone(),
        templates: templates.into(),
        seed: connection.seed,
        world: connection.world.clone(),
        world_id: connection.world_id.clone(),
        made_world: connection.made,
        last_pass,
        history,
        ..RunStarted::new(connection.mode, plan, &loaded.text, &started_by())
    }
}

/// The folder of a definition.
pub(crate) fn folder_of(path: &Path) -> PathBuf {
    let folder = path.parent().map(|folder| std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()));
    folder.unwrap_or_default()
}

/// What the drill's last passed run over the same kind of cloud recorded. An import that nobody known signed is none: what
/// it says would be in the evidence of this run. A journal that cannot be read any more is no
/// reason not to run; nothing is compared then.
fn last_pass(rows: &[RunRow], store: &Store, mode: Mode) -> Option<LastPass> {
    let passed = |row: &&RunRow| row.mode == mode && row.verdict == Some(Verdict::Passed) && row.origin.is_trusted();
    summary(store, rows.iter().find(passed)?)?.recorded
}

/// What a drill's last runs over the same kind of cloud came to, oldest first. As with the last pass, one that cannot be
/// read any more is no reason not to run.
pub(crate) fn earlier_runs(rows: impl IntoIterator<Item = RunRow>, store: &Store, mode: Mode) -> Vec<Earlier> {
    let is_over = |row: &RunRow| row.mode == mode && row.verdict.is_some() && row.origin.is_trusted();
    let rows = rows.into_iter().filter(is_over).take(MOST_EARLIER);
    let mut history: Vec<Earlier> = rows.filter_map(|row| Some(summary(store, &row)?.earlier)).collect();
    history.reverse();
    history
}

/// What a run that is over left for later ones; from its records, where the journal kept nothing of it.
fn summary(store: &Store, row: &RunRow) -> Option<Summary> {
    let kept = store.summary(&row.run).ok().flatten();
    kept.and_then(|text| Summary::kept(&text)).or_else(|| Summary::of(&store.state(&row.run).ok()?))
}

/// user@host, as far as the environment says.
pub(crate) fn started_by() -> String {
    let user = environment("USER").or_else(|| environment("LOGNAME"));
    let user = user.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    crate::words::text::tame(&format!("{user}@{host}"))
}

/// Drives a run, with signals and a view.
///
/// # Errors
/// When the journal cannot be written.
pub async fn drive_to_end(
    connection: &Connection,
    args: &CloudArgs,
    place: &Place,
    ui: &Ui,
    state: State,
    journal: &mut RunJournal,
    signals: &mut Signals,
) -> Result<Ended, CliError> {
    let services = services(connection, args, place, &state, journal).map_err(|error| undriven(&state, error))?;
    let services = Arc::new(services);
    let mut view = view(connection, ui, &state, signals);
    let ended = match signals.berth() {
        None => drive(services, state, journal, signals.receiver(), view.as_mut()).await,
        Some(berth) => {
            let mut view = Keeping { inner: view, berth: Arc::clone(&berth) };
            let mut journal = Heard { run: state.run, inner: journal, berth };
            drive(services, state, &mut journal, signals.receiver(), &mut view).await
        }
    };
    ended.map_err(CliError::Drive)
}

/// The same for a run that is one of many: it may be parked where it waits, and then it is driven on with what woke it.
///
/// # Errors
/// When the journal cannot be written.
pub(crate) async fn drive_among(
    connection: &Connection,
    args: &CloudArgs,
    place: &Place,
    ui: &Ui,
    state: State,
    journal: &mut RunJournal,
    signals: &mut Signals,
    woken: Option<Woken>,
) -> Result<Driven, CliError> {
    let Some(berth) = signals.berth() else {
        let ended = drive_to_end(connection, args, place, ui, state, journal, signals).await;
        return ended.map(Driven::Ended);
    };
    let services = services(connection, args, place, &state, journal).map_err(|error| undriven(&state, error))?;
    let services = Arc::new(services);
    let mut view = Keeping { inner: view(connection, ui, &state, signals), berth: Arc::clone(&berth) };
    let beside = Beside { crowd: Some(berth.crowd()), woken };
    let mut journal = Heard { run: state.run, inner: journal, berth };
    let driven = drive_beside(services, state, &mut journal, signals.receiver(), &mut view, beside).await;
    driven.map_err(CliError::Drive)
}

/// Of a run that nobody drives any more it is said what it may have made.
fn undriven(state: &State, error: CliError) -> CliError {
    let left = left(state);
    if left.is_empty() { error } else { CliError::Undriven { left, source: Box::new(error) } }
}

/// Everything that a run is given besides its plan and its journal.
fn services(
    connection: &Connection,
    args: &CloudArgs,
    place: &Place,
    state: &State,
    journal: &RunJournal,
) -> Result<Services, CliError> {
    Ok(Services {
        region: state.started.plan.definition.destination.region.clone(),
        cloud: connection.cloud.clone(),
        clock: Arc::clone(&connection.clock),
        types: facts,
        folder: Path::new(&state.started.folder).to_owned(),
        ca_bundle: args.ca_bundle.clone(),
        sandbox_ca: connection.sandbox_ca.clone(),
        environment,
        key: key(&place.state(state.started.mode))?,
        stop: Arc::new(StopFile::new(place.stop_file())),
        evidence: place.evidence(state.started.mode, &state.started.drill, &state.run),
        signing_key: place.signing_key(),
        imported: !journal.origin()?.is_here(),
        prober: Arc::new(Asks),
        look_for_requests: LOOK_FOR_REQUESTS,
        guards: Guards::all(),
    })
}

/// Whoever shows the run, and listens to the person at the terminal.
fn view(connection: &Connection, ui: &Ui, state: &State, signals: &Signals) -> Box<dyn Observer> {
    let view = observer(ui, Arc::clone(&connection.clock));
    if can_ask(ui, state) { Box::new(Asking::new(view, signals.sender())) } else { view }
}

/// Says how it ended, in its own words or as the one JSON value of its command.
pub fn finished(ended: &Ended, place: &Place, ui: &Ui) -> Exit {
    let ending = told(ended, place, ui);
    if ui.is_json() && !ending.value.is_null() {
        ui.json(&ending.value);
    }
    ending.exit
}

/// Says how it ended; for a program that is not said but given.
pub(crate) fn told(ended: &Ended, place: &Place, ui: &Ui) -> Ending {
    match ended {
        Ended::Concluded(state) => concluded(state, place, ui),
        Ended::Stopped(state) => stopped(state, ui),
    }
}

fn concluded(state: &State, place: &Place, ui: &Ui) -> Ending {
    let Some((at, conclusion)) = &state.concluded else {
        return Ending { exit: Exit::Inconclusive, value: Value::Null };
    };
    let evidence = place.evidence(state.started.mode, &state.started.drill, &state.run);
    let report = Place::shown(&evidence.join("report.md"));
    let mut exit = Exit::from(conclusion.verdict);
    if exit == Exit::Passed && (state.report.is_none() || archive::is_owed(state)) {
        // A pass that nobody can show is none for whoever waits for the report, there or in the archive.
        exit = Exit::Inconclusive;
    }
    if ui.is_json() {
        let mut summary = json::summary(state, state.report.as_ref().map(|_| Place::shown(&evidence)).as_deref());
        summary["exit_code"] = exit.number().into();
        summary["archive"] = archive::value(state);
        return Ending { exit, value: summary };
    }
    let took = show_duration(at.duration_since(state.started_at));
    let rehearsal = match state.started.mode {
        Mode::Aws => "",
        Mode::Sandbox => "  (rehearsal: simulated AWS, not evidence)",
        Mode::CustomEndpoint => "  (rehearsal: custom endpoint, not evidence)",
    };
    ui.print(&format!("\n{}  {}  in {took}{rehearsal}", state.started.drill, Ui::verdict(conclusion.verdict)));
    let mut text = String::new();
    for reason in &conclusion.reasons {
        text.push_str(&format!("  {}\n", reason.text));
        if let Some(advice) = &reason.advice {
            text.push_str(&format!("    -> {advice}\n"));
        }
    }
    if let Some(leaked) = earlier::leaked(state) {
        text.push_str(&format!("  {}\n", leaked.trim()));
    }
    text.push_str(&measures_text(conclusion));
    text.push_str(&kept_text(state));
    match &state.report {
        Some(_) => text.push_str(&format!("  report    {report}\n")),
        None => {
            text.push_str(&format!("  the report could not be written; `drill report {}` tries again\n", state.run));
        }
    }
    text.push_str(&archive::text(state));
    if let Some(warning) = redact::warning(state).filter(|_| state.report.is_some()) {
        text.push_str(&format!("  {warning}\n"));
    }
    ui.print(&clean(&text));
    Ending { exit, value: Value::Null }
}

/// What stays on purpose, and how that is changed.
fn kept_text(state: &State) -> String {
    let Some(until) = state.lease() else { return String::new() };
    let mut text: String = state
        .kept()
        .filter(|(_, _, lease)| lease.holds())
        .map(|(_, entry, lease)| format!("  kept      until {}: {}\n", show_instant(lease.until), entry.label()))
        .collect();
    if state.started.world == Some(World::InProcess) {
        text.push_str(
            "  the simulated AWS ends with this process, and what it keeps with it; for one that stays, start `drill \
             sandbox` and give its URL with `--sandbox=URL`\n",
        );
        return text;
    }
    text.push_str(&format!(
        "  kept until {}; `drill keep {} --for 4h` makes that longer, `--end` removes it now\n",
        show_instant(until),
        state.run
    ));
    text
}

fn measures_text(conclusion: &crate::journal::verdict::Conclusion) -> String {
    let measures = &conclusion.measures;
    let rows = [
        ("rto", &measures.rto),
        ("rpo", &measures.rpo),
        ("copy lag", &measures.copy_lag),
        ("data age", &measures.data_age),
    ];
    rows.iter()
        .map(|(name, measure)| {
            let value = measure.value.map_or_else(|| "not measured".to_owned(), show_duration);
            let target = match (measure.target, measure.met()) {
                (Some(target), Some(true)) => format!("of {} allowed", show_duration(target)),
                (Some(target), _) => format!("of {} allowed: not met", show_duration(target)),
                (None, _) => String::new(),
            };
            format!("  {name:<9} {value:<14} {target}").trim_end().to_owned() + "\n"
        })
        .collect()
}

fn stopped(state: &State, ui: &Ui) -> Ending {
    let undos = state.owed_undos().into_iter().map(|step| format!("what `{step}` undoes"));
    let left: Vec<String> =
        state.ledger.values().filter(|entry| is_left(entry)).map(Entry::label).chain(undos).collect();
    let exit = if left.is_empty() { Exit::Inconclusive } else { Exit::Leaked };
    if ui.is_json() {
        return Ending { exit, value: json::summary(state, None) };
    }
    let mut text = format!("{}  stopped before its end\n", state.started.drill);
    for arn in left {
        text.push_str(&format!("  may still exist: {arn}\n"));
    }
    text.push_str(&format!("  `drill resume {}` goes on and tears down\n", state.run));
    ui.print(&text);
    Ending { exit, value: Value::Null }
}

/// Whether it may still exist, against everybody's will.
fn is_left(entry: &Entry) -> bool {
    !matches!(entry.existence(), Existence::Gone | Existence::Kept)
}
