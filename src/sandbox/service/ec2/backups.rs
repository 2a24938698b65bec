//! What recovery points are to EC2, snapshots and images, and the instance types that are offered.

use std::collections::BTreeSet;

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::xml::{Element, instant, text};
use crate::sandbox::service::ec2::choice::{Choice, paged};
use crate::sandbox::spec::Place;
use crate::sandbox::thing::ec2::KINDS;
use crate::sandbox::thing::keys::literal;
use crate::sandbox::world::{Point, Site, World};

/// The recovery points that are EC2's things of this sort, by id.
fn points<'a>(site: &'a Site, sort: &str) -> Vec<(&'a str, &'a Point)> {
    let mark = format!("::{sort}/");
    let ours = |point: &'a Point| {
        let (service, id) = point.arn.split_once(&mark)?;
        service.starts_with("arn:aws:ec2:").then_some((id, point))
    };
    site.points.iter().filter_map(ours).collect()
}

pub(super) fn snapshots(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let choice = Choice::read(ask, "SnapshotId");
    let found = points(world.site(place), "snapshot");
    choice.known(found.iter().map(|(id, _)| *id), ("InvalidSnapshot.NotFound", "snapshot"))?;
    let fits = |(id, point): &&(&str, &Point)| {
        let values = [("snapshot-id", (*id).to_owned()), ("volume-id", point.source.arn.name().to_owned())];
        choice.fits(id, &values)
    };
    let rows = found.iter().filter(fits).map(|(id, point)| {
        vec![
            text("snapshotId", id),
            text("volumeId", point.source.arn.name()),
            text("status", "completed"),
            text("progress", "100%"),
            instant("startTime", point.created),
            text("ownerId", &place.account),
            text("volumeSize", point.source.size_gib),
            text("encrypted", !point.key.is_empty()),
            text("kmsKeyId", &point.key),
            text("description", "This snapshot is created by the AWS Backup service."),
        ]
    });
    paged(ask, "snapshotSet", rows.collect())
}

pub(super) fn images(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let choice = Choice::read(ask, "ImageId");
    let found = points(world.site(place), "image");
    choice.known(found.iter().map(|(id, _)| *id), ("InvalidAMIID.NotFound", "image id"))?;
    let fits = |(id, _): &&(&str, &Point)| {
        choice.fits(id, &[("image-id", (*id).to_owned()), ("state", "available".to_owned())])
    };
    let rows = found.iter().filter(fits).map(|(id, point)| {
        vec![
            text("imageId", id),
            text("imageState", "available"),
            text("imageOwnerId", &place.account),
            text("imageOwnerAlias", "aws-backup-vault"),
            instant("creationDate", point.created),
            text("isPublic", false),
            text("architecture", "x86_64"),
            text("imageType", "machine"),
            text("rootDeviceType", "ebs"),
            text("rootDeviceName", "/dev/xvda"),
            text("virtualizationType", "hvm"),
            text("name", format!("AwsBackup_{}_{id}", point.source.arn.name())),
        ]
    });
    paged(ask, "imagesSet", rows.collect())
}

/// Every zone offers the same types, and what definitions name.
pub(super) fn offerings(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let choice = Choice::read(ask, "InstanceType");
    let site = world.site(place);
    let named = site.points.iter().filter_map(|point| point.source.with.get("instance_type").and_then(literal));
    let kinds: BTreeSet<&str> = KINDS.iter().copied().chain(named).filter(|kind| site.offers(kind)).collect();
    let by = ask.param("LocationType").unwrap_or("region");
    let locations = if by == "region" { vec![place.region.to_string()] } else { site.shelves.ec2.zones(site, place) };
    let mut rows = Vec::new();
    for location in &locations {
        for kind in &kinds {
            if choice.fits(kind, &[("instance-type", (*kind).to_owned()), ("location", location.clone())]) {
                rows.push(vec![text("instanceType", kind), text("locationType", by), text("location", location)]);
            }
        }
    }
    paged(ask, "instanceTypeOfferingSet", rows)
}
