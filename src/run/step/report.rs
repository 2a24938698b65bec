//! `report`: the verdict, then the report's files.

use std::sync::Arc;

use crate::cloud::resource::Types;
use crate::journal::event::{Class, Event, Recorded, ReportFile};
use crate::journal::state::State;
use crate::journal::store::StoreError;
use crate::journal::verdict::conclude;
use crate::plan::step::Step;
use crate::report::facts::context;
use crate::report::runbook::render;
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
    let rendered = rendered(&history, services.types)?;
    let files: Vec<(&str, &str)> = rendered.iter().map(|(name, content)| (*name, content.as_str())).collect();
    write::write(&services.evidence, &files).map_err(explain)
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
