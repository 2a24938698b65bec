//! `drill logs`.

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::line::dated_line;
use crate::cli::place::Place;
use crate::cli::ui::{Ui, clean};
use crate::journal::lines::line_of;

/// Prints what a run's journal recorded, one line a record.
///
/// With `--output json`, one JSON object a line.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, or at least four of its last digits
    run: String,
}

/// See [`Args`].
///
/// # Errors
/// When there is no such run, or its journal does not verify.
pub fn logs(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let found = place.run(&args.run)?;
    let records = found.store.load(&found.row.run)?;
    let lines: Vec<String> = if ui.is_json() {
        records.iter().map(line_of).collect()
    } else {
        records.iter().map(|record| clean(&dated_line(record))).collect()
    };
    ui.print(&lines.join("\n"));
    Ok(Exit::Passed)
}
