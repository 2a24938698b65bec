//! What a sweep found and did, for a terminal and for programs.

use serde_json::{Value, json};

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::place::Place;
use crate::cli::sweep::act::{Deeds, label};
use crate::cli::sweep::look::{Site, Unseen};
use crate::cli::sweep::{Order, Round};
use crate::cli::ui::{Ui, clean};
use crate::journal::sweep::{SweepNote, Swept};
use crate::run::sweep::{Fate, Row};
use crate::words::time::show_instant;

/// Everything that was found, and everything that could not be looked at.
pub(crate) fn table(round: &Round, blind: &[Unseen]) -> String {
    let mut text = String::new();
    if !round.rows.is_empty() {
        let rows = round.rows.iter().map(|(_, row)| cells(row)).collect();
        text.push_str(&Ui::table(&["account", "region", "what", "name", "state", "then"], rows));
        text.push('\n');
    }
    let unseen: Vec<Vec<String>> = blind.iter().chain(&round.unseen).map(unseen_cells).collect();
    if !unseen.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&Ui::table(&["account", "region", "not looked at", "because"], unseen));
        text.push('\n');
    }
    text
}

fn cells(row: &Row) -> Vec<String> {
    vec![row.account.to_string(), row.region.to_string(), row.what.clone(), label(row), row.state.clone(), then(row)]
}

/// What may be done about it, in words.
fn then(row: &Row) -> String {
    match &row.fate {
        Fate::Teardown(run) => format!("`--yes` tears down run {run}"),
        Fate::Typed(_) => "in no ledger here: removed for its ARN alone".to_owned(),
        Fate::OtherDrill(reason) => format!("not asked for: {reason}"),
        Fate::InUse(reason) => format!("in use: {reason}"),
        Fate::Never(reason) => format!("stays: {reason}"),
    }
}

fn unseen_cells(unseen: &Unseen) -> Vec<String> {
    let account = unseen.account.as_ref().map(ToString::to_string).unwrap_or_default();
    let region = unseen.region.as_ref().map(ToString::to_string).unwrap_or_default();
    vec![account, region, unseen.what.clone(), unseen.message.clone()]
}

/// What was done, and what is left.
pub(crate) fn last_words(round: &Round, blind: &[Unseen], deeds: &Deeds, order: &Order) -> String {
    let mut text = String::new();
    for what in &deeds.removed {
        text.push_str(&format!("removed       {what}\n"));
    }
    for (what, because) in &deeds.failed {
        text.push_str(&format!("not removed   {what}: {because}\n"));
    }
    for arn in &deeds.missing {
        text.push_str(&format!("not found     {arn}: it is not where sweep looked\n"));
    }
    for (_, row) in round.rows.iter().filter(|(_, row)| matches!(row.fate, Fate::Typed(_))) {
        text.extend(row.arn.as_ref().map(|arn| format!("to remove it  {}\n", order.by_hand(row, arn))));
    }
    let left = round.rows.iter().filter(|(_, row)| row.is_left()).count();
    let in_use = round.rows.len() - left;
    let unseen = blind.len() + round.unseen.len() + deeds.missing.len();
    let things = |count: usize| if count == 1 { "1 thing".to_owned() } else { format!("{count} things") };
    let mut parts = Vec::new();
    if left > 0 {
        parts.push(format!("{} left", things(left)));
    }
    if in_use > 0 {
        parts.push(format!("{} in use", things(in_use)));
    }
    if unseen > 0 {
        parts.push(format!("{} could not be looked at", things(unseen)));
    } else if left == 0 {
        parts.insert(0, "nothing is left".to_owned());
    }
    text.push_str(&parts.join(", "));
    clean(&text)
}

/// Version 1.
pub(crate) fn json(sites: &[Site], round: &Round, blind: &[Unseen], deeds: &Deeds, exit: Exit) -> Value {
    let places = sites.iter().map(|site| json!({ "account": site.account, "region": site.region }));
    let unseen = blind
        .iter()
        .chain(&round.unseen)
        .map(|one| json!({ "account": one.account, "region": one.region, "what": one.what, "message": one.message }));
    let failed = deeds.failed.iter().map(|(what, because)| json!({ "what": what, "because": because }));
    json!({
        "version": 1,
        "places": places.collect::<Vec<_>>(),
        "things": round.rows.iter().map(|(_, row)| thing(row)).collect::<Vec<_>>(),
        "unseen": unseen.collect::<Vec<_>>(),
        "removed": deeds.removed,
        "failed": failed.collect::<Vec<_>>(),
        "not_found": deeds.missing,
        "exit_code": exit.number(),
    })
}

fn thing(row: &Row) -> Value {
    let (then, because) = match &row.fate {
        Fate::Teardown(_) => ("teardown", None),
        Fate::Typed(_) => ("arn", None),
        Fate::OtherDrill(reason) => ("other_drill", Some(reason)),
        Fate::InUse(reason) => ("in_use", Some(reason)),
        Fate::Never(reason) => ("stays", Some(reason)),
    };
    json!({
        "account": row.account,
        "region": row.region,
        "what": row.what,
        "arn": row.arn,
        "name": row.name,
        "state": row.state,
        "created": row.created.map(|created| created.to_string()),
        "run": row.run,
        "proof": row.proof.word(),
        "then": then,
        "because": because,
    })
}

/// `--history`.
///
/// # Errors
/// When the journals cannot be read.
pub(crate) fn history(place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let mut notes: Vec<SweepNote> = Vec::new();
    for store in place.stores()? {
        notes.extend(store.sweeps()?);
    }
    if ui.is_json() {
        ui.json(&json!({ "version": 1, "sweeps": notes }));
    } else if notes.is_empty() {
        ui.print("no sweep has removed anything");
    } else {
        let rows = notes.iter().map(|note| {
            let done = match &note.done {
                Swept::Intended { job, .. } => format!("to be removed, made by restore job {job}"),
                Swept::Removed => "removed".to_owned(),
                Swept::Stopped { because } => format!("not removed: {because}"),
            };
            vec![show_instant(note.at), note.by.clone(), note.arn.to_string(), done]
        });
        ui.print(&Ui::table(&["at", "by", "what", "done"], rows.collect()));
    }
    Ok(Exit::Passed)
}
