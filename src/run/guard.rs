//! Whether a thing may be deleted. Pure, and the only place that says yes.
//!
//! All of these must hold: it is in this run's ledger; it is in the recorded account and region; it has the recorded
//! name and ARN, or the ARN that the run's own restore job names; it is nothing that the definition names; nothing of
//! somebody else's hangs on it; a witness besides the ledger says that it is the run's; and unless that is the run's own
//! restore job, it does not carry `drill:never`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cloud::resource::Settings;
use crate::cloud::vault::{JobStatus, RestoreJob};
use crate::definition::model::Definition;
use crate::journal::event::Witness;
use crate::journal::ledger::Entry;
use crate::words::arn::Arn;
use crate::words::id::{Name, RunId};
use crate::words::kind::ResourceKind;

pub use crate::cloud::leftover::RUN_TAG;

/// The tag that says from when on the thing is overdue.
pub const EXPIRES_TAG: &str = "drill:expires";

/// The tag that keeps a thing from every drill, whatever its value. A restored thing may inherit it from its source: it
/// protects what no restore job of the run made (design 10.2).
pub const NEVER_TAG: &str = "drill:never";

/// No type cuts names shorter than this.
const SHORTEST_CUT: usize = 48;

/// Why something may not be deleted. Whatever this says is left where it is, and the run ends `leaked`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The definition names it.
    #[error("`{0}` is named in the definition: a drill never deletes what it did not make")]
    Named(String),
    /// Recorded for another account or region than the drill restores into.
    #[error("`{arn}` is not in the account and region of the drill's destination")]
    Elsewhere {
        /// What.
        arn: String,
    },
    /// The name does not carry the run.
    #[error("`{0}` does not carry this run's digits")]
    ForeignName(String),
    /// Nobody knows its id.
    #[error("nobody knows the id of what the restore of `{0}` made")]
    Nameless(String),
    /// Something of somebody else's hangs on it.
    #[error("{kind} `{id}` is on `{arn}`, and the run did not put it there")]
    Foreign {
        /// What it is.
        kind: String,
        /// Which.
        id: String,
        /// On what.
        arn: String,
    },
    /// Its owner says that no drill may touch it.
    #[error("`{0}` carries the tag `drill:never`, and no restore job says that this run made it")]
    Protected(String),
    /// The restore job made something else.
    #[error("the restore job made `{made}`, and `{expected}` was expected")]
    OtherResource {
        /// What the job says.
        made: String,
        /// What the ledger says.
        expected: String,
    },
    /// No witness.
    #[error(
        "nothing but its name says that `{0}` is this run's: no restore job is known, and it carries no `drill:run` tag of this run"
    )]
    NoWitness(String),
}

/// Says whether the entry's resource may be deleted, and on whose word. `tags` are what it carries, if they were read.
///
/// # Errors
/// The first guard that does not hold.
pub fn may_delete(
    run: &RunId,
    restore: &Name,
    entry: &Entry,
    definition: &Definition,
    tags: Option<&BTreeMap<String, String>>,
) -> Result<Witness, Refusal> {
    let expected = &entry.intended.expected;
    let arn = entry.arn();
    if arn.is_none() && !goes_by_its_name(definition, restore) {
        return Err(Refusal::Nameless(expected.name.clone()));
    }
    if is_named(definition, arn, &expected.name) {
        return Err(Refusal::Named(entry.label()));
    }
    let destination = &definition.destination;
    // The ARNs of some services (S3) carry neither region nor account.
    let at_home = expected.region == destination.region
        && expected.account == destination.account
        && arn.and_then(Arn::region).is_none_or(|region| region == destination.region)
        && arn.and_then(Arn::account).is_none_or(|account| account == destination.account);
    if !at_home {
        return Err(Refusal::Elsewhere { arn: entry.label() });
    }
    let prefix = format!("drill-{}-", run.short());
    let own_name = expected.name.strip_prefix(&prefix).is_some_and(|rest| {
        // A type with short names cuts the restore's, never the run's.
        let kept = rest.rsplit_once('-').map_or(rest, |(kept, _hash)| kept);
        let cut = expected.name.len() >= SHORTEST_CUT && restore.as_str().starts_with(kept);
        rest.starts_with(restore.as_str()) || cut
    });
    let own_arn = expected.arn.as_ref().is_none_or(|arn| arn.name() == expected.name);
    if !own_name || !own_arn {
        return Err(Refusal::ForeignName(expected.name.clone()));
    }
    let foreign = entry.seen.as_ref().and_then(|(_, seen)| seen.parts.iter().find(|part| part.foreign));
    if let Some(part) = foreign {
        let (kind, id) = (part.kind.clone(), part.id.clone());
        return Err(Refusal::Foreign { kind, id, arn: entry.label() });
    }
    witness(run, entry, tags)
}

/// Whether the restore is of `type: other` and its metadata carry the run's own name: then `teardown` goes by that name,
/// and the restore job is the witness.
pub(crate) fn goes_by_its_name(definition: &Definition, restore: &Name) -> bool {
    let restore = definition.restore.get(restore);
    restore.is_some_and(|restore| restore.kind == ResourceKind::Other && restore.with.contains_key("naming_key"))
}

/// Whether the definition names it, wherever: as a source, in a setting (a probe instance, a virtual machine of storage), in
/// a probe, its control or its way, in an action or its undo.
pub(crate) fn is_named(definition: &Definition, arn: Option<&Arn>, name: &str) -> bool {
    let id = arn.map_or(name, |arn| arn.name().rsplit('/').next().unwrap_or_default());
    let is_it = |text: &str| arn.is_some_and(|arn| text == arn.as_str()) || text == id || text == name;
    let restores = definition.restore.values().any(|restore| {
        arn == Some(&restore.resource)
            || restore.resource.name().rsplit('/').next() == Some(id)
            || restore.resource.name() == name
            || restore.metadata.values().any(|value| is_it(value))
            || mentions(&restore.with, &is_it)
    });
    restores
        || definition.probes.values().any(|probe| {
            mentions(&probe.settings, &is_it)
                || probe.negative_control.as_ref().is_some_and(|control| mentions(&control.settings, &is_it))
                || probe.beside().into_iter().any(&is_it)
        })
        || definition.actions.values().any(|action| {
            mentions(&action.settings, &is_it)
                || action.undo.as_ref().is_some_and(|undo| mentions(&undo.settings, &is_it))
        })
}

fn mentions(settings: &Settings, is_it: &dyn Fn(&str) -> bool) -> bool {
    let mut open: Vec<&Value> = settings.values().collect();
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) if is_it(text) => return true,
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => open.extend(fields.values()),
            _ => {}
        }
    }
    false
}

/// A job that failed because the name was taken made nothing: whatever has the name is somebody else's. AWS has no code
/// for it in a job, only the service's words (facts 2.1, "Gotchas").
fn failed_on_the_name(job: &RestoreJob) -> bool {
    let words = job.message.as_deref().unwrap_or_default().to_lowercase();
    job.status != JobStatus::Completed
        && job.created_resource.is_none()
        && (words.contains("alreadyexists") || words.contains("already exists"))
}

fn witness(run: &RunId, entry: &Entry, tags: Option<&BTreeMap<String, String>>) -> Result<Witness, Refusal> {
    let expected = &entry.intended.expected;
    if let (Some(made), Some(wanted)) = (entry.made(), &expected.arn)
        && made != wanted
    {
        return Err(Refusal::OtherResource { made: made.to_string(), expected: wanted.to_string() });
    }
    let job = entry.job.as_ref().filter(|_| !entry.terminal_job().is_some_and(failed_on_the_name));
    if let Some(job) = job {
        return Ok(Witness::RestoreJob { job: job.clone() });
    }
    if tags.is_some_and(|tags| tags.contains_key(NEVER_TAG)) {
        return Err(Refusal::Protected(entry.label()));
    }
    let tagged = tags.and_then(|tags| tags.get(RUN_TAG)).is_some_and(|value| *value == run.to_string());
    if tagged {
        return Ok(Witness::Tag);
    }
    // What the run makes itself before the job (a bucket) was seen to be free under this name just before it was asked for.
    let of_another_run = tags.is_some_and(|tags| tags.contains_key(RUN_TAG));
    if (entry.ground.is_some() || entry.found.is_some()) && !of_another_run {
        return Ok(Witness::Request);
    }
    Err(Refusal::NoWitness(expected.name.clone()))
}
