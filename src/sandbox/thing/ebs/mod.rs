//! EBS volumes. Facts 2.4. They live on EC2's shelf, next to the instances that they are attached to.

mod block;
mod making;
mod volume;
mod wish;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::sandbox::clock::earlier;
use crate::sandbox::seed::Stream;
use crate::sandbox::spec::{Place, ResourceSpec};
use crate::sandbox::thing::asked::Asked;
use crate::sandbox::thing::ebs::block::VolumeBlock;
pub(crate) use crate::sandbox::thing::ebs::making::RestoredVolume;
pub(crate) use crate::sandbox::thing::ebs::volume::{Attachment, Volume, VolumeSettings, begin_deletion};
pub(crate) use crate::sandbox::thing::ebs::wish::key as volume_key;
use crate::sandbox::thing::shell::Contents;
use crate::sandbox::thing::{Copied, Making, Physics, ec2, keys};
use crate::sandbox::world::{Point, World};

/// Volumes.
pub(crate) struct Ebs;

impl Physics for Ebs {
    fn backup_type(&self) -> &'static str {
        "EBS"
    }

    fn deletions(&self) -> &'static [&'static str] {
        &["ec2:DeleteVolume"]
    }

    fn block(&self) -> Option<&'static str> {
        Some("volume")
    }

    fn check_block(&self, block: &Map<String, Value>) -> Result<(), String> {
        VolumeBlock::read(block).map(drop)
    }

    fn point_arn(&self, place: &Place, _spec: &ResourceSpec, _how: Copied, stream: &mut Stream) -> String {
        snapshot_arn(place, stream)
    }

    fn add_source(&self, world: &mut World, spec: &Arc<ResourceSpec>) {
        keys::add_named(world, spec);
        ec2::add_named(world, spec);
        add_volume(world, spec);
    }

    fn returned_metadata(&self, world: &World, point: &Point) -> Map<String, Value> {
        let metadata = json!({
            "encrypted": "true",
            "volumeId": point.source.arn.name(),
            "availabilityZone": null,
            "aws:backup:request-id": world.seed.stream(&format!("metadata {}", point.arn)).uuid(),
        });
        metadata.as_object().cloned().unwrap_or_default()
    }

    /// Two minutes, whatever the size: blocks are read when they are asked for.
    fn usual_seconds(&self, _spec: &ResourceSpec) -> f64 {
        120.0
    }

    fn wish(
        &self,
        world: &mut World,
        place: &Place,
        point: &Point,
        metadata: &BTreeMap<String, String>,
        _job_id: &str,
    ) -> Result<Box<dyn Making>, String> {
        restore(world, place, point, metadata)
    }
}

/// Restores a snapshot as a volume, whatever it was a snapshot of.
pub(crate) fn restore(
    world: &mut World,
    place: &Place,
    point: &Point,
    metadata: &BTreeMap<String, String>,
) -> Result<Box<dyn Making>, String> {
    let started = world.started;
    let wish = wish::read(world.site(place), place, (point, started), Asked(metadata))?;
    let mut stream = world.stream("restored volume");
    Ok(Box::new(RestoredVolume::new(place, wish, &mut stream)))
}

/// The ARN of a snapshot; it carries no account (facts 1.5.2).
pub(crate) fn snapshot_arn(place: &Place, stream: &mut Stream) -> String {
    format!("arn:aws:ec2:{}::snapshot/snap-{}", place.region, stream.hex(17))
}

/// What a volume holds at a moment, in a world that began at `started`.
pub(crate) fn contents(spec: &ResourceSpec, moment: Timestamp, started: Timestamp) -> Contents {
    VolumeBlock::read(&spec.extra).unwrap_or_default().contents.at(spec.arn.name(), moment, started)
}

/// The file system on a volume; none if the world file says so.
pub(crate) fn filesystem(spec: &ResourceSpec) -> Option<String> {
    let block = VolumeBlock::read(&spec.extra).unwrap_or_default();
    Some(block.filesystem.unwrap_or_else(|| "ext4".to_owned())).filter(|name| name != "none")
}

fn add_volume(world: &mut World, spec: &Arc<ResourceSpec>) {
    let id = spec.arn.name().to_owned();
    let created = earlier(world.started, SignedDuration::from_hours(24 * 390));
    let contents = contents(spec, world.started, world.started);
    let site = world.site(&spec.source);
    let key = site.keys.first().map(|key| key.arn.clone());
    let volume = Volume {
        arn: spec.arn.to_string(),
        state: "available",
        steps: Vec::new(),
        gone_at: None,
        created,
        settings: VolumeSettings {
            kind: "gp3".to_owned(),
            size_gib: spec.size_gib,
            iops: Some(3_000),
            throughput: Some(125),
            key,
            zone: format!("{}a", spec.source.region),
        },
        snapshot: None,
        attachment: None,
        tags: spec.tags.clone(),
        made_by: None,
        filesystem: filesystem(spec),
        contents: Arc::new(contents),
        id: id.clone(),
    };
    site.shelves.ec2.volumes.entry(id).or_insert(volume);
}
