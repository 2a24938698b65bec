//! File systems, their access points and replications.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::json::instant;
use crate::sandbox::service::efs::{BY_MARKER, BY_TOKEN, bad, listed, system};
use crate::sandbox::spec::Place;
use crate::sandbox::thing::efs::{AccessPoint, FileSystem};
use crate::sandbox::world::{Site, World};

/// By id, for which absence is an error; by creation token, for which it is an empty list; or all.
pub(super) fn describe(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let now = world.now;
    let site = world.site(place);
    let found = match (ask.param("FileSystemId"), ask.param("CreationToken")) {
        (Some(_), Some(_)) => return Err(bad("Specify FileSystemId or CreationToken, not both")),
        (Some(id), None) => vec![show(system(site, id)?, place, now)],
        (None, token) => {
            let fits = |one: &&FileSystem| token.is_none_or(|token| one.creation_token == token);
            site.shelves.efs.file_systems.values().filter(fits).map(|one| show(one, place, now)).collect()
        }
    };
    listed(ask, BY_MARKER, "FileSystems", found)
}

fn show(found: &FileSystem, place: &Place, now: Timestamp) -> Value {
    let name = found.tags.get("Name");
    let tags: Vec<Value> = found.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    let size = json!({
        "Value": found.bytes, "Timestamp": instant(now), "ValueInIA": 0, "ValueInStandard": found.bytes,
    });
    let mut shown = json!({
        "OwnerId": place.account,
        "CreationToken": found.creation_token,
        "FileSystemId": found.id,
        "FileSystemArn": found.arn,
        "CreationTime": instant(found.created),
        "LifeCycleState": found.state,
        "NumberOfMountTargets": found.mount_targets.len(),
        "SizeInBytes": size,
        "PerformanceMode": found.performance_mode,
        "Encrypted": found.key.is_some(),
        "ThroughputMode": "bursting",
        "Tags": tags,
        "FileSystemProtection": { "ReplicationOverwriteProtection": "ENABLED" },
    });
    let optional = [("Name", name), ("KmsKeyId", found.key.as_ref()), ("AvailabilityZoneName", found.zone.as_ref())];
    if let Some(object) = shown.as_object_mut() {
        for (key, value) in optional {
            if let Some(value) = value {
                object.insert(key.to_owned(), value.clone().into());
            }
        }
    }
    shown
}

/// No file system of a world is replicated.
pub(super) fn replications(site: &mut Site, ask: &Ask) -> Result<Value, Failure> {
    let Some(id) = ask.param("FileSystemId") else { return Ok(json!({ "Replications": [] })) };
    system(site, id)?;
    let message = format!("Replication configuration for file system '{id}' does not exist.");
    Err(Failure::new(404, "ReplicationNotFound", message))
}

pub(super) fn access_points(site: &mut Site, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let point = ask.param("AccessPointId");
    if let Some(id) = ask.param("FileSystemId") {
        if point.is_some() {
            return Err(bad("Specify FileSystemId or AccessPointId, not both"));
        }
        system(site, id)?;
    }
    let asked = ask.param("FileSystemId");
    let mut found = Vec::new();
    for one in site.shelves.efs.file_systems.values().filter(|one| asked.is_none_or(|id| one.id == id)) {
        let fits = |known: &&AccessPoint| point.is_none_or(|id| known.id == id);
        found.extend(one.access_points.values().filter(fits).map(|known| show_access_point(known, one, place)));
    }
    if let Some(id) = point.filter(|_| found.is_empty()) {
        return Err(no_access_point(id));
    }
    listed(ask, BY_TOKEN, "AccessPoints", found)
}

fn show_access_point(point: &AccessPoint, of: &FileSystem, place: &Place) -> Value {
    let tags: Vec<Value> = point.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    json!({
        "ClientToken": point.id,
        "AccessPointId": point.id,
        "AccessPointArn": point.arn,
        "FileSystemId": of.id,
        "RootDirectory": { "Path": "/" },
        "OwnerId": place.account,
        "LifeCycleState": "available",
        "Tags": tags,
    })
}

pub(super) fn delete_access_point(site: &mut Site, ask: &Ask) -> Result<(), Failure> {
    let id = ask.label(0);
    let mut systems = site.shelves.efs.file_systems.values_mut();
    let removed = systems.find_map(|system| system.access_points.remove(id));
    removed.map(drop).ok_or_else(|| no_access_point(id))
}

pub(super) fn no_access_point(id: &str) -> Failure {
    Failure::new(404, "AccessPointNotFound", format!("Access point '{id}' does not exist."))
}

/// EFS keeps a file system as long as it has mount targets, those on their way out too (trap 26).
pub(super) fn delete(world: &mut World, place: &Place, ask: &Ask) -> Result<(), Failure> {
    let now = world.now;
    let mut stream = world.stream("file system deletion");
    let found = system(world.site(place), ask.label(0))?;
    if !found.mount_targets.is_empty() {
        let message = format!("File system '{}' has mount targets and cannot be deleted.", found.id);
        return Err(Failure::new(409, "FileSystemInUse", message));
    }
    found.begin_deletion(now, &mut stream);
    Ok(())
}
