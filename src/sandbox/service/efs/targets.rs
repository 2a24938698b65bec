//! Mount targets.

use serde_json::{Value, json};

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::service::efs::systems::no_access_point;
use crate::sandbox::service::efs::{BY_MARKER, bad, listed, system};
use crate::sandbox::spec::Place;
use crate::sandbox::thing::efs::{FileSystem, MountTarget};
use crate::sandbox::world::{Site, Subnet, World};

/// EFS allows this many groups on a mount target.
const MOST_GROUPS: usize = 5;

pub(super) fn describe(site: &mut Site, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let found = match (ask.param("FileSystemId"), ask.param("MountTargetId"), ask.param("AccessPointId")) {
        (Some(id), None, None) => shown(system(site, id)?, place),
        (None, Some(id), None) => {
            let (of, target) = find(site, id)?;
            vec![show(target, &of, place)]
        }
        (None, None, Some(id)) => {
            let mut systems = site.shelves.efs.file_systems.values();
            let of = systems.find(|system| system.access_points.contains_key(id));
            shown(of.ok_or_else(|| no_access_point(id))?, place)
        }
        _ => return Err(bad("Specify exactly one of FileSystemId, MountTargetId and AccessPointId")),
    };
    listed(ask, BY_MARKER, "MountTargets", found)
}

pub(super) fn security_groups(site: &mut Site, ask: &Ask) -> Result<Value, Failure> {
    let (_, target) = find(site, ask.label(0))?;
    Ok(json!({ "SecurityGroups": target.security_groups }))
}

pub(super) fn create(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let now = world.now;
    let mut stream = world.stream("mount target");
    if let Some(name) = ["IpAddress", "Ipv6Address"].iter().find(|name| ask.text(name).is_some()) {
        return Err(bad(format!("The simulated AWS does not know {name} of CreateMountTarget")));
    }
    let id = ask.text("FileSystemId").ok_or_else(|| bad("FileSystemId is required"))?;
    let asked = ask.text("SubnetId").ok_or_else(|| bad("SubnetId is required"))?;
    let site = world.site(place);
    check_state(system(site, id)?)?;
    let subnet = site
        .subnets
        .iter()
        .find(|subnet| subnet.id == asked)
        .cloned()
        .ok_or_else(|| Failure::bad("SubnetNotFound", format!("The subnet ID '{asked}' does not exist.")))?;
    let groups = groups(site, &subnet, ask)?;
    let of = system(site, id)?;
    check_free(of, &subnet)?;
    let target = MountTarget::begin(&subnet, groups, now, &mut stream);
    let answer = show(&target, &of.id, place);
    of.mount_targets.insert(target.id.clone(), target);
    Ok(answer)
}

fn check_state(system: &FileSystem) -> Result<(), Failure> {
    if system.state == "available" {
        return Ok(());
    }
    let message = format!("File system '{}' is {}, not available.", system.id, system.state);
    Err(Failure::new(409, "IncorrectFileSystemLifeCycleState", message))
}

/// The groups of the request, which must be in the subnet's VPC; else the VPC's default group.
fn groups(site: &Site, subnet: &Subnet, ask: &Ask) -> Result<Vec<String>, Failure> {
    let asked = ask.body.get("SecurityGroups").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let ids: Vec<String> = asked.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let mut known = site.security_groups.iter().filter(|group| group.vpc == subnet.vpc);
    if ids.is_empty() {
        return Ok(known.find(|group| group.name == "default").map(|group| group.id.clone()).into_iter().collect());
    }
    if ids.len() > MOST_GROUPS {
        let message = format!("A mount target takes at most {MOST_GROUPS} security groups.");
        return Err(Failure::bad("SecurityGroupLimitExceeded", message));
    }
    let known: Vec<&str> = known.map(|group| group.id.as_str()).collect();
    match ids.iter().find(|id| !known.contains(&id.as_str())) {
        Some(id) => {
            let message = format!("The security group ID '{id}' does not exist in {}.", subnet.vpc);
            Err(Failure::bad("SecurityGroupNotFound", message))
        }
        None => Ok(ids),
    }
}

/// One mount target a zone, all in one VPC; a One Zone file system in its zone alone.
fn check_free(system: &FileSystem, subnet: &Subnet) -> Result<(), Failure> {
    let conflict = |message: String| Err(Failure::new(409, "MountTargetConflict", message));
    if let Some(zone) = system.zone.as_ref().filter(|zone| **zone != subnet.zone) {
        let message = format!("The subnet is in {}, the One Zone file system in {zone}.", subnet.zone);
        return Err(Failure::bad("AvailabilityZonesMismatch", message));
    }
    if system.mount_targets.values().any(|target| target.vpc != subnet.vpc) {
        return conflict("The subnet is not in the same VPC as the existing mount targets".into());
    }
    if system.mount_targets.values().any(|target| target.zone == subnet.zone) {
        return conflict("Mount target already exists in this AZ".into());
    }
    Ok(())
}

pub(super) fn delete(world: &mut World, place: &Place, ask: &Ask) -> Result<(), Failure> {
    let now = world.now;
    let mut stream = world.stream("mount target deletion");
    let id = ask.label(0);
    let mut systems = world.site(place).shelves.efs.file_systems.values_mut();
    let target = systems.find_map(|system| system.mount_targets.get_mut(id)).ok_or_else(|| not_found(id))?;
    target.begin_deletion(now, &mut stream);
    Ok(())
}

/// A mount target, and the id of its file system.
fn find<'a>(site: &'a Site, id: &str) -> Result<(String, &'a MountTarget), Failure> {
    let mut systems = site.shelves.efs.file_systems.values();
    let found = systems.find_map(|system| Some((system.id.clone(), system.mount_targets.get(id)?)));
    found.ok_or_else(|| not_found(id))
}

fn not_found(id: &str) -> Failure {
    Failure::new(404, "MountTargetNotFound", format!("Mount target '{id}' does not exist."))
}

fn shown(of: &FileSystem, place: &Place) -> Vec<Value> {
    of.mount_targets.values().map(|target| show(target, &of.id, place)).collect()
}

fn show(target: &MountTarget, of: &str, place: &Place) -> Value {
    json!({
        "OwnerId": place.account,
        "MountTargetId": target.id,
        "FileSystemId": of,
        "SubnetId": target.subnet,
        "LifeCycleState": target.state,
        "IpAddress": target.address,
        "NetworkInterfaceId": target.interface,
        "AvailabilityZoneName": target.zone,
        "VpcId": target.vpc,
    })
}
