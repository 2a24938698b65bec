//! A run under way, on a terminal or line by line. Both read the journal's events and nothing else.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use jiff::Timestamp;

use crate::cli::line::{line, took};
use crate::cli::ui::{Ui, clean};
use crate::journal::event::{Event, Recorded, StepEnd};
use crate::journal::state::State;
use crate::run::drive::Observer;
use crate::words::id::StepId;
use crate::words::time::{Clock, show_duration};

/// The view that fits the terminal.
#[must_use]
pub fn observer(ui: &Ui, clock: Arc<dyn Clock>) -> Box<dyn Observer> {
    if ui.is_live() { Box::new(Live::new(clock)) } else { Box::new(Lines { ui: ui.clone() }) }
}

/// One line an event; among several runs it begins with the drill.
struct Lines {
    ui: Ui,
}

impl Observer for Lines {
    fn recorded(&mut self, records: &[Recorded], state: &State) {
        let whose = if self.ui.shared { format!("{}  ", state.started.drill) } else { String::new() };
        for record in records {
            self.ui.say(&clean(&format!("{whose}{}", line(record))));
            if let Event::StepStarted { step } = &record.event
                && let Some(question) = question(step, state)
            {
                // Among several runs nobody could tell whom an answer typed here is for.
                let asked = if self.ui.shared { question.replace("type yes or no here, or ", "") } else { question };
                self.ui.say(&clean(&format!("{whose}{asked}")));
            }
        }
    }
}

/// Steps that are over stay as lines; those under way are drawn below them, with their time by the run's clock.
struct Live {
    bars: MultiProgress,
    under_way: HashMap<StepId, ProgressBar>,
    clock: Arc<dyn Clock>,
}

impl Live {
    fn new(clock: Arc<dyn Clock>) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        Self { bars, under_way: HashMap::new(), clock }
    }

    fn begin(&mut self, step: &StepId, since: Timestamp) {
        let clock = Arc::clone(&self.clock);
        let style = ProgressStyle::with_template("  {spinner} {prefix:<26} {took:>10}  {wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner())
            .with_key("took", move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
                let _ = write!(out, "{}", show_duration(whole_seconds(clock.now().duration_since(since))));
            });
        let bar = self.bars.add(ProgressBar::new_spinner().with_style(style).with_prefix(step.to_string()));
        bar.enable_steady_tick(Duration::from_millis(100));
        self.under_way.insert(step.clone(), bar);
    }

    fn end(&mut self, step: &StepId, end: &StepEnd, state: &State) {
        if let Some(bar) = self.under_way.remove(step) {
            bar.finish_and_clear();
        }
        let (sign, details) = match end {
            StepEnd::Passed => ("✓", String::new()),
            StepEnd::Failed(failure) => ("✗", failure.message.clone()),
            StepEnd::Unneeded { because } => ("-", format!("not needed: {because}")),
            StepEnd::Skipped { because } => ("-", format!("skipped: {because}")),
            StepEnd::NotMeasured { because } => ("?", format!("not measured: {because}")),
        };
        let time = state.steps.get(step).map(|step| took(step.since(), step.ended_at())).unwrap_or_default();
        self.above(&format!("  {sign} {step:<26} {time:>10}  {details}"));
    }

    fn above(&self, text: &str) {
        let _ = self.bars.println(clean(text).trim_end());
    }

    fn note(&self, step: &str, text: &str) {
        if let Some((_, bar)) = self.under_way.iter().find(|(id, _)| id.as_str() == step) {
            bar.set_message(clean(text));
        }
    }
}

/// What a gate that just opened asks, and how it is answered.
pub(crate) fn question(step: &StepId, state: &State) -> Option<String> {
    let name = step.as_str().strip_prefix("gate.")?;
    let gate =
        state.started.plan.definition.gates.iter().find(|(known, _)| known.as_str() == name).map(|(_, gate)| gate)?;
    let run = state.run.short();
    Some(format!(
        "  ? {step}: {}\n    answer within {}: type yes or no here, or `drill approve {run} {name} --by NAME` (--deny says no)",
        gate.ask,
        show_duration(gate.timeout)
    ))
}

fn whole_seconds(duration: jiff::SignedDuration) -> jiff::SignedDuration {
    jiff::SignedDuration::from_secs(duration.as_secs())
}

impl Observer for Live {
    fn recorded(&mut self, records: &[Recorded], state: &State) {
        for record in records {
            match &record.event {
                Event::StepStarted { step } => {
                    self.begin(step, record.at);
                    if let Some(question) = question(step, state) {
                        self.above(&question);
                    }
                }
                Event::StepEnded { step, end } => self.end(step, end, state),
                Event::Warned { step, text } => self.above(&format!("  ! {step:<26} {:>10}  {text}", "")),
                Event::CancelRequested { .. } | Event::RunResumed { .. } => self.above(&format!("  {}", line(record))),
                Event::Stumbled { step, error } => self.note(step.as_str(), &format!("again soon: {error}")),
                Event::JobSeen { restore, job } => {
                    for kind in ["restore", "teardown"] {
                        self.note(&format!("{kind}.{restore}"), &format!("restore job {}", job.status.word()));
                    }
                }
                Event::ResourceSeen { restore, observation } => {
                    for kind in ["ready", "finish", "teardown"] {
                        self.note(&format!("{kind}.{restore}"), &observation.status);
                    }
                }
                Event::RemovalAccepted { restore } => self.note(&format!("teardown.{restore}"), "deleting"),
                Event::AbsenceSeen { restore } => self.note(&format!("teardown.{restore}"), "absent once"),
                Event::ProbeTried { probe, attempt, .. } => {
                    self.note(&format!("probe.{probe}"), &format!("attempt {attempt}"));
                }
                Event::ActionIntended { action, attempt } => {
                    self.note(&format!("action.{action}"), &format!("attempt {attempt}"));
                }
                Event::UndoIntended { action, attempt } => {
                    self.note(&format!("undo.{action}"), &format!("attempt {attempt}"));
                }
                _ => {}
            }
        }
    }
}
