//! `drill status`.

use serde_json::json;

use crate::cli::archive;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::lease;
use crate::cli::line::took;
use crate::cli::list::run_json;
use crate::cli::past::from;
use crate::cli::place::Place;
use crate::cli::stop::StopFile;
use crate::cli::ui::{Ui, clean};
use crate::journal::event::StepEnd;
use crate::journal::ledger::{Entry, Existence};
use crate::journal::state::{Reopened, State, StepState};
use crate::journal::store::{RunRow, Store};
use crate::report::json::summary;
use crate::run::stop::StopSwitch as _;
use crate::words::time::show_instant;

/// Shows the runs, newest first, or the steps of one, its verdicts and what it made, and how long what is kept still stays.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, or at least four of its last digits
    run: Option<String>,

    /// How many runs
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

/// See [`Args`].
///
/// # Errors
/// When the journals cannot be read, or there is no such run.
pub async fn status(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    match &args.run {
        Some(run) => one(run, place, ui).await,
        None => all(args.limit, place, ui).await,
    }
}

async fn all(limit: usize, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let mut runs = Vec::new();
    for store in place.stores()? {
        for row in store.page(None, None, limit)? {
            let running = row.verdict.is_none() && store.is_running(&row.drill);
            runs.push((store.clone(), row, running));
        }
    }
    runs.sort_by_key(|(_, row, _)| std::cmp::Reverse(row.run));
    runs.truncate(limit);
    if let Some(who) = StopFile::new(place.stop_file()).stopped() {
        ui.say(&clean(&format!("everything was stopped {who}; `drill stop --all --clear` lets runs start again")));
    }
    if ui.is_json() {
        let runs: Vec<serde_json::Value> = runs
            .iter()
            .map(|(_, row, running)| {
                let mut value = run_json(row);
                value["running"] = json!(running);
                value
            })
            .collect();
        ui.json(&json!({"version": 1, "runs": runs}));
        return Ok(Exit::Passed);
    }
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (store, row, running) in &runs {
        let verdict = match (row.verdict, running) {
            (Some(verdict), _) => format!("{verdict}{}{}", lease_of(store, row).await, from(&row.origin)),
            (None, true) => "running".into(),
            (None, false) => "not over: resume it".into(),
        };
        let started = show_instant(row.started);
        rows.push(vec![row.run.to_string(), row.drill.to_string(), verdict, started, row.mode.to_string()]);
    }
    let text = if rows.is_empty() {
        "no runs yet".into()
    } else {
        Ui::table(&["run", "drill", "verdict", "started", "mode"], rows)
    };
    ui.print(&text);
    Ok(Exit::Passed)
}

/// `, kept, 3h 12m left` for a run that keeps something.
async fn lease_of(store: &Store, row: &RunRow) -> String {
    let state = row.kept_until.and_then(|_| store.state(&row.run).ok());
    let words = match &state {
        Some(state) => lease::words(state).await,
        None => None,
    };
    words.map(|words| format!(", {words}")).unwrap_or_default()
}

async fn one(text: &str, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let found = place.run(text)?;
    let state = found.store.state(&found.row.run)?;
    let running = state.concluded.is_none() && found.store.is_running(&found.row.drill);
    if ui.is_json() {
        let evidence = place.evidence(state.started.mode, &state.started.drill, &state.run);
        let mut value = summary(&state, state.report.as_ref().map(|_| Place::shown(&evidence)).as_deref());
        value["running"] = json!(running);
        value["archive"] = archive::value(&state);
        ui.json(&value);
        return Ok(Exit::Passed);
    }
    let verdict = match (&state.concluded, running) {
        (Some((_, conclusion)), _) => match lease::words(&state).await {
            Some(lease) => format!("{}, {lease}", conclusion.verdict),
            None => conclusion.verdict.to_string(),
        },
        (None, true) => "running".into(),
        (None, false) => format!("not over; `drill resume {}` goes on", state.run),
    };
    let verdict = verdict + from(&found.row.origin);
    ui.print(&format!("{}  run {}  {}  {verdict}", state.started.drill, state.run, show_instant(state.started_at)));
    for line in earlier_verdicts(&state) {
        ui.print(&line);
    }
    ui.print(&Ui::table(&["step", "status", "took", "details"], step_rows(&state)));
    if !state.ledger.is_empty() {
        ui.print(&format!("\n{}", Ui::table(&["made", "state"], made_rows(&state))));
    }
    let archived = archive::text(&state);
    if !archived.is_empty() {
        ui.print(&clean(&format!("\n{}", archived.trim_end())));
    }
    Ok(Exit::Passed)
}

/// The verdicts before the last one, or before the run was opened once more; the newest first, in a line each.
fn earlier_verdicts(state: &State) -> Vec<String> {
    let line = |earlier: &Reopened| {
        let Reopened { at, seq, conclusion, .. } = earlier;
        let why = conclusion.reasons.first().map(|reason| format!(": {}", reason.text)).unwrap_or_default();
        clean(&format!("  the verdict was {} before, at {}, record {seq}{why}", conclusion.verdict, show_instant(*at)))
    };
    state.reopened.iter().rev().map(line).collect()
}

fn step_rows(state: &State) -> Vec<Vec<String>> {
    state
        .in_order()
        .map(|(step, step_state)| {
            let (word, details) = match step_state {
                StepState::Waiting => ("waiting", String::new()),
                StepState::Running { .. } => ("running", String::new()),
                StepState::Ended { end, .. } => match end {
                    StepEnd::Passed => ("passed", String::new()),
                    StepEnd::Failed(failure) => ("failed", failure.message.clone()),
                    StepEnd::Unneeded { because } => ("not needed", because.clone()),
                    StepEnd::Skipped { because } => ("skipped", because.clone()),
                    StepEnd::NotMeasured { because } => ("not measured", because.clone()),
                },
            };
            vec![step.id.to_string(), word.into(), took(step_state.since(), step_state.ended_at()), details]
        })
        .collect()
}

fn made_rows(state: &State) -> Vec<Vec<String>> {
    let word = |existence| match existence {
        Existence::Gone => "gone",
        Existence::Kept => "kept",
        Existence::Present => "present",
        Existence::Unknown => "unknown",
    };
    let until = |entry: &Entry| entry.lease.as_ref().map(|lease| format!(" until {}", show_instant(lease.until)));
    let state_of = |entry: &Entry| word(entry.existence()).to_owned() + &until(entry).unwrap_or_default();
    state.ledger.values().map(|entry| vec![entry.label(), state_of(entry)]).collect()
}
