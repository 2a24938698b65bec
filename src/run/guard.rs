//! Whether a thing may be deleted. Pure, and the only place that says yes.
//!
//! All of these must hold: it is in this run's ledger; it is in the recorded account and region; it has the recorded
//! name and ARN; it is nothing that the definition names; and a witness besides the ledger says that it is the run's.

use std::collections::BTreeMap;

use crate::cloud::vault::{JobStatus, RestoreJob};
use crate::definition::model::Definition;
use crate::journal::event::Witness;
use crate::journal::ledger::Entry;
use crate::words::id::{Name, RunId};

/// The tag that carries the run's id.
pub const RUN_TAG: &str = "drill:run";

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
    let named = definition.restore.values().any(|other| other.resource == expected.arn)
        || definition.restore.values().any(|other| other.resource.name() == expected.name);
    if named {
        return Err(Refusal::Named(expected.arn.to_string()));
    }
    let destination = &definition.destination;
    let at_home = expected.region == destination.region
        && expected.account == destination.account
        && expected.arn.region().as_ref() == Some(&destination.region)
        && expected.arn.account().as_ref() == Some(&destination.account);
    if !at_home {
        return Err(Refusal::Elsewhere { arn: expected.arn.to_string() });
    }
    let prefix = format!("drill-{}-", run.short());
    if !expected.name.starts_with(&prefix)
        || !expected.name[prefix.len()..].starts_with(restore.as_str())
        || expected.arn.name() != expected.name
    {
        return Err(Refusal::ForeignName(expected.name.clone()));
    }
    witness(run, entry, tags)
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
    let made = entry.job_seen.as_ref().and_then(|(_, job): &(_, RestoreJob)| job.created_resource.as_ref());
    if let Some(made) = made
        && *made != expected.arn
    {
        return Err(Refusal::OtherResource { made: made.to_string(), expected: expected.arn.to_string() });
    }
    let job = entry.job.as_ref().filter(|_| !entry.terminal_job().is_some_and(failed_on_the_name));
    if let Some(job) = job {
        return Ok(Witness::RestoreJob { job: job.clone() });
    }
    let tagged = tags.and_then(|tags| tags.get(RUN_TAG)).is_some_and(|value| *value == run.to_string());
    if tagged { Ok(Witness::Tag) } else { Err(Refusal::NoWitness(expected.name.clone())) }
}
