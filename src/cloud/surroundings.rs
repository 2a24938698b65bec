//! What a preflight asks about the account, besides identity, keys and networks: roles, policies, quotas, the settings
//! of AWS Backup, and AWS's clock. Facts: appendix B. Reads only.
//!
//! Every method is one request, or one list to its end. A permission that is missing is an error of the kind
//! [`Denied`](crate::cloud::error::ErrorKind::Denied): whoever asks says "not checked" then, never "ok".

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::cloud::error::CloudError;
use crate::words::arn::Arn;
use crate::words::id::{Region, VaultName};

/// Something that AWS Backup's role must be allowed to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleNeed {
    /// The IAM action, such as `rds:RestoreDBInstanceFromDBSnapshot`.
    pub action: &'static str,
    /// On what: an ARN, with `*` where AWS assigns an id.
    pub resource: String,
    /// Without it the restore fails for certain. The others are in AWS's own policy for the type: a restore may need
    /// them.
    pub vital: bool,
    /// For `iam:PassRole`: the service that a role is handed to.
    pub passed_to: Option<&'static str>,
}

impl RoleNeed {
    /// Without it the restore fails.
    #[must_use]
    pub fn vital(action: &'static str, resource: &str) -> Self {
        Self { action, resource: resource.to_owned(), vital: true, passed_to: None }
    }

    /// A restore may need it: AWS's own policy for the type allows it.
    #[must_use]
    pub fn usual(action: &'static str, resource: &str) -> Self {
        Self { vital: false, ..Self::vital(action, resource) }
    }
}

/// A quota of the account in one region, and how much of it one restore takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// In words, such as `DB instances`.
    pub name: &'static str,
    /// The service's word in Service Quotas, such as `rds`.
    pub service: &'static str,
    /// The quota's code there, such as `L-7B6409FD`.
    pub code: &'static str,
    /// RDS's own word for it, such as `DBInstances`: then RDS is asked, which also knows how much is used.
    pub attribute: Option<&'static str>,
    /// How much one restore takes, in the quota's unit; 0 where that is not known before the restore.
    pub needed: u32,
}

/// A region, as `ec2:DescribeRegions` knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionState {
    /// `opt-in-not-required`, `opted-in`, `not-opted-in` (AWS's word).
    pub opt_in: String,
}

/// `backup:DescribeRegionSettings`: type (AWS Backup's word) to whether it is on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegionSettings {
    /// AWS Backup looks after the type at all.
    pub opted_in: BTreeMap<String, bool>,
    /// It manages the type's backups fully; for DynamoDB these are the advanced features.
    pub managed: BTreeMap<String, bool>,
}

/// `iam:GetRole`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleState {
    /// Its ARN, path included.
    pub arn: Arn,
    /// Its trust policy, decoded: JSON, as somebody wrote it.
    pub trust: String,
}

/// A question to `iam:SimulatePrincipalPolicy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulation {
    /// The role or user who would act.
    pub principal: Arn,
    /// What it would do.
    pub actions: Vec<String>,
    /// On what.
    pub resource: String,
    /// For `iam:PassRole`: the service that the role is handed to.
    pub passed_to: Option<&'static str>,
}

/// What IAM answers for one action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The action.
    pub action: String,
    /// It would be allowed.
    pub allowed: bool,
    /// Keys of conditions that the answer depends on and that the question did not give.
    pub missing: Vec<String>,
}

/// `servicequotas:GetServiceQuota`.
#[derive(Debug, Clone, PartialEq)]
pub struct QuotaState {
    /// The limit that counts for this account.
    pub value: f64,
    /// Where CloudWatch keeps how much is used, for quotas of which it does.
    pub usage: Option<UsageMetric>,
}

/// A metric of CloudWatch that counts what a quota limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageMetric {
    /// `AWS/Usage`.
    pub namespace: String,
    /// `ResourceCount`, …
    pub name: String,
    /// Dimension to value.
    pub dimensions: BTreeMap<String, String>,
    /// The statistic that AWS recommends, such as `Maximum`.
    pub statistic: String,
}

/// One entry of `rds:DescribeAccountAttributes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseQuota {
    /// RDS's word, such as `DBInstances`.
    pub name: String,
    /// In use.
    pub used: i64,
    /// At most.
    pub max: i64,
}

/// What a backup plan selects (`backup:GetBackupSelection`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupSelection {
    /// The plan's name.
    pub plan: String,
    /// The selection's name.
    pub name: String,
    /// ARNs, with `*` for any text.
    pub resources: Vec<String>,
    /// ARNs that are left out, likewise.
    pub not_resources: Vec<String>,
    /// Tags of which one must be there (`ListOfTags`).
    pub any_tag: Vec<(String, String)>,
    /// Conditions that must all hold (`Conditions`).
    pub conditions: Vec<TagCondition>,
}

/// A condition on a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagCondition {
    /// The tag's key.
    pub key: String,
    /// Its value; with `like`, `*` stands for any text.
    pub value: String,
    /// `StringLike`, not `StringEquals`.
    pub like: bool,
    /// It must not match.
    pub not: bool,
}

/// Backup plans' selections, and whether these are all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupSelections {
    /// Those that were read.
    pub read: Vec<BackupSelection>,
    /// There are more, which were not read: each is a request of its own.
    pub more: bool,
}

/// The account around the drill, in the destination.
#[async_trait]
pub trait Surroundings: Send + Sync {
    /// The `Date` of AWS's answer to `sts:GetCallerIdentity`, whatever else the answer says. None: it has none that can
    /// be read.
    async fn time(&self) -> Result<Option<Timestamp>, CloudError>;

    /// `ec2:DescribeRegions`. None: the account does not know such a region.
    async fn region(&self, region: &Region) -> Result<Option<RegionState>, CloudError>;

    /// `backup:DescribeRegionSettings`.
    async fn region_settings(&self) -> Result<RegionSettings, CloudError>;

    /// `backup:GetBackupVaultAccessPolicy`: JSON, as somebody wrote it. None: the vault has none.
    async fn vault_policy(&self, vault: &VaultName) -> Result<Option<String>, CloudError>;

    /// `backup:ListBackupPlans`, `backup:ListBackupSelections`, `backup:GetBackupSelection`: at most `most` selections.
    async fn selections(&self, most: usize) -> Result<BackupSelections, CloudError>;

    /// `iam:GetRole` by the role's name, without its path.
    async fn role(&self, name: &str) -> Result<RoleState, CloudError>;

    /// `iam:ListAttachedRolePolicies`: the ARNs of the managed policies.
    async fn role_policies(&self, name: &str) -> Result<Vec<String>, CloudError>;

    /// `iam:SimulatePrincipalPolicy`: one decision for each action.
    async fn simulate(&self, ask: &Simulation) -> Result<Vec<Decision>, CloudError>;

    /// `kms:GetKeyPolicy`: JSON, as somebody wrote it.
    async fn key_policy(&self, key: &Arn) -> Result<String, CloudError>;

    /// `kms:ListGrants`: the principals that the key's grants name.
    async fn grantees(&self, key: &Arn) -> Result<Vec<String>, CloudError>;

    /// `servicequotas:GetServiceQuota`.
    async fn quota(&self, service: &str, code: &str) -> Result<QuotaState, CloudError>;

    /// `rds:DescribeAccountAttributes`.
    async fn database_quotas(&self) -> Result<Vec<DatabaseQuota>, CloudError>;
}
