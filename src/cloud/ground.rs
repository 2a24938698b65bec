//! The ground a drill stands on: who it is, which network and keys are there, where its secrets live.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::cloud::error::CloudError;
use crate::words::arn::Arn;
use crate::words::id::{AccountId, Region};
use crate::words::secret::Secret;

/// `sts:GetCallerIdentity`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The account behind the credentials.
    pub account: AccountId,
    /// The caller's ARN, for the report.
    pub arn: String,
}

/// `kms:DescribeKey`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyState {
    /// `Enabled`, `Disabled`, `PendingDeletion`, … (AWS's word).
    pub state: String,
    /// AWS made it and looks after it: nobody else changes its policy.
    #[serde(default)]
    pub aws_managed: bool,
}

/// A security group, as `ec2:DescribeSecurityGroups` knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// `sg-…`
    pub id: String,
    /// The VPC that it belongs to.
    pub vpc: Option<String>,
}

/// Identity, keys and network in the destination.
#[async_trait]
pub trait Ground: Send + Sync {
    /// `sts:GetCallerIdentity`.
    async fn identity(&self) -> Result<Identity, CloudError>;

    /// `kms:DescribeKey`.
    async fn key(&self, key: &Arn) -> Result<KeyState, CloudError>;

    /// `ec2:DescribeVpcs`: the id of the region's default VPC. None: there is none.
    async fn default_vpc(&self) -> Result<Option<String>, CloudError>;

    /// `ec2:DescribeSecurityGroups` for these ids; those that do not exist are missing from the answer.
    async fn security_groups(&self, ids: &[String]) -> Result<Vec<SecurityGroup>, CloudError>;

    /// `ec2:DescribeRegions`: those that are enabled for the account, sorted.
    async fn regions(&self) -> Result<Vec<Region>, CloudError>;
}

/// Where secret values are read, once, just before use.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// `secretsmanager:GetSecretValue`. With `key`, the secret is a JSON object and this is one of its values.
    async fn secret(&self, id: &str, key: Option<&str>) -> Result<Secret, CloudError>;

    /// `ssm:GetParameter`, decrypted.
    async fn parameter(&self, name: &str) -> Result<Secret, CloudError>;

    /// A password for RDS's IAM authentication: signed here, good for 15 minutes, for this server and this user.
    /// Nothing is sent; the server asks for `rds-db:connect`.
    async fn database_token(&self, host: &str, port: u16, user: &str) -> Result<Secret, CloudError>;
}
