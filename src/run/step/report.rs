//! `report`: the verdict, then the report's files, then their copy in the archive.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};
use std::thread;

use crate::cloud::resource::Types;
use crate::definition::model::SignBy;
use crate::evidence::bundle::SIGNATURE;
use crate::journal::event::{CancelBy, Class, Event, Recorded, ReportFile};
use crate::journal::state::{State, StepState};
use crate::journal::store::StoreError;
use crate::journal::verdict::conclude;
use crate::plan::step::{Step, Work};
use crate::report::facts::{context_at, judged, until_verdict};
use crate::report::html::html;
use crate::report::junit::junit;
use crate::report::runbook::{are_built_in, compile_built_in, render};
use crate::report::write::WriteError;
use crate::report::{json, write};
use crate::run::call::{Call, Outcome, failed, passed};
use crate::run::decide::{Next, Situation};
use crate::run::guards::Guard;
use crate::run::print::pdf;
use crate::run::services::Services;
use crate::run::step::archive;
use crate::run::step::seal::{Sealer, Unsealed, Unsigned, sealed};
use crate::words::both::both;
use crate::words::id::StepId;
use crate::words::kind::{ReportFormat, Verdict};

/// The name of what is printed.
pub const PDF: &str = "report.pdf";

/// Requests to KMS or S3 that failed in a way that passes: after so many the report does without. Two minutes of pauses lie
/// between them.
const MOST_STUMBLES: u32 = 6;

/// From so many steps on, the forms of a report are made side by side: a step takes some 10 µs in each, a thread some 50.
const LARGE: usize = 50;

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
    archive::next(state, step).unwrap_or_else(|| Next::record(passed(&step.id)))
}

/// Whether AWS can still be asked: a simulated one that ended with its process cannot.
pub(crate) fn is_reachable(state: &State) -> bool {
    !state.cancelled.as_ref().is_some_and(|(_, by)| *by == CancelBy::WorldLost)
}

/// Whether a request that failed in a way that passes is made again.
pub(crate) fn is_patient(state: &State, step: &StepId) -> bool {
    let stumbled = match state.steps.get(step) {
        Some(StepState::Running { stumbled_in_all, .. }) => *stumbled_in_all,
        _ => 0,
    };
    stumbled < MOST_STUMBLES
}

/// Has the run's built-in runbook compiled on a thread beside the run: whoever looks around before a restore, or asks or removes
/// what was restored, waits for answers. Once for a process; a run with other templates compiles its own when it renders.
pub fn compile_meanwhile(state: &State) {
    static BEGUN: Once = Once::new();
    if !BEGUN.is_completed() && are_built_in(&state.started.templates) {
        BEGUN.call_once(|| {
            // Without a thread they are compiled when they are needed.
            let runbook = state.started.plan.definition.report.runbook.clone();
            drop(thread::Builder::new().spawn(move || compile_built_in(&runbook)));
        });
    }
}

/// Renders the journal, signs and writes the files.
pub fn write(
    step: &StepId,
    state: &State,
    history: Result<Vec<Recorded>, StoreError>,
    services: Arc<Services>,
) -> Outcome {
    let (step, patient, reachable) = (step.clone(), is_patient(state, step), is_reachable(state));
    let sign = state.started.plan.definition.report.sign.clone();
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
        let sealer = match &sign {
            _ if services.imported => Sealer::Imported,
            Some(SignBy::Kms(key)) => {
                Sealer::Kms { key, signatures: reachable.then_some(services.cloud.signatures.as_ref()) }
            }
            None => Sealer::File(&services.signing_key),
        };
        match bundle(&history, services.types, &services.evidence, sealer, pdf.as_deref()).await {
            // What is written now is written once more, with a signature.
            Ok(Written { unsigned: Some(Unsigned::Request(error)), .. }) if patient && error.passes() => {
                return vec![Event::Stumbled { step, error }];
            }
            Ok(Written { files, unsigned }) => {
                events.extend(unsigned.map(|why| Event::Warned { step, text: unsigned_text(&why) }));
                events.push(Event::ReportWritten { files });
            }
            Err(error) => events.push(Event::ReportFailed { message: explain(error) }),
        }
        events
    })
}

/// What a user reads who asked for a signature and has none.
#[must_use]
pub fn unsigned_text(why: &Unsigned) -> String {
    format!("nobody signed the evidence, all of the report is there: {why}")
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
    /// Another key's signature would be lost.
    #[error("{0}")]
    Held(String),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<Unsealed> for BundleError {
    fn from(error: Unsealed) -> Self {
        match error {
            Unsealed::Key { path, source } => Self::Key { path, source },
            Unsealed::Held { .. } => Self::Held(error.to_string()),
        }
    }
}

/// A report that was written.
#[derive(Debug)]
pub struct Written {
    /// Its files, those of the bundle among them.
    pub files: Vec<ReportFile>,
    /// Why the key that was to sign did not.
    pub unsigned: Option<Unsigned>,
}

/// Writes the report, what was printed of it, and, once the run has a verdict, what makes it an evidence bundle, into
/// `folder`.
///
/// # Errors
/// When it cannot be rendered or written, or the key of this machine cannot be used.
pub async fn bundle(
    history: &[Recorded],
    types: Types,
    folder: &Path,
    sealer: Sealer<'_>,
    pdf: Option<&[u8]>,
) -> Result<Written, BundleError> {
    let rendered = rendered(history, types).map_err(BundleError::Render)?;
    let mut bytes: Vec<(&str, &[u8])> = rendered.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    bytes.extend(pdf.map(|pdf| (PDF, pdf)));
    let sealed = sealed(history, &bytes, folder, sealer).await?;
    let all = rendered.iter().chain(&sealed.files);
    let mut files: Vec<(&str, &[u8])> = all.map(|(name, text)| (*name, text.as_bytes())).collect();
    files.extend(sealed.pdf.as_deref().or(pdf).map(|pdf| (PDF, pdf)));
    let written = write::write(folder, &files)?;
    forget_signature(folder, &sealed.files);
    Ok(Written { files: written, unsigned: sealed.unsigned })
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
    let state = judged(up_to_verdict(history)?);
    let context = context_at(&state, until_verdict(history), types);
    let settings = &state.started.plan.definition.report;
    let has = |format| settings.formats.contains(&format);
    let markdown = || render(&state.started.templates, &settings.runbook, &context).map_err(explain);
    // The template takes about as long as all that is not made of it.
    let others = || {
        let report = serde_json::to_string_pretty(&json::Report::new(&state, &context)).map_err(explain);
        (report, has(ReportFormat::Html).then(|| html(&context)), has(ReportFormat::Junit).then(|| junit(&context)))
    };
    let is_large = state.started.plan.steps.len() >= LARGE;
    let (others, markdown) = if is_large {
        both(others, markdown)
    } else {
        let markdown = markdown();
        (others(), markdown)
    };
    let (report, page, suite) = others;
    let mut files = vec![("report.md", markdown?), ("report.json", report? + "\n")];
    files.extend(page.map(|page| ("report.html", page)));
    files.extend(suite.map(|suite| ("junit.xml", suite)));
    Ok(files)
}

/// The page to print as `report.pdf`; nothing unless the definition asks for one.
///
/// # Errors
/// A sentence for the user.
pub fn to_print(history: &[Recorded], types: Types) -> Result<Option<String>, String> {
    // The first record says so: for most runs the journal is not replayed to learn it.
    let is_asked_for = history.first().is_some_and(|record| match &record.event {
        Event::RunStarted(started) => started.plan.definition.report.formats.contains(&ReportFormat::Pdf),
        _ => false,
    });
    if !is_asked_for {
        return Ok(None);
    }
    let state = judged(up_to_verdict(history)?);
    Ok(Some(html(&context_at(&state, until_verdict(history), types))))
}

/// The state at the last verdict: what happened later is not in the report.
fn up_to_verdict(history: &[Recorded]) -> Result<State, String> {
    State::replay(until_verdict(history)).map_err(explain)
}

/// An error with everything beneath it.
pub(crate) fn explain(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
