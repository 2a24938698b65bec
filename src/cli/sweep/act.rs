//! Removing: runs are torn down as `drill resume` does it; what is in no ledger goes one thing at a time, each for the ARN
//! that a person typed.

use std::collections::BTreeSet;
use std::io::BufRead as _;

use crate::cli::connect::CloudArgs;
use crate::cli::error::CliError;
use crate::cli::place::Place;
use crate::cli::resume::{Occasion, go_on, leaked};
use crate::cli::run::started_by;
use crate::cli::signals::Signals;
use crate::cli::sweep::ledgers::Kept;
use crate::cli::sweep::look::Site;
use crate::cli::sweep::{Order, Round};
use crate::cli::ui::{Ui, clean};
use crate::journal::store::Store;
use crate::journal::sweep::{SweepNote, Swept};
use crate::run::drive::Ended;
use crate::run::sweep::remove::remove;
use crate::run::sweep::{Fate, Row, Target};
use crate::words::arn::Arn;
use crate::words::id::RunId;

/// What was done.
#[derive(Debug, Default)]
pub(crate) struct Deeds {
    /// Runs that were torn down and left nothing, and ARNs of things that are gone.
    pub(crate) removed: Vec<String>,
    /// What was asked for and is not gone, with the reason.
    pub(crate) failed: Vec<(String, String)>,
    /// ARNs that were typed and found nowhere.
    pub(crate) missing: Vec<Arn>,
}

impl Deeds {
    /// Whether anything was changed, or may have been.
    pub(crate) fn any(&self) -> bool {
        !self.removed.is_empty() || !self.failed.is_empty()
    }
}

/// Does what the options or the person at the terminal ask for.
///
/// # Errors
/// When a sweep's intent cannot be written down: then nothing more is removed.
pub(crate) async fn act(
    order: &Order,
    sites: &[Site],
    round: &Round,
    place: &Place,
    ui: &Ui,
    deeds: &mut Deeds,
) -> Result<(), CliError> {
    let rows = &round.rows;
    let found = |arn: &Arn| rows.iter().any(|(_, row)| row.arn.as_ref() == Some(arn));
    deeds.missing.extend(order.arns.iter().filter(|arn| !found(arn)).cloned());
    let mut runs: BTreeSet<RunId> = BTreeSet::new();
    for (position, row) in rows {
        let named = row.arn.as_ref().is_some_and(|arn| order.arns.contains(arn));
        match &row.fate {
            Fate::Teardown(run) if named || order.yes => {
                runs.insert(*run);
            }
            Fate::Typed(target) if named || typed(order, row, ui) => {
                remove_one(&sites[*position], target, row, place, ui, deeds).await?;
            }
            Fate::OtherDrill(reason) | Fate::InUse(reason) | Fate::Never(reason) if named => {
                deeds.failed.push((label(row), reason.clone()));
            }
            _ => {}
        }
    }
    let open: BTreeSet<RunId> = rows.iter().filter_map(|(_, row)| torn_down_by(row)).collect();
    if !order.yes && order.asks && runs.len() < open.len() && agreed(&open, ui) {
        runs = open;
    }
    tear_down(order, &round.kept, &runs, place, ui, deeds).await;
    Ok(())
}

fn torn_down_by(row: &Row) -> Option<RunId> {
    match &row.fate {
        Fate::Teardown(run) => Some(*run),
        _ => None,
    }
}

/// What to call it.
pub(crate) fn label(row: &Row) -> String {
    row.arn.as_ref().map(ToString::to_string).or_else(|| row.name.clone()).unwrap_or_else(|| row.what.clone())
}

/// A thing in no ledger: the person at the terminal types its ARN, and nothing else will do.
fn typed(order: &Order, row: &Row, ui: &Ui) -> bool {
    let Some(arn) = row.arn.as_ref().filter(|_| order.asks) else { return false };
    ui.say(&clean(&format!("\n{} is in no ledger of this machine.", label(row))));
    ui.say("Type its ARN to remove it, or press Enter to leave it:");
    answer() == arn.as_str()
}

fn agreed(runs: &BTreeSet<RunId>, ui: &Ui) -> bool {
    let (count, plural) = (runs.len(), if runs.len() == 1 { "" } else { "s" });
    ui.say(&format!("\nTear down {count} run{plural} that left something? Type `yes`:"));
    answer() == "yes"
}

fn answer() -> String {
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line) {
        Ok(_) => line.trim().to_owned(),
        Err(_) => String::new(),
    }
}

async fn remove_one(
    site: &Site,
    target: &Target,
    row: &Row,
    place: &Place,
    ui: &Ui,
    deeds: &mut Deeds,
) -> Result<(), CliError> {
    let (connection, arn) = (&site.connection, &target.leftover.arn);
    let Some(calls) = (connection.cloud.resources)(target.leftover.kind) else { return Ok(()) };
    let store = Store::open(&place.state(connection.mode))?;
    let note = |done| SweepNote {
        at: connection.clock.now(),
        account: site.account.clone(),
        region: site.region.clone(),
        arn: arn.clone(),
        by: started_by(),
        done,
    };
    store.note_sweep(&note(Swept::Intended { job: target.job.clone(), proof: row.proof.word().to_owned() }))?;
    ui.say(&clean(&format!("removing {arn}")));
    match remove(target, calls.as_ref(), connection.clock.as_ref()).await {
        Ok(()) => {
            deeds.removed.push(arn.to_string());
            store.note_sweep(&note(Swept::Removed))?;
        }
        Err(stuck) => {
            let because = stuck.to_string();
            deeds.failed.push((arn.to_string(), because.clone()));
            store.note_sweep(&note(Swept::Stopped { because }))?;
        }
    }
    Ok(())
}

/// Each run's own teardown, with all its guards and its journal.
async fn tear_down(order: &Order, kept: &[Kept], runs: &BTreeSet<RunId>, place: &Place, ui: &Ui, deeds: &mut Deeds) {
    if runs.is_empty() {
        return;
    }
    let mut signals = Signals::listen();
    for one in kept.iter().filter(|one| runs.contains(&one.row.run)) {
        if signals.asked_to_end() {
            break;
        }
        let what = format!("run {}", one.row.run);
        ui.say(&format!("{}  tearing down {what}", one.row.drill));
        match tear_down_one(order, one, place, ui, &mut signals).await {
            Ok(None) => deeds.removed.push(what),
            Ok(Some(reason)) => deeds.failed.push((what, reason)),
            Err(error) => {
                ui.error(&error);
                deeds.failed.push((what, error.to_string()));
            }
        }
    }
}

/// None: it left nothing.
async fn tear_down_one(
    order: &Order,
    one: &Kept,
    place: &Place,
    ui: &Ui,
    signals: &mut Signals,
) -> Result<Option<String>, CliError> {
    let args = CloudArgs {
        sandbox: order.sandbox.clone(),
        profile: order.profiles.first().filter(|_| order.profiles.len() == 1).cloned(),
        ..CloudArgs::default()
    };
    let lock = one.store.lock(&one.row.drill)?;
    let (_, ended) = go_on(&one.store, lock, &one.row, &args, place, ui, &Occasion::Sweep, signals).await?;
    Ok(match ended {
        Ended::Stopped(_) => Some(format!("stopped before its end; `drill resume {}` goes on", one.row.run)),
        Ended::Concluded(state) if leaked(&state) => {
            let reasons = state.concluded.iter().flat_map(|(_, conclusion)| &conclusion.reasons);
            Some(reasons.map(|reason| reason.text.clone()).collect::<Vec<_>>().join("; "))
        }
        Ended::Concluded(_) => None,
    })
}
