//! Who, what, where and when of a run.

use serde::{Deserialize, Serialize};

use crate::journal::event::Commit;
use crate::journal::state::State;
use crate::report::facts::{Row, shown};
use crate::words::kind::Mode;
use crate::words::time::show_instant;

/// Who, what, where, when. Times are UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The drill's name.
    pub drill: String,
    /// Its title.
    pub title: String,
    /// Who answers for it.
    pub owner: String,
    /// Free labels.
    pub labels: Vec<Row>,
    /// Controls that the owner maps it to.
    pub controls: Vec<String>,
    /// `aws`, `sandbox` or `custom_endpoint`.
    pub mode: String,
    /// The mode in a sentence.
    pub talked_to: String,
    /// Seed of the simulated AWS.
    pub seed: Option<String>,
    /// The run's id.
    pub run: String,
    /// Who started it.
    pub started_by: String,
    /// Whose credentials it used, as AWS said.
    pub caller: Option<String>,
    /// When it was asked for, if it was one of several and may have waited before it started.
    pub asked: Option<String>,
    /// When it started.
    pub started: String,
    /// When it reached its verdict.
    pub ended: Option<String>,
    /// How long that took.
    pub duration: Option<String>,
    /// Version of drill.
    pub tool_version: String,
    /// SHA-256 of the definition.
    pub definition_sha256: String,
    /// The git commit of its folder, and whether something in it was not committed; null without git.
    pub commit: Option<String>,
    /// The run whose evidence this run's is chained to; null for the first.
    pub previous: Option<String>,
    /// Variables, after merging.
    pub vars: Vec<Row>,
    /// Region of the workload.
    pub source_region: String,
    /// Account of the workload.
    pub source_account: String,
    /// The role assumed there.
    pub source_role: Option<String>,
    /// Region of the restore.
    pub destination_region: String,
    /// Account of the restore.
    pub destination_account: String,
    /// The vault.
    pub vault: String,
    /// The role that AWS Backup restores with.
    pub restore_role: String,
    /// The role that the drill itself assumes there.
    pub access_role: Option<String>,
}

/// The scope of a run.
#[must_use]
pub fn scope(state: &State) -> Scope {
    let started = &state.started;
    let definition = &started.plan.definition;
    let (source, destination) = (&definition.source, &definition.destination);
    let ended = state.concluded.as_ref().map(|(at, _)| *at);
    Scope {
        drill: definition.name.to_string(),
        title: definition.title.clone(),
        owner: definition.owner.clone(),
        labels: rows(definition.labels.iter()),
        controls: definition.controls.clone(),
        mode: started.mode.word().to_owned(),
        talked_to: talked_to(started.mode).to_owned(),
        seed: started.seed.map(|seed| seed.to_string()),
        run: state.run.to_string(),
        started_by: started.started_by.clone(),
        caller: state.identity.as_ref().map(|identity| identity.arn.clone()),
        asked: started.asked_at.map(show_instant),
        started: show_instant(state.started_at),
        ended: ended.map(show_instant),
        duration: shown(ended.map(|at| at.duration_since(state.started_at))),
        tool_version: started.version.clone(),
        definition_sha256: started.definition_sha256.clone(),
        commit: started.commit.as_ref().map(commit),
        previous: started.previous.as_ref().map(|bundle| bundle.run.to_string()),
        vars: rows(started.vars.iter()),
        source_region: source.region.to_string(),
        source_account: source.account.to_string(),
        source_role: source.access_role.as_ref().map(ToString::to_string),
        destination_region: destination.region.to_string(),
        destination_account: destination.account.to_string(),
        vault: destination.vault.to_string(),
        restore_role: destination.restore_role.to_string(),
        access_role: destination.access_role.as_ref().map(ToString::to_string),
    }
}

/// Pairs of texts as rows.
pub(crate) fn rows<'a>(pairs: impl Iterator<Item = (&'a String, &'a String)>) -> Vec<Row> {
    pairs.map(|(name, value)| Row { name: name.clone(), value: value.clone() }).collect()
}

fn commit(commit: &Commit) -> String {
    let dirty = if commit.dirty { ", with changes that were not committed" } else { "" };
    format!("{}{dirty}", commit.id)
}

fn talked_to(mode: Mode) -> &'static str {
    match mode {
        Mode::Aws => "AWS",
        Mode::Sandbox => "a simulated AWS on this machine",
        Mode::CustomEndpoint => "an endpoint that was set by hand",
    }
}
