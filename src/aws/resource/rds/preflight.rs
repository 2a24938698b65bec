//! What can be predicted of an RDS restore before anything is started (facts 2.11, appendix B; trap 41). Reads only.
//!
//! Invariant: a check that could not be made is `NotChecked`, with the permission that was missing, and never `Ok`.

use std::collections::BTreeSet;

use aws_sdk_rds::types::{AvailabilityZone, DbParameterGroup, DbSubnetGroup, OptionGroup, Subnet};

use crate::aws::error::cloud_error;
use crate::aws::paging::Pages;
use crate::aws::resource::shared::check::{
    ENGINE_UNKNOWN, check, default_vpc, existence, offered, security_group_check, zones_wanted,
};
use crate::aws::resource::shared::setting::{returned, security_groups, text};
use crate::cloud::check::{Check, CheckResult};
use crate::cloud::error::CloudError;
use crate::cloud::ground::Ground;
use crate::cloud::resource::Settings;
use crate::cloud::vault::Metadata;
use crate::words::kind::CheckId;
use crate::words::text::tame;

/// Subnet group and security groups, and that they belong together.
pub(crate) async fn network(rds: &aws_sdk_rds::Client, ground: &dyn Ground, with: &Settings) -> Vec<Check> {
    let (check, vpc) = match text(with, "subnet_group") {
        Some(name) => subnet_group(rds, name).await,
        None => default_vpc(ground).await,
    };
    vec![check, security_group_check(ground, &security_groups(with), vpc.as_deref()).await]
}

/// Parameter group and option group, where the definition names one.
pub(crate) async fn groups(rds: &aws_sdk_rds::Client, with: &Settings) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(name) = text(with, "parameter_group") {
        const OPERATION: &str = "rds:DescribeDBParameterGroups";
        let answer = rds.describe_db_parameter_groups().db_parameter_group_name(name).send().await;
        let found = answer.map_err(|error| cloud_error(OPERATION, &error)).map(|answer| {
            let family = answer.db_parameter_groups().first().and_then(DbParameterGroup::db_parameter_group_family);
            format!("it exists, for the family {}", tame(family.unwrap_or("that AWS does not name")))
        });
        let what = format!("parameter group {name}");
        checks.push(existence(CheckId::DatabaseParameterGroup, &what, OPERATION, found));
    }
    if let Some(name) = text(with, "option_group") {
        const OPERATION: &str = "rds:DescribeOptionGroups";
        let answer = rds.describe_option_groups().option_group_name(name).send().await;
        let found = answer.map_err(|error| cloud_error(OPERATION, &error)).map(|answer| {
            let engine = answer.option_groups_list().first().and_then(OptionGroup::engine_name);
            format!("it exists, for the engine {}", tame(engine.unwrap_or("that AWS does not name")))
        });
        checks.push(existence(CheckId::DatabaseOptionGroup, &format!("option group {name}"), OPERATION, found));
    }
    checks
}

/// Whether the destination offers the class: that depends on the engine, which only a recovery point knows. The version
/// is left out: RDS restores versions that it no longer offers for new instances.
pub(crate) async fn class(rds: &aws_sdk_rds::Client, with: &Settings, source: Option<&Metadata>) -> Check {
    let class = text(with, "instance_class").or_else(|| returned(source?, "DBInstanceClass"));
    let engine = source.and_then(|source| returned(source, "Engine"));
    let what = format!("instance class {}", class.unwrap_or("of the source"));
    let (Some(class), Some(engine)) = (class, engine) else {
        return check(CheckId::ComputeClass, &what, CheckResult::NotChecked, ENGINE_UNKNOWN);
    };
    offered(&what, engine, offers(rds, engine, class).await)
}

async fn offers(rds: &aws_sdk_rds::Client, engine: &str, class: &str) -> Result<bool, CloudError> {
    const OPERATION: &str = "rds:DescribeOrderableDBInstanceOptions";
    let (mut pages, mut token) = (Pages::new(OPERATION), None);
    loop {
        let ask = rds.describe_orderable_db_instance_options().engine(engine).db_instance_class(class);
        let page = ask.set_marker(token).send().await.map_err(|error| cloud_error(OPERATION, &error))?;
        if !page.orderable_db_instance_options().is_empty() {
            return Ok(true);
        }
        token = pages.next(page.marker())?;
        if token.is_none() {
            return Ok(false);
        }
    }
}

async fn subnet_group(rds: &aws_sdk_rds::Client, name: &str) -> (Check, Option<String>) {
    const OPERATION: &str = "rds:DescribeDBSubnetGroups";
    let what = format!("subnet group {name}");
    let answer = rds.describe_db_subnet_groups().db_subnet_group_name(name).send().await;
    match answer.map_err(|error| cloud_error(OPERATION, &error)) {
        Ok(answer) => match answer.db_subnet_groups().first() {
            Some(group) => (judge_subnet_group(&what, group), group.vpc_id().map(tame)),
            None => {
                (check(CheckId::NetworkSubnets, &what, CheckResult::NotChecked, "the answer does not contain it"), None)
            }
        },
        Err(error) => (existence(CheckId::NetworkSubnets, &what, OPERATION, Err(error)), None),
    }
}

fn judge_subnet_group(what: &str, group: &DbSubnetGroup) -> Check {
    let zones: BTreeSet<&str> = group
        .subnets()
        .iter()
        .filter_map(Subnet::subnet_availability_zone)
        .filter_map(AvailabilityZone::name)
        .collect();
    let status = group.subnet_group_status().unwrap_or("Complete");
    if status != "Complete" {
        let detail = format!("its status is `{}`", tame(status));
        return check(CheckId::NetworkSubnets, what, CheckResult::Warning, &detail);
    }
    if zones.len() < 2 {
        return zones_wanted(what, "RDS", zones.len());
    }
    let zones: Vec<&str> = zones.into_iter().collect();
    let detail = format!("in {}, zones {}", tame(group.vpc_id().unwrap_or("no VPC")), tame(&zones.join(", ")));
    check(CheckId::NetworkSubnets, what, CheckResult::Ok, &detail)
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::types::{AvailabilityZone, DbSubnetGroup, Subnet};

    use super::judge_subnet_group;
    use crate::cloud::check::CheckResult;

    fn group(zones: &[&str]) -> DbSubnetGroup {
        let subnet = |zone: &&str| {
            Subnet::builder().subnet_availability_zone(AvailabilityZone::builder().name(*zone).build()).build()
        };
        let subnets = zones.iter().map(subnet).collect();
        DbSubnetGroup::builder().vpc_id("vpc-1").subnet_group_status("Complete").set_subnets(Some(subnets)).build()
    }

    #[test]
    fn a_subnet_group_needs_two_zones() {
        let judged = |zones: &[&str]| judge_subnet_group("subnet group x", &group(zones)).result;
        assert_eq!(judged(&["eu-west-1a", "eu-west-1b"]), CheckResult::Ok);
        assert_eq!(judged(&["eu-west-1a", "eu-west-1a"]), CheckResult::Failed);
        assert_eq!(judged(&[]), CheckResult::Failed);
    }
}
