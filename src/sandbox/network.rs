//! Networks of a world: a default VPC in each region, an isolated one where a definition names subnet or security groups.

use crate::sandbox::seed::Stream;
use crate::sandbox::spec::{Place, ResourceSpec};
use crate::sandbox::world::{SecurityGroup, Site, Subnet, SubnetGroup, Vpc, World};

/// Adds the networks that a resource and its restore live in.
pub(crate) fn add(world: &mut World, spec: &ResourceSpec) {
    for place in [&spec.source, &spec.destination] {
        add_default(world, place);
    }
    let place = &spec.destination;
    let mut stream = world.seed.stream(&format!("isolated network {} {}", place.account, place.region));
    let vpc = stream_id(&mut stream, "vpc");
    let site = world.site(place);
    // What names subnets has them made by `thing::subnets`, with the groups beside them.
    if spec.with.contains_key("subnets") || spec.with.contains_key("subnet") {
        return;
    }
    if spec.subnet_group.is_none() && spec.security_groups.is_empty() {
        return;
    }
    // Groups without a subnet group are used in the default VPC.
    let home = match (&spec.subnet_group, site.default_vpc()) {
        (None, Some(default)) => default.id.clone(),
        _ => vpc.clone(),
    };
    if !site.vpcs.iter().any(|known| known.id == home) {
        site.vpcs.push(Vpc { id: home.clone(), cidr: "10.77.0.0/16".to_owned(), is_default: false });
        let subnets = subnets(place, &home, "10.77", false, &mut stream);
        site.subnets.extend(subnets);
        site.security_groups.push(SecurityGroup {
            id: stream_id(&mut stream, "sg"),
            name: "default".to_owned(),
            vpc: home.clone(),
        });
    }
    for id in &spec.security_groups {
        if !site.security_groups.iter().any(|known| known.id == *id) {
            let name = format!("drill-{}", site.security_groups.len());
            site.security_groups.push(SecurityGroup { id: id.clone(), name, vpc: home.clone() });
        }
    }
    if let Some(name) = &spec.subnet_group {
        add_subnet_group(site, place, &name.to_lowercase(), &home);
    }
}

/// What the source's databases use exists in the source alone: whoever sends it to the destination fails there.
pub(crate) const SOURCE_SUBNET_GROUP: &str = "prod-db";

/// The subnet group of the source's databases, in the source's default VPC.
pub(crate) fn add_source_group(site: &mut Site, place: &Place) {
    if let Some(vpc) = site.default_vpc().map(|vpc| vpc.id.clone()) {
        add_subnet_group(site, place, SOURCE_SUBNET_GROUP, &vpc);
    }
}

/// Removes the default VPC and what is in it. Source instances keep running: they were there first.
pub(crate) fn remove_default(site: &mut Site) {
    let Some(vpc) = site.default_vpc().map(|vpc| vpc.id.clone()) else { return };
    site.vpcs.retain(|known| known.id != vpc);
    site.subnets.retain(|known| known.vpc != vpc);
    site.security_groups.retain(|known| known.vpc != vpc);
    site.subnet_groups.retain(|_, known| known.vpc != vpc);
}

/// Moves every subnet into the region's first zone.
pub(crate) fn keep_one_zone(place: &Place, site: &mut Site) {
    let zone = format!("{}a", place.region);
    let groups = site.subnet_groups.values_mut().flat_map(|group| &mut group.subnets);
    site.subnets.iter_mut().chain(groups).for_each(|subnet| subnet.zone.clone_from(&zone));
}

fn add_default(world: &mut World, place: &Place) {
    let mut stream = world.seed.stream(&format!("default network {} {}", place.account, place.region));
    let site = world.site(place);
    if !site.vpcs.is_empty() {
        return;
    }
    let vpc = stream_id(&mut stream, "vpc");
    site.vpcs.push(Vpc { id: vpc.clone(), cidr: "172.31.0.0/16".to_owned(), is_default: true });
    let subnets = subnets(place, &vpc, "172.31", true, &mut stream);
    site.subnets.extend(subnets);
    site.security_groups.push(SecurityGroup {
        id: stream_id(&mut stream, "sg"),
        name: "default".to_owned(),
        vpc: vpc.clone(),
    });
    add_subnet_group(site, place, "default", &vpc);
}

fn add_subnet_group(site: &mut Site, place: &Place, name: &str, vpc: &str) {
    let subnets = site.subnets.iter().filter(|subnet| subnet.vpc == vpc).cloned().collect();
    let arn = format!("arn:aws:rds:{}:{}:subgrp:{name}", place.region, place.account);
    site.subnet_groups.entry(name.to_owned()).or_insert(SubnetGroup { arn, vpc: vpc.to_owned(), subnets });
}

fn subnets(place: &Place, vpc: &str, prefix: &str, is_default: bool, stream: &mut Stream) -> Vec<Subnet> {
    ["a", "b"]
        .iter()
        .zip([0, 16])
        .map(|(letter, third)| Subnet {
            id: stream_id(stream, "subnet"),
            vpc: vpc.to_owned(),
            zone: format!("{}{letter}", place.region),
            cidr: format!("{prefix}.{third}.0/20"),
            is_default,
        })
        .collect()
}

fn stream_id(stream: &mut Stream, prefix: &str) -> String {
    format!("{prefix}-{}", stream.hex(17))
}
