//! What can be predicted of a cluster's restore before anything is started (facts 2.11, appendix B; trap 41). Reads
//! only.
//!
//! Invariant: a check that could not be made is `NotChecked`, with the permission that was missing, and never `Ok`.

use std::collections::BTreeSet;

use crate::aws::resource::cluster::Family;
use crate::aws::resource::cluster::api::{ClusterApi, SubnetGroup};
use crate::aws::resource::cluster::facts::members;
use crate::aws::resource::shared::check::{
    ENGINE_UNKNOWN, check, default_vpc, existence, name_is_free, offered, security_group_check, unchecked, zones_wanted,
};
use crate::aws::resource::shared::network;
use crate::aws::resource::shared::setting::{returned, security_groups, text};
use crate::cloud::check::{Check, CheckResult};
use crate::cloud::error::CloudError;
use crate::cloud::ground::Ground;
use crate::cloud::resource::{Observation, Settings, Subject};
use crate::cloud::vault::Metadata;
use crate::words::kind::CheckId;

/// Every check. `seen` is a look at what has the name now.
pub(crate) async fn checks(
    api: &dyn ClusterApi,
    ground: &dyn Ground,
    subject: &Subject,
    seen: Result<Observation, CloudError>,
) -> Vec<Check> {
    let with = &subject.with;
    let (subnets, vpc) = match text(with, "subnet_group") {
        Some(name) => subnet_group(api, name).await,
        None => default_vpc(ground).await,
    };
    let mut checks = vec![subnets];
    checks.push(security_group_check(ground, &security_groups(with), vpc.as_deref()).await);
    checks.extend(parameter_group(api, with).await);
    checks.extend(network::key(ground, subject).await);
    checks.push(name_is_free(subject, "rds:DescribeDBClusters", seen));
    for part in members(with, &subject.expected) {
        checks.push(member_name_is_free(api, &part.id).await);
    }
    checks
}

async fn subnet_group(api: &dyn ClusterApi, name: &str) -> (Check, Option<String>) {
    let what = format!("subnet group {name}");
    match api.subnet_group(name).await {
        Ok(Some(group)) => (judge_subnet_group(&what, &group), group.vpc),
        Ok(None) => {
            (check(CheckId::NetworkSubnets, &what, CheckResult::NotChecked, "the answer does not contain it"), None)
        }
        Err(error) => (existence(CheckId::NetworkSubnets, &what, "rds:DescribeDBSubnetGroups", Err(error)), None),
    }
}

fn judge_subnet_group(what: &str, group: &SubnetGroup) -> Check {
    let zones: BTreeSet<&str> = group.zones.iter().map(String::as_str).collect();
    let status = group.status.as_deref().unwrap_or("Complete");
    if status != "Complete" {
        return check(CheckId::NetworkSubnets, what, CheckResult::Warning, &format!("its status is `{status}`"));
    }
    if zones.len() < 2 {
        return zones_wanted(what, "a cluster", zones.len());
    }
    let zones: Vec<&str> = zones.into_iter().collect();
    let vpc = group.vpc.as_deref().unwrap_or("no VPC");
    check(CheckId::NetworkSubnets, what, CheckResult::Ok, &format!("in {vpc}, zones {}", zones.join(", ")))
}

async fn parameter_group(api: &dyn ClusterApi, with: &Settings) -> Option<Check> {
    let name = text(with, "parameter_group")?;
    let found = api
        .parameter_group(name)
        .await
        .map(|family| format!("it exists, for the family {}", family.as_deref().unwrap_or("that AWS does not name")));
    Some(existence(
        CheckId::DatabaseParameterGroup,
        &format!("parameter group {name}"),
        "rds:DescribeDBClusterParameterGroups",
        found,
    ))
}

/// Whether the destination offers the members' class for the engine, which only a recovery point knows where there are
/// several.
pub(crate) async fn class(api: &dyn ClusterApi, family: &Family, with: &Settings, source: Option<&Metadata>) -> Check {
    let class = text(with, "instance_class");
    let known = family.sole_engine.then_some(family.engine);
    let engine = known.or_else(|| returned(source?, "engine"));
    let what = format!("instance class {}", class.unwrap_or("that is not set"));
    let (Some(class), Some(engine)) = (class, engine) else {
        return check(CheckId::ComputeClass, &what, CheckResult::NotChecked, ENGINE_UNKNOWN);
    };
    offered(&what, engine, api.offers(engine, class).await)
}

/// The members get names of their own, and an instance that has one of them keeps the member from being added.
async fn member_name_is_free(api: &dyn ClusterApi, id: &str) -> Check {
    let what = format!("name {id}");
    match api.member(id).await {
        Ok(None) => check(CheckId::NameFree, &what, CheckResult::Ok, "nothing has it"),
        Ok(Some(member)) => {
            let detail = format!("an instance in status `{}` has it; the member could not be added", member.status);
            Check::failed(CheckId::NameFree, &what, &detail).mended_by("remove it, or run the drill again")
        }
        Err(error) => unchecked(CheckId::NameFree, &what, "rds:DescribeDBInstances", &error),
    }
}

#[cfg(test)]
mod tests {
    use super::judge_subnet_group;
    use crate::aws::resource::cluster::api::SubnetGroup;
    use crate::cloud::check::CheckResult;

    #[test]
    fn a_subnet_group_needs_two_zones() {
        let judged = |zones: &[&str]| {
            let zones = zones.iter().map(|zone| (*zone).to_owned()).collect();
            judge_subnet_group("subnet group x", &SubnetGroup { zones, ..SubnetGroup::default() }).result
        };
        assert_eq!(judged(&["eu-west-1a", "eu-west-1b"]), CheckResult::Ok);
        assert_eq!(judged(&["eu-west-1a", "eu-west-1a"]), CheckResult::Failed);
        assert_eq!(judged(&[]), CheckResult::Failed);
    }
}
