//! Volumes: describe, attach, detach, delete, by EC2's rules. Facts 2.4.

use crate::sandbox::clock::later;
use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::xml::{Element, instant, list, node, text};
use crate::sandbox::service::ec2::choice::{Choice, paged, required, tag_set, tag_values};
use crate::sandbox::service::ec2::instances;
use crate::sandbox::spec::Place;
use crate::sandbox::thing::ebs::{Attachment, Volume, begin_deletion};
use crate::sandbox::thing::ec2::Ec2Shelf;
use crate::sandbox::world::World;

const NOT_FOUND: (&str, &str) = ("InvalidVolume.NotFound", "volume");

pub(super) fn describe(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let choice = Choice::read(ask, "VolumeId");
    let shelf = &world.site(place).shelves.ec2;
    choice.known(shelf.volumes.keys().map(String::as_str), NOT_FOUND)?;
    let shown = shelf.volumes.values().filter(|volume| fits(&choice, volume));
    paged(ask, "volumeSet", shown.map(show).collect())
}

fn fits(choice: &Choice, volume: &Volume) -> bool {
    let mut values = vec![
        ("volume-id".to_owned(), volume.id.clone()),
        ("status".to_owned(), volume.state.to_owned()),
        ("snapshot-id".to_owned(), volume.snapshot.clone().unwrap_or_default()),
        ("availability-zone".to_owned(), volume.settings.zone.clone()),
        ("volume-type".to_owned(), volume.settings.kind.clone()),
    ];
    if let Some(attachment) = &volume.attachment {
        values.push(("attachment.instance-id".to_owned(), attachment.instance.clone()));
        values.push(("attachment.status".to_owned(), attachment.state.to_owned()));
        values.push(("attachment.device".to_owned(), attachment.device.clone()));
    }
    values.extend(tag_values(&volume.tags));
    values.extend(volume.tags.keys().map(|key| ("tag-key".to_owned(), key.clone())));
    let values: Vec<(&str, String)> = values.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    choice.fits(&volume.id, &values)
}

fn show(volume: &Volume) -> Vec<Element> {
    let settings = &volume.settings;
    let attachments = volume.attachment.iter().map(|attachment| show_attachment(volume, attachment));
    let mut shown = vec![
        text("volumeId", &volume.id),
        text("size", settings.size_gib),
        text("snapshotId", volume.snapshot.as_deref().unwrap_or_default()),
        text("availabilityZone", &settings.zone),
        text("status", volume.state),
        instant("createTime", volume.created),
        list("attachmentSet", "item", attachments),
        tag_set(&volume.tags),
        text("volumeType", &settings.kind),
        text("encrypted", settings.key.is_some()),
        text("multiAttachEnabled", false),
    ];
    shown.extend(settings.iops.map(|iops| text("iops", iops)));
    shown.extend(settings.throughput.map(|throughput| text("throughput", throughput)));
    shown.extend(settings.key.as_ref().map(|key| text("kmsKeyId", key)));
    shown
}

fn show_attachment(volume: &Volume, attachment: &Attachment) -> Vec<Element> {
    vec![
        text("volumeId", &volume.id),
        text("instanceId", &attachment.instance),
        text("device", &attachment.device),
        text("status", attachment.state),
        instant("attachTime", attachment.since),
        text("deleteOnTermination", attachment.delete_on_termination),
    ]
}

/// Blocks of a restored volume are read when they are asked for; the world does not tell how far that is.
pub(super) fn status(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let choice = Choice::read(ask, "VolumeId");
    let shelf = &world.site(place).shelves.ec2;
    choice.known(shelf.volumes.keys().map(String::as_str), NOT_FOUND)?;
    let shown = shelf.volumes.values().filter(|volume| fits(&choice, volume));
    let rows = shown.map(|volume| {
        let word = if volume.state == "error" { "impaired" } else { "ok" };
        vec![
            text("volumeId", &volume.id),
            text("availabilityZone", &volume.settings.zone),
            node("volumeStatus", vec![text("status", word)]),
        ]
    });
    paged(ask, "volumeStatusSet", rows.collect())
}

pub(super) fn attach(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let now = world.now;
    let takes = world.stream("attachment").between(3.0, 10.0);
    let (instance, device) = (required(ask, "InstanceId")?, required(ask, "Device")?);
    let shelf = &mut world.site(place).shelves.ec2;
    let volume = find(shelf, required(ask, "VolumeId")?)?;
    let (id, zone) = (volume.id.clone(), volume.settings.zone.clone());
    check_free(volume)?;
    check_instance(shelf, &id, (instance, &zone), device)?;
    let volume = find(shelf, &id)?;
    volume.attach(Attachment {
        instance: instance.to_owned(),
        device: device.to_owned(),
        state: "attaching",
        since: now,
        until: Some(later(now, takes)),
        delete_on_termination: false,
    });
    Ok(volume.attachment.iter().flat_map(|attachment| show_attachment(volume, attachment)).collect())
}

fn check_free(volume: &Volume) -> Result<(), Failure> {
    let id = &volume.id;
    match volume.state {
        "available" => Ok(()),
        "in-use" => Err(Failure::bad("VolumeInUse", format!("{id} is already attached to an instance"))),
        state => Err(Failure::bad("IncorrectState", format!("Volume '{id}' is in the '{state}' state."))),
    }
}

fn check_instance(
    shelf: &mut Ec2Shelf,
    volume: &str,
    (instance, zone): (&str, &str),
    device: &str,
) -> Result<(), Failure> {
    let found = instances::find(shelf, instance)?;
    if !matches!(found.state, "running" | "stopped") {
        return Err(Failure::bad("IncorrectState", format!("Instance '{instance}' is not 'running'.")));
    }
    if found.settings.zone != zone {
        let message = format!("The volume '{volume}' is not in the same availability zone as instance '{instance}'");
        return Err(Failure::bad("InvalidVolume.ZoneMismatch", message));
    }
    let taken = |one: &&Volume| one.attachment.as_ref().is_some_and(|attachment| attachment.device == device);
    if shelf.volumes_of(instance).iter().any(taken) {
        let message = format!("Invalid value '{device}' for unixDevice. Attachment point {device} is already in use");
        return Err(Failure::bad("InvalidParameterValue", message));
    }
    Ok(())
}

pub(super) fn detach(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let now = world.now;
    let takes = world.stream("detachment").between(2.0, 8.0);
    let shelf = &mut world.site(place).shelves.ec2;
    let id = required(ask, "VolumeId")?;
    let Some(attachment) = find(shelf, id)?.attachment.clone() else {
        let state = find(shelf, id)?.state;
        return Err(Failure::bad("IncorrectState", format!("Volume '{id}' is in the '{state}' state.")));
    };
    if ask.param("InstanceId").is_some_and(|instance| instance != attachment.instance) {
        let message =
            format!("The volume '{id}' is not attached to instance '{}'", ask.param("InstanceId").unwrap_or_default());
        return Err(Failure::bad("InvalidAttachment.NotFound", message));
    }
    let runs = shelf.instances.get(&attachment.instance).is_some_and(|instance| instance.state == "running");
    if runs && attachment.device == "/dev/xvda" {
        let message = format!("Unable to detach root volume '{id}' from instance '{}'", attachment.instance);
        return Err(Failure::bad("OperationNotPermitted", message));
    }
    let volume = find(shelf, id)?;
    if let Some(attachment) = volume.attachment.as_mut().filter(|one| one.state != "detaching") {
        attachment.state = "detaching";
        attachment.until = Some(later(now, takes));
    }
    Ok(volume.attachment.iter().flat_map(|attachment| show_attachment(volume, attachment)).collect())
}

pub(super) fn delete(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let now = world.now;
    let mut stream = world.stream("deletion");
    let volume = find(&mut world.site(place).shelves.ec2, required(ask, "VolumeId")?)?;
    let id = &volume.id;
    if let Some(attachment) = &volume.attachment {
        let message = format!("Volume {id} is currently attached to {}", attachment.instance);
        return Err(Failure::bad("VolumeInUse", message));
    }
    match volume.state {
        "available" | "error" => begin_deletion(volume, now, &mut stream),
        "deleting" => {}
        state => return Err(Failure::bad("IncorrectState", format!("Volume '{id}' is in the '{state}' state."))),
    }
    Ok(vec![text("return", true)])
}

/// The volume of an id.
pub(super) fn find<'a>(shelf: &'a mut Ec2Shelf, id: &str) -> Result<&'a mut Volume, Failure> {
    let missing = || Failure::bad(NOT_FOUND.0, format!("The volume '{id}' does not exist."));
    shelf.volumes.get_mut(id).ok_or_else(missing)
}
