//! `drill compare`.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::past::{run_json, seconds, shown, verdict};
use crate::cli::place::Place;
use crate::cli::ui::{Ui, clean};
use crate::history::compare::{Change, Comparison, Timing};
use crate::history::past::{Past, past};
use crate::words::time::{show_duration, show_instant};

/// The longest text of a cell, in characters.
const LONGEST_CELL: usize = 80;

/// Shows what changed from one run of a drill to another: times, sizes, versions, keys, parameters, values, definition.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The first run's id, or at least four of its last digits
    before: String,

    /// The second run's
    after: String,
}

/// See [`Args`].
///
/// # Errors
/// When there is no such run, the runs are of two drills, or a journal cannot be read.
pub fn compare(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let (before, after) = (found(&args.before, place)?, found(&args.after, place)?);
    if before.drill != after.drill {
        let (one, other) = (&before.drill, &after.drill);
        return Err(CliError::usage(format!("these are runs of two drills, `{one}` and `{other}`: give two of one")));
    }
    let comparison = crate::history::compare::compare(&before, &after);
    if ui.is_json() {
        ui.json(&value(&before, &after, &comparison));
    } else {
        ui.print(&text(&before, &after, &comparison));
    }
    Ok(Exit::Passed)
}

fn found(run: &str, place: &Place) -> Result<Past, CliError> {
    let found = place.run(run)?;
    Ok(Past { origin: found.row.origin, ..past(&found.store.state(&found.row.run)?) })
}

fn text(before: &Past, after: &Past, comparison: &Comparison) -> String {
    let head = |past: &Past| format!("{}  {}  {} ({})", past.run, show_instant(past.started), verdict(past), past.mode);
    let mut parts = vec![format!("{}\n  from {}\n  to   {}", before.drill, head(before), head(after))];
    let timings = comparison.timings.iter().map(timing_row).collect();
    parts.push(Ui::table(&["measured", "from", "to", "longer by"], timings));
    if comparison.changes.is_empty() {
        parts.push("nothing else changed".to_owned());
    } else {
        let changes = comparison.changes.iter().map(change_row).collect();
        parts.push(Ui::table(&["changed", "what", "from", "to"], changes));
    }
    if !comparison.definition.is_empty() {
        parts.push(clean(&format!("the definition:\n{}", comparison.definition.join("\n"))));
    }
    parts.join("\n\n")
}

fn timing_row(timing: &Timing) -> Vec<String> {
    let longer = match timing.longer() {
        Some(longer) if longer > SignedDuration::ZERO => format!("+{}", show_duration(longer)),
        Some(longer) if longer.is_zero() => "same".to_owned(),
        other => shown(other),
    };
    vec![timing.what.clone(), shown(timing.before), shown(timing.after), longer]
}

fn change_row(change: &Change) -> Vec<String> {
    vec![change.about.clone(), change.what.clone(), cell(change.before.as_deref()), cell(change.after.as_deref())]
}

fn cell(text: Option<&str>) -> String {
    let Some(text) = text else { return "-".to_owned() };
    let line: String = text.chars().map(|c| if c == '\n' { ' ' } else { c }).take(LONGEST_CELL).collect();
    if text.chars().count() > LONGEST_CELL { line + "…" } else { line }
}

fn value(before: &Past, after: &Past, comparison: &Comparison) -> Value {
    let timing = |one: &Timing| {
        json!({
            "what": one.what,
            "before_seconds": seconds(one.before),
            "after_seconds": seconds(one.after),
            "longer_seconds": seconds(one.longer()),
        })
    };
    let change =
        |one: &Change| json!({ "about": one.about, "what": one.what, "before": one.before, "after": one.after });
    json!({
        "version": 1,
        "before": run_json(before),
        "after": run_json(after),
        "timings": comparison.timings.iter().map(timing).collect::<Vec<Value>>(),
        "changes": comparison.changes.iter().map(change).collect::<Vec<Value>>(),
        "definition": comparison.definition,
    })
}
