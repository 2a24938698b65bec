//! EFS file systems. Facts 2.6: a restore makes the file system and no mount target.

mod making;
mod shelf;
mod wish;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::sandbox::clock::earlier;
use crate::sandbox::seed::{Seed, Stream};
use crate::sandbox::spec::{Place, ResourceSpec};
use crate::sandbox::thing::asked::texts;
use crate::sandbox::thing::contents::ContentsBlock;
use crate::sandbox::thing::efs::making::Restored;
pub(crate) use crate::sandbox::thing::efs::shelf::{AccessPoint, EfsShelf, FileSystem, MountTarget};
use crate::sandbox::thing::keys::literal;
use crate::sandbox::thing::shell::Contents;
use crate::sandbox::thing::{Copied, Making, Physics, keys, subnets};
use crate::sandbox::world::{Point, Site, Subnet, World};

/// File systems.
pub(crate) struct Efs;

impl Physics for Efs {
    fn backup_type(&self) -> &'static str {
        "EFS"
    }

    fn deletions(&self) -> &'static [&'static str] {
        &["elasticfilesystem:DeleteFileSystem"]
    }

    fn block(&self) -> Option<&'static str> {
        Some("file_system")
    }

    fn check_block(&self, block: &Map<String, Value>) -> Result<(), String> {
        ContentsBlock::read(block.clone()).map(drop)
    }

    fn point_arn(&self, place: &Place, _spec: &ResourceSpec, _how: Copied, stream: &mut Stream) -> String {
        format!("arn:aws:backup:{}:{}:recovery-point:{}", place.region, place.account, stream.uuid())
    }

    fn add_source(&self, world: &mut World, spec: &Arc<ResourceSpec>) {
        keys::add_named(world, spec);
        let zone = spec.with.get("availability_zone").and_then(literal);
        let named = texts(&spec.with, "subnets");
        subnets::ensure_in(world, &spec.destination, &named, &spec.security_groups, zone);
        add_file_system(world, spec);
    }

    fn returned_metadata(&self, world: &World, point: &Point) -> Map<String, Value> {
        let id = point.source.arn.name();
        let site = world.sites.get(&point.source.source);
        let source = site.and_then(|site| site.shelves.efs.file_systems.get(id));
        let metadata = json!({
            "file-system-id": id,
            "newFileSystem": "false",
            "CreationToken": source.map(|source| source.creation_token.as_str()),
            "Encrypted": "true",
            "KmsKeyId": source.and_then(|source| source.key.as_deref()),
            "PerformanceMode": source.map_or("generalPurpose", |source| source.performance_mode),
            "singleAzFilesystem": null,
            "availabilityZoneName": "",
            "aws:backup:request-id": world.seed.stream(&format!("metadata {}", point.arn)).uuid(),
        });
        metadata.as_object().cloned().unwrap_or_default()
    }

    /// Twenty minutes for 100 GiB; it grows with size.
    fn usual_seconds(&self, spec: &ResourceSpec) -> f64 {
        20.0 * 60.0 * (f64::from(spec.size_gib.max(1)) / 100.0).powf(0.4)
    }

    fn wish(
        &self,
        world: &mut World,
        place: &Place,
        point: &Point,
        metadata: &BTreeMap<String, String>,
        _job_id: &str,
    ) -> Result<Box<dyn Making>, String> {
        let mut stream = world.stream("restored file system");
        let own_key = own_key(world.seed, place);
        let started = world.started;
        let wish = wish::read(world.site(place), place, (point, started), metadata, &own_key)?;
        Ok(Box::new(Restored::new(place, wish, &mut stream)))
    }
}

/// The region's own key for EFS, `aws/elasticfilesystem`.
fn own_key(seed: Seed, place: &Place) -> String {
    let id = seed.stream(&format!("aws/elasticfilesystem {} {}", place.account, place.region)).uuid();
    format!("arn:aws:kms:{}:{}:key/{id}", place.region, place.account)
}

/// What a file system holds at a moment, in a world that began at `started`.
fn contents(spec: &ResourceSpec, moment: Timestamp, started: Timestamp) -> Contents {
    ContentsBlock::read(spec.extra.clone()).unwrap_or_default().at(spec.arn.name(), moment, started)
}

/// The source, with a mount target in each subnet of the default VPC and an access point: none of them are restored.
fn add_file_system(world: &mut World, spec: &Arc<ResourceSpec>) {
    let id = spec.arn.name().to_owned();
    if world.site(&spec.source).shelves.efs.file_systems.contains_key(&id) {
        return;
    }
    let mut stream = world.seed.stream(&format!("file system {}", spec.arn));
    let created = earlier(world.started, SignedDuration::from_hours(24 * 390));
    let held = contents(spec, world.started, world.started);
    let site = world.site(&spec.source);
    let mut system = FileSystem {
        arn: spec.arn.to_string(),
        creation_token: format!("console-{}", stream.uuid()),
        state: "available",
        available_at: None,
        gone_at: None,
        created,
        key: site.keys.first().map(|key| key.arn.clone()),
        performance_mode: "generalPurpose",
        zone: None,
        bytes: u64::from(spec.size_gib) * 1024 * 1024 * 1024,
        contents: Arc::new(held),
        tags: spec.tags.clone(),
        made_by: None,
        mount_targets: source_targets(site, &mut stream),
        access_points: BTreeMap::new(),
        id: id.clone(),
    };
    let point = format!("fsap-{}", stream.hex(17));
    system.access_points.insert(
        point.clone(),
        AccessPoint {
            arn: format!(
                "arn:aws:elasticfilesystem:{}:{}:access-point/{point}",
                spec.source.region, spec.source.account
            ),
            id: point,
            tags: BTreeMap::new(),
        },
    );
    site.shelves.efs.file_systems.insert(id, system);
}

fn source_targets(site: &Site, stream: &mut Stream) -> BTreeMap<String, MountTarget> {
    let Some(vpc) = site.default_vpc() else { return BTreeMap::new() };
    let default = site.security_groups.iter().find(|group| group.vpc == vpc.id && group.name == "default");
    let groups: Vec<String> = default.map(|group| group.id.clone()).into_iter().collect();
    let target = |subnet: &Subnet| {
        let id = format!("fsmt-{}", stream.hex(17));
        let target = MountTarget {
            id: id.clone(),
            subnet: subnet.id.clone(),
            vpc: subnet.vpc.clone(),
            zone: subnet.zone.clone(),
            address: format!("{}.{}", subnet.cidr.rsplit_once('.').map_or("172.31.0", |(net, _)| net), 10),
            interface: format!("eni-{}", stream.hex(17)),
            security_groups: groups.clone(),
            state: "available",
            available_at: None,
            gone_at: None,
        };
        (id, target)
    };
    site.subnets.iter().filter(|subnet| subnet.vpc == vpc.id && subnet.is_default).map(target).collect()
}
