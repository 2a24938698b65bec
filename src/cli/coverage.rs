//! `drill coverage`.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::aws::resource::facts;
use crate::cli::clock::MachineClock;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::past::{self, Pasts, say_unreadable, seconds, shown, unreadable_json};
use crate::cli::place::Place;
use crate::cli::ui::Ui;
use crate::definition::load::{Loaded, load, names};
use crate::history::coverage::{Covered, Now, Stale, coverage as covered};
use crate::journal::chain::sha256_hex;
use crate::journal::store::{RunRow, Store};
use crate::words::id::DrillName;
use crate::words::kind::Verdict;
use crate::words::time::{Clock as _, show_instant};

/// Newest runs of a drill that are looked at, besides its newest pass.
const NEWEST: usize = 20;

/// Shows what is proven: each resource of each drill, how far its runs got, and why it does not count as proven.
///
/// Nobody is asked but the definitions and the journals. Exit code: 0 everything is proven and fresh, 1 something is not.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What rehearsals would prove, in a simulated AWS or at another endpoint: no evidence
    #[arg(long)]
    rehearsals: bool,
}

/// One drill.
struct Drill {
    name: DrillName,
    file: String,
    /// None while the definition is not valid.
    covered: Option<Vec<Covered>>,
    pasts: Pasts,
}

impl Drill {
    fn is_fresh(&self) -> bool {
        self.covered.as_ref().is_some_and(|all| all.iter().all(|one| one.stale.is_empty()))
    }
}

/// See [`Args`].
///
/// # Errors
/// When the definitions or the journals cannot be read.
pub fn coverage(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let store = past::journals(place, args.rehearsals)?;
    let now = MachineClock.now();
    let mut drills = Vec::new();
    for (name, path) in names(&place.drills())? {
        drills.push(of_drill(name, &path, store.as_ref(), now)?);
    }
    // Nothing at all is not everything.
    let is_fresh = !drills.is_empty() && drills.iter().all(Drill::is_fresh);
    let exit = if is_fresh { Exit::Passed } else { Exit::Failed };
    if ui.is_json() {
        ui.json(&json!({
            "version": 1,
            "rehearsals": args.rehearsals,
            "drills": drills.iter().map(value).collect::<Vec<Value>>(),
            "exit_code": exit.number(),
        }));
        return Ok(exit);
    }
    for drill in &drills {
        say_unreadable(&drill.pasts, ui);
    }
    ui.print(&text(&drills, now, args, place));
    Ok(exit)
}

fn of_drill(name: DrillName, path: &Path, store: Option<&Store>, now: Timestamp) -> Result<Drill, CliError> {
    let file = Place::shown(path);
    let Ok(loaded) = load(path, &BTreeMap::new(), facts) else {
        return Ok(Drill { name, file, covered: None, pasts: Pasts::default() });
    };
    let pasts = match store {
        Some(store) => past::read(store, looked_at(store.runs(Some(&name))?)),
        None => Pasts::default(),
    };
    let Loaded { definition, text, vars, .. } = &loaded;
    let text_sha256 = sha256_hex(text.as_bytes());
    let as_it_is = Now { definition, text_sha256: &text_sha256, vars, at: now };
    let covered = covered(&as_it_is, &pasts.read);
    Ok(Drill { name, file, covered: Some(covered), pasts })
}

/// The newest runs, and the newest pass that is a proof however old it is.
fn looked_at(rows: Vec<RunRow>) -> Vec<RunRow> {
    let passed = |row: &RunRow| row.verdict == Some(Verdict::Passed) && row.origin.is_trusted();
    let pass = rows.iter().position(passed).unwrap_or(0);
    let chosen = rows.into_iter().enumerate().filter(|(at, _)| *at < NEWEST || *at == pass);
    chosen.map(|(_, row)| row).collect()
}

fn text(drills: &[Drill], now: Timestamp, args: &Args, place: &Place) -> String {
    if drills.is_empty() {
        return format!("no drills in {}: nothing is proven", Place::shown(&place.drills()));
    }
    let mut rows = Vec::new();
    for drill in drills {
        match &drill.covered {
            Some(all) => rows.extend(all.iter().map(|one| row(drill, one, now))),
            None => {
                let mut row = vec![drill.name.to_string()];
                row.extend(std::iter::repeat_n("-".to_owned(), 8));
                row.push(format!("stale: not valid (`drill validate {}`)", drill.name));
                rows.push(row);
            }
        }
    }
    let header = ["drill", "resource", "type", "exists", "copied", "restored", "probed", "proven", "policy", "state"];
    let table = Ui::table(&header, rows);
    let all: Vec<&Covered> = drills.iter().flat_map(|drill| drill.covered.iter().flatten()).collect();
    let fresh = all.iter().filter(|one| one.stale.is_empty()).count();
    let rehearsal = if args.rehearsals { "  (rehearsals: not evidence)" } else { "" };
    let invalid = drills.iter().filter(|drill| drill.covered.is_none()).count();
    let invalid = if invalid == 0 { String::new() } else { format!("; definitions that are not valid: {invalid}") };
    format!("{table}\n\n{fresh} of {} resources are proven and fresh{invalid}{rehearsal}", all.len())
}

fn row(drill: &Drill, one: &Covered, now: Timestamp) -> Vec<String> {
    let ago = |at: Option<Timestamp>, none: &str| at.map_or_else(|| none.to_owned(), |at| since(now, at));
    // Nobody looked whether it exists: that is not to say that it does not.
    let unseen = if one.stale.contains(&Stale::NeverRun) { "unknown" } else { "not seen" };
    let resource =
        one.resource.as_ref().map_or_else(|| format!("selection `{}`", one.name), |arn| arn.name().to_owned());
    let reasons: Vec<String> = one.stale.iter().map(ToString::to_string).collect();
    vec![
        drill.name.to_string(),
        resource,
        one.kind.to_string(),
        ago(one.exists, unseen),
        ago(one.copied, unseen),
        ago(one.restored, "no"),
        ago(one.probed, "no"),
        ago(one.proven, "no"),
        shown(one.policy),
        if reasons.is_empty() { "proven".to_owned() } else { format!("stale: {}", reasons.join(", ")) },
    ]
}

/// How long ago, in days, and in hours and minutes only in the first two. A rehearsal began by the clock of its world, which
/// may be ahead of this machine's.
fn since(now: Timestamp, at: Timestamp) -> String {
    let ago = now.duration_since(at);
    if ago <= -SignedDuration::from_mins(1) {
        return format!("at {} of its world", show_instant(at));
    }
    if ago < SignedDuration::from_mins(1) {
        return "just now".to_owned();
    }
    let unit = if ago.as_hours() >= 48 { 24 * 3_600 } else { 60 };
    format!("{} ago", shown(Some(SignedDuration::from_secs(ago.as_secs() / unit * unit))))
}

fn value(drill: &Drill) -> Value {
    json!({
        "name": drill.name,
        "file": drill.file,
        "valid": drill.covered.is_some(),
        "fresh": drill.is_fresh(),
        "resources": drill.covered.iter().flatten().map(resource_json).collect::<Vec<Value>>(),
        "unreadable": unreadable_json(&drill.pasts),
    })
}

fn resource_json(one: &Covered) -> Value {
    let instant = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "name": one.name,
        "type": one.kind,
        "resource": one.resource,
        "exists": instant(one.exists),
        "copied": instant(one.copied),
        "restored": instant(one.restored),
        "probed": instant(one.probed),
        "proven": instant(one.proven),
        "age_seconds": seconds(one.age),
        "policy_seconds": seconds(one.policy),
        "fresh": one.stale.is_empty(),
        "stale": one.stale.iter().copied().map(Stale::word).collect::<Vec<&str>>(),
    })
}
