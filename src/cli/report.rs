//! `drill report`.

use serde_json::json;

use crate::aws::resource::facts;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::finding;
use crate::cli::place::Place;
use crate::cli::ui::Ui;
use crate::run::step::report::{bundle, rendered};

/// Writes a run's report and its evidence bundle again, from its journal alone.
///
/// The bytes are the same every time. The bundle is signed if there is a key (`drill key new`).
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, or at least four of its last digits
    run: String,

    /// Print the Markdown to stdout instead of writing files
    #[arg(long)]
    print: bool,
}

/// See [`Args`].
///
/// # Errors
/// When there is no such run, or the report cannot be rendered or written.
pub fn report(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let found = place.run(&args.run)?;
    let records = found.store.load(&found.row.run)?;
    if args.print {
        let rendered = rendered(&records, facts).map_err(CliError::Render)?;
        if let Some((_, markdown)) = rendered.iter().find(|(name, _)| *name == "report.md") {
            ui.print(markdown);
        }
        return Ok(Exit::Passed);
    }
    let folder = place.evidence(found.row.mode, &found.row.drill, &found.row.run);
    let written = bundle(&records, facts, (&folder, &place.signing_key()))?;
    if ui.is_json() {
        ui.json(&json!({"version": 1, "run": found.row.run, "evidence": Place::shown(&folder), "files": written}));
    } else {
        ui.print(&Place::shown(&folder.join("report.md")));
        for line in finding::lines(&folder) {
            ui.say(&line);
        }
    }
    Ok(Exit::Passed)
}
