//! `drill list`.

use std::collections::BTreeMap;

use serde_json::json;

use crate::aws::resource::facts;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::past::{from, imported_json};
use crate::cli::place::Place;
use crate::cli::ui::Ui;
use crate::definition::load::{load, names};
use crate::journal::store::RunRow;
use crate::words::id::DrillName;
use crate::words::time::show_instant;

/// Lists the drills of this repository and how each last ended.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// See [`Args`].
///
/// # Errors
/// When the folder or the journals cannot be read.
pub fn list(_: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let last = last_runs(place)?;
    let mut rows = Vec::new();
    let mut drills = Vec::new();
    for (name, path) in names(&place.drills())? {
        let title = load(&path, &BTreeMap::new(), facts).map(|loaded| loaded.definition.title);
        let run = last.get(&name);
        drills.push(json!({
            "name": name, "title": title.as_ref().ok(), "valid": title.is_ok(), "file": Place::shown(&path),
            "last_run": run.map(run_json),
        }));
        let verdict = run
            .map_or_else(String::new, |row| row.verdict.map_or("not over".into(), |verdict| verdict.to_string()))
            + run.map_or("", |row| from(&row.origin));
        rows.push(vec![
            name.to_string(),
            verdict,
            run.map_or_else(String::new, |row| show_instant(row.started)),
            run.map_or_else(String::new, |row| row.mode.to_string()),
            title.unwrap_or_else(|_| format!("(not valid: `drill validate {name}`)")),
        ]);
    }
    if ui.is_json() {
        ui.json(&json!({"version": 1, "drills": drills}));
    } else if rows.is_empty() {
        ui.print(&format!("no drills in {}", Place::shown(&place.drills())));
    } else {
        ui.print(&Ui::table(&["drill", "last verdict", "last run", "mode", "title"], rows));
    }
    Ok(Exit::Passed)
}

/// One line of the list of runs, for programs.
#[must_use]
pub fn run_json(row: &RunRow) -> serde_json::Value {
    let (started, kept_until) = (row.started.to_string(), row.kept_until.map(|until| until.to_string()));
    json!({
        "run": row.run, "drill": row.drill, "mode": row.mode, "started": started, "verdict": row.verdict,
        "kept_until": kept_until, "imported": imported_json(&row.origin),
    })
}

/// The newest run of each drill, whatever it talked to.
fn last_runs(place: &Place) -> Result<BTreeMap<DrillName, RunRow>, CliError> {
    let mut last: BTreeMap<DrillName, RunRow> = BTreeMap::new();
    for store in place.stores()? {
        for row in store.runs(None)? {
            let newer = last.get(&row.drill).is_none_or(|known| known.started < row.started);
            if newer {
                last.insert(row.drill.clone(), row);
            }
        }
    }
    Ok(last)
}
