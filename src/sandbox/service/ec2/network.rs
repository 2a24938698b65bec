//! VPCs, subnets, security groups, regions, zones, and what the account has.

use std::collections::BTreeSet;

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::query::texts;
use crate::sandbox::protocol::xml::{Element, list, node, text};
use crate::sandbox::service::ec2::choice::Choice;
use crate::sandbox::spec::Place;
use crate::sandbox::world::{SecurityGroup, Site, Subnet, Vpc, World};
use crate::words::id::Region;

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

/// Regions that an account has to opt in to, as far as worlds have heard of them.
const OPT_IN: &[&str] = &["af-south-1", "ap-east-1", "ap-southeast-3", "eu-central-2", "eu-south-1", "me-south-1"];

/// Those that are not enabled are shown to whoever asks for all, or for them by name.
pub(super) fn regions(world: &World, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let choice = Choice::read(ask, "RegionName");
    let mut names: BTreeSet<&str> = world.sites.keys().map(|place| place.region.as_str()).collect();
    names.extend(world.disabled.iter().map(Region::as_str));
    names.extend(["us-east-1", "eu-west-1", "eu-central-1"]);
    choice.known(names.iter().copied(), ("InvalidParameterValue", "region"))?;
    let asks_all = ask.flag("AllRegions") == Some(true) || ask.param("RegionName.1").is_some();
    let mut shown = Vec::new();
    for name in names {
        let is_disabled = world.disabled.iter().any(|region| region.as_str() == name);
        let status = if is_disabled {
            "not-opted-in"
        } else if OPT_IN.contains(&name) {
            "opted-in"
        } else {
            "opt-in-not-required"
        };
        let values = [("region-name", name.to_owned()), ("opt-in-status", status.to_owned())];
        if (asks_all || !is_disabled) && choice.fits(name, &values) {
            shown.push(vec![
                text("regionName", name),
                text("regionEndpoint", format!("ec2.{name}.amazonaws.com")),
                text("optInStatus", status),
            ]);
        }
    }
    Ok(vec![list("regionInfo", "item", shown)])
}

/// The account's attributes in the region: whether there is a default VPC, above all.
pub(super) fn account(site: &Site, ask: &Ask) -> Vec<Element> {
    let asked = texts(ask, "AttributeName");
    let default = site.default_vpc().map_or("none", |vpc| vpc.id.as_str());
    let all = [
        ("supported-platforms", "VPC"),
        ("default-vpc", default),
        ("max-instances", "20"),
        ("vpc-max-security-groups-per-interface", "5"),
        ("max-elastic-ips", "5"),
        ("vpc-max-elastic-ips", "5"),
    ];
    let wanted = all.into_iter().filter(|(name, _)| asked.is_empty() || asked.iter().any(|one| one == name));
    let shown = wanted.map(|(name, value)| {
        let values = list("attributeValueSet", "item", [vec![text("attributeValue", value)]]);
        vec![text("attributeName", name), values]
    });
    vec![list("accountAttributeSet", "item", shown)]
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
