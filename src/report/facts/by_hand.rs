//! The same restore by hand: plain `aws` commands for a person in a disaster.
//!
//! Invariant: every value is one shell word, whatever it holds; no hidden metadata value appears.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::resource::{ResourceFacts, UNKNOWN_ID};
use crate::cloud::vault::Metadata;
use crate::definition::model::{Redaction, Restore};
use crate::journal::state::State;
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
    let destination = &state.started.plan.definition.destination;
    let (region, vault) = (destination.region.as_str(), destination.vault.as_str());
    let chosen = state.picked.get(name).and_then(|picked| picked.chosen.as_ref());
    let point = chosen.map_or(POINT, |point| point.arn.as_str());
    let expected = expected(state, kind, name, restore);
    let id = state.ledger.get(name).and_then(|entry| entry.id()).unwrap_or(UNKNOWN_ID);
    let own = kind.by_hand(&expected, id);
    let metadata = open.iter().map(|(key, value)| (key.clone(), value.clone())).collect::<Value>().to_string();
    let role = destination.restore_role.as_str();
    let mut start = vec!["start-restore-job", "--region", region, "--recovery-point-arn", point];
    start.extend(["--iam-role-arn", role, "--metadata", metadata.as_str()]);
    let start_type = kind.start_type(&restore.with);
    if let Some(word) = &start_type {
        start.extend(["--resource-type", word]);
    }
    let look = |operation| [operation, "--region", region, "--backup-vault-name", vault, "--recovery-point-arn", point];
    let commands = vec![
        backup(
            "List what is in the vault, newest first",
            &[
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
            ],
        ),
        backup("Look at the recovery point", &look("describe-recovery-point")),
        backup("See the settings that the source had", &look("get-recovery-point-restore-metadata")),
        backup("Start the restore", &start),
        backup(
            "Watch it until it is COMPLETED",
            &["describe-restore-job", "--region", region, "--restore-job-id", JOB],
        ),
        Command { what: "Wait until it is usable, and see where it answers".to_owned(), command: own.ready.join("\n") },
        Command { what: "Remove it when it is no longer needed".to_owned(), command: own.remove.join("\n") },
    ];
    ByHand {
        commands,
        fill_in: fill_in(state, name, restore, open, (point, id == UNKNOWN_ID && expected.arn.is_none())),
    }
}

fn fill_in(
    state: &State,
    name: &Name,
    restore: &Restore,
    open: &Metadata,
    (point, open_id): (&str, bool),
) -> Vec<String> {
    let mut out = Vec::new();
    if point == POINT {
        out.push(format!("{POINT}: the run chose none. Take one from the first command."));
    }
    out.push(format!("{JOB}: the start of the restore prints it."));
    if open_id {
        out.push(format!("{UNKNOWN_ID}: the restore job names it once it is COMPLETED (`CreatedResourceArn`)."));
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

fn backup(what: &str, words: &[&str]) -> Command {
    let words: Vec<String> = ["aws", "backup"].iter().chain(words).map(|word| shell_word(word)).collect();
    Command { what: what.to_owned(), command: words.join(" ") }
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
    use super::shell_word;

    #[test]
    fn a_word_stays_one_word() {
        assert_eq!(shell_word("arn:aws:rds:eu-west-1:123456789012:db:a"), "arn:aws:rds:eu-west-1:123456789012:db:a");
        assert_eq!(shell_word("$(rm -rf /)"), "'$(rm -rf /)'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
    }
}
