//! `drill validate`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::aws::resource::facts;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::place::Place;
use crate::cli::run::VarArgs;
use crate::cli::templates;
use crate::cli::ui::Ui;
use crate::definition::load::{Loaded, Problems, load, names};
use crate::report::runbook;
use crate::yaml::diagnostic::{Code, Diagnostic, Severity, to_json};
use crate::yaml::snippet::render;
use crate::yaml::source::Sources;

/// Checks definitions and the templates of reports: every problem at once, with file, line and column.
///
/// Exit code 2 when there is one.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The drills' names [default: all in drills/]
    names: Vec<String>,

    /// Object to every required probe of the data that has no negative control
    #[arg(long)]
    strict: bool,

    #[command(flatten)]
    vars: VarArgs,
}

/// See [`Args`].
///
/// # Errors
/// When a definition has problems, or cannot be found.
pub fn validate(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let vars = args.vars.map()?;
    let paths = paths(args, place)?;
    let own = templates::found(place)?;
    let mut known = runbook::built_in();
    known.extend(own.texts.clone());
    known.extend(own.unreadable.iter().map(|one| (one.name.clone(), String::new())));
    let mut checked: Vec<(String, Sources, Vec<Diagnostic>)> = Vec::new();
    for path in &paths {
        let (diagnostics, sources) = match load(path, &vars, facts) {
            Ok(loaded) => {
                let runbook = runbook_problem(&loaded, place, &known);
                let strict = loaded.strict.into_iter().filter(|_| args.strict).map(Diagnostic::into_error);
                (loaded.warnings.into_iter().chain(strict).chain(runbook).collect(), loaded.sources)
            }
            Err(problems) => (problems.diagnostics, problems.sources),
        };
        checked.push((Place::shown(path), sources, diagnostics));
    }
    checked.extend(templates::checked(place, &own));
    if !ui.is_json() {
        for (file, sources, diagnostics) in &checked {
            show(diagnostics, sources, ui);
            if errors(diagnostics) == 0 && !ui.quiet {
                ui.print(&format!("{file}: valid"));
            }
        }
    }
    if ui.is_json() {
        let files: Vec<(String, &Sources, &[Diagnostic])> = checked
            .iter()
            .map(|(file, sources, diagnostics)| (file.clone(), sources, diagnostics.as_slice()))
            .collect();
        ui.json(&to_json(&files));
    }
    let problems: Vec<usize> =
        checked.iter().map(|(_, _, diagnostics)| errors(diagnostics)).filter(|count| *count > 0).collect();
    let wrong = (problems.iter().sum(), problems.len());
    match wrong {
        (0, _) => Ok(Exit::Passed),
        (problems, files) => Err(CliError::Definition { problems, files }),
    }
}

/// A definition whose runbook nobody wrote.
fn runbook_problem(loaded: &Loaded, place: &Place, known: &BTreeMap<String, String>) -> Option<Diagnostic> {
    let wanted = &loaded.definition.report.runbook;
    if known.contains_key(wanted.as_str()) {
        return None;
    }
    let diagnostic = Diagnostic::error(Code::UnknownName, templates::missing(place, wanted, known));
    Some(match loaded.runbook {
        Some(span) => diagnostic.at(span),
        None => diagnostic,
    })
}

fn paths(args: &Args, place: &Place) -> Result<Vec<PathBuf>, CliError> {
    if args.names.is_empty() {
        return Ok(names(&place.drills())?.into_iter().map(|(_, path)| path).collect());
    }
    args.names.iter().map(|name| place.definition(name)).collect()
}

fn errors(diagnostics: &[Diagnostic]) -> usize {
    diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
}

fn show(diagnostics: &[Diagnostic], sources: &Sources, ui: &Ui) {
    if !diagnostics.is_empty() {
        ui.say(render(sources, diagnostics, ui.is_coloured()).trim_end());
    }
}

/// Loads a definition for a verb that needs it; its problems are shown as `drill validate` shows them.
///
/// # Errors
/// When it has problems.
pub fn load_or_explain(path: &Path, vars: &BTreeMap<String, String>, ui: &Ui) -> Result<Loaded, CliError> {
    match load(path, vars, facts) {
        Ok(loaded) => {
            show(&loaded.warnings, &loaded.sources, ui);
            Ok(loaded)
        }
        Err(Problems { diagnostics, sources }) => {
            show(&diagnostics, &sources, ui);
            Err(CliError::Definition { problems: errors(&diagnostics), files: 1 })
        }
    }
}
