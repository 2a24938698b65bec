//! Storage Gateway volumes. Facts 2.9. Their recovery points are EBS snapshots: with an availability zone in the metadata
//! a restore makes an EBS volume, otherwise a volume of a gateway.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::sandbox::clock::{earlier, later};
use crate::sandbox::inventory::Thing;
use crate::sandbox::restore::Timetable;
use crate::sandbox::seed::Stream;
use crate::sandbox::spec::{Place, ResourceSpec};
use crate::sandbox::thing::asked::Asked;
use crate::sandbox::thing::{Copied, JobView, Making, Physics, Shelf, Tagged, earliest, ebs, ec2, keys};
use crate::sandbox::world::{Point, Site, World};

const GIB: u64 = 1024 * 1024 * 1024;

/// Volumes of gateways.
pub(crate) struct StorageGateway;

/// A volume gateway.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    /// It keeps whole volumes on its own disks.
    pub(crate) stored: bool,
}

/// A volume of a gateway.
pub(crate) struct GatewayVolume {
    pub(crate) arn: String,
    pub(crate) gateway: String,
    pub(crate) status: &'static str,
    /// Statuses to come, in order.
    pub(crate) steps: Vec<(Timestamp, &'static str)>,
    pub(crate) gone_at: Option<Timestamp>,
    pub(crate) created: Timestamp,
    pub(crate) wish: Wish,
    pub(crate) snapshot: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) made_by: Option<String>,
}

/// What a volume of a gateway is.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) stored: bool,
    pub(crate) disk: Option<String>,
    pub(crate) bytes: u64,
    /// The last part of the iSCSI target.
    pub(crate) target: String,
    pub(crate) key: Option<String>,
}

/// Gateways and their volumes, by ARN.
#[derive(Default)]
pub(crate) struct StorageGatewayShelf {
    pub(crate) gateways: BTreeMap<String, Gateway>,
    pub(crate) volumes: BTreeMap<String, GatewayVolume>,
}

impl GatewayVolume {
    /// Such as `vol-0A1B2C3D4E5F60718`.
    pub(crate) fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }

    /// The ARN of the iSCSI target.
    pub(crate) fn target_arn(&self) -> String {
        format!("{}/target/iqn.1997-05.com.amazon:{}", self.gateway, self.wish.target)
    }

    fn advance(&mut self, now: Timestamp) {
        while let Some(&(at, status)) = self.steps.first() {
            if at > now {
                break;
            }
            self.status = status;
            self.steps.remove(0);
        }
    }

    /// A deletion: `DELETING` for some seconds, then gone.
    pub(crate) fn begin_deletion(&mut self, now: Timestamp, stream: &mut Stream) {
        self.status = "DELETING";
        self.steps.clear();
        self.gone_at = Some(later(now, stream.between(5.0, 20.0)));
    }
}

impl Shelf for StorageGatewayShelf {
    fn advance(&mut self, now: Timestamp) {
        self.volumes.values_mut().for_each(|volume| volume.advance(now));
        self.volumes.retain(|_, volume| volume.gone_at.is_none_or(|at| at > now));
    }

    fn due(&self) -> Option<Timestamp> {
        let moments = |one: &GatewayVolume| [one.steps.first().map(|(at, _)| *at), one.gone_at];
        earliest(self.volumes.values().flat_map(moments))
    }

    fn things(&self) -> Vec<Thing> {
        let thing = |volume: &GatewayVolume| Thing {
            arn: volume.arn.clone(),
            kind: "storagegateway:volume".to_owned(),
            state: volume.status.to_owned(),
            made_by_restore_job: volume.made_by.clone(),
            tags: volume.tags.clone(),
        };
        self.volumes.values().map(thing).collect()
    }

    fn tagged(&self) -> Vec<Tagged> {
        let tagged = |volume: &GatewayVolume| Tagged {
            arn: volume.arn.clone(),
            kind: "storagegateway:gateway",
            tags: volume.tags.clone(),
        };
        self.volumes.values().map(tagged).collect()
    }
}

impl Physics for StorageGateway {
    fn backup_type(&self) -> &'static str {
        "Storage Gateway"
    }

    fn deletions(&self) -> &'static [&'static str] {
        &["storagegateway:DeleteVolume", "ec2:DeleteVolume"]
    }

    fn point_arn(&self, place: &Place, _spec: &ResourceSpec, _how: Copied, stream: &mut Stream) -> String {
        ebs::snapshot_arn(place, stream)
    }

    fn add_source(&self, world: &mut World, spec: &Arc<ResourceSpec>) {
        keys::add_named(world, spec);
        ec2::add_named(world, spec);
        if let Some(arn) = spec.with.get("gateway").and_then(keys::literal) {
            let stored = spec.with.get("gateway_type").and_then(Value::as_str) == Some("stored");
            let gateways = &mut world.site(&spec.destination).shelves.storage_gateway.gateways;
            gateways.insert(arn.to_owned(), Gateway { stored });
        }
        add_volume(world, spec);
    }

    fn returned_metadata(&self, world: &World, point: &Point) -> Map<String, Value> {
        let source = &point.source;
        let metadata = json!({
            "gatewayArn": gateway_of(source.arn.as_str()),
            "gatewayType": "CACHED",
            "targetName": "archive",
            "volumeSizeInBytes": (u64::from(source.size_gib) * GIB).to_string(),
            "diskId": null,
            "kmsKey": null,
            "aws:backup:request-id": world.seed.stream(&format!("metadata {}", point.arn)).uuid(),
        });
        metadata.as_object().cloned().unwrap_or_default()
    }

    /// Four minutes: blocks come when they are asked for.
    fn usual_seconds(&self, _spec: &ResourceSpec) -> f64 {
        240.0
    }

    fn wish(
        &self,
        world: &mut World,
        place: &Place,
        point: &Point,
        metadata: &BTreeMap<String, String>,
        _job_id: &str,
    ) -> Result<Box<dyn Making>, String> {
        let asked = Asked(metadata);
        if asked.get("availabilityZone").is_some() {
            return ebs::restore(world, place, point, metadata);
        }
        let gateway = asked.get("gatewayArn").ok_or("Restore metadata gatewayArn is required")?.to_owned();
        let wish = read(world.site(place), point, &gateway, asked)?;
        let id = world.stream("restored gateway volume").hex(17).to_uppercase();
        Ok(Box::new(Restored { arn: format!("{gateway}/volume/vol-{id}"), gateway, wish }))
    }
}

fn gateway_of(volume: &str) -> &str {
    volume.split_once("/volume/").map_or(volume, |(gateway, _)| gateway)
}

fn refused(code: &str, message: &str) -> String {
    format!("{message} (Service: AWSStorageGateway; Status Code: 400; Error Code: {code})")
}

/// What the metadata asks a gateway for, or why the job fails.
fn read(site: &Site, point: &Point, gateway: &str, asked: Asked<'_>) -> Result<Wish, String> {
    let shelf = &site.shelves.storage_gateway;
    let invalid = "InvalidGatewayRequestException";
    let known = shelf.gateways.get(gateway).ok_or_else(|| refused(invalid, "The specified gateway was not found."))?;
    let stored = asked.get("gatewayType").is_some_and(|kind| kind.eq_ignore_ascii_case("stored"));
    if stored != known.stored {
        return Err(refused(invalid, "The specified operation is not supported by the gateway's type."));
    }
    let disk = asked.get("diskId").map(str::to_owned);
    if stored && disk.is_none() {
        return Err(refused(invalid, "The specified disk does not exist."));
    }
    let target = asked.get("targetName").ok_or("Restore metadata targetName is required")?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    if !target.chars().all(plain) || target.len() > 200 {
        return Err(refused("ValidationException", "The target name is not valid"));
    }
    if shelf.volumes.values().any(|volume| volume.gateway == gateway && volume.wish.target == target) {
        return Err(refused(invalid, "The specified target already exists."));
    }
    let least = u64::from(point.source.size_gib) * GIB;
    let wrong = || refused("ValidationException", "The size of a volume cannot be smaller than its snapshot's");
    let number = |key: &str| asked.get(key).map(|text| text.parse::<u64>().map_err(|_| wrong())).transpose();
    let bytes =
        number("volumeSizeInBytes")?.or(number("volumeSize")?.map(|gib| gib.saturating_mul(GIB))).unwrap_or(least);
    if bytes < least {
        return Err(wrong());
    }
    if !site.can_read(point) {
        return Err(refused(invalid, "The key of the recovery point is disabled or may not be used."));
    }
    let key = match asked.get("kmsKey") {
        None => None,
        Some(asked) => {
            let missing = || refused(invalid, "The specified KMS key does not exist or is disabled.");
            Some(site.usable_key(asked).ok_or_else(missing)?.arn.clone())
        }
    };
    Ok(Wish { stored, disk, bytes, target: target.to_owned(), key })
}

/// The volume that a job makes.
struct Restored {
    arn: String,
    gateway: String,
    wish: Wish,
}

fn steps(times: &Timetable) -> Vec<(Timestamp, &'static str)> {
    vec![(times.created, "BOOTSTRAPPING"), (times.available, "AVAILABLE")]
}

impl Making for Restored {
    fn arn(&self) -> String {
        self.arn.clone()
    }

    fn appear(&mut self, site: &mut Site, job: &JobView) -> Result<(), String> {
        let volume = GatewayVolume {
            arn: self.arn.clone(),
            gateway: self.gateway.clone(),
            status: "CREATING",
            steps: if job.comes_up { steps(&job.times) } else { Vec::new() },
            gone_at: None,
            created: job.times.runs,
            wish: self.wish.clone(),
            snapshot: job.point.rsplit_once('/').map(|(_, id)| id.to_owned()),
            tags: BTreeMap::new(),
            made_by: Some(job.id.to_owned()),
        };
        site.shelves.storage_gateway.volumes.insert(self.arn.clone(), volume);
        Ok(())
    }

    fn resume(&mut self, site: &mut Site, times: &Timetable) {
        if let Some(volume) = site.shelves.storage_gateway.volumes.get_mut(&self.arn) {
            volume.steps = steps(times);
        }
    }

    fn break_off(&mut self, site: &mut Site, leaves_partial: bool) {
        let volumes = &mut site.shelves.storage_gateway.volumes;
        if !leaves_partial {
            volumes.remove(&self.arn);
        } else if let Some(volume) = volumes.get_mut(&self.arn) {
            volume.status = "IRRECOVERABLE";
            volume.steps.clear();
        }
    }
}

fn add_volume(world: &mut World, spec: &Arc<ResourceSpec>) {
    let created = earlier(world.started, SignedDuration::from_hours(24 * 400));
    let gateway = gateway_of(spec.arn.as_str()).to_owned();
    let shelf = &mut world.site(&spec.source).shelves.storage_gateway;
    shelf.gateways.entry(gateway.clone()).or_insert(Gateway { stored: false });
    let bytes = u64::from(spec.size_gib) * GIB;
    let wish = Wish { stored: false, disk: None, bytes, target: "archive".to_owned(), key: None };
    let volume = GatewayVolume {
        arn: spec.arn.to_string(),
        gateway,
        status: "AVAILABLE",
        steps: Vec::new(),
        gone_at: None,
        created,
        wish,
        snapshot: None,
        tags: spec.tags.clone(),
        made_by: None,
    };
    shelf.volumes.entry(spec.arn.to_string()).or_insert(volume);
}
