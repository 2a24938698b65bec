//! `drill run`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::aws::resource::facts;
use crate::cli::connect::{CloudArgs, Connection, connect, environment};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::place::Place;
use crate::cli::progress::observer;
use crate::cli::resume::finish_owed;
use crate::cli::ui::{Ui, clean};
use crate::cli::validate::load_or_explain;
use crate::definition::load::Loaded;
use crate::journal::chain::sha256_hex;
use crate::journal::event::{Event, FORMAT, RunStarted};
use crate::journal::state::State;
use crate::journal::store::{RunJournal, Store};
use crate::plan::compile::compile;
use crate::plan::step::Plan;
use crate::report::{json, runbook};
use crate::run::drive::{Ended, Signal, drive};
use crate::run::services::Services;
use crate::words::id::RunId;
use crate::words::kind::Verdict;
use crate::words::time::show_duration;

/// Runs a drill: restores, probes, tears down, reports.
///
/// Ctrl-C ends the run with a teardown; a second Ctrl-C stops at once and says what is left.
/// Exit code: 0 passed, 1 failed, 2 usage (nothing was started), 3 inconclusive, 4 leaked.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The drill's name: drills/NAME.yaml
    name: String,

    #[command(flatten)]
    cloud: CloudArgs,

    #[command(flatten)]
    vars: VarArgs,
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
    let path = place.definition(&args.name)?;
    let loaded = load_or_explain(&path, &args.vars.map()?, ui)?;
    let plan = compile(&loaded.definition).map_err(|cycle| CliError::usage(cycle.to_string()))?;
    let templates = templates(place, &plan)?;
    let random = uuid::Uuid::new_v4().into_bytes();
    let connection = connect(&loaded.definition, &args.cloud, place, &hex(&random[6..10])).await?;
    let now = connection.clock.now();
    let run = RunId::new(u64::try_from(now.as_millisecond()).unwrap_or(0), first_ten(&random));

    let store = Store::open(&place.state(connection.mode))?;
    let lock = store.lock(&loaded.definition.name)?;
    let lock = finish_owed(&store, lock, &args.cloud, place, ui).await?;
    let started = started(&loaded, plan, &connection, templates, &path);
    let first = Event::RunStarted(Box::new(started));
    let mut journal = store.begin(lock, run, now, &first)?;
    let state = State::begin(run, now, &first).map_err(|illegal| CliError::Render(illegal.to_string()))?;
    ui.say(&banner(&state, &connection));
    let ended = drive_to_end(&connection, &args.cloud, place, ui, state, &mut journal).await;
    connection.close().await;
    Ok(finished(&ended?, place, ui))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn first_ten(random: &[u8; 16]) -> [u8; 10] {
    let mut ten = [0; 10];
    ten.copy_from_slice(&random[6..]);
    ten
}

fn banner(state: &State, connection: &Connection) -> String {
    let seed = connection.seed.map(|seed| format!(", seed {seed}")).unwrap_or_default();
    format!("{}  run {}  ({}{seed})", state.started.drill, state.run, connection.mode)
}

/// The templates of a run, as read now: the built-in ones, and the user's, which win.
fn templates(place: &Place, plan: &Plan) -> Result<BTreeMap<String, String>, CliError> {
    let mut templates = runbook::built_in();
    read_templates(&place.runbooks(), "", &mut templates)?;
    read_templates(&place.runbooks().join("partials"), "partials/", &mut templates)?;
    let wanted = &plan.definition.report.runbook;
    if templates.contains_key(wanted.as_str()) {
        return Ok(templates);
    }
    let known: Vec<&str> = templates.keys().map(String::as_str).filter(|name| !name.contains('/')).collect();
    Err(CliError::usage(format!(
        "there is no runbook `{wanted}`: `{}` does not exist; known: {}",
        Place::shown(&place.runbooks().join(format!("{wanted}.md.hbs"))),
        known.join(", ")
    )))
}

fn read_templates(folder: &Path, prefix: &str, into: &mut BTreeMap<String, String>) -> Result<(), CliError> {
    let failed = |source| CliError::Read { path: folder.to_owned(), source };
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".md.hbs"));
        if let Some(name) = name {
            let text =
                std::fs::read_to_string(&path).map_err(|source| CliError::Read { path: path.clone(), source })?;
            into.insert(format!("{prefix}{name}"), text);
        }
    }
    Ok(())
}

fn started(
    loaded: &Loaded,
    plan: Plan,
    connection: &Connection,
    templates: BTreeMap<String, String>,
    path: &Path,
) -> RunStarted {
    let folder = path.parent().map(|folder| std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()));
    RunStarted {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        drill: loaded.definition.name.clone(),
        mode: connection.mode,
        plan,
        definition: loaded.text.clone(),
        definition_sha256: sha256_hex(loaded.text.as_bytes()),
        folder: folder.unwrap_or_default().display().to_string(),
        vars: loaded.vars.clone(),
        started_by: started_by(),
        templates,
        seed: connection.seed,
        world: connection.world.clone(),
        unmeasurable: connection.unmeasurable.clone(),
        made_world: connection.made,
    }
}

/// user@host, as far as the environment says.
fn started_by() -> String {
    let user = environment("USER").or_else(|| environment("LOGNAME")).unwrap_or_else(|| "unknown".into());
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
) -> Result<Ended, CliError> {
    let services = Services {
        cloud: connection.cloud.clone(),
        clock: Arc::clone(&connection.clock),
        types: facts,
        folder: Path::new(&state.started.folder).to_owned(),
        ca_bundle: args.ca_bundle.clone(),
        sandbox_ca: connection.sandbox_ca.clone(),
        environment,
        evidence: place.evidence(state.started.mode, &state.started.drill, &state.run),
    };
    let mut signals = listen();
    let mut view = observer(ui, Arc::clone(&connection.clock));
    drive(Arc::new(services), state, journal, &mut signals, view.as_mut()).await.map_err(CliError::Drive)
}

/// Ctrl-C, SIGTERM and SIGHUP: the first cancels, the second stops.
fn listen() -> mpsc::Receiver<Signal> {
    use tokio::signal::unix::{SignalKind, signal};
    let (sender, receiver) = mpsc::channel(4);
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let Ok(mut stream) = signal(kind) else { continue };
        let sender = sender.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                if sender.try_send(Signal::Cancel).is_err() {
                    break;
                }
            }
        });
    }
    count(receiver)
}

/// The first signal of whatever kind cancels, every later one stops.
fn count(mut raw: mpsc::Receiver<Signal>) -> mpsc::Receiver<Signal> {
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        let mut first = true;
        while raw.recv().await.is_some() {
            let signal = if std::mem::take(&mut first) { Signal::Cancel } else { Signal::Stop };
            if sender.send(signal).await.is_err() {
                break;
            }
        }
    });
    receiver
}

/// Says how it ended.
pub fn finished(ended: &Ended, place: &Place, ui: &Ui) -> Exit {
    match ended {
        Ended::Concluded(state) => concluded(state, place, ui),
        Ended::Stopped(state) => stopped(state, ui),
    }
}

fn concluded(state: &State, place: &Place, ui: &Ui) -> Exit {
    let Some((at, conclusion)) = &state.concluded else { return Exit::Inconclusive };
    let evidence = place.evidence(state.started.mode, &state.started.drill, &state.run);
    let report = Place::shown(&evidence.join("report.md"));
    if ui.is_json() {
        ui.json(&json::summary(state, state.report.as_ref().map(|_| Place::shown(&evidence)).as_deref()));
        return conclusion.verdict.into();
    }
    let took = show_duration(at.duration_since(state.started_at));
    ui.print(&format!("\n{}  {}  in {took}", state.started.drill, Ui::verdict(conclusion.verdict)));
    let mut text = String::new();
    for reason in &conclusion.reasons {
        text.push_str(&format!("  {}\n", reason.text));
        if let Some(advice) = &reason.advice {
            text.push_str(&format!("    -> {advice}\n"));
        }
    }
    text.push_str(&measures_text(conclusion));
    match &state.report {
        Some(_) => text.push_str(&format!("  report    {report}\n")),
        None => {
            text.push_str(&format!("  the report could not be written; `drill report {}` tries again\n", state.run));
        }
    }
    ui.print(&clean(&text));
    conclusion.verdict.into()
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

fn stopped(state: &State, ui: &Ui) -> Exit {
    let left: Vec<&str> = state
        .ledger
        .values()
        .filter(|entry| entry.gone.is_none())
        .map(|entry| entry.intended.expected.arn.as_str())
        .collect();
    let exit = if left.is_empty() { Exit::Inconclusive } else { Exit::Leaked };
    if ui.is_json() {
        ui.json(&json::summary(state, None));
        return exit;
    }
    let mut text = format!("{}  stopped before its end\n", state.started.drill);
    for arn in left {
        text.push_str(&format!("  may still exist: {arn}\n"));
    }
    text.push_str(&format!("  `drill resume {}` goes on and tears down\n", state.run));
    ui.print(&text);
    exit
}

/// Whether a verdict leaves work behind.
#[must_use]
pub fn owes(verdict: Option<Verdict>) -> bool {
    matches!(verdict, None | Some(Verdict::Leaked))
}
