//! File systems, storage virtual machines, volumes and backups of one account and region, and how they change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::sandbox::clock::later;
use crate::sandbox::inventory::Thing;
use crate::sandbox::seed::Stream;
use crate::sandbox::thing::fsx::flavour::Flavour;
use crate::sandbox::thing::shell::Contents;
use crate::sandbox::thing::{Shelf, Tagged, earliest};

/// Everything of FSx, and the directories that Windows file systems can join.
#[derive(Default)]
pub(crate) struct FsxShelf {
    pub(crate) file_systems: BTreeMap<String, FileSystem>,
    pub(crate) machines: BTreeMap<String, Machine>,
    pub(crate) volumes: BTreeMap<String, Volume>,
    /// Backups that FSx keeps of what was deleted; those of AWS Backup are recovery points.
    pub(crate) backups: BTreeMap<String, Backup>,
    pub(crate) directories: BTreeSet<String>,
}

/// A life cycle: a state, and what it will be when.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    pub(crate) state: &'static str,
    pub(super) steps: Vec<(Timestamp, &'static str)>,
    gone_at: Option<Timestamp>,
}

/// A file system.
pub(crate) struct FileSystem {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) flavour: Flavour,
    pub(crate) life: Life,
    pub(crate) created: Timestamp,
    /// `DNSName`, once it can be used.
    pub(crate) host: String,
    pub(crate) settings: SystemSettings,
    /// What whoever mounts it sees.
    pub(crate) contents: Arc<Contents>,
    pub(crate) tags: BTreeMap<String, String>,
    /// The restore job that it comes from.
    pub(crate) made_by: Option<String>,
}

/// A file system's settings.
#[derive(Debug, Clone)]
pub(crate) struct SystemSettings {
    pub(crate) storage_gib: u32,
    pub(crate) storage_type: String,
    pub(crate) vpc: String,
    pub(crate) subnets: Vec<String>,
    pub(crate) security_groups: Vec<String>,
    pub(crate) key: String,
    /// What only this flavour has, by FSx's own names.
    pub(crate) configuration: Map<String, Value>,
}

/// A storage virtual machine.
pub(crate) struct Machine {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) file_system: String,
    pub(crate) created: Timestamp,
    pub(crate) uuid: String,
    /// Where its volumes are reached.
    pub(crate) host: String,
}

/// An ONTAP volume.
pub(crate) struct Volume {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) file_system: String,
    pub(crate) life: Life,
    pub(crate) created: Timestamp,
    pub(crate) uuid: String,
    pub(crate) settings: VolumeSettings,
    /// What whoever mounts it sees.
    pub(crate) contents: Arc<Contents>,
    /// It carries its machine.
    pub(crate) is_root: bool,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) made_by: Option<String>,
}

/// A volume's settings.
#[derive(Debug, Clone)]
pub(crate) struct VolumeSettings {
    pub(crate) name: String,
    pub(crate) machine: String,
    pub(crate) junction_path: String,
    pub(crate) size_mib: u64,
    pub(crate) storage_efficiency: bool,
    pub(crate) tiering: String,
}

/// A backup that FSx took at a deletion.
pub(crate) struct Backup {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) of: BackupOf,
    pub(crate) life: Life,
    pub(crate) created: Timestamp,
    pub(crate) key: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) made_by: Option<String>,
}

/// What a backup is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BackupOf {
    FileSystem { id: String, arn: String, flavour: Flavour },
    Volume { id: String, arn: String, file_system: String },
}

impl FileSystem {
    /// What is mounted, and its type; of ONTAP only volumes are.
    fn share(&self) -> Option<(String, &'static str)> {
        let name = || self.settings.configuration.get("MountName").and_then(Value::as_str);
        match self.flavour {
            Flavour::Windows => Some((format!("//{}/share", self.host), "cifs")),
            Flavour::Lustre => Some((format!("{}@tcp:/{}", self.host, name()?), "lustre")),
            Flavour::OpenZfs => Some((format!("{}:/fsx", self.host), "nfs4")),
            Flavour::Ontap => None,
        }
    }
}

impl Life {
    /// It is in this state and stays so.
    pub(super) fn settled(state: &'static str) -> Self {
        Self { state, steps: Vec::new(), gone_at: None }
    }

    /// It is `CREATING`, with these states to come.
    pub(super) fn creating(steps: Vec<(Timestamp, &'static str)>) -> Self {
        Self { state: "CREATING", steps, gone_at: None }
    }

    /// It broke.
    pub(super) fn fail(&mut self) {
        self.state = "FAILED";
        self.steps.clear();
    }

    /// It is `DELETING`; answers when that ends.
    fn delete(&mut self, at: Timestamp) -> Timestamp {
        self.state = "DELETING";
        self.steps.clear();
        *self.gone_at.get_or_insert(at)
    }

    fn advance(&mut self, now: Timestamp) {
        while let Some(&(at, state)) = self.steps.first() {
            if at > now {
                break;
            }
            self.state = state;
            self.steps.remove(0);
        }
    }

    fn is_gone(&self, now: Timestamp) -> bool {
        self.gone_at.is_some_and(|at| at <= now)
    }
}

impl FsxShelf {
    /// What can be mounted: the file system's or volume's id, what is mounted, the type, what is on it.
    pub(crate) fn shares(&self) -> Vec<(String, String, &'static str, &Arc<Contents>)> {
        let systems = self.file_systems.values().filter(|system| system.life.state == "AVAILABLE");
        let systems = systems.filter_map(|system| {
            let (device, kind) = system.share()?;
            Some((system.id.clone(), device, kind, &system.contents))
        });
        let volumes = self.volumes.values().filter(|volume| matches!(volume.life.state, "CREATED" | "AVAILABLE"));
        let volumes = volumes.filter_map(|volume| {
            let host = &self.machines.get(&volume.settings.machine)?.host;
            let device = format!("{host}:{}", volume.settings.junction_path);
            Some((volume.id.clone(), device, "nfs4", &volume.contents))
        });
        systems.chain(volumes).collect()
    }

    /// Where what was restored answers.
    pub(crate) fn doors(&self) -> Vec<(String, u16)> {
        let usable = |system: &&FileSystem| system.made_by.is_some() && system.life.state == "AVAILABLE";
        let systems = self.file_systems.values().filter(usable);
        let systems = systems.map(|system| (system.host.clone(), system.flavour.port()));
        let restored = self.volumes.values().filter(|volume| volume.made_by.is_some());
        let machines = restored.filter_map(|volume| self.machines.get(&volume.settings.machine));
        systems.chain(machines.map(|machine| (machine.host.clone(), Flavour::Ontap.port()))).collect()
    }

    /// A deletion, which takes minutes. Answers the id of the final backup if there will be one.
    pub(crate) fn delete_file_system(
        &mut self,
        id: &str,
        backs_up: bool,
        now: Timestamp,
        stream: &mut Stream,
    ) -> Option<String> {
        let system = self.file_systems.get_mut(id)?;
        let ends = system.life.delete(later(now, stream.between(150.0, 480.0)));
        if !backs_up {
            return None;
        }
        let of = BackupOf::FileSystem { id: system.id.clone(), arn: system.arn.clone(), flavour: system.flavour };
        let (key, made_by) = (Some(system.settings.key.clone()), system.made_by.clone());
        Some(self.keep(of, key, made_by, (now, ends), stream))
    }

    /// The same for a volume, which takes a minute or two.
    pub(crate) fn delete_volume(
        &mut self,
        id: &str,
        backs_up: bool,
        now: Timestamp,
        stream: &mut Stream,
    ) -> Option<String> {
        let volume = self.volumes.get_mut(id)?;
        let ends = volume.life.delete(later(now, stream.between(30.0, 120.0)));
        if !backs_up {
            return None;
        }
        let file_system = volume.file_system.clone();
        let of = BackupOf::Volume { id: volume.id.clone(), arn: volume.arn.clone(), file_system };
        let made_by = volume.made_by.clone();
        Some(self.keep(of, None, made_by, (now, ends), stream))
    }

    fn keep(
        &mut self,
        of: BackupOf,
        key: Option<String>,
        made_by: Option<String>,
        (now, ends): (Timestamp, Timestamp),
        stream: &mut Stream,
    ) -> String {
        let id = format!("backup-{}", stream.hex(17));
        let (BackupOf::FileSystem { arn, .. } | BackupOf::Volume { arn, .. }) = &of;
        let place: Vec<&str> = arn.splitn(6, ':').take(5).collect();
        let arn = format!("{}:backup/{id}", place.join(":"));
        let life = Life::creating(vec![(ends, "AVAILABLE")]);
        let backup = Backup { id: id.clone(), arn, of, life, created: now, key, tags: BTreeMap::new(), made_by };
        self.backups.insert(id.clone(), backup);
        id
    }
}

impl Shelf for FsxShelf {
    fn advance(&mut self, now: Timestamp) {
        self.file_systems.values_mut().for_each(|system| system.life.advance(now));
        self.volumes.values_mut().for_each(|volume| volume.life.advance(now));
        self.backups.values_mut().for_each(|backup| backup.life.advance(now));
        self.file_systems.retain(|_, system| !system.life.is_gone(now));
        self.volumes.retain(|_, volume| !volume.life.is_gone(now));
    }

    fn due(&self) -> Option<Timestamp> {
        let systems = self.file_systems.values().map(|one| &one.life);
        let lives = systems.chain(self.volumes.values().map(|one| &one.life));
        let lives = lives.chain(self.backups.values().map(|one| &one.life));
        earliest(lives.flat_map(|life| [life.steps.first().map(|(at, _)| *at), life.gone_at]))
    }

    fn things(&self) -> Vec<Thing> {
        let thing = |arn: &str, kind: &str, life: &Life, made_by: Option<&String>, tags: &BTreeMap<String, String>| {
            let (arn, kind, state) = (arn.to_owned(), kind.to_owned(), life.state.to_owned());
            Thing { arn, kind, state, made_by_restore_job: made_by.cloned(), tags: tags.clone() }
        };
        let systems = self.file_systems.values();
        let systems = systems.map(|one| thing(&one.arn, "fsx:file-system", &one.life, one.made_by.as_ref(), &one.tags));
        let volumes = self.volumes.values();
        let volumes = volumes.map(|one| thing(&one.arn, "fsx:volume", &one.life, one.made_by.as_ref(), &one.tags));
        let backups = self.backups.values();
        let backups = backups.map(|one| thing(&one.arn, "fsx:backup", &one.life, one.made_by.as_ref(), &one.tags));
        systems.chain(volumes).chain(backups).collect()
    }

    fn tagged(&self) -> Vec<Tagged> {
        let tagged = |arn: &str, kind: &'static str, tags: &BTreeMap<String, String>| Tagged {
            arn: arn.to_owned(),
            kind,
            tags: tags.clone(),
        };
        let systems = self.file_systems.values().map(|one| tagged(&one.arn, "fsx:file-system", &one.tags));
        let volumes = self.volumes.values().map(|one| tagged(&one.arn, "fsx:volume", &one.tags));
        let backups = self.backups.values().map(|one| tagged(&one.arn, "fsx:backup", &one.tags));
        systems.chain(volumes).chain(backups).collect()
    }
}
