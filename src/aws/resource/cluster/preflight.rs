//! What can be predicted of a cluster's restore before anything is started (facts 2.11, appendix B; trap 41). Reads
//! only.
//!
//! Invariant: a check that could not be made is `NotChecked`, with the permission that was missing, and never `Ok`.

use std::collections::BTreeSet;

use crate::aws::resource::cluster::api::{ClusterApi, SubnetGroup};
use crate::aws::resource::cluster::facts::members;
use crate::aws::resource::shared::check::{check, existence, name_is_free, security_group_check, unchecked};
use crate::aws::resource::shared::network;
use crate::aws::resource::shared::setting::{security_groups, text};
use crate::cloud::error::CloudError;
use crate::cloud::ground::Ground;
use crate::cloud::resource::{Check, CheckResult, Observation, Settings, Subject};

/// Every check. `seen` is a look at what has the name now.
pub(crate) async fn checks(
    api: &dyn ClusterApi,
    ground: &dyn Ground,
    subject: &Subject,
    seen: Result<Observation, CloudError>,
) -> Vec<Check> {
    let with = &subject.with;
    let (subnets, vpc) = subnet_group(api, with).await;
    let mut checks = vec![subnets];
    checks.push(security_group_check(ground, &security_groups(with), vpc.as_deref()).await);
    checks.extend(parameter_group(api, with).await);
    checks.extend(network::key(ground, subject).await);
    checks.push(class(with));
    checks.push(name_is_free(subject, "rds:DescribeDBClusters", seen));
    for part in members(with, &subject.expected) {
        checks.push(member_name_is_free(api, &part.id).await);
    }
    checks
}

async fn subnet_group(api: &dyn ClusterApi, with: &Settings) -> (Check, Option<String>) {
    let Some(name) = text(with, "subnet_group") else {
        let detail =
            "`subnet_group` is not set: the default VPC of the region is taken, which many accounts do not have";
        return (check("subnet group", CheckResult::Warning, detail), None);
    };
    let what = format!("subnet group {name}");
    match api.subnet_group(name).await {
        Ok(Some(group)) => (judge_subnet_group(&what, &group), group.vpc),
        Ok(None) => (check(&what, CheckResult::NotChecked, "the answer does not contain it"), None),
        Err(error) => (existence(&what, "rds:DescribeDBSubnetGroups", Err(error)), None),
    }
}

fn judge_subnet_group(what: &str, group: &SubnetGroup) -> Check {
    let zones: BTreeSet<&str> = group.zones.iter().map(String::as_str).collect();
    let status = group.status.as_deref().unwrap_or("Complete");
    if status != "Complete" {
        return check(what, CheckResult::Warning, &format!("its status is `{status}`"));
    }
    if zones.len() < 2 {
        let detail = format!("it has subnets in {} zone(s); a cluster wants at least two", zones.len());
        return check(what, CheckResult::Failed, &detail);
    }
    let zones: Vec<&str> = zones.into_iter().collect();
    let vpc = group.vpc.as_deref().unwrap_or("no VPC");
    check(what, CheckResult::Ok, &format!("in {vpc}, zones {}", zones.join(", ")))
}

async fn parameter_group(api: &dyn ClusterApi, with: &Settings) -> Option<Check> {
    let name = text(with, "parameter_group")?;
    let found = api
        .parameter_group(name)
        .await
        .map(|family| format!("it exists, for the family {}", family.as_deref().unwrap_or("that AWS does not name")));
    Some(existence(&format!("parameter group {name}"), "rds:DescribeDBClusterParameterGroups", found))
}

/// Whether the destination offers the class depends on engine and version, which only a recovery point knows.
fn class(with: &Settings) -> Check {
    check(
        &format!("instance class {}", text(with, "instance_class").unwrap_or("that is not set")),
        CheckResult::NotChecked,
        "the engine is not known before a recovery point is picked; a member of a class that is not offered is refused",
    )
}

/// The members get names of their own, and an instance that has one of them keeps the member from being added.
async fn member_name_is_free(api: &dyn ClusterApi, id: &str) -> Check {
    let what = format!("name {id}");
    match api.member(id).await {
        Ok(None) => check(&what, CheckResult::Ok, "nothing has it"),
        Ok(Some(member)) => {
            let detail = format!("an instance in status `{}` has it; the member could not be added", member.status);
            check(&what, CheckResult::Failed, &detail)
        }
        Err(error) => unchecked(&what, "rds:DescribeDBInstances", &error),
    }
}

#[cfg(test)]
mod tests {
    use super::judge_subnet_group;
    use crate::aws::resource::cluster::api::SubnetGroup;
    use crate::cloud::resource::CheckResult;

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
