//! Identity, keys and network in the destination. Permissions: [`crate::aws::permissions::GROUND`], and
//! `ec2:DescribeVpcs` of [`crate::aws::permissions::PREFLIGHT`].

use async_trait::async_trait;
use aws_sdk_ec2::types::{Filter, Vpc};
use aws_sdk_kms::types::{KeyManagerType, KeyMetadata};

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::handle::Handle;
use crate::aws::paging::Pages;
use crate::aws::session::Clients;
use crate::cloud::error::CloudError;
use crate::cloud::ground::{Ground, Identity, KeyState, SecurityGroup};
use crate::words::arn::Arn;
use crate::words::id::Region;
use crate::words::text::tame;

/// [`Ground`] over STS, KMS and EC2.
pub struct AwsGround {
    sts: Handle<aws_sdk_sts::Client>,
    kms: Handle<aws_sdk_kms::Client>,
    ec2: Handle<aws_sdk_ec2::Client>,
}

impl AwsGround {
    /// Over the destination's clients.
    #[must_use]
    pub fn new(clients: &Clients) -> Self {
        Self { sts: clients.sts.clone(), kms: clients.kms.clone(), ec2: clients.ec2.clone() }
    }
}

/// `sts:GetCallerIdentity`.
///
/// # Errors
/// When the request fails, or its answer names no account.
pub(crate) async fn caller(sts: &aws_sdk_sts::Client) -> Result<Identity, CloudError> {
    const OPERATION: &str = "sts:GetCallerIdentity";
    let answer = sts.get_caller_identity().send().await.map_err(|error| cloud_error(OPERATION, &error))?;
    let account = answer.account().and_then(|account| account.parse().ok());
    let account = account.ok_or_else(|| unreadable(OPERATION, "the answer names no account"))?;
    Ok(Identity { account, arn: tame(answer.arn().unwrap_or_default()) })
}

#[async_trait]
impl Ground for AwsGround {
    async fn identity(&self) -> Result<Identity, CloudError> {
        caller(&self.sts).await
    }

    async fn key(&self, key: &Arn) -> Result<KeyState, CloudError> {
        const OPERATION: &str = "kms:DescribeKey";
        let answer = self.kms.describe_key().key_id(key.as_str()).send().await;
        let answer = answer.map_err(|error| cloud_error(OPERATION, &error))?;
        let state = answer.key_metadata().and_then(KeyMetadata::key_state);
        let state = state.ok_or_else(|| unreadable(OPERATION, "the answer names no state of the key"))?;
        let manager = answer.key_metadata().and_then(KeyMetadata::key_manager);
        Ok(KeyState { state: tame(state.as_str()), aws_managed: manager == Some(&KeyManagerType::Aws) })
    }

    async fn default_vpc(&self) -> Result<Option<String>, CloudError> {
        const OPERATION: &str = "ec2:DescribeVpcs";
        let filter = Filter::builder().name("is-default").values("true").build();
        let answer = self.ec2.describe_vpcs().filters(filter).send().await;
        let answer = answer.map_err(|error| cloud_error(OPERATION, &error))?;
        // Whoever passes over the filter lists every VPC.
        let found = answer.vpcs().iter().find(|vpc| vpc.is_default() == Some(true));
        Ok(found.and_then(Vpc::vpc_id).map(tame))
    }

    /// By filter and not by id: for an id that does not exist EC2 refuses the whole request.
    async fn security_groups(&self, ids: &[String]) -> Result<Vec<SecurityGroup>, CloudError> {
        const OPERATION: &str = "ec2:DescribeSecurityGroups";
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let filter = Filter::builder().name("group-id").set_values(Some(ids.to_vec())).build();
        let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
        loop {
            let ask = self.ec2.describe_security_groups().filters(filter.clone()).set_next_token(token);
            let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
            for group in page.security_groups() {
                if let Some(id) = group.group_id() {
                    found.push(SecurityGroup { id: tame(id), vpc: group.vpc_id().map(tame) });
                }
            }
            token = pages.next(page.next_token())?;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Without `AllRegions` EC2 lists the enabled ones alone.
    async fn regions(&self) -> Result<Vec<Region>, CloudError> {
        const OPERATION: &str = "ec2:DescribeRegions";
        let answer = self.ec2.describe_regions().send().await.map_err(|error| cloud_error(OPERATION, &error))?;
        let mut found: Vec<Region> = Vec::new();
        for region in answer.regions() {
            let name = region.region_name().and_then(|name| name.parse().ok());
            found.push(name.ok_or_else(|| unreadable(OPERATION, "the answer holds a region without a usable name"))?);
        }
        found.sort();
        Ok(found)
    }
}
