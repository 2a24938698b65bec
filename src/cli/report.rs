//! `drill report`.

use clap::ValueEnum;
use serde_json::json;

use crate::aws::resource::facts;
use crate::cli::connect::environment;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::finding;
use crate::cli::place::Place;
use crate::cli::templates::own;
use crate::cli::ui::{Ui, clean};
use crate::journal::event::Recorded;
use crate::journal::state::State;
use crate::report::facts::context;
use crate::report::{oscal, runbook};
use crate::run::step::report::{bundle, printed, rendered, to_print};
use crate::words::id::Name;

/// Writes a run's report and its evidence bundle again, from its journal alone.
///
/// The bytes are the same every time, but for those of a `report.pdf`, which a browser of this machine prints. The bundle is
/// signed if there is a key (`drill key new`). Another template or form is printed, and changes no file.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, or at least four of its last digits
    run: String,

    /// Print the Markdown to stdout instead of writing files
    #[arg(long)]
    print: bool,

    /// Print the report by another template: `executive`, `audit`, or one of runbooks/ as it is now
    #[arg(long, value_name = "NAME", conflicts_with_all = ["print", "format"])]
    template: Option<Name>,

    /// Print the run in another form
    #[arg(long, value_enum, conflicts_with = "print")]
    format: Option<Form>,
}

/// A form that a run is printed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// What report.md holds
    Markdown,
    /// What report.json holds
    Json,
    /// NIST OSCAL 1.2.3 assessment results
    Oscal,
}

/// See [`Args`].
///
/// # Errors
/// When there is no such run, or the report cannot be rendered or written.
pub async fn report(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let found = place.run(&args.run)?;
    let records = found.store.load(&found.row.run)?;
    if let Some(name) = &args.template {
        ui.print(by_template(&records, name, place)?.trim_end_matches('\n'));
        return Ok(Exit::Passed);
    }
    if args.format == Some(Form::Oscal) {
        let state = State::replay(&records).map_err(|illegal| CliError::Render(illegal.to_string()))?;
        let context = context(&state, &records, facts);
        ui.json(&oscal::assessment_results(&state, &records, &context));
        return Ok(Exit::Passed);
    }
    let rendered = rendered(&records, facts).map_err(CliError::Render)?;
    let files: Vec<(&str, &str)> = rendered.iter().map(|(name, content)| (*name, content.as_str())).collect();
    let wanted = match args.format {
        Some(Form::Json) => Some("report.json"),
        Some(Form::Markdown | Form::Oscal) => Some("report.md"),
        None => args.print.then_some("report.md"),
    };
    if let Some(wanted) = wanted {
        if let Some((_, text)) = files.iter().find(|(name, _)| *name == wanted) {
            ui.print(text);
        }
        return Ok(Exit::Passed);
    }
    let folder = place.evidence(found.row.mode, &found.row.drill, &found.row.run);
    let mut pdf = None;
    if let Some(page) = to_print(&records, facts).map_err(CliError::Render)? {
        match printed(&page, environment).await {
            Ok(bytes) => pdf = Some(bytes),
            Err(text) => ui.say(&format!("warning: {}", clean(&text))),
        }
    }
    let written = bundle(&records, facts, (&folder, &place.signing_key()), pdf.as_deref())?;
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

/// The built-in templates and the user's as they are today, over those that the run kept.
fn by_template(records: &[Recorded], name: &Name, place: &Place) -> Result<String, CliError> {
    let state = State::replay(records).map_err(|illegal| CliError::Render(illegal.to_string()))?;
    let mut templates = state.started.templates.clone();
    // What a run of an older version kept is not what the template of today may use.
    templates.extend(runbook::built_in());
    templates.extend(own(place)?);
    let context = context(&state, records, facts);
    runbook::render(&templates, name, &context).map_err(|error| CliError::Render(error.to_string()))
}
