//! The same restore by hand: plain `aws` commands for a person in a disaster.
//!
//! Invariant: every value is one shell word, whatever it holds; no hidden value appears. What AWS would give anew to a
//! restore by hand (its job, its id) is a name to fill in, and what it is called is never this run's own name. Whatever is
//! to be filled in is explained, and nothing else is.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::cloud::resource::{Expected, REQUEST_ID, ResourceFacts, Settings, UNKNOWN_ID};
use crate::cloud::vault::Metadata;
use crate::definition::model::{Redaction, Restore};
use crate::journal::event::World;
use crate::journal::reach::{ended_with_process, reaching};
use crate::journal::state::State;
use crate::plan::step::Work;
use crate::report::facts::probe::{asked, expected as probe_expects, settings};
use crate::report::facts::restore::expected;
use crate::report::facts::{Row, shown_instant};
use crate::words::id::Name;
use crate::words::kind::ProbeKind;

/// Stands for what the run does not know.
const POINT: &str = "RECOVERY_POINT_ARN";
const JOB: &str = "RESTORE_JOB_ID";

/// What stands for a setting that this report does not show.
const SETTINGS: [(&str, &str); 3] = [
    ("INSTANCE_CLASS", "a class that the service offers for the engine, such as db.r6g.large."),
    ("SECURITY_GROUP_ID", "a security group in the subnet's VPC that lets in those who need it, and nobody else."),
    ("SUBNET_ID", "a subnet from which it is to be reached."),
];

/// Settings that say what a thing is, and not where it is or who may reach it.
const HARMLESS_SETTINGS: [&str; 5] = ["as", "instance_class", "instances", "restore_acls", "serverless"];

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
    let of_run = expected(state, kind, name, restore);
    let known = state.ledger.get(name).and_then(|entry| entry.id());
    let id = placeholder(known.filter(|_| of_run.arn.is_none()));
    let point = point(state, name);
    let expected = own(&of_run);
    let metadata = own_metadata(open, &of_run.name, &expected.name);
    let commands = commands_for(state, commands(state, kind, restore, &metadata, (&expected, &id, point)));
    let fill_in = fill_in(state, name, (restore, open), &commands, (point, &id, &expected.name));
    ByHand { commands, fill_in }
}

/// What a person restores has a name of its own. What bears the run's name could be taken for the run's: for a leftover by
/// a sweep, or for its own by a run that is not over. The name is no longer than the run's, so it fits wherever that does.
fn own(of_run: &Expected) -> Expected {
    let name = of_run.name.strip_prefix("drill-").unwrap_or(&of_run.name);
    Expected { name: format!("hand-{name}"), arn: None, ..of_run.clone() }
}

/// The settings that may be shown. Of those that say what a thing is by being there, what is in them is left out.
fn open_settings(state: &State, restore: &Restore) -> Settings {
    if !state.started.plan.definition.report.hides(Redaction::RestoreMetadata) {
        return restore.with.clone();
    }
    let open = |(key, value): (&String, &Value)| match value {
        value if HARMLESS_SETTINGS.contains(&key.as_str()) => Some((key.clone(), value.clone())),
        Value::Object(_) => Some((key.clone(), Value::Object(Map::new()))),
        _ => None,
    };
    restore.with.iter().filter_map(open).collect()
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
    metadata: &str,
    (expected, id, point): (&Expected, &str, &str),
) -> Vec<(&'static str, Vec<String>)> {
    let destination = &state.started.plan.definition.destination;
    let (region, vault) = (destination.region.as_str(), destination.vault.as_str());
    let with = open_settings(state, restore);
    let own = kind.by_hand(&with, expected, id);
    let look = |operation| [operation, "--region", region, "--backup-vault-name", vault, "--recovery-point-arn", point];
    let query = newest(restore.recovery_point.allow_stopped);
    let list = [
        "list-recovery-points-by-backup-vault",
        "--region",
        region,
        "--backup-vault-name",
        vault,
        "--by-resource-arn",
        restore.resource.as_str(),
        "--query",
        query.as_str(),
        "--output",
        "json",
    ];
    let role = destination.restore_role.as_str();
    let mut start = vec!["start-restore-job", "--region", region, "--recovery-point-arn", point];
    start.extend(["--iam-role-arn", role, "--metadata", metadata]);
    let start_type = kind.start_type(&restore.with);
    if let Some(word) = &start_type {
        start.extend(["--resource-type", word]);
    }
    let all = [
        ("List the ten newest recovery points in the vault that can be restored", vec![backup(&list)]),
        ("Look at the recovery point", vec![backup(&look("describe-recovery-point"))]),
        ("See the settings that the source had", vec![backup(&look("get-recovery-point-restore-metadata"))]),
        ("Make what the restore needs to find", kind.lay_by_hand(&with, expected)),
        ("Start the restore", vec![backup(&start)]),
        ("Wait until the job has ended. It must be COMPLETED; otherwise the message says why not", watch(region)),
        ("Make it usable, and see where it answers", own.ready),
        ("Remove it when it is no longer needed, and see that it is gone", own.remove),
    ];
    all.into_iter().filter(|(_, commands)| !commands.is_empty()).collect()
}

/// The newest ten that are complete and not about to vanish (facts 1.5.1, 1.5.3).
fn newest(allow_stopped: bool) -> String {
    let stopped = if allow_stopped { " || Status==`\"STOPPED\"`" } else { "" };
    let usable = format!("Status==`\"COMPLETED\"` || Status==`\"AVAILABLE\"`{stopped}");
    format!(
        "reverse(sort_by(RecoveryPoints[?({usable}) && !(Lifecycle.DeleteAfterEvent)],&CreationDate))[:10]\
         .[CreationDate,Status,RecoveryPointArn]"
    )
}

/// It ends when the job has ended, and when the job cannot be looked at.
fn watch(region: &str) -> Vec<String> {
    let look = |query| backup(&["describe-restore-job", "--region", region, "--restore-job-id", JOB, "--query", query]);
    vec![
        format!("while {} --output text | grep -E 'PENDING|RUNNING'; do sleep 30; done", look("Status")),
        look("{Status:Status,CreatedResourceArn:CreatedResourceArn,StatusMessage:StatusMessage}"),
    ]
}

/// The mark of this run's job is left out: a job with it would be taken for the run's. So is the run's name, which a volume
/// of ONTAP has with underscores.
fn own_metadata(open: &Metadata, of_run: &str, own: &str) -> String {
    let flat = |name: &str| name.replace('-', "_");
    let renamed = |value: &str| value.replace(of_run, own).replace(&flat(of_run), &flat(own));
    let sent = open.iter().filter(|(key, _)| !key.eq_ignore_ascii_case(REQUEST_ID));
    sent.map(|(key, value)| (key.clone(), renamed(value))).collect::<Value>().to_string()
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
    let steps = &state.started.plan.steps;
    let finished = steps.iter().filter_map(|step| if let Work::Finish(name) = &step.work { Some(name) } else { None });
    let lacking: BTreeSet<&Name> = finished.collect();
    let lacks = |name: &Name| lacking.contains(name);
    let one = |work: &Work| match work {
        Work::Restore(name) => Some(format!("Restore {name}: the commands are below.")),
        Work::Finish(name) => Some(format!("Add what {name} lacks before it is usable: its commands say how.")),
        Work::Ready(name) if lacks(name) => Some(format!("Wait until AWS has made {name}.")),
        Work::Ready(name) => Some(format!("Wait until {name} is usable.")),
        Work::Probe(name) => definition.probes.get(name).map(|probe| {
            let (asked, expected) = (listed(&asked(probe)), listed(&probe_expects(probe)));
            format!("Ask {} what the probe {name} asks: {}{asked}. What must hold{expected}.", probe.on, probe.kind)
        }),
        Work::Action(name) => definition
            .actions
            .get(name)
            .map(|action| format!("Do what the action {name} does: {}.", done(action.kind, &action.settings))),
        Work::Gate(name) => definition.gates.get(name).map(|gate| format!("Ask a person: {}", gate.ask)),
        Work::Undo(name) => {
            let undo = definition.actions.get(name).and_then(|action| action.undo.as_ref());
            undo.map(|undo| format!("Undo the action {name}: {}.", done(undo.kind, &undo.settings)))
        }
        Work::Teardown(name) => Some(format!("Remove {name}, when nobody needs it any more.")),
        Work::Preflight | Work::Pick(_) | Work::Report => None,
    };
    let first = [credentials(state)].into_iter();
    first.chain(steps.iter().filter_map(|step| one(&step.work))).collect()
}

/// Whose credentials the commands need.
fn credentials(state: &State) -> String {
    let destination = &state.started.plan.definition.destination;
    let account = &destination.account;
    let role = destination.access_role.as_ref().map(|role| format!(" The drill takes the role {role} there."));
    let simulated = if matches!(state.started.world, Some(World::Server { .. })) {
        format!(" The simulated AWS takes the access key AKIASANDBOX{account} with any secret.")
    } else {
        String::new()
    };
    format!(
        "Take credentials of the account {account}: aws sts get-caller-identity says whose they are.{}{simulated}",
        role.unwrap_or_default()
    )
}

/// What an action or its undo does. A script stands there as it is written, and not as the list of its lines.
fn done(kind: ProbeKind, with: &Settings) -> String {
    let mut rows = settings(with);
    for row in rows.iter_mut().filter(|row| row.name == "script") {
        let lines = with.get(&row.name).and_then(Value::as_array);
        let lines: Option<Vec<&str>> = lines.and_then(|lines| lines.iter().map(Value::as_str).collect());
        if let Some(lines) = lines {
            row.value = lines.join("\n").trim_end().replace('\n', " ⏎ ");
        }
    }
    let told = format!("{kind}{}", listed(&rows));
    let refers = if told.contains("${{") { " (for each ${{ … }} take what the restore by hand gave)" } else { "" };
    told + refers
}

/// `, name: value; name: value`, or nothing.
fn listed(rows: &[Row]) -> String {
    let rows: Vec<String> = rows.iter().map(|row| format!("{}: {}", row.name, row.value)).collect();
    if rows.is_empty() { String::new() } else { format!(", {}", rows.join("; ")) }
}

fn fill_in(
    state: &State,
    name: &Name,
    (restore, open): (&Restore, &Metadata),
    commands: &[Command],
    (point, id, own): (&str, &str, &str),
) -> Vec<String> {
    let stands = |word: &str| commands.iter().any(|one| one.command.contains(word));
    let mut out = Vec::new();
    if ended_with_process(&state.started) {
        out.push(
            "The simulated AWS of this rehearsal ended with its process: the commands are those for AWS itself."
                .to_owned(),
        );
    }
    out.push(explained_point(state, name, point));
    out.push(format!("{JOB}: the start of the restore prints it."));
    if stands(id) {
        out.push(format!("{id}: the end of what the job says under CreatedResourceArn, once it is COMPLETED."));
    }
    if stands(own) {
        out.push(format!(
            "{own}: what is restored by hand is called so, and not as the run called its own. Take another name if \
             something has it already."
        ));
    }
    let unshown = SETTINGS.into_iter().filter(|(word, _)| stands(word));
    out.extend(unshown.map(|(word, what)| format!("{word}: {what}")));
    if !state.ledger.contains_key(name) {
        out.push(
            "This run started no restore, so nothing stands in the metadata: take them from the settings that the source \
             had, and from what the definition says under with."
                .to_owned(),
        );
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

/// The recovery point in the commands: whoever reads them later may have a newer one.
fn explained_point(state: &State, name: &Name, point: &str) -> String {
    let chosen = state.picked.get(name).and_then(|picked| picked.chosen.as_ref());
    match chosen {
        Some(chosen) if point != POINT => format!(
            "{point}: what this run restored, of {}. It may be gone by now, and there may be newer ones: the first \
             command shows which there are.",
            shown_instant(chosen.created)
        ),
        _ => format!("{POINT}: take one from the first command."),
    }
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
