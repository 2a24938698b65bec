//! VPCs, subnets, security groups, regions, zones.

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::xml::{Element, list, node, text};
use crate::sandbox::service::ec2::choice::Choice;
use crate::sandbox::spec::Place;
use crate::sandbox::world::{SecurityGroup, Subnet, Vpc, World};

pub(super) fn vpcs(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let choice = Choice::read(ask, "VpcId");
    let all = &world.site(place).vpcs;
    choice.known(all.iter().map(|vpc| vpc.id.as_str()), ("InvalidVpcID.NotFound", "vpc ID"))?;
    let fits = |vpc: &&Vpc| {
        let values = [
            ("vpc-id", vpc.id.clone()),
            ("is-default", vpc.is_default.to_string()),
            ("isDefault", vpc.is_default.to_string()),
        ];
        choice.fits(&vpc.id, &values)
    };
    let shown = all.iter().filter(fits).map(|vpc| {
        vec![
            text("vpcId", &vpc.id),
            text("ownerId", &place.account),
            text("state", "available"),
            text("cidrBlock", &vpc.cidr),
            text("dhcpOptionsId", "default"),
            text("instanceTenancy", "default"),
            text("isDefault", vpc.is_default),
        ]
    });
    Ok(vec![list("vpcSet", "item", shown)])
}

pub(super) fn subnets(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let choice = Choice::read(ask, "SubnetId");
    let all = &world.site(place).subnets;
    choice.known(all.iter().map(|subnet| subnet.id.as_str()), ("InvalidSubnetID.NotFound", "subnet ID"))?;
    let fits = |subnet: &&Subnet| {
        let values = [
            ("subnet-id", subnet.id.clone()),
            ("vpc-id", subnet.vpc.clone()),
            ("availability-zone", subnet.zone.clone()),
            ("default-for-az", subnet.is_default.to_string()),
        ];
        choice.fits(&subnet.id, &values)
    };
    let shown = all.iter().filter(fits).map(|subnet| {
        vec![
            text("subnetId", &subnet.id),
            text("ownerId", &place.account),
            text("state", "available"),
            text("vpcId", &subnet.vpc),
            text("cidrBlock", &subnet.cidr),
            text("availableIpAddressCount", 4_091),
            text("availabilityZone", &subnet.zone),
            text("defaultForAz", subnet.is_default),
            text("mapPublicIpOnLaunch", false),
        ]
    });
    Ok(vec![list("subnetSet", "item", shown)])
}

pub(super) fn security_groups(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let choice = Choice::read(ask, "GroupId");
    let all = &world.site(place).security_groups;
    choice.known(all.iter().map(|group| group.id.as_str()), ("InvalidGroup.NotFound", "security group"))?;
    let fits = |group: &&SecurityGroup| {
        let values =
            [("group-id", group.id.clone()), ("vpc-id", group.vpc.clone()), ("group-name", group.name.clone())];
        choice.fits(&group.id, &values)
    };
    let shown = all.iter().filter(fits).map(|group| {
        vec![
            text("groupId", &group.id),
            text("ownerId", &place.account),
            text("groupName", &group.name),
            text("groupDescription", "A security group of the simulated AWS"),
            text("vpcId", &group.vpc),
            node("ipPermissions", Vec::new()),
            node("ipPermissionsEgress", Vec::new()),
        ]
    });
    Ok(vec![list("securityGroupInfo", "item", shown)])
}

pub(super) fn regions(world: &World) -> Vec<Element> {
    let mut names: Vec<&str> = world.sites.keys().map(|place| place.region.as_str()).collect();
    names.extend(["us-east-1", "eu-west-1", "eu-central-1"]);
    names.sort_unstable();
    names.dedup();
    let shown = names.into_iter().map(|name| {
        vec![
            text("regionName", name),
            text("regionEndpoint", format!("ec2.{name}.amazonaws.com")),
            text("optInStatus", "opt-in-not-required"),
        ]
    });
    vec![list("regionInfo", "item", shown)]
}

pub(super) fn zones(world: &mut World, place: &Place, ask: &Ask) -> Vec<Element> {
    let choice = Choice::read(ask, "ZoneName");
    let site = world.site(place);
    let names = site.shelves.ec2.zones(site, place);
    let fits = |name: &&String| {
        let values = [
            ("zone-name", (*name).clone()),
            ("region-name", place.region.to_string()),
            ("state", "available".to_owned()),
            ("zone-type", "availability-zone".to_owned()),
            ("opt-in-status", "opt-in-not-required".to_owned()),
        ];
        choice.fits(name, &values)
    };
    let shown = names.iter().filter(fits).map(|name| {
        vec![
            text("zoneName", name),
            text("zoneState", "available"),
            text("regionName", &place.region),
            text("zoneType", "availability-zone"),
            text("optInStatus", "opt-in-not-required"),
        ]
    });
    vec![list("availabilityZoneInfo", "item", shown)]
}
