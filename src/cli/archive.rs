//! The archive of a run's evidence: what is said of it, and `drill report RUN --archive`.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::connect::Connection;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::past::whole;
use crate::cli::ui::{Ui, clean};
use crate::evidence::bundle::SIGNATURE;
use crate::journal::event::{Event, ReportFile};
use crate::journal::state::{Archiving, State};
use crate::journal::store::{Append as _, Store, StoreError};
use crate::run::step::archive::{Target, addenda, copied, target};
use crate::words::time::show_instant;

/// Whether an archive was asked for and has not all of the bundle.
pub(crate) fn is_owed(state: &State) -> bool {
    let is_done = matches!(state.archive, Some(Archiving::Done { .. }));
    state.started.plan.definition.report.archive.is_some() && !is_done
}

/// Whether a signature was asked for and the report that was written has none.
pub(crate) fn is_unsigned(state: &State) -> bool {
    let unsigned = |files: &Vec<ReportFile>| files.iter().all(|file| file.name != SIGNATURE);
    state.started.plan.definition.report.sign.is_some() && state.report.as_ref().is_some_and(unsigned)
}

/// What is said of archive and signature at the end of a run and by `drill status`, where somebody asked for them.
pub(crate) fn text(state: &State) -> String {
    let (mut text, run) = (String::new(), state.run);
    if is_unsigned(state) {
        text.push_str(&format!(
            "  nobody signed the evidence; `drill report {run}` tries again, `drill logs {run}` says why\n"
        ));
    }
    match &state.archive {
        Some(Archiving::Done { place, until, .. }) => {
            text.push_str(&format!("  archive   {place} until {}\n", show_instant(*until)));
        }
        Some(Archiving::Failed { message }) => {
            text.push_str(&format!("  not archived: {message}\n    -> `drill report {run} --archive` tries again\n"));
        }
        None | Some(Archiving::Intended) if state.report.is_some() && is_owed(state) => {
            text.push_str(&format!("  not archived; `drill report {run} --archive` does that\n"));
        }
        None | Some(Archiving::Intended) => {}
    }
    text
}

/// The same for programs: null where nobody asked for an archive.
pub(crate) fn value(state: &State) -> Value {
    if state.started.plan.definition.report.archive.is_none() {
        return Value::Null;
    }
    match &state.archive {
        Some(Archiving::Done { place, until, files }) => {
            json!({"state": "archived", "place": place, "until": until, "files": files, "because": null})
        }
        Some(Archiving::Failed { message }) => {
            json!({"state": "failed", "place": null, "until": null, "files": [], "because": message})
        }
        None | Some(Archiving::Intended) => {
            json!({"state": "open", "place": null, "until": null, "files": [], "because": null})
        }
    }
}

/// Copies the files of a report that was just written, and the addenda beside them, to the archive of the run.
///
/// # Errors
/// When the run has no archive or is under way, or its journal cannot be written.
pub(crate) async fn again(
    state: &State,
    store: &Store,
    files: &[ReportFile],
    folder: &Path,
    connection: &Connection,
    ui: &Ui,
) -> Result<Exit, CliError> {
    let target = wanted(state)?;
    let lock = store.lock(&state.started.drill)?;
    let (mut journal, records) = store.go_on(lock, state.run)?;
    // Somebody may have gone on with it meanwhile.
    let now = State::replay(&records).map_err(|source| StoreError::Senseless { run: state.run, source })?;
    if now.seq != state.seq {
        return Err(CliError::usage(format!("run {} went on meanwhile; try again", state.run)));
    }
    let at = || connection.clock.now().max(state.last_at);
    journal.append(&[(at(), target.intent())]).await?;
    let mut all = files.to_vec();
    let archive = connection.cloud.archive.as_ref();
    let done = match addenda(folder) {
        Ok(more) => {
            all.extend(more);
            copied(folder, &all, &target, archive).await
        }
        Err(error) => Err(error),
    };
    let exit = match done {
        Ok(()) => {
            journal.append(&[(at(), target.done(all))]).await?;
            ui.say(&format!("archived in {} until {}", target.place(), show_instant(target.lock.until)));
            Exit::Passed
        }
        Err(error) => {
            let message = whole(&error);
            journal.append(&[(at(), Event::ArchiveFailed { message: message.clone() })]).await?;
            ui.say(&clean(&format!("not archived: {message}")));
            Exit::Inconclusive
        }
    };
    drop(journal.close());
    Ok(exit)
}

/// Where the run is archived.
///
/// # Errors
/// When it is not, or not yet.
pub(crate) fn wanted(state: &State) -> Result<Target, CliError> {
    match target(state) {
        Some(Ok(target)) => Ok(target),
        Some(Err(why)) => Err(CliError::usage(format!("run {} cannot be archived: {why}", state.run))),
        None => Err(CliError::usage(format!("the definition of run {} has no `report.archive`", state.run))),
    }
}
