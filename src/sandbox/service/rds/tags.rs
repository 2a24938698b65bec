//! Tags of DB instances, clusters and their members.

use std::collections::BTreeMap;

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::query::{members, texts};
use crate::sandbox::protocol::xml::{Element, list, text};
use crate::sandbox::service::rds::required;
use crate::sandbox::spec::Place;
use crate::sandbox::world::World;

/// No resource carries more.
const MOST_TAGS: usize = 50;

pub(crate) fn add(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let tags = find(world, place, ask)?;
    for tag in members(ask, "Tags") {
        let key = tag.get("Key").cloned().unwrap_or_default();
        if key.is_empty() || key.starts_with("aws:") {
            return Err(Failure::bad("InvalidParameterValue", "Tag keys may not be empty and may not start with aws:"));
        }
        if tags.len() >= MOST_TAGS && !tags.contains_key(&key) {
            return Err(Failure::bad("InvalidParameterValue", "A resource carries at most 50 tags"));
        }
        tags.insert(key, tag.get("Value").cloned().unwrap_or_default());
    }
    Ok(Vec::new())
}

pub(crate) fn remove(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let tags = find(world, place, ask)?;
    for key in texts(ask, "TagKeys") {
        tags.remove(&key);
    }
    Ok(Vec::new())
}

pub(crate) fn show(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    Ok(vec![tag_list(find(world, place, ask)?)])
}

pub(crate) fn tag_list(tags: &BTreeMap<String, String>) -> Element {
    list("TagList", "Tag", tags.iter().map(|(key, value)| vec![text("Key", key), text("Value", value)]))
}

fn find<'a>(world: &'a mut World, place: &Place, ask: &Ask) -> Result<&'a mut BTreeMap<String, String>, Failure> {
    let arn = required(ask, "ResourceName")?;
    let shelves = &mut world.site(place).shelves;
    if arn.contains(":cluster:") {
        let cluster = shelves.clusters.clusters.values_mut().find(|cluster| cluster.arn == arn);
        let gone = || Failure::new(404, "DBClusterNotFoundFault", format!("DBCluster {arn} not found."));
        return cluster.map(|cluster| &mut cluster.tags).ok_or_else(gone);
    }
    let instances = shelves.rds.instances.values_mut().map(|instance| (&instance.arn, &mut instance.tags));
    let members = shelves.clusters.members.values_mut().map(|member| (&member.arn, &mut member.tags));
    let found = instances.chain(members).find(|(known, _)| *known == arn);
    found
        .map(|(_, tags)| tags)
        .ok_or_else(|| Failure::new(404, "DBInstanceNotFound", format!("DBInstance {arn} not found.")))
}
