//! The subnets and security groups that a definition names for its restores: they exist in the destination, in one VPC.

use crate::sandbox::spec::Place;
use crate::sandbox::world::{SecurityGroup, Site, Subnet, Vpc, World};

/// The zones of named subnets, in order.
const LETTERS: [&str; 3] = ["a", "b", "c"];

/// Makes the subnets and security groups that are missing: in the VPC of those that are there already, else in the
/// isolated VPC. Subnets that are named together are in different zones.
pub(crate) fn ensure(world: &mut World, place: &Place, subnets: &[String], groups: &[String]) {
    ensure_in(world, place, subnets, groups, None);
}

/// The same, with all subnets in one zone where one is given.
pub(crate) fn ensure_in(world: &mut World, place: &Place, subnets: &[String], groups: &[String], zone: Option<&str>) {
    if subnets.is_empty() && groups.is_empty() {
        return;
    }
    let home = home(world, place, subnets, groups);
    let site = world.site(place);
    for id in subnets {
        match (site.subnets.iter_mut().find(|known| known.id == *id), zone) {
            (Some(known), Some(zone)) if !known.is_default => zone.clone_into(&mut known.zone),
            (Some(_), _) => {}
            (None, Some(zone)) => add_subnet(site, &home, id, zone.to_owned()),
            (None, None) => {
                let zone = free_zone(site, place, &home, subnets);
                add_subnet(site, &home, id, zone);
            }
        }
    }
    for id in groups {
        if !site.security_groups.iter().any(|known| known.id == *id) {
            let name = format!("drill-{}", site.security_groups.len());
            site.security_groups.push(SecurityGroup { id: id.clone(), name, vpc: home.clone() });
        }
    }
}

/// The VPC of what is there already, so that subnets and groups fit together.
fn home(world: &mut World, place: &Place, subnets: &[String], groups: &[String]) -> String {
    let site = world.site(place);
    let subnet = site.subnets.iter().find(|known| subnets.contains(&known.id)).map(|known| known.vpc.clone());
    let group = || site.security_groups.iter().find(|known| groups.contains(&known.id)).map(|known| known.vpc.clone());
    let known = subnet.or_else(group);
    known.unwrap_or_else(|| isolated(world, place))
}

/// A zone that none of the subnets named together is in. Where there is a choice, the zones take turns.
fn free_zone(site: &Site, place: &Place, vpc: &str, together: &[String]) -> String {
    let zone = |letter: &str| format!("{}{letter}", place.region);
    let taken = |zone: &str| site.subnets.iter().any(|known| together.contains(&known.id) && known.zone == zone);
    let turn = (site.subnets.iter().filter(|known| known.vpc == vpc).count() + 1) % LETTERS.len();
    let mut zones = LETTERS.iter().cycle().skip(turn).take(LETTERS.len()).map(|letter| zone(letter));
    zones.find(|zone| !taken(zone)).unwrap_or_else(|| zone("a"))
}

fn add_subnet(site: &mut Site, vpc: &str, id: &str, zone: String) {
    let cidr = site.vpcs.iter().find(|known| known.id == vpc).map_or("10.77.0.0/16", |known| known.cidr.as_str());
    let prefix = cidr.strip_suffix(".0.0/16").unwrap_or("10.77").to_owned();
    let third = 32 + site.subnets.iter().filter(|known| known.vpc == vpc).count() % 224;
    let cidr = format!("{prefix}.{third}.0/24");
    site.subnets.push(Subnet { id: id.to_owned(), vpc: vpc.to_owned(), zone, cidr, is_default: false });
}

/// The isolated VPC: the same, id by id, that `network` makes for a subnet group.
fn isolated(world: &mut World, place: &Place) -> String {
    let mut stream = world.seed.stream(&format!("isolated network {} {}", place.account, place.region));
    let mut id = |prefix: &str| format!("{prefix}-{}", stream.hex(17));
    let vpc = id("vpc");
    let site = world.site(place);
    if site.vpcs.iter().any(|known| known.id == vpc) {
        return vpc;
    }
    site.vpcs.push(Vpc { id: vpc.clone(), cidr: "10.77.0.0/16".to_owned(), is_default: false });
    for (letter, third) in [("a", 0), ("b", 16)] {
        site.subnets.push(Subnet {
            id: id("subnet"),
            vpc: vpc.clone(),
            zone: format!("{}{letter}", place.region),
            cidr: format!("10.77.{third}.0/20"),
            is_default: false,
        });
    }
    site.security_groups.push(SecurityGroup { id: id("sg"), name: "default".to_owned(), vpc: vpc.clone() });
    vpc
}
