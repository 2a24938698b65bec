//! `drill report`.

use serde_json::json;

use crate::aws::resource::facts;
use crate::cli::connect::environment;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::place::Place;
use crate::cli::ui::{Ui, clean};
use crate::report::write;
use crate::run::step::report::{printed, rendered, to_print};

/// Writes a run's report again, from its journal alone.
///
/// The bytes are the same every time, but for those of a `report.pdf`, which a browser of this machine prints.
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
pub async fn report(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let found = place.run(&args.run)?;
    let records = found.store.load(&found.row.run)?;
    let rendered = rendered(&records, facts).map_err(CliError::Render)?;
    let files: Vec<(&str, &str)> = rendered.iter().map(|(name, content)| (*name, content.as_str())).collect();
    if args.print {
        if let Some((_, markdown)) = files.iter().find(|(name, _)| *name == "report.md") {
            ui.print(markdown);
        }
        return Ok(Exit::Passed);
    }
    let folder = place.evidence(found.row.mode, &found.row.drill, &found.row.run);
    let mut written = write::write(&folder, &files)?;
    if let Some(page) = to_print(&records, facts).map_err(CliError::Render)? {
        match printed(&page, &folder, environment).await {
            Ok(file) => written.push(file),
            Err(text) => ui.say(&format!("warning: {}", clean(&text))),
        }
    }
    if ui.is_json() {
        ui.json(&json!({"version": 1, "run": found.row.run, "evidence": Place::shown(&folder), "files": written}));
    } else {
        ui.print(&Place::shown(&folder.join("report.md")));
    }
    Ok(Exit::Passed)
}
