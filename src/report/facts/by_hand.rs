//! The same restore by hand: plain `aws` commands for a person in a disaster.
//!
//! Invariant: every value is one shell word, whatever it holds; no hidden metadata value appears. What AWS would give
//! anew to a restore by hand (its job, its id) is a name to fill in, and never this run's own.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::resource::{Expected, REQUEST_ID, ResourceFacts, UNKNOWN_ID};
use crate::cloud::vault::Metadata;
use crate::definition::model::{Redaction, Restore};
use crate::journal::reach::{ended_with_process, reaching};
use crate::journal::state::State;
use crate::plan::step::Work;
use crate::report::facts::Row;
use crate::report::facts::probe::{asked, expected as probe_expects, settings};
use crate::report::facts::restore::expected;
use crate::words::id::Name;

/// Stands for what the run does not know.
const POINT: &str = "RECOVERY_POINT_ARN";
const JOB: &str = "RESTORE_JOB_ID";

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// What it does.
    pub what: String,
    /// The commands, one a line.
    pub command: String,
}

/// The commands and what to fill in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByHand {
    /// In order.
    pub commands: Vec<Command>,
    /// What a person must fill in.
    pub fill_in: Vec<String>,
}

/// The restore by hand. `open` is the metadata that may be shown.
#[must_use]
pub fn by_hand(state: &State, kind: &dyn ResourceFacts, name: &Name, restore: &Restore, open: &Metadata) -> ByHand {
    let expected = expected(state, kind, name, restore);
    let known = state.ledger.get(name).and_then(|entry| entry.id());
    let is_named = expected.arn.is_some();
    let id = placeholder(known.filter(|_| !is_named));
    let point = point(state, name);
    let commands = commands(state, kind, restore, open, (&expected, &id, point));
    let fill_in = fill_in(state, name, restore, open, (point, id.as_str()), is_named);
    ByHand { commands: commands_for(state, commands), fill_in }
}

/// The recovery point of the run; that of a simulated AWS which is over is nobody's.
fn point<'a>(state: &'a State, name: &Name) -> &'a str {
    let chosen = state.picked.get(name).and_then(|picked| picked.chosen.as_ref());
    chosen.filter(|_| !ended_with_process(&state.started)).map_or(POINT, |point| point.arn.as_str())
}

fn commands(
    state: &State,
    kind: &dyn ResourceFacts,
    restore: &Restore,
    open: &Metadata,
    (expected, id, point): (&Expected, &str, &str),
) -> Vec<(&'static str, Vec<String>)> {
    let destination = &state.started.plan.definition.destination;
    let (region, vault) = (destination.region.as_str(), destination.vault.as_str());
    let own = kind.by_hand(expected, id);
    let look = |operation| [operation, "--region", region, "--backup-vault-name", vault, "--recovery-point-arn", point];
    let list = [
        "list-recovery-points-by-backup-vault",
        "--region",
        region,
        "--backup-vault-name",
        vault,
        "--by-resource-arn",
        restore.resource.as_str(),
        "--query",
        "reverse(sort_by(RecoveryPoints,&CreationDate))[].[CreationDate,Status,RecoveryPointArn]",
        "--output",
        "json",
    ];
    let metadata = own_metadata(open);
    let role = destination.restore_role.as_str();
    let mut start = vec!["start-restore-job", "--region", region, "--recovery-point-arn", point];
    start.extend(["--iam-role-arn", role, "--metadata", metadata.as_str()]);
    let start_type = kind.start_type(&restore.with);
    if let Some(word) = &start_type {
        start.extend(["--resource-type", word]);
    }
    let watch = ["describe-restore-job", "--region", region, "--restore-job-id", JOB];
    let all = [
        ("List what is in the vault, newest first", vec![backup(&list)]),
        ("Look at the recovery point", vec![backup(&look("describe-recovery-point"))]),
        ("See the settings that the source had", vec![backup(&look("get-recovery-point-restore-metadata"))]),
        ("Make what the restore needs to find", kind.lay_by_hand(&restore.with, expected)),
        ("Start the restore", vec![backup(&start)]),
        ("Watch it until it is COMPLETED", vec![backup(&watch)]),
        ("Wait until it is usable, and see where it answers", own.ready),
        ("Remove it when it is no longer needed", own.remove),
    ];
    all.into_iter().filter(|(_, commands)| !commands.is_empty()).collect()
}

/// The mark of this run's job is left out: a job with it would be taken for the run's.
fn own_metadata(open: &Metadata) -> String {
    let sent = open.iter().filter(|(key, _)| !key.eq_ignore_ascii_case(REQUEST_ID));
    sent.map(|(key, value)| (key.clone(), value.clone())).collect::<Value>().to_string()
}

/// Led to where the run was. What ended with its process is shown as it would be for AWS itself.
fn commands_for(state: &State, commands: Vec<(&'static str, Vec<String>)>) -> Vec<Command> {
    let one = |(what, commands): (&'static str, Vec<String>)| {
        let led = reaching(&state.started, &commands).unwrap_or(commands);
        Command { what: what.to_owned(), command: led.join("\n") }
    };
    commands.into_iter().map(one).collect()
}

/// What stands for an id that AWS will give, in the form that ids of its kind have.
fn placeholder(known: Option<&str>) -> String {
    const PREFIXES: [&str; 4] = ["i-", "vol-", "fs-", "fsvol-"];
    let prefix = known.and_then(|id| PREFIXES.into_iter().find(|prefix| id.starts_with(prefix)));
    match (known, prefix) {
        (Some(id), Some(prefix)) if id.chars().any(|c| c.is_ascii_uppercase()) => format!("{prefix}{UNKNOWN_ID}"),
        (Some(_), Some(prefix)) => format!("{prefix}{}", UNKNOWN_ID.to_lowercase()),
        _ => UNKNOWN_ID.to_owned(),
    }
}

/// What to do in which order, restores, probes and actions alike: each step of the plan that a person repeats.
#[must_use]
pub fn order(state: &State) -> Vec<String> {
    let definition = &state.started.plan.definition;
    let one = |work: &Work| match work {
        Work::Restore(name) => Some(format!("Restore {name}: the commands are below.")),
        Work::Finish(name) => Some(format!("Add what {name} lacks before it is usable: its commands say how.")),
        Work::Ready(name) => Some(format!("Wait until {name} is usable.")),
        Work::Probe(name) => definition.probes.get(name).map(|probe| {
            let (asked, expected) = (listed(&asked(probe)), listed(&probe_expects(probe)));
            format!("Ask {} what the probe {name} asks: {}{asked}. What must hold{expected}.", probe.on, probe.kind)
        }),
        Work::Action(name) => definition.actions.get(name).map(|action| {
            format!("Do what the action {name} does: {}{}.", action.kind, listed(&settings(&action.settings)))
        }),
        Work::Gate(name) => definition.gates.get(name).map(|gate| format!("Ask a person: {}", gate.ask)),
        Work::Undo(name) => Some(format!("Undo the action {name}.")),
        Work::Teardown(name) => Some(format!("Remove {name}, when nobody needs it any more.")),
        Work::Preflight | Work::Pick(_) | Work::Report => None,
    };
    state.started.plan.steps.iter().filter_map(|step| one(&step.work)).collect()
}

/// `, name: value; name: value`, or nothing.
fn listed(rows: &[Row]) -> String {
    let rows: Vec<String> = rows.iter().map(|row| format!("{}: {}", row.name, row.value)).collect();
    if rows.is_empty() { String::new() } else { format!(", {}", rows.join("; ")) }
}

fn fill_in(
    state: &State,
    name: &Name,
    restore: &Restore,
    open: &Metadata,
    (point, id): (&str, &str),
    is_named: bool,
) -> Vec<String> {
    let mut out = Vec::new();
    if ended_with_process(&state.started) {
        out.push(
            "The simulated AWS of this rehearsal ended with its process: the commands are those for AWS itself."
                .to_owned(),
        );
    }
    if point == POINT {
        out.push(format!("{POINT}: take one from the first command."));
    }
    out.push(format!("{JOB}: the start of the restore prints it."));
    if !is_named {
        out.push(format!("{id}: the restore job names it once it is COMPLETED (CreatedResourceArn)."));
    }
    let sent = state.ledger.get(name).map_or(&restore.metadata, |entry| &entry.intended.metadata);
    let hidden: Vec<&str> = sent.keys().filter(|key| !open.contains_key(*key)).map(String::as_str).collect();
    if state.started.plan.definition.report.hides(Redaction::AccountIds) {
        out.push("account-…: each stands for an account's id, which this report does not show.".to_owned());
    }
    if !hidden.is_empty() {
        out.push(format!(
            "The metadata also had values that this report does not show. Take them from the definition or from the \
             source's settings: {}.",
            hidden.join(", ")
        ));
    }
    out
}

fn backup(words: &[&str]) -> String {
    let words: Vec<String> = ["aws", "backup"].iter().chain(words).map(|word| shell_word(word)).collect();
    words.join(" ")
}

/// `text` as one word of a POSIX shell.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{placeholder, shell_word};

    #[test]
    fn an_id_of_this_run_is_never_that_of_a_restore_by_hand() {
        assert_eq!(placeholder(Some("i-0a1b")), "i-id_of_the_restored_resource");
        assert_eq!(placeholder(Some("vol-0A1B")), "vol-ID_OF_THE_RESTORED_RESOURCE");
        assert_eq!(placeholder(Some("fsvol-0c2d")), "fsvol-id_of_the_restored_resource");
        assert_eq!(placeholder(None), "ID_OF_THE_RESTORED_RESOURCE");
    }

    #[test]
    fn a_word_stays_one_word() {
        assert_eq!(shell_word("arn:aws:rds:eu-west-1:123456789012:db:a"), "arn:aws:rds:eu-west-1:123456789012:db:a");
        assert_eq!(shell_word("$(rm -rf /)"), "'$(rm -rf /)'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
    }
}
