//! `report`: the verdict, then the report's files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cloud::resource::Types;
use crate::evidence::bundle::{SIGNATURE, seal};
use crate::evidence::key::SigningKey;
use crate::journal::event::{Class, Event, Recorded, ReportFile};
use crate::journal::private;
use crate::journal::state::State;
use crate::journal::store::StoreError;
use crate::journal::verdict::conclude;
use crate::plan::step::Step;
use crate::report::facts::context;
use crate::report::runbook::render;
use crate::report::write::WriteError;
use crate::report::{json, write};
use crate::run::call::{Call, Outcome, failed, passed};
use crate::run::decide::{Next, Situation};
use crate::run::guards::Guard;
use crate::run::services::Services;
use crate::words::kind::Verdict;

/// The verdict is journalled first: the report is made from it, and a report that cannot be written changes nothing.
#[must_use]
pub fn next(situation: &Situation<'_>, step: &Step) -> Next {
    let state = situation.state;
    if state.concluded.is_none() {
        let mut conclusion = Box::new(conclude(state, situation.types));
        if !situation.guards.stand(Guard::UnknownIsNoPass) && conclusion.verdict == Verdict::Inconclusive {
            conclusion.verdict = Verdict::Passed;
        }
        return Next::record(Event::Concluded { conclusion });
    }
    if state.report.is_none() && !state.report_failed {
        return Next::call(Call::WriteReport);
    }
    if state.report.is_none() {
        let advice = format!("mend what the journal says, then `drill report {}` writes it", state.run);
        let message = "the report could not be written".to_owned();
        return Next::record(failed(&step.id, Class::Environment, message, Some(&advice)));
    }
    Next::record(passed(&step.id))
}

/// Renders the journal and writes the files.
pub fn write(history: Result<Vec<Recorded>, StoreError>, services: Arc<Services>) -> Outcome {
    Box::pin(async move {
        match files(history, &services) {
            Ok(files) => vec![Event::ReportWritten { files }],
            Err(message) => vec![Event::ReportFailed { message }],
        }
    })
}

fn files(history: Result<Vec<Recorded>, StoreError>, services: &Services) -> Result<Vec<ReportFile>, String> {
    let history = history.map_err(explain)?;
    bundle(&history, services.types, (&services.evidence, &services.signing_key)).map_err(explain)
}

/// Why a bundle could not be written.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The report cannot be rendered.
    #[error("{0}")]
    Render(String),
    /// The key that is there cannot be used.
    #[error("the evidence cannot be signed with `{}`", path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Writes the report and, once the run has a verdict, what makes it an evidence bundle, into `folder`; signed if the
/// file of the key is there.
///
/// # Errors
/// When it cannot be rendered, signed or written.
pub fn bundle(
    history: &[Recorded],
    types: Types,
    (folder, key): (&Path, &Path),
) -> Result<Vec<ReportFile>, BundleError> {
    let rendered = rendered(history, types).map_err(BundleError::Render)?;
    let failed = |source| BundleError::Key { path: key.to_owned(), source };
    let signing = signing_key(key).map_err(failed)?;
    let bytes: Vec<(&str, &[u8])> = rendered.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    let sealed = seal(history, &bytes, signing.as_ref()).map_err(|error| failed(io::Error::other(error)))?;
    let all = rendered.iter().chain(&sealed);
    let files: Vec<(&str, &str)> = all.map(|(name, text)| (*name, text.as_str())).collect();
    let written = write::write(folder, &files)?;
    forget_signature(folder, &sealed);
    Ok(written)
}

/// The key in a file, if there is one.
///
/// # Errors
/// When it cannot be read, or is no key.
pub fn signing_key(path: &Path) -> io::Result<Option<SigningKey>> {
    match private::read(path) {
        Ok(text) => SigningKey::from_pem(&text).map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A bundle that is written without a key has no signature; what an earlier one left would be that of another manifest.
fn forget_signature(folder: &Path, sealed: &[(&str, String)]) {
    if !sealed.is_empty() && sealed.iter().all(|(name, _)| *name != SIGNATURE) {
        let _ = fs::remove_file(folder.join(SIGNATURE));
    }
}

/// The report's files, name and content, as a function of the journal alone.
///
/// # Errors
/// A sentence for the user: a template's error names template, line and column.
pub fn rendered(history: &[Recorded], types: Types) -> Result<Vec<(&'static str, String)>, String> {
    let state = up_to_verdict(history)?;
    let context = context(&state, history, types);
    let runbook = &state.started.plan.definition.report.runbook;
    let markdown = render(&state.started.templates, runbook, &context).map_err(explain)?;
    let report = serde_json::to_string_pretty(&json::report(&state, history, types)).map_err(explain)?;
    Ok(vec![("report.md", markdown), ("report.json", report + "\n")])
}

/// The state at the last verdict: what happened later is not in the report.
fn up_to_verdict(history: &[Recorded]) -> Result<State, String> {
    let verdict = history.iter().rposition(|record| matches!(record.event, Event::Concluded { .. }));
    let history = verdict.map_or(history, |at| &history[..=at]);
    State::replay(history).map_err(explain)
}

/// An error with everything beneath it.
fn explain(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
