//! File systems of one account and region, and how they change with time.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::sandbox::clock::later;
use crate::sandbox::inventory::Thing;
use crate::sandbox::seed::Stream;
use crate::sandbox::thing::shell::Contents;
use crate::sandbox::thing::{Shelf, Tagged, earliest, web};
use crate::sandbox::world::Subnet;

/// Everything of EFS.
#[derive(Default)]
pub(crate) struct EfsShelf {
    pub(crate) file_systems: BTreeMap<String, FileSystem>,
}

/// A file system.
pub(crate) struct FileSystem {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) creation_token: String,
    /// EFS's `LifeCycleState`.
    pub(crate) state: &'static str,
    /// When it leaves `creating`; one that does not has none.
    pub(crate) available_at: Option<Timestamp>,
    /// When a deletion ends.
    pub(crate) gone_at: Option<Timestamp>,
    pub(crate) created: Timestamp,
    /// The key of an encrypted one.
    pub(crate) key: Option<String>,
    pub(crate) performance_mode: &'static str,
    /// The zone of a One Zone file system.
    pub(crate) zone: Option<String>,
    pub(crate) bytes: u64,
    /// What whoever mounts it sees.
    pub(crate) contents: Arc<Contents>,
    pub(crate) tags: BTreeMap<String, String>,
    /// The restore job that it comes from.
    pub(crate) made_by: Option<String>,
    pub(crate) mount_targets: BTreeMap<String, MountTarget>,
    pub(crate) access_points: BTreeMap<String, AccessPoint>,
}

/// A mount target.
pub(crate) struct MountTarget {
    pub(crate) id: String,
    pub(crate) subnet: String,
    pub(crate) vpc: String,
    pub(crate) zone: String,
    pub(crate) address: String,
    pub(crate) interface: String,
    pub(crate) security_groups: Vec<String>,
    /// EFS's `LifeCycleState`.
    pub(crate) state: &'static str,
    pub(crate) available_at: Option<Timestamp>,
    pub(crate) gone_at: Option<Timestamp>,
}

/// An access point.
pub(crate) struct AccessPoint {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) tags: BTreeMap<String, String>,
}

impl MountTarget {
    /// One that is being made, for a minute or more. It is reached at an address of this machine, of its own: a private
    /// address could be somebody else's.
    pub(crate) fn begin(subnet: &Subnet, security_groups: Vec<String>, now: Timestamp, stream: &mut Stream) -> Self {
        let id = format!("fsmt-{}", stream.hex(17));
        Self {
            address: web::address(&id, 0).to_string(),
            id,
            subnet: subnet.id.clone(),
            vpc: subnet.vpc.clone(),
            zone: subnet.zone.clone(),
            interface: format!("eni-{}", stream.hex(17)),
            security_groups,
            state: "creating",
            available_at: Some(later(now, stream.between(60.0, 90.0))),
            gone_at: None,
        }
    }

    /// It is `deleting` for some seconds, then gone.
    pub(crate) fn begin_deletion(&mut self, now: Timestamp, stream: &mut Stream) {
        self.state = "deleting";
        self.available_at = None;
        self.gone_at = self.gone_at.or_else(|| Some(later(now, stream.between(10.0, 40.0))));
    }

    fn advance(&mut self, now: Timestamp) {
        if self.available_at.is_some_and(|at| at <= now) {
            self.available_at = None;
            self.state = "available";
        }
    }
}

impl FileSystem {
    /// It is `deleting` for some seconds, then gone.
    pub(crate) fn begin_deletion(&mut self, now: Timestamp, stream: &mut Stream) {
        self.state = "deleting";
        self.available_at = None;
        self.gone_at = self.gone_at.or_else(|| Some(later(now, stream.between(5.0, 20.0))));
    }

    fn advance(&mut self, now: Timestamp) {
        if self.available_at.is_some_and(|at| at <= now) {
            self.available_at = None;
            self.state = "available";
        }
        self.mount_targets.values_mut().for_each(|target| target.advance(now));
        self.mount_targets.retain(|_, target| target.gone_at.is_none_or(|at| at > now));
    }

    /// Mount targets that can be used.
    fn targets(&self) -> impl Iterator<Item = &MountTarget> {
        self.mount_targets.values().filter(|target| target.state == "available")
    }

    fn things(&self) -> Vec<Thing> {
        let own = Thing {
            arn: self.arn.clone(),
            kind: "elasticfilesystem:file-system".to_owned(),
            state: self.state.to_owned(),
            made_by_restore_job: self.made_by.clone(),
            tags: self.tags.clone(),
        };
        let targets = self.mount_targets.values().map(|target| Thing {
            arn: format!("{}/mount-target/{}", self.arn, target.id),
            kind: "elasticfilesystem:mount-target".to_owned(),
            state: target.state.to_owned(),
            made_by_restore_job: self.made_by.clone(),
            tags: BTreeMap::new(),
        });
        let mut things: Vec<Thing> = targets.collect();
        things.insert(0, own);
        things
    }
}

impl EfsShelf {
    /// What can be mounted: the file system's id, what is mounted, the type, what is on it.
    pub(crate) fn shares(&self) -> Vec<(String, String, &'static str, &Arc<Contents>)> {
        let usable = self.file_systems.values().filter(|system| system.state == "available");
        let each = usable.flat_map(|system| {
            let place: Vec<&str> = system.arn.split(':').collect();
            let region = place.get(3).copied().unwrap_or_default();
            let name = format!("{}.efs.{region}.amazonaws.com", system.id);
            let targets: Vec<&MountTarget> = system.targets().collect();
            let name = (!targets.is_empty()).then_some(name);
            let hosts = targets.into_iter().map(|target| target.address.clone()).chain(name);
            hosts.map(|host| (system.id.clone(), format!("{host}:/"), "nfs4", &system.contents)).collect::<Vec<_>>()
        });
        each.collect()
    }

    /// Where what was restored answers.
    pub(crate) fn doors(&self) -> Vec<(String, u16)> {
        let restored = self.file_systems.values().filter(|system| system.made_by.is_some());
        restored.flat_map(FileSystem::targets).map(|target| (target.address.clone(), 2049)).collect()
    }
}

impl Shelf for EfsShelf {
    fn advance(&mut self, now: Timestamp) {
        self.file_systems.values_mut().for_each(|system| system.advance(now));
        self.file_systems.retain(|_, system| system.gone_at.is_none_or(|at| at > now));
    }

    fn due(&self) -> Option<Timestamp> {
        let of_target = |one: &MountTarget| [one.available_at, one.gone_at];
        let targets = self.file_systems.values().flat_map(|one| one.mount_targets.values()).flat_map(of_target);
        earliest(self.file_systems.values().flat_map(|one| [one.available_at, one.gone_at]).chain(targets))
    }

    fn things(&self) -> Vec<Thing> {
        self.file_systems.values().flat_map(FileSystem::things).collect()
    }

    fn tagged(&self) -> Vec<Tagged> {
        let own = self.file_systems.values().map(|system| Tagged {
            arn: system.arn.clone(),
            kind: "elasticfilesystem:file-system",
            tags: system.tags.clone(),
        });
        let points = self.file_systems.values().flat_map(|system| system.access_points.values()).map(|point| Tagged {
            arn: point.arn.clone(),
            kind: "elasticfilesystem:access-point",
            tags: point.tags.clone(),
        });
        own.chain(points).collect()
    }
}
