//! Checks of the subnets and the key that a file system is to be restored with, for EFS and FSx. Reads only.
//!
//! Invariant: a check that could not be made is `NotChecked`, with the permission that was missing, and never `Ok`.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::Filter;

use crate::aws::error::cloud_error;
use crate::aws::paging::Pages;
use crate::aws::resource::shared::check::{check, existence, unchecked};
use crate::aws::resource::shared::name::quoted;
use crate::aws::resource::shared::setting::text;
use crate::cloud::check::{Check, CheckResult};
use crate::cloud::error::CloudError;
use crate::cloud::ground::Ground;
use crate::cloud::resource::Subject;
use crate::words::arn::Arn;
use crate::words::kind::CheckId;
use crate::words::text::tame;

/// A subnet, as EC2 knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    id: String,
    vpc: String,
    zone: String,
}

/// That the subnets exist, in one VPC, each in a zone of its own, and in `zone` where one is given; and the VPC.
pub(crate) async fn subnets(
    ec2: &aws_sdk_ec2::Client,
    wanted: &[String],
    zone: Option<&str>,
) -> (Check, Option<String>) {
    match described(ec2, wanted).await {
        Ok(found) => judge(wanted, &found, zone),
        Err(error) => (unchecked(CheckId::NetworkSubnets, &what(wanted), "ec2:DescribeSubnets", &error), None),
    }
}

/// That the key of `with.kms_key`, where there is one, exists in the destination and is enabled.
pub(crate) async fn key(ground: &dyn Ground, subject: &Subject) -> Option<Check> {
    let text = text(&subject.with, "kms_key")?;
    let what = format!("KMS key {text}");
    let Ok(arn) = text.parse::<Arn>() else {
        return Some(check(CheckId::KeyState, &what, CheckResult::Failed, "it is not an ARN"));
    };
    if arn.region().is_some_and(|region| region != subject.expected.region) {
        let detail = format!("it is not in `{}`, where the restore goes", subject.expected.region);
        let check = Check::failed(CheckId::KeyState, &what, &detail);
        return Some(check.mended_by("name a key of the destination's region in `kms_key`"));
    }
    Some(match ground.key(&arn).await {
        Ok(key) if key.state == "Enabled" => check(CheckId::KeyState, &what, CheckResult::Ok, "it is enabled"),
        Ok(key) => Check::failed(CheckId::KeyState, &what, &format!("its state is `{}`", key.state))
            .mended_by(&format!("`aws kms enable-key --key-id {}`, or name another key in `kms_key`", quoted(text))),
        Err(error) => existence(CheckId::KeyState, &what, "kms:DescribeKey", Err(error)),
    })
}

/// By filter and not by id: for an id that does not exist EC2 refuses the whole request.
async fn described(ec2: &aws_sdk_ec2::Client, wanted: &[String]) -> Result<Vec<Seen>, CloudError> {
    const OPERATION: &str = "ec2:DescribeSubnets";
    let filter = Filter::builder().name("subnet-id").set_values(Some(wanted.to_vec())).build();
    let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
    loop {
        let ask = ec2.describe_subnets().filters(filter.clone()).set_next_token(token);
        let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
        found.extend(page.subnets().iter().map(|subnet| Seen {
            id: tame(subnet.subnet_id().unwrap_or_default()),
            vpc: tame(subnet.vpc_id().unwrap_or_default()),
            zone: tame(subnet.availability_zone().unwrap_or_default()),
        }));
        token = pages.next(page.next_token())?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

fn what(wanted: &[String]) -> String {
    format!("subnets {}", wanted.join(", "))
}

fn judge(wanted: &[String], found: &[Seen], zone: Option<&str>) -> (Check, Option<String>) {
    let what = what(wanted);
    let missing: Vec<&str> =
        wanted.iter().filter(|id| found.iter().all(|subnet| subnet.id != **id)).map(String::as_str).collect();
    if wanted.is_empty() || !missing.is_empty() {
        let detail = format!("{} not found in the destination's region and account", missing.join(", "));
        let check = Check::failed(CheckId::NetworkSubnets, &what, &detail);
        return (check.mended_by("name subnets in `subnets` that `aws ec2 describe-subnets` lists there"), None);
    }
    let vpcs: BTreeSet<&str> = found.iter().map(|subnet| subnet.vpc.as_str()).collect();
    let zones: BTreeSet<&str> = found.iter().map(|subnet| subnet.zone.as_str()).collect();
    let listed = |names: &BTreeSet<&str>| names.iter().copied().collect::<Vec<_>>().join(", ");
    if vpcs.len() != 1 {
        let detail = format!("they are in different VPCs: {}", listed(&vpcs));
        let check = Check::failed(CheckId::NetworkSubnets, &what, &detail);
        return (check.mended_by("name subnets of one VPC in `subnets`"), None);
    }
    let vpc = found.first().map(|subnet| subnet.vpc.clone());
    if zones.len() < found.len() {
        let detail = format!("two of them are in one zone (of {}); a zone takes one", listed(&zones));
        let check = Check::failed(CheckId::NetworkSubnets, &what, &detail);
        return (check.mended_by("name one subnet of each zone in `subnets`"), vpc);
    }
    if let Some(zone) = zone.filter(|zone| !zones.contains(zone)) {
        let detail = format!("in {}, and the file system is to be in {zone}", listed(&zones));
        let check = Check::failed(CheckId::NetworkSubnets, &what, &detail);
        return (check.mended_by("name a subnet of that zone in `subnets`"), vpc);
    }
    let detail = format!("in {}, zones {}", listed(&vpcs), listed(&zones));
    (check(CheckId::NetworkSubnets, &what, CheckResult::Ok, &detail), vpc)
}

#[cfg(test)]
mod tests {
    use super::{Seen, judge};
    use crate::cloud::check::CheckResult;

    #[test]
    fn subnets_are_in_one_vpc_and_in_different_zones() {
        let wanted = ["subnet-1".to_owned(), "subnet-2".to_owned()];
        let seen = |id: &str, vpc: &str, zone: &str| Seen { id: id.into(), vpc: vpc.into(), zone: zone.into() };
        let result = |found: &[Seen], zone| judge(&wanted, found, zone).0.result;
        let (a, b) = (seen("subnet-1", "vpc-1", "eu-west-1a"), seen("subnet-2", "vpc-1", "eu-west-1b"));
        let (check, vpc) = judge(&wanted, &[a.clone(), b.clone()], None);
        assert_eq!((check.result, vpc.as_deref()), (CheckResult::Ok, Some("vpc-1")));
        assert_eq!(result(&[a.clone(), b], Some("eu-west-1c")), CheckResult::Failed);
        assert_eq!(result(std::slice::from_ref(&a), None), CheckResult::Failed);
        assert_eq!(result(&[a.clone(), seen("subnet-2", "vpc-2", "eu-west-1b")], None), CheckResult::Failed);
        assert_eq!(result(&[a, seen("subnet-2", "vpc-1", "eu-west-1a")], None), CheckResult::Failed);
    }
}
