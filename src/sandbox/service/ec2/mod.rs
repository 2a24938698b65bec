//! EC2: networks, instances, volumes, and what surrounds them, as far as restores meet them. Facts 2.4 and 2.5.

mod backups;
mod choice;
mod console;
mod instances;
mod network;
mod tags;
mod volumes;

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::query::texts;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::{Answer, Ask, Protocol};
use crate::sandbox::service::ServiceCalls;
use crate::sandbox::spec::Place;
use crate::sandbox::world::World;

/// EC2.
pub(crate) struct Ec2;

impl ServiceCalls for Ec2 {
    fn signing_name(&self) -> &'static str {
        "ec2"
    }

    fn protocol(&self) -> Protocol {
        Protocol::Ec2Query
    }

    fn operations(&self) -> &'static [&'static str] {
        &[
            "DescribeVpcs",
            "DescribeSubnets",
            "DescribeSecurityGroups",
            "DescribeRegions",
            "DescribeAvailabilityZones",
            "DescribeAccountAttributes",
            "DescribeInstances",
            "DescribeInstanceStatus",
            "DescribeInstanceAttribute",
            "GetConsoleOutput",
            "ModifyInstanceAttribute",
            "TerminateInstances",
            "DescribeInstanceTypeOfferings",
            "DescribeVolumes",
            "DescribeVolumeStatus",
            "AttachVolume",
            "DetachVolume",
            "DeleteVolume",
            "CreateTags",
            "DeleteTags",
            "DescribeTags",
            "DescribeSnapshots",
            "DescribeImages",
        ]
    }

    fn call(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        call(world, &caller.place(), ask)
    }

    fn changed(&self, ask: &Ask) -> Option<String> {
        match ask.operation.as_str() {
            "TerminateInstances" => Some(texts(ask, "InstanceId").join(", ")),
            "CreateTags" | "DeleteTags" => Some(texts(ask, "ResourceId").join(", ")),
            "ModifyInstanceAttribute" => Some(ask.param("InstanceId").unwrap_or_default().to_owned()),
            "AttachVolume" | "DetachVolume" | "DeleteVolume" => {
                Some(ask.param("VolumeId").unwrap_or_default().to_owned())
            }
            _ => None,
        }
    }
}

fn call(world: &mut World, place: &Place, ask: &Ask) -> Result<Answer, Failure> {
    let elements = match ask.operation.as_str() {
        "DescribeVpcs" => network::vpcs(world, place, ask),
        "DescribeSubnets" => network::subnets(world, place, ask),
        "DescribeSecurityGroups" => network::security_groups(world, place, ask),
        "DescribeRegions" => network::regions(world, ask),
        "DescribeAccountAttributes" => Ok(network::account(world.site(place), ask)),
        "DescribeAvailabilityZones" => Ok(network::zones(world, place, ask)),
        "DescribeInstances" => instances::describe(world, place, ask),
        "DescribeInstanceStatus" => instances::status(world, place, ask),
        "DescribeInstanceAttribute" => instances::attribute(world, place, ask),
        "GetConsoleOutput" => console::output(world, place, ask),
        "ModifyInstanceAttribute" => instances::modify(world, place, ask),
        "TerminateInstances" => instances::terminate(world, place, ask),
        "DescribeInstanceTypeOfferings" => backups::offerings(world, place, ask),
        "DescribeVolumes" => volumes::describe(world, place, ask),
        "DescribeVolumeStatus" => volumes::status(world, place, ask),
        "AttachVolume" => volumes::attach(world, place, ask),
        "DetachVolume" => volumes::detach(world, place, ask),
        "DeleteVolume" => volumes::delete(world, place, ask),
        "CreateTags" => tags::add(world, place, ask),
        "DeleteTags" => tags::remove(world, place, ask),
        "DescribeTags" => tags::describe(world, place, ask),
        "DescribeSnapshots" => backups::snapshots(world, place, ask),
        "DescribeImages" => backups::images(world, place, ask),
        other => Err(Failure::unknown(other)),
    };
    elements.map(Answer::Xml)
}
