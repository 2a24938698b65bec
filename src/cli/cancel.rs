//! `drill cancel`.

use serde_json::json;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::place::Place;
use crate::cli::ui::Ui;

/// Ends a run: what was restored is torn down, the report is written.
///
/// Nothing new starts.
///
/// Exit code: 0 when the run was asked to end, 2 when there is no such run or it is over.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, or at least four of its last digits
    run: String,
}

/// See [`Args`].
///
/// # Errors
/// When there is no such run, or it is over.
pub fn cancel(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let found = place.run(&args.run)?;
    let row = &found.row;
    if let Some(verdict) = row.verdict {
        return Err(CliError::usage(format!("run {} is over: {verdict}", row.run)));
    }
    found.store.request_cancel(&row.run)?;
    let running = found.store.is_running(&row.drill);
    if ui.is_json() {
        ui.json(&json!({"version": 1, "run": row.run, "cancelled": true, "running": running}));
    } else if running {
        ui.print(&format!("run {} tears down and ends", row.run));
    } else {
        ui.print(&format!("run {} has no process; `drill resume {}` tears it down", row.run, row.run));
    }
    Ok(Exit::Passed)
}
