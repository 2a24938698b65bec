//! [`Surroundings`] over IAM, AWS Backup, KMS, EC2, RDS, Service Quotas and STS. Permissions:
//! [`crate::aws::permissions::PREFLIGHT`].

mod backup;
mod date;
mod keys;
mod quotas;
mod region;
mod roles;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::aws::handle::Handle;
use crate::aws::session::Clients;
use crate::cloud::error::CloudError;
use crate::cloud::surroundings::{
    BackupSelections, DatabaseQuota, Decision, QuotaState, RegionSettings, RegionState, RoleState, Simulation,
    Surroundings,
};
use crate::words::arn::Arn;
use crate::words::id::{Region, VaultName};

/// [`Surroundings`] of the destination.
pub struct AwsSurroundings {
    backup: Handle<aws_sdk_backup::Client>,
    ec2: Handle<aws_sdk_ec2::Client>,
    iam: Handle<aws_sdk_iam::Client>,
    kms: Handle<aws_sdk_kms::Client>,
    rds: Handle<aws_sdk_rds::Client>,
    servicequotas: Handle<aws_sdk_servicequotas::Client>,
    sts: Handle<aws_sdk_sts::Client>,
}

impl AwsSurroundings {
    /// Over the destination's clients.
    #[must_use]
    pub fn new(clients: &Clients) -> Self {
        Self {
            backup: clients.backup.clone(),
            ec2: clients.ec2.clone(),
            iam: clients.iam.clone(),
            kms: clients.kms.clone(),
            rds: clients.rds.clone(),
            servicequotas: clients.servicequotas.clone(),
            sts: clients.sts.clone(),
        }
    }
}

#[async_trait]
impl Surroundings for AwsSurroundings {
    async fn time(&self) -> Result<Option<Timestamp>, CloudError> {
        date::of_an_answer(&self.sts).await
    }

    async fn region(&self, region: &Region) -> Result<Option<RegionState>, CloudError> {
        region::state(&self.ec2, region).await
    }

    async fn region_settings(&self) -> Result<RegionSettings, CloudError> {
        backup::region_settings(&self.backup).await
    }

    async fn vault_policy(&self, vault: &VaultName) -> Result<Option<String>, CloudError> {
        backup::vault_policy(&self.backup, vault).await
    }

    async fn selections(&self, most: usize) -> Result<BackupSelections, CloudError> {
        backup::selections(&self.backup, most).await
    }

    async fn role(&self, name: &str) -> Result<RoleState, CloudError> {
        roles::role(&self.iam, name).await
    }

    async fn role_policies(&self, name: &str) -> Result<Vec<String>, CloudError> {
        roles::attached(&self.iam, name).await
    }

    async fn simulate(&self, ask: &Simulation) -> Result<Vec<Decision>, CloudError> {
        roles::simulate(&self.iam, ask).await
    }

    async fn key_policy(&self, key: &Arn) -> Result<String, CloudError> {
        keys::policy(&self.kms, key).await
    }

    async fn grantees(&self, key: &Arn) -> Result<Vec<String>, CloudError> {
        keys::grantees(&self.kms, key).await
    }

    async fn quota(&self, service: &str, code: &str) -> Result<QuotaState, CloudError> {
        quotas::service(&self.servicequotas, service, code).await
    }

    async fn database_quotas(&self) -> Result<Vec<DatabaseQuota>, CloudError> {
        quotas::databases(&self.rds).await
    }
}
