//! What can be predicted of a restored instance before anything is started (facts 2.5, 2.11; traps 41, 42). Reads only.

use aws_sdk_ec2::types::{Filter, LocationType, Subnet, Vpc};

use crate::aws::error::cloud_error;
use crate::aws::resource::shared::check::{check, security_group_check, unchecked};
use crate::aws::resource::shared::network::key;
use crate::aws::resource::shared::setting::{security_groups, text};
use crate::cloud::check::{Check, CheckResult};
use crate::cloud::ground::Ground;
use crate::cloud::resource::Subject;
use crate::words::kind::CheckId;
use crate::words::text::tame;

/// Subnet, VPC, security groups, instance type and key.
pub(crate) async fn checks(ec2: &aws_sdk_ec2::Client, ground: &dyn Ground, subject: &Subject) -> Vec<Check> {
    let with = &subject.with;
    let (first, found) = subnet(ec2, text(with, "subnet").unwrap_or_default()).await;
    let mut checks = vec![first];
    let vpc_id = found.as_ref().and_then(Subnet::vpc_id).map(tame);
    if let Some(id) = &vpc_id {
        checks.push(vpc(ec2, id).await);
    }
    checks.push(security_group_check(ground, &security_groups(with), vpc_id.as_deref()).await);
    let zone = found.as_ref().and_then(Subnet::availability_zone);
    checks.push(instance_type(ec2, text(with, "instance_type"), zone).await);
    checks.extend(key(ground, subject).await);
    checks
}

async fn subnet(ec2: &aws_sdk_ec2::Client, id: &str) -> (Check, Option<Subnet>) {
    const OPERATION: &str = "ec2:DescribeSubnets";
    let what = format!("subnet {id}");
    // By filter and not by id: for an id that does not exist EC2 refuses the whole request.
    let filter = Filter::builder().name("subnet-id").values(id).build();
    match ec2.describe_subnets().filters(filter).send().await.map_err(|error| cloud_error(OPERATION, &error)) {
        Ok(answer) => match answer.subnets().first() {
            Some(found) => (judge_subnet(&what, found), Some(found.clone())),
            None => {
                let detail = "it does not exist in the destination's region and account";
                let check = Check::failed(CheckId::NetworkSubnets, &what, detail);
                (check.mended_by("set `subnet` to one that `aws ec2 describe-subnets` lists there"), None)
            }
        },
        Err(error) => (unchecked(CheckId::NetworkSubnets, &what, OPERATION, &error), None),
    }
}

fn judge_subnet(what: &str, subnet: &Subnet) -> Check {
    if subnet.available_ip_address_count() == Some(0) {
        return Check::failed(CheckId::NetworkSubnets, what, "it has no free address")
            .mended_by("set another `subnet`, or release addresses in this one");
    }
    let place = format!(
        "in {}, zone {}",
        tame(subnet.vpc_id().unwrap_or("no VPC")),
        tame(subnet.availability_zone().unwrap_or("that AWS does not name"))
    );
    if subnet.map_public_ip_on_launch() == Some(true) {
        let detail = format!("{place}; it gives instances a public address: others may reach the restored server");
        return check(CheckId::NetworkSubnets, what, CheckResult::Warning, &detail);
    }
    check(CheckId::NetworkSubnets, what, CheckResult::Ok, &place)
}

async fn vpc(ec2: &aws_sdk_ec2::Client, id: &str) -> Check {
    const OPERATION: &str = "ec2:DescribeVpcs";
    let what = format!("VPC {id}");
    let filter = Filter::builder().name("vpc-id").values(id).build();
    match ec2.describe_vpcs().filters(filter).send().await.map_err(|error| cloud_error(OPERATION, &error)) {
        Ok(answer) => match answer.vpcs().first().map(Vpc::is_default) {
            Some(Some(true)) => check(
                CheckId::NetworkVpc,
                &what,
                CheckResult::Warning,
                "it is the region's default VPC, whose subnets lead to the internet: a restored server may call home",
            ),
            Some(_) => check(CheckId::NetworkVpc, &what, CheckResult::Ok, "it is not the default VPC"),
            None => check(CheckId::NetworkVpc, &what, CheckResult::NotChecked, "the answer does not contain it"),
        },
        Err(error) => unchecked(CheckId::NetworkVpc, &what, OPERATION, &error),
    }
}

/// Whether the subnet's zone offers the type. The source's is only known once a recovery point is picked.
async fn instance_type(ec2: &aws_sdk_ec2::Client, wanted: Option<&str>, zone: Option<&str>) -> Check {
    const OPERATION: &str = "ec2:DescribeInstanceTypeOfferings";
    let what = format!("instance type {}", wanted.unwrap_or("of the source"));
    let Some(wanted) = wanted else {
        let detail = "it is not known before a recovery point is picked; one that is not offered there fails the job";
        return check(CheckId::ComputeClass, &what, CheckResult::NotChecked, detail);
    };
    let ask = ec2.describe_instance_type_offerings();
    let ask = ask.filters(Filter::builder().name("instance-type").values(wanted).build());
    let (ask, place) = match zone {
        Some(zone) => {
            let here = Filter::builder().name("location").values(zone).build();
            (ask.location_type(LocationType::AvailabilityZone).filters(here), tame(zone))
        }
        None => (ask.location_type(LocationType::Region), "the region".to_owned()),
    };
    match ask.send().await.map_err(|error| cloud_error(OPERATION, &error)) {
        Ok(answer) if answer.instance_type_offerings().is_empty() => {
            Check::failed(CheckId::ComputeClass, &what, &format!("it is not offered in {place}"))
                .mended_by("set another `instance_type`: `aws ec2 describe-instance-type-offerings` lists them")
        }
        Ok(_) => check(CheckId::ComputeClass, &what, CheckResult::Ok, &format!("it is offered in {place}")),
        Err(error) => unchecked(CheckId::ComputeClass, &what, OPERATION, &error),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::Subnet;

    use super::judge_subnet;
    use crate::cloud::check::CheckResult;

    #[test]
    fn a_subnet_must_have_room_and_should_be_private() {
        let subnet = |free: i32, public: bool| {
            let subnet = Subnet::builder().vpc_id("vpc-1").availability_zone("eu-west-1a");
            subnet.available_ip_address_count(free).map_public_ip_on_launch(public).build()
        };
        assert_eq!(judge_subnet("subnet s", &subnet(9, false)).result, CheckResult::Ok);
        assert_eq!(judge_subnet("subnet s", &subnet(0, false)).result, CheckResult::Failed);
        assert_eq!(judge_subnet("subnet s", &subnet(9, true)).result, CheckResult::Warning);
    }
}
