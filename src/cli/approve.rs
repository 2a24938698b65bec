//! `drill approve`.

use serde_json::json;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::place::Place;
use crate::cli::run::started_by;
use crate::cli::ui::Ui;
use crate::journal::event::GateAnswer;
use crate::words::id::Name;
use crate::words::text::tame;

/// Answers a gate or a manual probe of a run: yes, or (with --deny) no. What waits for a no is skipped.
///
/// The first answer counts. It may be given before the run reaches the gate.
///
/// Exit code: 0 when the answer was left, 2 when there is no such run or gate, or it was answered already.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, or at least four of its last digits
    run: String,

    /// The name of the gate or the manual probe
    gate: String,

    /// Who answers, for the report
    #[arg(long, value_name = "NAME")]
    by: String,

    /// Why
    #[arg(long, default_value = "")]
    note: String,

    /// Say no: what waits for the gate is skipped, and the run cannot pass
    #[arg(long)]
    deny: bool,
}

/// See [`Args`].
///
/// # Errors
/// When there is no such run or gate, or somebody answered already.
pub fn approve(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let found = place.run(&args.run)?;
    let (row, store) = (&found.row, &found.store);
    let state = store.state(&row.run)?;
    let asked = args.gate.parse::<Name>().ok().and_then(|name| Some((state.asks(&name)?, name)));
    let Some((work, gate)) = asked else {
        let known: Vec<String> = state.questions().iter().map(Name::to_string).collect();
        let known = if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
        return Err(CliError::usage(format!("run {} has no gate `{}`: {known}", row.run, tame(&args.gate))));
    };
    if let Some(end) = state.step(&work).end() {
        let how = if matches!(end, crate::journal::event::StepEnd::Passed) { "passed" } else { "over" };
        return Err(CliError::usage(format!("gate `{gate}` of run {} is {how} already", row.run)));
    }
    let by = tame(args.by.trim());
    if by.is_empty() {
        return Err(CliError::usage("`--by` needs a name: whoever reads the report asks who it was".to_owned()));
    }
    let answer = GateAnswer { approved: !args.deny, by, at: started_by(), note: tame(args.note.trim()) };
    if !store.answer(&row.run, &gate, &answer)? {
        return Err(CliError::usage(format!("gate `{gate}` of run {} was answered already", row.run)));
    }
    if ui.is_json() {
        ui.json(&json!({ "version": 1, "run": row.run, "gate": gate, "approved": answer.approved, "by": answer.by }));
    } else {
        let said = if answer.approved { "approved" } else { "denied: what waits for it is skipped" };
        ui.print(&format!("gate {gate}: {said}"));
    }
    Ok(Exit::Passed)
}
