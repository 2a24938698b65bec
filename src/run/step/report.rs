//! `report`: the verdict, then the report's files.

use std::path::Path;
use std::sync::Arc;

use crate::cloud::resource::Types;
use crate::journal::event::{Class, Event, Recorded, ReportFile};
use crate::journal::state::State;
use crate::journal::store::StoreError;
use crate::journal::verdict::conclude;
use crate::plan::step::{Step, Work};
use crate::report::facts::context;
use crate::report::html::html;
use crate::report::junit::junit;
use crate::report::runbook::render;
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
        let (mut files, page) = match files(history, &services) {
            Ok(written) => written,
            Err(message) => return vec![Event::ReportFailed { message }],
        };
        let mut events = Vec::new();
        if let Some(page) = page {
            match printed(&page, &services.evidence, services.environment).await {
                Ok(file) => files.push(file),
                Err(text) => events.push(Event::Warned { step: Work::Report.id(), text }),
            }
        }
        events.push(Event::ReportWritten { files });
        events
    })
}

/// The files that are written, and the page that is to be printed.
type Written = (Vec<ReportFile>, Option<String>);

fn files(history: Result<Vec<Recorded>, StoreError>, services: &Services) -> Result<Written, String> {
    let history = history.map_err(explain)?;
    let rendered = rendered(&history, services.types)?;
    let files: Vec<(&str, &str)> = rendered.iter().map(|(name, content)| (*name, content.as_str())).collect();
    let written = write::write(&services.evidence, &files).map_err(explain)?;
    Ok((written, to_print(&history, services.types)?))
}

/// Prints a page into the folder of a report, as [`PDF`]. What stands in the way is no reason to have no report.
///
/// # Errors
/// A sentence for the user.
pub async fn printed(
    page: &str,
    evidence: &Path,
    environment: fn(&str) -> Option<String>,
) -> Result<ReportFile, String> {
    let failed = |why: String| format!("{PDF} was not printed, the other files of the report are there: {why}");
    let bytes = pdf(page, environment).await.map_err(|error| failed(explain(error)))?;
    write::add(evidence, PDF, &bytes).map_err(|error| failed(explain(error)))
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
