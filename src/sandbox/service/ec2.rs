//! EC2: networks and regions, as far as restores meet them.

use std::collections::BTreeMap;

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::query::{filters, texts};
use crate::sandbox::protocol::xml::{Element, list, node, text};
use crate::sandbox::protocol::{Answer, Ask};
use crate::sandbox::spec::Place;
use crate::sandbox::world::{SecurityGroup, Subnet, Vpc, World};

/// Performs an operation.
pub(crate) fn call(world: &mut World, place: &Place, ask: &Ask) -> Result<Answer, Failure> {
    let elements = match ask.operation.as_str() {
        "DescribeVpcs" => vpcs(world, place, ask),
        "DescribeSubnets" => subnets(world, place, ask),
        "DescribeSecurityGroups" => security_groups(world, place, ask),
        "DescribeRegions" => Ok(regions(world)),
        "DescribeAvailabilityZones" => Ok(zones(place)),
        other => Err(Failure::unknown(other)),
    };
    elements.map(Answer::Xml)
}

fn vpcs(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
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

fn subnets(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
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

fn security_groups(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
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

fn regions(world: &World) -> Vec<Element> {
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

fn zones(place: &Place) -> Vec<Element> {
    let shown = ["a", "b"].into_iter().map(|letter| {
        vec![
            text("zoneName", format!("{}{letter}", place.region)),
            text("zoneState", "available"),
            text("regionName", &place.region),
            text("zoneType", "availability-zone"),
            text("optInStatus", "opt-in-not-required"),
        ]
    });
    vec![list("availabilityZoneInfo", "item", shown)]
}

/// Ids and filters of a Describe request.
struct Choice {
    ids: Vec<String>,
    filters: BTreeMap<String, Vec<String>>,
}

impl Choice {
    fn read(ask: &Ask, ids: &str) -> Self {
        Self { ids: texts(ask, ids), filters: filters(ask) }
    }

    /// EC2 refuses a request that names an id it does not know.
    fn known<'a>(&self, all: impl Iterator<Item = &'a str> + Clone, (code, what): (&str, &str)) -> Result<(), Failure> {
        let unknown = self.ids.iter().find(|id| !all.clone().any(|known| known == id.as_str()));
        match unknown {
            Some(id) => Err(Failure::bad(code, format!("The {what} '{id}' does not exist"))),
            None => Ok(()),
        }
    }

    fn fits(&self, id: &str, values: &[(&str, String)]) -> bool {
        let named = self.ids.is_empty() || self.ids.iter().any(|known| known == id);
        named
            && self
                .filters
                .iter()
                .all(|(name, wanted)| values.iter().any(|(known, value)| known == name && wanted.contains(value)))
    }
}
