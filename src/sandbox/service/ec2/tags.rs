//! Tags of instances and volumes.

use std::collections::BTreeMap;

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::query::{members, texts};
use crate::sandbox::protocol::xml::{Element, text};
use crate::sandbox::service::ec2::choice::{Choice, paged};
use crate::sandbox::service::ec2::{instances, volumes};
use crate::sandbox::spec::Place;
use crate::sandbox::thing::ec2::Ec2Shelf;
use crate::sandbox::world::World;

/// No resource carries more.
const MOST_TAGS: usize = 50;

pub(super) fn add(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let added: BTreeMap<String, String> =
        asked(ask)?.into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect();
    let shelf = &mut world.site(place).shelves.ec2;
    for id in texts(ask, "ResourceId") {
        let tags = find(shelf, &id)?;
        let mut all = tags.clone();
        all.extend(added.clone());
        if all.len() > MOST_TAGS {
            return Err(Failure::bad("TagLimitExceeded", "A resource carries at most 50 tags"));
        }
        *tags = all;
    }
    Ok(vec![text("return", true)])
}

/// Without a value a tag goes whatever its value is; with one, only if it has it. Without any tag, all go.
pub(super) fn remove(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let named = asked(ask)?;
    let shelf = &mut world.site(place).shelves.ec2;
    for id in texts(ask, "ResourceId") {
        let tags = find(shelf, &id)?;
        tags.retain(|key, value| {
            let goes = |(name, wanted): &(String, Option<String>)| {
                name == key && wanted.as_ref().is_none_or(|one| one == value)
            };
            !named.is_empty() && !named.iter().any(goes)
        });
    }
    Ok(vec![text("return", true)])
}

fn asked(ask: &Ask) -> Result<Vec<(String, Option<String>)>, Failure> {
    let mut found = Vec::new();
    for tag in members(ask, "Tag") {
        let key = tag.get("Key").cloned().unwrap_or_default();
        if key.is_empty() || key.starts_with("aws:") {
            let message = "Tag keys may not be empty, and those starting with 'aws:' are reserved for internal use";
            return Err(Failure::bad("InvalidParameterValue", message));
        }
        found.push((key, tag.get("Value").cloned()));
    }
    Ok(found)
}

fn find<'a>(shelf: &'a mut Ec2Shelf, id: &str) -> Result<&'a mut BTreeMap<String, String>, Failure> {
    if id.starts_with("i-") {
        return instances::find(shelf, id).map(|instance| &mut instance.tags);
    }
    if id.starts_with("vol-") {
        return volumes::find(shelf, id).map(|volume| &mut volume.tags);
    }
    Err(Failure::bad("InvalidID", format!("The ID '{id}' is not valid")))
}

pub(super) fn describe(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let choice = Choice::read(ask, "ResourceId");
    let shelf = &world.site(place).shelves.ec2;
    let instances = shelf.instances.values().map(|one| (&one.id, "instance", &one.tags));
    let volumes = shelf.volumes.values().map(|one| (&one.id, "volume", &one.tags));
    let mut rows = Vec::new();
    for (id, kind, tags) in instances.chain(volumes) {
        for (key, value) in tags {
            let values = [
                ("resource-id", id.clone()),
                ("resource-type", kind.to_owned()),
                ("key", key.clone()),
                ("value", value.clone()),
            ];
            if choice.fits(id, &values) {
                rows.push(vec![
                    text("resourceId", id),
                    text("resourceType", kind),
                    text("key", key),
                    text("value", value),
                ]);
            }
        }
    }
    paged(ask, "tagSet", rows)
}
