//! The seam per resource type. A type is one file in `aws/resource/` with both halves: facts, which are pure, and calls.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::error::CloudError;
use crate::cloud::ground::Ground;
use crate::cloud::vault::Metadata;
use crate::words::arn::Arn;
use crate::words::id::{AccountId, Name, Region, RunId};
use crate::words::kind::ResourceKind;
use crate::yaml::shape::Field;

/// A type's typed settings (`with:`), checked against [`ResourceFacts::fields`]. Only the type's own file reads inside.
pub type Settings = serde_json::Map<String, Value>;

/// What a restore will make: known before it is made, so that it can be found whatever happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// The deterministic name, `drill-<run8>-<restore>`.
    pub name: String,
    /// The ARN that follows from name, region and account.
    pub arn: Arn,
    /// Where.
    pub region: Region,
    /// Whose.
    pub account: AccountId,
}

/// One address that clients connect to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// A DNS name or an address, as the service's API gave it.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// One look at a restored resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Where it stands.
    pub phase: Phase,
    /// The service's own word for its state, such as `backing-up`.
    pub status: String,
    /// Where it answers, once it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// It refuses deletion until that is switched off.
    #[serde(default)]
    pub protected: bool,
    /// Facts worth a line in the report: engine version, class, storage, public access, network.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
}

/// Where a resource stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// On its way. Also every state this version does not know (then `status` is warned about).
    Pending,
    /// A state that this version has never heard of: treated as pending, and warned about.
    Unknown,
    /// Usable.
    Ready,
    /// It will never be usable, for a reason of the data or of the restore itself.
    Broken,
    /// It will never be usable, for a reason of the surroundings: network, capacity, key, parameter group.
    Hindered,
    /// Being deleted.
    Leaving,
    /// The service says that it does not exist.
    Gone,
}

/// A finding of a type's preflight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was looked at, such as `subnet group drill-isolated`.
    pub what: String,
    /// What came of it.
    pub result: CheckResult,
    /// What was seen, or why nothing could be, with the mend where there is one.
    pub detail: String,
}

/// What came of a check. Where a permission to look is missing it is `NotChecked`, never `Ok`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// As it should be.
    Ok,
    /// The run would fail: it stops before the first write.
    Failed,
    /// Odd, but no reason to stop.
    Warning,
    /// Could not be looked at.
    NotChecked,
}

/// What a type knows without asking anybody. Pure: the definition and the plan see only this.
pub trait ResourceFacts: Send + Sync {
    /// Which type.
    fn kind(&self) -> ResourceKind;

    /// AWS Backup's word for the type, such as `RDS` (facts 1.6).
    fn backup_type(&self) -> &'static str;

    /// The keys of `with:`, with types, ranges and documentation.
    fn fields(&self) -> Vec<Field>;

    /// Whether `arn` can be the source resource of this type; otherwise what it should look like.
    ///
    /// # Errors
    /// A sentence for the user.
    fn check_arn(&self, arn: &Arn) -> Result<(), String>;

    /// Name and ARN of what the restore will make.
    fn expected(
        &self,
        run: &RunId,
        restore: &Name,
        attempt: u32,
        region: &Region,
        account: &AccountId,
        partition: &str,
    ) -> Expected;

    /// The metadata for StartRestoreJob: an allow-list of what AWS `returned`, then the typed settings, then `raw`,
    /// which wins (facts 2.0 and the type's own section).
    ///
    /// # Errors
    /// A sentence for the user, naming the key.
    fn metadata(
        &self,
        returned: &Metadata,
        with: &Settings,
        raw: &Metadata,
        expected: &Expected,
    ) -> Result<Metadata, String>;

    /// The metadata key that carries the expected name.
    fn naming_key(&self) -> &'static str;

    /// The IAM actions that the drill's own identity needs for this type, besides AWS Backup's.
    fn permissions(&self) -> &'static [&'static str];

    /// The `aws` commands by which a person restores and reaches it by hand, for the runbook.
    fn by_hand(&self, expected: &Expected) -> ByHand;

    /// How long one usually takes from accepted to ready, for estimates before there is history.
    fn usual_minutes(&self) -> i64;
}

/// Commands for a person, one a line, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByHand {
    /// Wait until it is usable and show where it answers.
    pub ready: Vec<String>,
    /// Remove it.
    pub remove: Vec<String>,
}

/// The calls of a resource type. Each is one request, or one short fixed sequence of reads.
#[async_trait]
pub trait ResourceCalls: Send + Sync {
    /// One look. A resource that does not exist is an observation (`Phase::Gone`), not an error.
    async fn observe(&self, expected: &Expected) -> Result<Observation, CloudError>;

    /// The tags that it carries now.
    async fn tags(&self, arn: &Arn) -> Result<BTreeMap<String, String>, CloudError>;

    /// Removes tags.
    async fn untag(&self, arn: &Arn, keys: &[String]) -> Result<(), CloudError>;

    /// Adds tags.
    async fn tag(&self, arn: &Arn, tags: &BTreeMap<String, String>) -> Result<(), CloudError>;

    /// Switches deletion protection off.
    async fn unprotect(&self, expected: &Expected) -> Result<(), CloudError>;

    /// Asks for deletion, without a final snapshot. Already gone is success.
    async fn remove(&self, expected: &Expected) -> Result<(), CloudError>;

    /// After it is gone: what of it the service still keeps and bills (automated backups, final snapshots), by name.
    async fn remains(&self, expected: &Expected, since: Timestamp) -> Result<Vec<String>, CloudError>;

    /// Predicts failures before anything is started. Reads only.
    async fn preflight(&self, ground: &dyn Ground, with: &Settings, expected: &Expected) -> Vec<Check>;
}

/// Looks a type's facts up; `cli` hands the registry (`aws::resource::facts`) to the stages that may not import it.
pub type Types = fn(ResourceKind) -> &'static dyn ResourceFacts;
