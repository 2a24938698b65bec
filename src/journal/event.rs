//! The vocabulary of the journal.
//!
//! An *intent* is durable before its side effect starts; an *outcome* is recorded after. Nothing is ever changed or
//! removed. What each event proves stands beside it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::cloud::check::Check;
use crate::cloud::error::CloudError;
use crate::cloud::ground::Identity;
use crate::cloud::resource::{Expected, Found, Observation, Part};
use crate::cloud::vault::{Metadata, Picked, RestoreJob};
use crate::journal::chain::{Hash, sha256_hex};
use crate::journal::verdict::Conclusion;
use crate::plan::step::Plan;
use crate::probe::{Miss, Observed};
use crate::words::arn::Arn;
use crate::words::id::{DrillName, JobId, Name, RunId, StepId, Token};
use crate::words::kind::{Mode, Verdict};
use crate::words::shared::Shared;

pub use crate::journal::record::Recorded;

/// Version of the journal's format.
///
/// | version | since | change |
/// |---|---|---|
/// | 1 | 0.1.0 | first |
///
/// Events and words that were added since stay format 1, because an older journal reads as before: leases (`kept`,
/// `lease_tagged`, `lease_tag_failed`, `lease_extended`, `lease_ended`), runs that are ended by `stopped` or `max_cost`,
/// `history`, `commit`, `previous`, `world_id` and `asked_at` in the first record, `restores` and `removals` in an earlier run,
/// and the archive (`archive_intended`, `archived`, `archive_failed`).
pub const FORMAT: u32 = 1;

/// Makes [`Event`], and the same list once more for whoever knows already which of them a text is.
macro_rules! stored_by_name {
    ($(#[$about:meta])* pub enum Event { $($events:tt)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "event", rename_all = "snake_case")]
        pub enum Event { $($events)* }

        /// How [`tagged`](crate::journal::tagged) reads an [`Event`].
        #[derive(Deserialize)]
        #[serde(remote = "Event", rename_all = "snake_case")]
        pub(super) enum ByName { $($events)* }
    };
}

stored_by_name! {
/// What happened.
pub enum Event {
    /// The run exists. First record, once.
    RunStarted(Box<RunStarted>),
    /// Another process goes on with the run: whatever was in flight is in doubt.
    RunResumed { by: String },
    /// Somebody asked for the end. From here on nothing starts but teardown and report.
    CancelRequested { by: CancelBy },
    /// A concluded run that leaked or keeps something is opened once more: what is left is torn down, unless it is kept.
    TeardownReopened,

    /// A step began.
    StepStarted { step: StepId },
    /// A step ended.
    StepEnded { step: StepId, end: StepEnd },
    /// A request failed in a way that passes; it is made again after a pause.
    Stumbled { step: StepId, error: CloudError },
    /// Something that a reader of the report should know.
    Warned { step: StepId, text: String },

    /// Outcome of the preflight.
    Preflighted { identity: Option<Identity>, checks: Vec<Check> },
    /// Outcome of a pick.
    Picked { restore: Name, picked: Box<Picked> },

    /// INTENT. A restore job is about to be started: the ledger's entry.
    RestoreIntended { restore: Name, entry: Box<Intended> },
    /// INTENT. What the restore job needs to find is made, such as the bucket that it restores into.
    GroundIntended { restore: Name },
    /// It is there.
    GroundLaid { restore: Name },
    /// AWS accepted the job, or the job was found (`found`) after a start whose answer never came.
    RestoreAccepted { restore: Name, job: JobId, found: bool },
    /// A start whose answer never came left no job that can be found; it may be sent again with the same token.
    RestoreNotFound { restore: Name },
    /// Jobs of the same recovery point since the intent, of which nothing says whether they are the run's: AWS does not
    /// show the mark that the run gave.
    RestoreDoubtful { restore: Name, jobs: Vec<JobId> },
    /// AWS refused the start: no job exists.
    RestoreRefused { restore: Name, error: CloudError },
    /// The job looks different from the last look.
    JobSeen { restore: Name, job: RestoreJob },
    /// What a search for the thing brought that no restore job names.
    Searched { restore: Name, found: Found },
    /// INTENT. What is missing before the restored thing is usable is added: these parts.
    FinishIntended { restore: Name, parts: Vec<Part> },
    /// The service accepted that.
    FinishAsked { restore: Name },
    /// The restored resource looks different from the last look.
    ResourceSeen { restore: Name, observation: Observation },

    /// INTENT. The inherited tags `remove` (kept here, values too) are removed, the tags `add` are added.
    StampIntended { restore: Name, remove: BTreeMap<String, String>, add: BTreeMap<String, String> },
    /// The tags are as intended.
    Stamped { restore: Name },
    /// The tags could not be set; the ledger and the restore job still prove whose the resource is.
    StampFailed { restore: Name, error: CloudError },

    /// One attempt of a probe.
    ProbeTried { probe: Name, attempt: u32, result: Tried },
    /// One attempt of a probe's negative control.
    ControlTried { probe: Name, attempt: u32, result: Tried },

    /// INTENT. A new master password is set on the restored database. It is not written down anywhere.
    PasswordIntended { restore: Name },
    /// The service accepted that.
    PasswordSet { restore: Name },

    /// INTENT. An action is about to be done: from here on its undo is owed.
    ActionIntended { action: Name, attempt: u32 },
    /// One attempt of an action.
    ActionTried { action: Name, attempt: u32, result: Tried },
    /// INTENT. An action is about to be undone.
    UndoIntended { action: Name, attempt: u32 },
    /// One attempt of an action's undo.
    UndoTried { action: Name, attempt: u32, result: Tried },
    /// A person answered a gate.
    GateAnswered { gate: Name, answer: GateAnswer },

    /// The tags that a resource of doubtful origin carries, read before anything is done to it.
    TagsSeen { restore: Name, tags: BTreeMap<String, String> },
    /// INTENT. Deletion protection is switched off.
    UnprotectIntended { restore: Name },
    /// It was.
    Unprotected { restore: Name },
    /// INTENT. The resource is deleted; `witness` says what proves that it is the run's.
    RemovalIntended { restore: Name, witness: Witness },
    /// The service accepted the deletion.
    RemovalAccepted { restore: Name },
    /// The service says that it does not exist. Absence counts when it was seen twice.
    AbsenceSeen { restore: Name },
    /// Nothing of it is left.
    Gone { restore: Name, proof: GoneProof },

    /// INTENT. What was restored stays on purpose until then: a lease. `tag`: its type can carry the end as a tag.
    Kept { restore: Name, until: Timestamp, tag: bool },
    /// Its tag `drill:expires` says when the lease ends.
    LeaseTagged { restore: Name },
    /// That tag could not be set: only this journal knows of the lease.
    LeaseTagFailed { restore: Name, error: CloudError },
    /// INTENT. All leases of the run end then, and not when they did; their tags are set anew.
    LeaseExtended { until: Timestamp, by: String },
    /// The leases of the run are over: from here on what was kept is removed like anything else.
    LeaseEnded { by: LeaseEnd },

    /// The verdict. Last event that the report is made from.
    Concluded { conclusion: Box<Conclusion> },
    /// The report's files.
    ReportWritten { files: Vec<ReportFile> },
    /// The report could not be written; `drill report RUN` writes it.
    ReportFailed { message: String },
    /// INTENT. The bundle is copied to this place in S3, where it stays until then.
    ArchiveIntended { place: String, until: Timestamp },
    /// All of it is there, and stays.
    Archived { place: String, until: Timestamp, files: Vec<ReportFile> },
    /// It is not, or not all of it; `drill report RUN --archive` tries again.
    ArchiveFailed { message: String },
}
}

/// The first record: everything that the run, its resume and its report need.
///
/// The plan and the templates are the same for many runs, and are there once for all that were read together: whoever reads
/// a record has them as `P` and `T` until they are found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStarted<P = Shared<Plan>, T = Shared<BTreeMap<String, String>>> {
    /// [`FORMAT`].
    pub format: u32,
    /// Version of drill.
    pub version: String,
    /// The drill.
    pub drill: DrillName,
    /// What it talks to.
    pub mode: Mode,
    /// The compiled plan.
    pub plan: P,
    /// The definition's text, as compiled.
    pub definition: String,
    /// SHA-256 of that text.
    pub definition_sha256: String,
    /// The folder that `file:` references are relative to.
    pub folder: String,
    /// `--var` and defaults, after merging.
    pub vars: BTreeMap<String, String>,
    /// Who started it, as far as the machine knows: user@host.
    pub started_by: String,
    /// When it was asked for, by the run's clock, if it was one of several: it may have waited for places until it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
    /// The runbook's template and partials, as read.
    pub templates: T,
    /// Seed of the simulated world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Where the simulated AWS is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub world: Option<World>,
    /// What tells the world of the run from every other. None in AWS itself, and in journals from before it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub world_id: Option<WorldId>,
    /// Probes that cannot be measured here, with the reason and what to install.
    #[serde(default)]
    pub unmeasurable: BTreeMap<Name, String>,
    /// The world was made from the definition alone: a table that is missing in it proves nothing.
    #[serde(default)]
    pub made_world: bool,
    /// What the drill's last passed run of the same mode recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_pass: Option<LastPass>,
    /// The drill's runs of the same mode before this one, oldest first and at most [`MOST_EARLIER`]: the report shows the
    /// trend, and is a function of this journal alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Earlier>,
    /// The git commit of the definition's folder; none where there is no repository or no git.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
    /// The evidence bundle of the drill's run before, of the same mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousBundle>,
}

impl RunStarted {
    /// The first record that this version of drill writes for a plan and the definition's text. Whatever else a run can have
    /// it has not: no folder, variables, templates, world or earlier runs.
    #[must_use]
    pub fn new(mode: Mode, plan: Plan, definition: &str, started_by: &str) -> Self {
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            drill: plan.definition.name.clone(),
            mode,
            plan: plan.into(),
            definition: definition.to_owned(),
            definition_sha256: sha256_hex(definition.as_bytes()),
            folder: String::new(),
            vars: BTreeMap::new(),
            started_by: started_by.to_owned(),
            asked_at: None,
            templates: Shared::default(),
            seed: None,
            world: None,
            world_id: None,
            unmeasurable: BTreeMap::new(),
            made_world: false,
            last_pass: None,
            history: Vec::new(),
            commit: None,
            previous: None,
        }
    }
}

impl<P, T> RunStarted<P, T> {
    /// The same with this plan and these templates.
    #[must_use]
    pub fn with<Q, U>(self, plan: Q, templates: U) -> RunStarted<Q, U> {
        RunStarted {
            format: self.format,
            version: self.version,
            drill: self.drill,
            mode: self.mode,
            plan,
            definition: self.definition,
            definition_sha256: self.definition_sha256,
            folder: self.folder,
            vars: self.vars,
            started_by: self.started_by,
            asked_at: self.asked_at,
            templates,
            seed: self.seed,
            world: self.world,
            world_id: self.world_id,
            unmeasurable: self.unmeasurable,
            made_world: self.made_world,
            last_pass: self.last_pass,
            history: self.history,
            commit: self.commit,
            previous: self.previous,
        }
    }
}

/// Earlier runs that a first record holds at most.
pub const MOST_EARLIER: usize = 20;

/// What came of an earlier run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// The run.
    pub run: RunId,
    /// When it started.
    pub at: Timestamp,
    /// Its verdict.
    pub verdict: Verdict,
    /// Its recovery time, if it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rto: Option<SignedDuration>,
    /// The age of its recovery point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo: Option<SignedDuration>,
    /// How long its copy took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_lag: Option<SignedDuration>,
    /// The age of the newest data inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_age: Option<SignedDuration>,
    /// How long each restore job took that completed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub restores: BTreeMap<Name, SignedDuration>,
    /// From the accepted removal to the first sight of its absence, where one request removed everything.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub removals: BTreeMap<Name, SignedDuration>,
}

/// A git commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// Its hash.
    pub id: String,
    /// Something in the definition's folder was changed and not committed.
    pub dirty: bool,
}

/// An evidence bundle, as a later one names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviousBundle {
    /// Its run.
    pub run: RunId,
    /// SHA-256 of its `manifest.json`.
    pub manifest_sha256: String,
    /// Hash of the last record of its journal.
    pub journal_head: Hash,
}

/// What an earlier run recorded, for comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastPass {
    /// The run.
    pub run: RunId,
    /// When it started.
    pub at: Timestamp,
    /// Probe → observed values by name.
    pub recorded: BTreeMap<Name, BTreeMap<String, Value>>,
}

/// Where a simulated AWS is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum World {
    /// Inside the process of the run: it dies with it.
    InProcess,
    /// A server of its own.
    Server { url: String },
}

/// What tells a world that is not AWS from every other one: a run is gone on with in its own alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum WorldId {
    /// The id that the simulated AWS of a server gave itself when it began.
    Server { id: Uuid },
    /// Where requests go that do not all go to AWS: one line a service, such as `backup http://127.0.0.1:4566`.
    Endpoints { lines: Vec<String> },
}

/// Who asked for the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelBy {
    /// Ctrl-C or SIGTERM.
    Signal,
    /// `drill cancel`.
    Command,
    /// A newer run: this one's process had died.
    NewerRun,
    /// `drill sweep`: this one's process had died.
    Sweep,
    /// `limits.max_duration` is over.
    MaxDuration,
    /// The process that held the simulated world died, and the world with it.
    WorldLost,
    /// The journal could not be written: nothing new begins without it. Known to this process only.
    JournalLost,
    /// Everything was stopped, by `drill stop --all` or by the parameter that the definition names.
    Stopped,
    /// What the run has cost so far reached `limits.max_cost_usd`.
    MaxCost,
}

/// Why leases are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseEnd {
    /// Their time was over.
    Expired,
    /// `drill resume`.
    Resumed,
    /// `drill keep --end`.
    Command,
    /// `drill sweep`.
    Sweep,
    /// The process that held the simulated world died, and the world with it.
    WorldLost,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum StepEnd {
    /// It did what it is for.
    Passed,
    /// It did not.
    Failed(Failure),
    /// It never ran.
    Skipped { because: String },
    /// A condition of the definition says that it is not asked.
    Unneeded { because: String },
    /// It could not run here, which is no pass.
    NotMeasured { because: String },
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Whose fault.
    pub class: Class,
    /// What happened.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// AWS's request id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// Whose fault a failure is: decides between `failed` and `inconclusive`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The backup did not prove itself.
    Data,
    /// The environment stood in the way.
    Environment,
    /// A deadline passed.
    Deadline,
    /// Somebody ended the run.
    Cancelled,
    /// A probe's negative control did not fail as predicted: the probe proves nothing.
    Untrustworthy,
    /// A guard refused: nothing proves that what is there is the run's.
    Refused,
}

/// The ledger's entry: what a restore may have made, written before it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intended {
    /// From 1; a further attempt only after the last is terminal and its leftover is gone.
    pub attempt: u32,
    /// What it will be called and where it will be.
    pub expected: Expected,
    /// Hash of run, step, attempt and metadata.
    pub token: Token,
    /// What AWS is sent.
    pub metadata: Metadata,
    /// The recovery point.
    pub point: Arn,
    /// The restore role.
    pub role: Arn,
}

/// One attempt's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum Tried {
    /// It answered, and every expectation held. `explained` says how, one line an expectation.
    Held { observed: Observed, explained: Vec<String> },
    /// It did not.
    Missed { miss: Miss },
}

/// What a person said at a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateAnswer {
    /// Go on, or end here.
    pub approved: bool,
    /// Who, as they said.
    pub by: String,
    /// Who was at the machine, as far as it knows: user@host.
    pub at: String,
    /// What they noted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What proves, besides the ledger, that a resource is the run's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum Witness {
    /// The run's own restore job names it as what it made, or was told to make it under this name.
    RestoreJob { job: JobId },
    /// It carries the tag `drill:run` with this run's id.
    Tag,
    /// The run itself asked for it under this name, after it had seen that the name was free.
    Request,
}

/// How it is known that nothing is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum GoneProof {
    /// The service answered twice that it does not exist, and keeps nothing of it.
    AbsentTwice { first: Timestamp, second: Timestamp },
    /// AWS refused the start, so nothing was ever made.
    NeverStarted,
    /// The simulated world ended with its process, and everything in it.
    WorldLost,
}

/// One file of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportFile {
    /// Its name inside the run's folder.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
}
