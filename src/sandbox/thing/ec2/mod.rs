//! EC2 instances, and the shelf of everything that EC2 has. Facts 2.5.

mod block;
mod command;
mod console;
mod instance;
mod making;
mod metadata;
mod outside;
mod shelf;
mod source;
mod wish;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::sandbox::seed::Stream;
use crate::sandbox::spec::{Place, ResourceSpec};
use crate::sandbox::thing::asked::{Asked, texts};
use crate::sandbox::thing::ec2::block::ServerBlock;
pub(crate) use crate::sandbox::thing::ec2::command::Command;
pub(crate) use crate::sandbox::thing::ec2::instance::Instance;
use crate::sandbox::thing::ec2::making::Restored;
pub(crate) use crate::sandbox::thing::ec2::outside::run_commands;
pub(crate) use crate::sandbox::thing::ec2::shelf::Ec2Shelf;
pub(crate) use crate::sandbox::thing::ec2::source::{SOURCE_KIND, add_named, declare};
pub(crate) use crate::sandbox::thing::ec2::wish::KINDS;
use crate::sandbox::thing::{Copied, Making, Physics, keys, subnets};
use crate::sandbox::world::{Point, World};

/// Instances.
pub(crate) struct Ec2;

impl Physics for Ec2 {
    fn backup_type(&self) -> &'static str {
        "EC2"
    }

    fn deletions(&self) -> &'static [&'static str] {
        &["ec2:TerminateInstances", "ec2:DeleteVolume"]
    }

    fn block(&self) -> Option<&'static str> {
        Some("server")
    }

    fn check_block(&self, block: &Map<String, Value>) -> Result<(), String> {
        ServerBlock::read(block).map(drop)
    }

    fn point_arn(&self, place: &Place, _spec: &ResourceSpec, _how: Copied, stream: &mut Stream) -> String {
        format!("arn:aws:ec2:{}::image/ami-{}", place.region, stream.hex(17))
    }

    fn add_source(&self, world: &mut World, spec: &Arc<ResourceSpec>) {
        keys::add_named(world, spec);
        let subnet = spec.with.get("subnet").and_then(keys::literal).map(str::to_owned);
        let subnet = subnet.or_else(|| spec.metadata.get("SubnetId").cloned());
        let groups = texts(&spec.with, "security_groups");
        subnets::ensure(world, &spec.destination, &subnet.into_iter().collect::<Vec<String>>(), &groups);
        add_named(world, spec);
        source::add(world, &spec.source, spec.arn.name(), &format!("{}a", spec.source.region), spec.tags.clone());
    }

    fn returned_metadata(&self, world: &World, point: &Point) -> Map<String, Value> {
        metadata::returned(world, point)
    }

    /// Six minutes for 100 GiB, and not much more for more.
    fn usual_seconds(&self, spec: &ResourceSpec) -> f64 {
        6.0 * 60.0 * (f64::from(spec.size_gib.max(1)) / 100.0).powf(0.1)
    }

    fn wish(
        &self,
        world: &mut World,
        place: &Place,
        point: &Point,
        metadata: &BTreeMap<String, String>,
        _job_id: &str,
    ) -> Result<Box<dyn Making>, String> {
        let started = world.started;
        let wish = wish::read(world.site(place), place, (point, started), Asked(metadata))?;
        let mut stream = world.stream("restored instance");
        Ok(Box::new(Restored::new(place, point, wish, &mut stream)))
    }
}

/// A `StatusMessage` with EC2's error in it.
pub(crate) fn ec2_error(code: &str, message: &str) -> String {
    format!("{message} (Service: AmazonEC2; Status Code: 400; Error Code: {code})")
}
