//! Tags of DB instances.

use std::collections::BTreeMap;

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::query::{members, texts};
use crate::sandbox::protocol::xml::{Element, list, text};
use crate::sandbox::service::rds::{instances, required};
use crate::sandbox::spec::Place;
use crate::sandbox::thing::rds::Instance;
use crate::sandbox::world::World;

/// No resource carries more.
const MOST_TAGS: usize = 50;

pub(crate) fn add(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let instance = find(world, place, ask)?;
    for tag in members(ask, "Tags") {
        let key = tag.get("Key").cloned().unwrap_or_default();
        if key.is_empty() || key.starts_with("aws:") {
            return Err(Failure::bad("InvalidParameterValue", "Tag keys may not be empty and may not start with aws:"));
        }
        if instance.tags.len() >= MOST_TAGS && !instance.tags.contains_key(&key) {
            return Err(Failure::bad("InvalidParameterValue", "A resource carries at most 50 tags"));
        }
        instance.tags.insert(key, tag.get("Value").cloned().unwrap_or_default());
    }
    Ok(Vec::new())
}

pub(crate) fn remove(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let instance = find(world, place, ask)?;
    for key in texts(ask, "TagKeys") {
        instance.tags.remove(&key);
    }
    Ok(Vec::new())
}

pub(crate) fn show(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    Ok(vec![tag_list(&find(world, place, ask)?.tags)])
}

pub(crate) fn tag_list(tags: &BTreeMap<String, String>) -> Element {
    list("TagList", "Tag", tags.iter().map(|(key, value)| vec![text("Key", key), text("Value", value)]))
}

fn find<'a>(world: &'a mut World, place: &Place, ask: &Ask) -> Result<&'a mut Instance, Failure> {
    let arn = required(ask, "ResourceName")?;
    let site = world.site(place);
    let id = instances::find(site, arn)?.id.clone();
    let gone = || Failure::new(404, "DBInstanceNotFound", format!("DBInstance {arn} not found."));
    site.shelves.rds.instances.get_mut(&id).ok_or_else(gone)
}
