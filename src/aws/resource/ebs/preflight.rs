//! What can be predicted of a restored volume before anything is started (facts 2.4, 2.11). Reads only.

use aws_sdk_ec2::types::{
    AvailabilityZoneState, Filter, Instance, InstanceState, InstanceStateName, Placement, Reservation,
};
use aws_sdk_rbin::types::ResourceType;

use crate::aws::error::cloud_error;
use crate::aws::paging::Pages;
use crate::aws::resource::ebs::settings::Attach;
use crate::aws::resource::shared::check::{check, unchecked};
use crate::aws::resource::shared::name::quoted;
use crate::aws::resource::shared::setting::text;
use crate::cloud::check::{Check, CheckResult};
use crate::cloud::error::CloudError;
use crate::cloud::resource::Settings;
use crate::words::kind::CheckId;
use crate::words::text::tame;

/// The zone is one that the account can use.
pub(crate) async fn zone(ec2: &aws_sdk_ec2::Client, with: &Settings) -> Check {
    const OPERATION: &str = "ec2:DescribeAvailabilityZones";
    let name = text(with, "availability_zone").unwrap_or_default();
    let what = format!("availability zone {name}");
    // By filter and not by name: for a name that does not exist EC2 refuses the whole request.
    let filter = Filter::builder().name("zone-name").values(name).build();
    let answer = ec2.describe_availability_zones().filters(filter).send().await;
    match answer.map_err(|error| cloud_error(OPERATION, &error)) {
        Ok(answer) => match answer.availability_zones().first() {
            Some(zone) => match zone.state().map_or("", AvailabilityZoneState::as_str) {
                "available" => check(CheckId::NetworkZone, &what, CheckResult::Ok, "it is available"),
                state => {
                    check(CheckId::NetworkZone, &what, CheckResult::Warning, &format!("its state is `{}`", tame(state)))
                }
            },
            None => {
                let detail = "the account has no such zone in the destination's region";
                Check::failed(CheckId::NetworkZone, &what, detail)
                    .mended_by("set `availability_zone` to one that `aws ec2 describe-availability-zones` lists")
            }
        },
        Err(error) => unchecked(CheckId::NetworkZone, &what, OPERATION, &error),
    }
}

/// The probe instance is there, runs, is in the volume's zone, and has the device's name free.
pub(crate) async fn probe_instance(ec2: &aws_sdk_ec2::Client, with: &Settings, wanted: Attach<'_>) -> Check {
    const OPERATION: &str = "ec2:DescribeInstances";
    let what = format!("probe instance {}", wanted.instance);
    let filter = Filter::builder().name("instance-id").values(wanted.instance).build();
    let answer = ec2.describe_instances().filters(filter).send().await;
    match answer.map_err(|error| cloud_error(OPERATION, &error)) {
        Ok(answer) => match answer.reservations().iter().flat_map(Reservation::instances).next() {
            Some(instance) => judge_instance(&what, instance, with, wanted.device),
            None => {
                let detail = "it does not exist in the destination's region and account";
                Check::failed(CheckId::HostReady, &what, detail).mended_by("name an instance that is there in `attach`")
            }
        },
        Err(error) => unchecked(CheckId::HostReady, &what, OPERATION, &error),
    }
}

fn judge_instance(what: &str, instance: &Instance, with: &Settings, device: &str) -> Check {
    let state = instance.state().and_then(InstanceState::name).map_or("", InstanceStateName::as_str);
    let zone = instance.placement().and_then(Placement::availability_zone).unwrap_or_default();
    let wanted = text(with, "availability_zone").unwrap_or_default();
    if state != "running" {
        let detail = format!("its state is `{}`", tame(state));
        let id = tame(instance.instance_id().unwrap_or("INSTANCE_ID"));
        return Check::failed(CheckId::HostReady, what, &detail)
            .mended_by(&format!("`aws ec2 start-instances --instance-ids {}`", quoted(&id)));
    }
    if zone != wanted {
        let detail = format!("it is in {}, and the volume would be in {wanted}: they cannot be attached", tame(zone));
        return Check::failed(CheckId::HostReady, what, &detail)
            .mended_by("set `availability_zone` to the instance's, or name an instance in the volume's zone");
    }
    if instance.block_device_mappings().iter().any(|one| one.device_name() == Some(device)) {
        let detail = format!("`{device}` is taken there");
        return Check::failed(CheckId::HostReady, what, &detail).mended_by("name another `device`");
    }
    check(CheckId::HostReady, what, CheckResult::Ok, &format!("it runs in {}, and `{device}` is free", tame(zone)))
}

/// A retention rule of the Recycle Bin keeps a deleted volume, and AWS bills it on (facts 2.4).
pub(crate) async fn recycle_bin(rbin: &aws_sdk_rbin::Client) -> Check {
    const ID: CheckId = CheckId::RecycleBinRules;
    const WHAT: &str = "Recycle Bin rules for volumes";
    match volume_rules(rbin).await {
        Ok(rules) if rules.is_empty() => check(ID, WHAT, CheckResult::Ok, "there are none: a deleted volume is gone"),
        Ok(rules) => {
            let detail =
                format!("{} may keep a deleted volume, which is billed until the rule lets go", rules.join(", "));
            Check::warning(ID, WHAT, &detail)
                .mended_by("exclude the tag `drill:run` from the rule (`aws rbin update-rule --exclude-resource-tags`)")
        }
        Err(error) => unchecked(ID, WHAT, "rbin:ListRules", &error),
    }
}

async fn volume_rules(rbin: &aws_sdk_rbin::Client) -> Result<Vec<String>, CloudError> {
    const OPERATION: &str = "rbin:ListRules";
    let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
    loop {
        let ask = rbin.list_rules().resource_type(ResourceType::EbsVolume).set_next_token(token);
        let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
        found.extend(page.rules().iter().map(|rule| tame(rule.identifier().unwrap_or("a rule without an id"))));
        token = pages.next(page.next_token())?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{Instance, InstanceBlockDeviceMapping, InstanceState, InstanceStateName, Placement};
    use serde_json::json;

    use super::judge_instance;
    use crate::cloud::check::CheckResult;

    #[test]
    fn a_probe_instance_must_run_next_to_the_volume() {
        let instance = |state: InstanceStateName, zone: &str| {
            let taken = InstanceBlockDeviceMapping::builder().device_name("/dev/sdb").build();
            Instance::builder()
                .state(InstanceState::builder().name(state).build())
                .placement(Placement::builder().availability_zone(zone).build())
                .block_device_mappings(taken)
                .build()
        };
        let with = json!({ "availability_zone": "eu-west-1a" });
        let judged = |instance: &Instance, device: &str| {
            judge_instance("probe instance i-1", instance, with.as_object().unwrap(), device).result
        };
        let good = instance(InstanceStateName::Running, "eu-west-1a");
        assert_eq!(judged(&good, "/dev/sdf"), CheckResult::Ok);
        assert_eq!(judged(&good, "/dev/sdb"), CheckResult::Failed);
        assert_eq!(judged(&instance(InstanceStateName::Stopped, "eu-west-1a"), "/dev/sdf"), CheckResult::Failed);
        assert_eq!(judged(&instance(InstanceStateName::Running, "eu-west-1b"), "/dev/sdf"), CheckResult::Failed);
    }
}
