//! `drill history`.

use serde_json::{Value, json};

use crate::cli::connect::environment;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::past::{self, MOST, Pasts, measured, run_json, say_unreadable, seconds, shown, unreadable_json};
use crate::cli::place::Place;
use crate::cli::ui::{Ui, clean};
use crate::history::past::Past;
use crate::history::spark::{Bars, spark};
use crate::history::trend::{Measured, Sample, Trend, trend};
use crate::journal::store::RunRow;
use crate::words::id::DrillName;
use crate::words::kind::Verdict;
use crate::words::time::show_instant;

/// Shows the earlier runs of a drill: verdicts, measures, phases, what is usual, and where it is going.
///
/// Rehearsals are never the history of real runs: --rehearsals shows theirs.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The drill's name
    name: String,

    /// How many runs to show, the newest first
    #[arg(long, default_value_t = 20)]
    limit: usize,

    /// The rehearsals, in a simulated AWS or at another endpoint, and not the real runs
    #[arg(long)]
    rehearsals: bool,
}

/// See [`Args`].
///
/// # Errors
/// When there is no such drill and never was, or the journals cannot be read.
pub fn history(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let Ok(drill) = args.name.parse::<DrillName>() else {
        place.definition(&args.name)?;
        return Err(CliError::usage("that cannot be the name of a drill"));
    };
    let rows = rows(place, &drill, args.rehearsals, args.limit.max(MOST))?;
    if rows.is_empty() {
        // Whoever mistyped the name is told so.
        if self::rows(place, &drill, !args.rehearsals, 1)?.is_empty() {
            place.definition(&args.name)?;
        }
    }
    let pasts = match past::journals(place, args.rehearsals)? {
        Some(store) => past::read(&store, rows),
        None => Pasts::default(),
    };
    let trends = trends(&pasts.read);
    if ui.is_json() {
        ui.json(&value(&drill, args, &pasts, &trends));
        return Ok(Exit::Passed);
    }
    say_unreadable(&pasts, ui);
    ui.print(&text(&drill, args, &pasts, &trends));
    Ok(Exit::Passed)
}

/// The newest runs of a drill.
fn rows(place: &Place, drill: &DrillName, rehearsals: bool, most: usize) -> Result<Vec<RunRow>, CliError> {
    match past::journals(place, rehearsals)? {
        Some(store) => Ok(store.page(Some(drill), None, most)?),
        None => Ok(Vec::new()),
    }
}

/// The trend of each measure, from runs that are newest first.
fn trends(pasts: &[Past]) -> Vec<Trend> {
    let of_one = |of: Measured| {
        let sample = |past: &Past| {
            let verdict = past.verdict()?;
            Some(Sample { at: past.started, verdict, value: measured(past, of) })
        };
        let samples: Vec<Sample> = pasts.iter().rev().filter_map(sample).collect();
        let newest = pasts.iter().find_map(Past::measures);
        trend(of, &samples, newest.and_then(|measures| of.of(measures).target))
    };
    Measured::ALL.into_iter().map(of_one).collect()
}

fn warnings(trends: &[Trend]) -> Vec<String> {
    trends.iter().flat_map(Trend::warnings).collect()
}

fn text(drill: &DrillName, args: &Args, pasts: &Pasts, trends: &[Trend]) -> String {
    if pasts.read.is_empty() {
        let (what, other) =
            if args.rehearsals { ("rehearsals", "") } else { ("runs", "; --rehearsals shows the rehearsals") };
        return format!("no {what} of {drill} yet{other}");
    }
    let passed = pasts.read.iter().filter(|past| past.verdict() == Some(Verdict::Passed)).count();
    let rehearsal = if args.rehearsals { "  (rehearsals: not evidence)" } else { "" };
    let runs = if pasts.read.len() == 1 { "run" } else { "runs" };
    let leaked = pasts.read.iter().filter(|past| past.earlier_verdicts.contains(&Verdict::Leaked)).count();
    let leaked = if leaked == 0 { String::new() } else { format!(", {leaked} had leaked first") };
    let mut parts = vec![format!("{drill}: {} {runs}, {passed} passed{leaked}{rehearsal}", pasts.read.len())];
    let unknown = pasts.read.iter().filter(|past| !past.origin.is_trusted()).count();
    if unknown > 0 {
        parts.push(format!(
            "{unknown} of them came by import, and nobody known signed them: they are in what is usual here, and prove nothing"
        ));
    }
    let newest = pasts.read.get(..args.limit.min(pasts.read.len())).unwrap_or_default();
    parts.push(Ui::table(
        &["run", "started", "verdict", "rto", "rpo", "copy lag", "data age", "drill"],
        newest.iter().map(run_row).collect(),
    ));
    parts.extend(phases_table(newest));
    parts.extend(trends_table(&pasts.read, trends));
    let warnings = warnings(trends);
    if !warnings.is_empty() {
        parts.push(warnings.iter().map(|one| clean(&format!("warning: {one}"))).collect::<Vec<_>>().join("\n"));
    }
    parts.join("\n\n")
}

fn run_row(past: &Past) -> Vec<String> {
    let mut row = vec![past.run.short(), show_instant(past.started), past::verdict(past)];
    row.extend(Measured::ALL.into_iter().map(|of| shown(measured(past, of))));
    row.push(past.version.clone());
    row
}

/// What the recovery times are made of, for the runs that measured one.
fn phases_table(pasts: &[Past]) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in pasts.iter().filter_map(Past::measures).flat_map(|measures| &measures.rto_phases) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let row = |past: &Past| {
        let phases = &past.measures()?.rto_phases;
        let took = |name: &&str| phases.iter().find(|(phase, _)| phase == *name).map(|(_, took)| *took);
        let cells = names.iter().map(|name| shown(took(name)));
        (!phases.is_empty()).then(|| std::iter::once(past.run.short()).chain(cells).collect::<Vec<String>>())
    };
    let rows: Vec<Vec<String>> = pasts.iter().filter_map(row).collect();
    let header: Vec<&str> = std::iter::once("run").chain(names.iter().copied()).collect();
    (!rows.is_empty()).then(|| Ui::table(&header, rows))
}

fn trends_table(pasts: &[Past], trends: &[Trend]) -> Option<String> {
    let bars = bars();
    let row = |one: &Trend| {
        let values: Vec<_> = pasts.iter().rev().map(|past| measured(past, one.of)).collect();
        let usual = one.baseline;
        vec![
            one.of.name().to_owned(),
            spark(&values, bars),
            shown(one.newest),
            shown(usual.map(|usual| usual.median)),
            shown(usual.map(|usual| usual.spread)),
            usual.map_or(0, |usual| usual.passes).to_string(),
            shown(one.target),
        ]
    };
    let is_known = |one: &&Trend| pasts.iter().any(|past| measured(past, one.of).is_some());
    let rows: Vec<Vec<String>> = trends.iter().filter(is_known).map(row).collect();
    let header = ["oldest to newest", "", "newest", "usual (median)", "spread", "of passes", "target"];
    (!rows.is_empty()).then(|| Ui::table(&header, rows))
}

/// Blocks where the locale says UTF-8. As everywhere, the first variable that is set decides.
fn bars() -> Bars {
    let set = |name: &&str| environment(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(set).unwrap_or_default().to_lowercase();
    if locale.contains("utf-8") || locale.contains("utf8") { Bars::Blocks } else { Bars::Letters }
}

fn value(drill: &DrillName, args: &Args, pasts: &Pasts, trends: &[Trend]) -> Value {
    let of = |one: &Trend| (one.of.word().to_owned(), trend_json(one));
    json!({
        "version": 1,
        "drill": drill,
        "rehearsals": args.rehearsals,
        "runs": pasts.read.iter().take(args.limit).map(run_json).collect::<Vec<Value>>(),
        "trends": trends.iter().map(of).collect::<serde_json::Map<_, _>>(),
        "warnings": warnings(trends),
        "unreadable": unreadable_json(pasts),
    })
}

fn trend_json(one: &Trend) -> Value {
    let tenth = |number: f64| (number * 10.0).round() / 10.0;
    json!({
        "newest_seconds": seconds(one.newest),
        "target_seconds": seconds(one.target),
        "passes": one.baseline.map_or(0, |usual| usual.passes),
        "median_seconds": seconds(one.baseline.map(|usual| usual.median)),
        "spread_seconds": seconds(one.baseline.map(|usual| usual.spread)),
        "regression": one.is_regression,
        "seconds_a_quarter": seconds(one.slope.and_then(|slope| slope.per_quarter())),
        "quarters_left": one.quarters_left().map(tenth),
    })
}
