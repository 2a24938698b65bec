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
use crate::plan::step::{Step, Work};
use crate::report::facts::context;
use crate::report::html::html;
use crate::report::junit::junit;
use crate::report::runbook::render;
use crate::report::write::WriteError;
use crate::report::{json, write};
use crate::run::call::{Call, Outcome, failed, passed};
use crate::run::decide::{Next, Situation};
use crate::run::guards::Guard;
use crate::run::print::pdf;
use crate::run::services::Services;
use crate::words::kind::{ReportFormat, Verdict};

/// The name of what is printed.
pub const PDF: &str = "report.pdf";

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
        let (history, page) = match to_write(history, &services) {
            Ok(both) => both,
            Err(message) => return vec![Event::ReportFailed { message }],
        };
        let (mut events, mut pdf) = (Vec::new(), None);
        if let Some(page) = page {
            match printed(&page, services.environment).await {
                Ok(bytes) => pdf = Some(bytes),
                Err(text) => events.push(Event::Warned { step: Work::Report.id(), text }),
            }
        }
        let place = (services.evidence.as_path(), services.signing_key.as_path());
        events.push(match bundle(&history, services.types, place, pdf.as_deref()) {
            Ok(files) => Event::ReportWritten { files },
            Err(error) => Event::ReportFailed { message: explain(error) },
        });
        events
    })
}

/// The journal, and the page that is to be printed.
fn to_write(
    history: Result<Vec<Recorded>, StoreError>,
    services: &Services,
) -> Result<(Vec<Recorded>, Option<String>), String> {
    let history = history.map_err(explain)?;
    let page = to_print(&history, services.types)?;
    Ok((history, page))
}

/// Prints a page as [`PDF`]. What stands in the way is no reason to have no report.
///
/// # Errors
/// A sentence for the user.
pub async fn printed(page: &str, environment: fn(&str) -> Option<String>) -> Result<Vec<u8>, String> {
    let failed = |why: String| format!("{PDF} was not printed, the other files of the report are there: {why}");
    pdf(page, environment).await.map_err(|error| failed(explain(error)))
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

/// Writes the report, what was printed of it, and, once the run has a verdict, what makes it an evidence bundle, into
/// `folder`; signed if the file of the key is there.
///
/// # Errors
/// When it cannot be rendered, signed or written.
pub fn bundle(
    history: &[Recorded],
    types: Types,
    (folder, key): (&Path, &Path),
    pdf: Option<&[u8]>,
) -> Result<Vec<ReportFile>, BundleError> {
    let rendered = rendered(history, types).map_err(BundleError::Render)?;
    let failed = |source| BundleError::Key { path: key.to_owned(), source };
    let signing = signing_key(key).map_err(failed)?;
    let mut bytes: Vec<(&str, &[u8])> = rendered.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    bytes.extend(pdf.map(|pdf| (PDF, pdf)));
    let sealed = seal(history, &bytes, signing.as_ref()).map_err(|error| failed(io::Error::other(error)))?;
    let all = rendered.iter().chain(&sealed);
    let files: Vec<(&str, &str)> = all.map(|(name, text)| (*name, text.as_str())).collect();
    let mut written = write::write(folder, &files)?;
    if let Some(pdf) = pdf {
        written.push(write::add(folder, PDF, pdf)?);
    }
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
    let settings = &state.started.plan.definition.report;
    let markdown = render(&state.started.templates, &settings.runbook, &context).map_err(explain)?;
    let report = serde_json::to_string_pretty(&json::report(&state, history, types)).map_err(explain)?;
    let mut files = vec![("report.md", markdown), ("report.json", report + "\n")];
    if settings.formats.contains(&ReportFormat::Html) {
        files.push(("report.html", html(&context)));
    }
    if settings.formats.contains(&ReportFormat::Junit) {
        files.push(("junit.xml", junit(&context)));
    }
    Ok(files)
}

/// The page to print as `report.pdf`; nothing unless the definition asks for one.
///
/// # Errors
/// A sentence for the user.
pub fn to_print(history: &[Recorded], types: Types) -> Result<Option<String>, String> {
    let state = up_to_verdict(history)?;
    let is_asked_for = state.started.plan.definition.report.formats.contains(&ReportFormat::Pdf);
    Ok(is_asked_for.then(|| html(&context(&state, history, types))))
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
