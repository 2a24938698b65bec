//! FSx file systems, and volumes of FSx for ONTAP. Facts 2.7.

mod flavour;
mod making;
mod shelf;
mod source;
mod system;
mod volume;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::sandbox::seed::{Seed, Stream};
use crate::sandbox::spec::{Place, ResourceSpec};
use crate::sandbox::thing::asked::{Asked, texts};
use crate::sandbox::thing::contents::ContentsBlock;
pub(crate) use crate::sandbox::thing::fsx::flavour::Flavour;
use crate::sandbox::thing::fsx::making::{RestoredSystem, RestoredVolume};
pub(crate) use crate::sandbox::thing::fsx::shelf::{Backup, BackupOf, FileSystem, FsxShelf, Machine, Volume};
use crate::sandbox::thing::shell::Contents;
use crate::sandbox::thing::{Copied, Making, Physics, keys, subnets};
use crate::sandbox::world::{Point, World};

/// All four flavours.
pub(crate) struct Fsx;

impl Physics for Fsx {
    fn backup_type(&self) -> &'static str {
        "FSx"
    }

    fn deletions(&self) -> &'static [&'static str] {
        &["fsx:DeleteFileSystem", "fsx:DeleteVolume"]
    }

    fn block(&self) -> Option<&'static str> {
        Some("share")
    }

    fn check_block(&self, block: &Map<String, Value>) -> Result<(), String> {
        ContentsBlock::read(block.clone()).map(drop)
    }

    fn point_arn(&self, place: &Place, _spec: &ResourceSpec, _how: Copied, stream: &mut Stream) -> String {
        format!("arn:aws:fsx:{}:{}:backup/backup-{}", place.region, place.account, stream.hex(17))
    }

    fn point_bytes(&self, spec: &ResourceSpec) -> u64 {
        u64::from(flavour::storage_gib(spec)) * 1024 * 1024 * 1024
    }

    fn add_source(&self, world: &mut World, spec: &Arc<ResourceSpec>) {
        keys::add_named(world, spec);
        subnets::ensure(world, &spec.destination, &texts(&spec.with, "subnets"), &spec.security_groups);
        source::add_surroundings(world, spec);
        source::add(world, spec);
    }

    fn returned_metadata(&self, world: &World, point: &Point) -> Map<String, Value> {
        source::returned(world, point)
    }

    /// For 100 GiB; it grows little with size, because the data is loaded when it is first read.
    fn usual_seconds(&self, spec: &ResourceSpec) -> f64 {
        let minutes = match Flavour::of(spec) {
            Flavour::Windows => 35.0,
            Flavour::OpenZfs => 20.0,
            Flavour::Lustre | Flavour::Ontap => 15.0,
        };
        minutes * 60.0 * (f64::from(spec.size_gib.max(1)) / 100.0).powf(0.15)
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
        let (asked, flavour) = (Asked(metadata), Flavour::of(&point.source));
        let own_key = own_key(world.seed, place);
        let held = contents(&point.source, point.created, world.started);
        let site = world.site(place);
        flavour.check_keys(metadata)?;
        if !site.can_read(point) {
            return Err(bad(&format!("The KMS key {} of the backup is disabled or cannot be accessed", point.key)));
        }
        if flavour == Flavour::Ontap {
            let wish = volume::read(site, &point.source, asked)?;
            return Ok(Box::new(RestoredVolume::new(place, wish, held, &mut stream)));
        }
        let wish = system::read(site, &point.source, flavour, asked, &own_key)?;
        Ok(Box::new(RestoredSystem::new(place, flavour, wish, held, &mut stream)))
    }
}

/// What a file system or volume holds at a moment, in a world that began at `started`.
fn contents(spec: &ResourceSpec, moment: Timestamp, started: Timestamp) -> Contents {
    ContentsBlock::read(spec.extra.clone()).unwrap_or_default().at(spec.arn.name(), moment, started)
}

/// The region's own key for FSx, `aws/fsx`.
fn own_key(seed: Seed, place: &Place) -> String {
    let id = seed.stream(&format!("aws/fsx {} {}", place.account, place.region)).uuid();
    format!("arn:aws:kms:{}:{}:key/{id}", place.region, place.account)
}

fn bad(message: &str) -> String {
    fsx_error("BadRequest", message)
}

/// A `StatusMessage` with FSx's error in it.
fn fsx_error(code: &str, message: &str) -> String {
    format!("{message} (Service: AmazonFSx; Status Code: 400; Error Code: {code})")
}
