//! Instances, volumes and commands of one account and region, and how they change with time.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::sandbox::inventory::Thing;
use crate::sandbox::spec::Place;
use crate::sandbox::thing::ebs::Volume;
use crate::sandbox::thing::ec2::command::Command;
use crate::sandbox::thing::ec2::instance::Instance;
use crate::sandbox::thing::ec2::outside::Outside;
use crate::sandbox::thing::shell::Disk;
use crate::sandbox::thing::{Shelf, Tagged, earliest};
use crate::sandbox::world::Site;

/// SSM remembers so many commands here; the oldest are forgotten.
const MOST_COMMANDS: usize = 1_000;

/// Everything of EC2 but networks. Volumes are here and not on a shelf of their own, because instances take them along.
#[derive(Default)]
pub(crate) struct Ec2Shelf {
    pub(crate) instances: BTreeMap<String, Instance>,
    pub(crate) volumes: BTreeMap<String, Volume>,
    pub(crate) commands: Vec<Command>,
    /// Zones that a definition names, besides the region's usual ones.
    pub(crate) named_zones: BTreeSet<String>,
    /// A rule of the Recycle Bin keeps deleted volumes (facts 2.4).
    pub(crate) recycles: bool,
    /// What it kept: it cannot be used, and is billed.
    recycled: Vec<Thing>,
}

impl Shelf for Ec2Shelf {
    fn advance(&mut self, now: Timestamp) {
        self.volumes.values_mut().for_each(|volume| volume.advance(now));
        if self.recycles {
            let deleted = self.volumes.values().filter(|volume| volume.gone_at.is_some_and(|at| at <= now));
            self.recycled.extend(deleted.map(|volume| Thing { state: "recycle-bin".to_owned(), ..volume.thing() }));
        }
        self.volumes.retain(|_, volume| volume.gone_at.is_none_or(|at| at > now));
        self.instances.values_mut().for_each(|instance| instance.advance(now));
        self.release_volumes();
        self.instances.retain(|_, instance| instance.gone_at.is_none_or(|at| at > now));
    }

    fn due(&self) -> Option<Timestamp> {
        let of_volume = |one: &Volume| {
            let attached = one.attachment.as_ref().and_then(|attachment| attachment.until);
            [one.steps.first().map(|(at, _)| *at), one.gone_at, attached]
        };
        let of_instance = |one: &Instance| [one.steps.first().map(|(at, _)| *at), one.gone_at];
        let of_command = |one: &Command| one.outcome.is_none().then_some(one.begins);
        let things = self.volumes.values().flat_map(of_volume).chain(self.instances.values().flat_map(of_instance));
        earliest(things.chain(self.commands.iter().map(of_command)))
    }

    fn things(&self) -> Vec<Thing> {
        let instances = self.instances.values().filter_map(Instance::thing);
        let volumes = self.volumes.values().map(Volume::thing);
        instances.chain(volumes).chain(self.recycled.iter().cloned()).collect()
    }

    fn tagged(&self) -> Vec<Tagged> {
        let instances = self.instances.values().map(Instance::tagged);
        instances.chain(self.volumes.values().map(Volume::tagged)).collect()
    }
}

impl Ec2Shelf {
    /// A terminated instance takes along the volumes that are to go with it, and lets go of the others (trap 27).
    fn release_volumes(&mut self) {
        let instances = &self.instances;
        let is_over = |id: &str| instances.get(id).is_some_and(|instance| instance.state == "terminated");
        self.volumes.retain(|_, volume| {
            let over = volume.attachment.as_ref().filter(|one| is_over(&one.instance));
            !over.is_some_and(|one| one.delete_on_termination)
        });
        for volume in self.volumes.values_mut() {
            if volume.attachment.as_ref().is_some_and(|one| is_over(&one.instance)) {
                volume.release();
            }
        }
    }

    /// Whether the time of a command has come.
    pub(super) fn has_due_commands(&self, now: Timestamp) -> bool {
        self.commands.iter().any(|command| command.is_due(now))
    }

    /// Runs the commands whose time has come, in an account and region with this outside of the instances.
    pub(super) fn run_commands(&mut self, now: Timestamp, outside: &Outside) {
        let mut commands = std::mem::take(&mut self.commands);
        for command in commands.iter_mut().filter(|command| command.is_due(now)) {
            let disks = self.disks(&command.instance);
            command.advance(now, self.instances.get(&command.instance), disks, outside);
        }
        let forgotten = commands.len().saturating_sub(MOST_COMMANDS);
        commands.drain(..forgotten);
        self.commands = commands;
    }

    /// What an instance sees of the volumes that are attached to it, in order of their attachment.
    fn disks(&self, instance: &str) -> Vec<Disk> {
        let attached = |volume: &&Volume| {
            volume.attachment.as_ref().is_some_and(|one| one.instance == instance && one.state == "attached")
        };
        let mut volumes: Vec<&Volume> = self.volumes.values().filter(attached).collect();
        volumes.sort_by_key(|volume| volume.attachment.as_ref().map(|one| (one.since, one.device.clone())));
        let disk = |(number, volume): (usize, &&Volume)| Disk {
            volume: volume.id.clone(),
            device: format!("/dev/nvme{number}n1"),
            filesystem: volume.filesystem.clone(),
            size_gib: volume.settings.size_gib,
            contents: std::sync::Arc::clone(&volume.contents),
        };
        volumes.iter().enumerate().map(disk).collect()
    }

    /// The volumes of an instance.
    pub(crate) fn volumes_of(&self, instance: &str) -> Vec<&Volume> {
        let on_it = |volume: &&Volume| volume.attachment.as_ref().is_some_and(|one| one.instance == instance);
        self.volumes.values().filter(on_it).collect()
    }

    /// The zones of the region.
    pub(crate) fn zones(&self, site: &Site, place: &Place) -> Vec<String> {
        let usual = ["a", "b", "c"].map(|letter| format!("{}{letter}", place.region));
        let all: BTreeSet<String> = usual
            .into_iter()
            .chain(site.subnets.iter().map(|subnet| subnet.zone.clone()))
            .chain(self.named_zones.iter().cloned())
            .collect();
        all.into_iter().collect()
    }
}
