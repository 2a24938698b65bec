//! Subnet, parameter and option groups.

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::xml::{Element, list, node, text};
use crate::sandbox::service::rds::paged;
use crate::sandbox::spec::Place;
use crate::sandbox::world::{Site, World};

pub(crate) fn subnet_groups(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let site = world.site(place);
    let asked = ask.param("DBSubnetGroupName").map(str::to_lowercase);
    let wanted = site.subnet_groups.keys().filter(|name| asked.as_ref().is_none_or(|asked| asked == *name));
    let shown: Vec<Vec<Element>> = wanted.filter_map(|name| members(site, name)).collect();
    if let Some(asked) = asked
        && shown.is_empty()
    {
        return Err(Failure::new(404, "DBSubnetGroupNotFoundFault", format!("DBSubnetGroup {asked} not found.")));
    }
    paged(ask, "DBSubnetGroups", "DBSubnetGroup", shown)
}

/// The subnet group as part of an instance.
pub(crate) fn subnet_group(site: &Site, name: &str) -> Option<Element> {
    members(site, name).map(|members| node("DBSubnetGroup", members))
}

fn members(site: &Site, name: &str) -> Option<Vec<Element>> {
    let group = site.subnet_groups.get(name)?;
    let subnets = group.subnets.iter().map(|subnet| {
        vec![
            text("SubnetIdentifier", &subnet.id),
            node("SubnetAvailabilityZone", vec![text("Name", &subnet.zone)]),
            node("SubnetOutpost", Vec::new()),
            text("SubnetStatus", "Active"),
        ]
    });
    Some(vec![
        text("DBSubnetGroupName", name),
        text("DBSubnetGroupDescription", name),
        text("VpcId", &group.vpc),
        text("SubnetGroupStatus", "Complete"),
        list("Subnets", "Subnet", subnets),
        text("DBSubnetGroupArn", &group.arn),
    ])
}

pub(crate) fn parameter_groups(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let asked = ask.param("DBParameterGroupName").map(str::to_owned);
    let site = world.site(place);
    let known = site.shelves.rds.parameter_groups.iter();
    let wanted = known.filter(|(name, _)| asked.as_ref().is_none_or(|asked| asked == *name));
    let shown: Vec<Vec<Element>> = wanted
        .map(|(name, family)| {
            vec![
                text("DBParameterGroupName", name),
                text("DBParameterGroupFamily", family),
                text("Description", "A parameter group of the simulated AWS"),
                text("DBParameterGroupArn", format!("arn:aws:rds:{}:{}:pg:{name}", place.region, place.account)),
            ]
        })
        .collect();
    if let Some(asked) = asked
        && shown.is_empty()
    {
        return Err(Failure::new(404, "DBParameterGroupNotFound", format!("DBParameterGroup not found: {asked}")));
    }
    paged(ask, "DBParameterGroups", "DBParameterGroup", shown)
}

pub(crate) fn option_groups(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let asked = ask.param("OptionGroupName").map(str::to_owned);
    let site = world.site(place);
    let known = site.shelves.rds.option_groups.iter();
    let wanted = known.filter(|(name, _)| asked.as_ref().is_none_or(|asked| asked == *name));
    let shown: Vec<Vec<Element>> = wanted
        .map(|(name, options)| {
            vec![
                text("OptionGroupName", name),
                text("OptionGroupDescription", "An option group of the simulated AWS"),
                text("EngineName", options.engine),
                text("MajorEngineVersion", &options.major),
                node("Options", Vec::new()),
                text("AllowsVpcAndNonVpcInstanceMemberships", true),
                text("OptionGroupArn", format!("arn:aws:rds:{}:{}:og:{name}", place.region, place.account)),
            ]
        })
        .collect();
    if let Some(asked) = asked
        && shown.is_empty()
    {
        return Err(Failure::new(
            404,
            "OptionGroupNotFoundFault",
            format!("Specified OptionGroupName: {asked} not found."),
        ));
    }
    paged(ask, "OptionGroupsList", "OptionGroup", shown)
}
