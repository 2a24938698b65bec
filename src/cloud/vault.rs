//! AWS Backup as a drill needs it. Facts: section 1.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cloud::error::CloudError;
use crate::words::arn::Arn;
use crate::words::id::{JobId, Token, VaultName};

/// Metadata of a restore: AWS takes strings only, lists and objects encoded into them (facts 2.0).
pub type Metadata = BTreeMap<String, String>;

/// A recovery point as a vault lists it (facts 1.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryPoint {
    /// The recovery point's ARN, in the destination region.
    pub arn: Arn,
    /// The *source* resource's ARN, for a copy too.
    pub resource: Option<Arn>,
    /// AWS Backup's word for the type, such as `RDS`.
    pub resource_type: Option<String>,
    /// AWS's word for the status (facts 1.5.1); unknown words are possible.
    pub status: String,
    /// When the source's recovery point was made; a copy keeps it. RPO is measured from here.
    pub created: Option<Timestamp>,
    /// Size in bytes; some types say 0 or nothing.
    pub size_bytes: Option<u64>,
    /// The vault that it was copied from; absent on an original.
    pub source_vault: Option<Arn>,
    /// When its retention ends.
    pub delete_at: Option<Timestamp>,
    /// A temporary copy that vanishes once it was copied on (`DELETE_AFTER_COPY`).
    pub delete_after_copy: bool,
    /// A composite's parent: not restorable by itself.
    pub is_parent: bool,
    /// The key that encrypts it.
    pub encryption_key: Option<Arn>,
    /// A scan found malware in it.
    pub malware: bool,
    /// The backup plan that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

/// Outcome of a pick.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Picked {
    /// The chosen one; none means that nothing was eligible.
    pub chosen: Option<RecoveryPoint>,
    /// Those that are not eligible, newest first, each with its reason.
    pub rejected: Vec<Rejected>,
    /// How many more there are that are older than the chosen one and have nothing but their age against them.
    #[serde(default)]
    pub older: u32,
    /// How the chosen one came here.
    pub copy: CopyEvidence,
}

/// A recovery point that was not chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Which.
    pub arn: Arn,
    /// From when.
    pub created: Option<Timestamp>,
    /// Its status.
    pub status: String,
    /// Why not.
    pub reason: String,
}

/// How long the chosen recovery point's copy took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum CopyEvidence {
    /// The copy job, as the source region lists it.
    Seen { arrived: Timestamp },
    /// It could not be found out.
    NotMeasured { because: String },
}

/// What only DescribeRecoveryPoint tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointDetail {
    /// Status at the time of the look.
    pub status: String,
    /// `WARM`, `COLD`, `DELETED`, or a newer word. Absent counts as warm.
    pub storage_class: Option<String>,
}

/// What StartRestoreJob is asked for (facts 1.6). CopySourceTagsToRestoredResource is always false.
#[derive(Debug, Clone)]
pub struct StartRestore {
    /// The recovery point.
    pub point: Arn,
    /// The restore role, passed to AWS Backup.
    pub role: Arn,
    /// The metadata.
    pub metadata: Metadata,
    /// The journalled token.
    pub token: Token,
    /// The `ResourceType` field, where the type has one that fits.
    pub resource_type: Option<String>,
}

/// A restore job's status (facts 1.7).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    /// Accepted, not begun.
    Pending,
    /// Under way.
    Running,
    /// Done. Not the same as usable.
    Completed,
    /// Stopped by AWS.
    Aborted,
    /// Failed; a partial resource may exist.
    Failed,
    /// A word this version does not know: not terminal, warned about, bounded by the deadline.
    #[serde(untagged)]
    Other(String),
}

impl JobStatus {
    /// AWS's word → status.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "PENDING" | "CREATED" => Self::Pending,
            "RUNNING" => Self::Running,
            "COMPLETED" => Self::Completed,
            "ABORTED" => Self::Aborted,
            "FAILED" => Self::Failed,
            other => Self::Other(crate::words::text::tame(other)),
        }
    }

    /// Whether the job can still change.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Completed | Self::Aborted | Self::Failed)
    }

    /// AWS's word.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Aborted => "ABORTED",
            Self::Failed => "FAILED",
            Self::Other(word) => word,
        }
    }
}

/// One look at a restore job.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RestoreJob {
    /// Its id.
    pub id: JobId,
    /// Its status.
    pub status: JobStatus,
    /// AWS's explanation; can be present on a completed job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The recovery point that it restores.
    pub point: Option<Arn>,
    /// What it made; may appear while it runs and may be absent when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_resource: Option<Arn>,
    /// When AWS accepted it.
    pub created: Option<Timestamp>,
    /// When it became terminal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<Timestamp>,
    /// Native restore testing started it: never ours.
    #[serde(default)]
    pub from_restore_testing: bool,
}

/// What a search for a restore job brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundJob {
    /// No job of the recovery point since then, or only such as carry another mark.
    Nothing,
    /// This one carries the mark.
    Ours(Box<RestoreJob>),
    /// These show no mark at all: AWS does not say what they were started with, or not yet.
    Perhaps(Vec<JobId>),
}

/// A copy job, as the source region lists it (facts 1.8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyJob {
    /// AWS's word for the state: `CREATED`, `RUNNING`, `COMPLETED`, `FAILED`, `PARTIAL`.
    pub state: String,
    /// The recovery point in the destination, once it is known.
    pub destination_point: Option<Arn>,
    /// When the copy job was created.
    pub created: Option<Timestamp>,
    /// When it ended: the moment of arrival.
    pub completed: Option<Timestamp>,
    /// AWS's explanation of a failure.
    pub message: Option<String>,
}

/// The vault's state (DescribeBackupVault).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultState {
    /// The vault's ARN.
    pub arn: Arn,
    /// How many recovery points AWS says are in it.
    pub points: u64,
    /// The key that it encrypts copies with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Arn>,
}

/// AWS Backup in the destination.
#[async_trait]
pub trait Vault: Send + Sync {
    /// `backup:DescribeBackupVault`.
    async fn describe_vault(&self, vault: &VaultName) -> Result<VaultState, CloudError>;

    /// `backup:ListRecoveryPointsByBackupVault` by source resource, paged to its end, in no particular order. Only the
    /// absence of a token ends the list: a page may be empty.
    async fn recovery_points(&self, vault: &VaultName, resource: &Arn) -> Result<Vec<RecoveryPoint>, CloudError>;

    /// `backup:DescribeRecoveryPoint`.
    async fn describe_point(&self, vault: &VaultName, point: &Arn) -> Result<PointDetail, CloudError>;

    /// `backup:GetRecoveryPointRestoreMetadata`, without the entries that are null.
    async fn restore_metadata(&self, vault: &VaultName, point: &Arn) -> Result<Metadata, CloudError>;

    /// `backup:StartRestoreJob`. The only call that makes anything. Repeating it with the same token makes nothing new.
    async fn start_restore(&self, ask: &StartRestore) -> Result<JobId, CloudError>;

    /// `backup:DescribeRestoreJob`. `NotFound` just after the start is possible (facts 1.4).
    async fn restore_job(&self, job: &JobId) -> Result<RestoreJob, CloudError>;

    /// `backup:ListRestoreJobs` created at or after `since`, paged to its end, whose metadata
    /// (`backup:GetRestoreJobMetadata`) carries the mark (key and value) and whose point is `point`. This is how
    /// a job is found whose start was never answered: no filter by token exists (facts 1.7).
    async fn find_restore_job(
        &self,
        resource_type: Option<&str>,
        point: &Arn,
        mark: (&str, &str),
        since: Timestamp,
    ) -> Result<FoundJob, CloudError>;

    /// `backup:ListRestoreJobs` of every type created at or after `since`, paged to its end, without those of native
    /// restore testing.
    async fn restore_jobs(&self, since: Timestamp) -> Result<Vec<RestoreJob>, CloudError>;

    /// `backup:GetRestoreJobMetadata`: what the job was started with. None: AWS does not show it, or not yet.
    async fn restore_job_metadata(&self, job: &JobId) -> Result<Option<Metadata>, CloudError>;

    /// `backup:ListRecoveryPointsByBackupVault` by type, of every resource, paged to its end.
    async fn points_of_type(&self, vault: &VaultName, resource_type: &str) -> Result<Vec<RecoveryPoint>, CloudError>;

    /// `backup:ListTags` of a recovery point: those that its resource had when it was made.
    async fn point_tags(&self, point: &Arn) -> Result<BTreeMap<String, String>, CloudError>;
}

/// Copies of a resource's recovery points, from the source region.
#[async_trait]
pub trait CopyHistory: Send + Sync {
    /// `backup:ListCopyJobs` for the resource created at or after `since`, paged to its end.
    async fn copy_jobs(&self, resource: &Arn, since: Timestamp) -> Result<Vec<CopyJob>, CloudError>;
}
