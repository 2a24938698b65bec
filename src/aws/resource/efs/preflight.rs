//! What can be predicted of an EFS restore before anything is started (facts 2.11, appendix B; trap 41). Reads only.
//!
//! Invariant: a check that could not be made is `NotChecked`, with the permission that was missing, and never `Ok`.

use crate::aws::resource::shared::check::{check, name_is_free, security_group_check};
use crate::aws::resource::shared::network;
use crate::aws::resource::shared::setting::{security_groups, text, texts};
use crate::cloud::check::{Check, CheckResult};
use crate::cloud::error::CloudError;
use crate::cloud::ground::Ground;
use crate::cloud::resource::{Observation, Subject};
use crate::words::kind::CheckId;

/// Subnets, security groups and key.
pub(crate) async fn place(ec2: &aws_sdk_ec2::Client, ground: &dyn Ground, subject: &Subject) -> Vec<Check> {
    let with = &subject.with;
    let (subnets, vpc) = network::subnets(ec2, &texts(with, "subnets"), text(with, "availability_zone")).await;
    let groups = security_group_check(ground, &security_groups(with), vpc.as_deref()).await;
    let mut checks = vec![subnets, groups, port()];
    checks.extend(network::key(ground, subject).await);
    checks
}

/// The name is the creation token: EFS answers a second request for one with the file system that has it already.
pub(crate) fn token_is_free(subject: &Subject, seen: Result<Observation, CloudError>) -> Check {
    name_is_free(subject, "elasticfilesystem:DescribeFileSystems", seen)
}

fn port() -> Check {
    check(
        CheckId::NetworkPort,
        "TCP port 2049",
        CheckResult::NotChecked,
        "whether the security groups let it in from where the probes run is not looked at; a probe shows it",
    )
}
