//! One restore of a file system, or of an ONTAP volume.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::sandbox::restore::Timetable;
use crate::sandbox::seed::Stream;
use crate::sandbox::spec::Place;
use crate::sandbox::thing::fsx::flavour::Flavour;
use crate::sandbox::thing::fsx::shelf::{FileSystem, Life, SystemSettings, Volume};
use crate::sandbox::thing::fsx::volume::{VolumeWish, taken};
use crate::sandbox::thing::shell::Contents;
use crate::sandbox::thing::{JobView, Making, web};
use crate::sandbox::world::Site;

/// Where the machines that a definition names are reached: a name of AWS's could be looked up, and a private address
/// could be somebody else's. What is restored has an address of its own on this machine.
pub(super) const HOST: &str = "127.0.0.1";

/// The file system that a job makes.
pub(super) struct RestoredSystem {
    id: String,
    arn: String,
    flavour: Flavour,
    settings: SystemSettings,
    contents: Arc<Contents>,
}

impl RestoredSystem {
    pub(super) fn new(
        place: &Place,
        flavour: Flavour,
        mut settings: SystemSettings,
        contents: Contents,
        stream: &mut Stream,
    ) -> Self {
        let id = format!("fs-{}", stream.hex(17));
        let arn = format!("arn:aws:fsx:{}:{}:file-system/{id}", place.region, place.account);
        if flavour == Flavour::Lustre {
            let name = Value::from(stream.word(8).to_lowercase());
            settings.configuration.insert("MountName".to_owned(), name);
        }
        Self { id, arn, flavour, settings, contents: Arc::new(contents) }
    }
}

impl Making for RestoredSystem {
    fn arn(&self) -> String {
        self.arn.clone()
    }

    fn appear(&mut self, site: &mut Site, job: &JobView) -> Result<(), String> {
        let system = FileSystem {
            id: self.id.clone(),
            arn: self.arn.clone(),
            flavour: self.flavour,
            life: Life::creating(if job.comes_up { system_steps(&job.times) } else { Vec::new() }),
            created: job.times.runs,
            host: web::address(&self.id, 0).to_string(),
            settings: self.settings.clone(),
            contents: Arc::clone(&self.contents),
            // Tags come along only where the request says so, which a drill does not (facts 1.6.1).
            tags: BTreeMap::new(),
            made_by: Some(job.id.to_owned()),
        };
        site.shelves.fsx.file_systems.insert(self.id.clone(), system);
        Ok(())
    }

    fn resume(&mut self, site: &mut Site, times: &Timetable) {
        if let Some(system) = site.shelves.fsx.file_systems.get_mut(&self.id) {
            resume(&mut system.life, system_steps(times));
        }
    }

    fn break_off(&mut self, site: &mut Site, leaves_partial: bool) {
        let systems = &mut site.shelves.fsx.file_systems;
        if !leaves_partial {
            systems.remove(&self.id);
        } else if let Some(system) = systems.get_mut(&self.id).filter(|system| system.life.state == "CREATING") {
            system.life.fail();
        }
    }
}

/// The volume that a job makes.
pub(super) struct RestoredVolume {
    id: String,
    arn: String,
    uuid: String,
    wish: VolumeWish,
    contents: Arc<Contents>,
}

impl RestoredVolume {
    pub(super) fn new(place: &Place, wish: VolumeWish, contents: Contents, stream: &mut Stream) -> Self {
        let id = format!("fsvol-{}", stream.hex(17));
        let arn = format!("arn:aws:fsx:{}:{}:volume/{}/{id}", place.region, place.account, wish.file_system);
        Self { id, arn, uuid: stream.uuid(), wish, contents: Arc::new(contents) }
    }
}

impl Making for RestoredVolume {
    fn arn(&self) -> String {
        self.arn.clone()
    }

    fn appear(&mut self, site: &mut Site, job: &JobView) -> Result<(), String> {
        let volumes = &mut site.shelves.fsx.volumes;
        if taken(volumes.values(), &self.wish.settings) {
            return Err(self.wish.conflict());
        }
        let volume = Volume {
            id: self.id.clone(),
            arn: self.arn.clone(),
            file_system: self.wish.file_system.clone(),
            life: Life::creating(if job.comes_up { volume_steps(&job.times) } else { Vec::new() }),
            created: job.times.runs,
            uuid: self.uuid.clone(),
            settings: self.wish.settings.clone(),
            contents: Arc::clone(&self.contents),
            is_root: false,
            tags: BTreeMap::new(),
            made_by: Some(job.id.to_owned()),
        };
        volumes.insert(self.id.clone(), volume);
        Ok(())
    }

    fn resume(&mut self, site: &mut Site, times: &Timetable) {
        if let Some(volume) = site.shelves.fsx.volumes.get_mut(&self.id) {
            resume(&mut volume.life, volume_steps(times));
        }
    }

    fn break_off(&mut self, site: &mut Site, leaves_partial: bool) {
        let volumes = &mut site.shelves.fsx.volumes;
        if !leaves_partial {
            volumes.remove(&self.id);
        } else if let Some(volume) = volumes.get_mut(&self.id).filter(|volume| volume.life.state == "CREATING") {
            volume.life.fail();
        }
    }
}

fn resume(life: &mut Life, steps: Vec<(Timestamp, &'static str)>) {
    if life.state == "CREATING" {
        life.steps = steps;
    }
}

fn system_steps(times: &Timetable) -> Vec<(Timestamp, &'static str)> {
    vec![(times.available, "AVAILABLE")]
}

/// A volume can be mounted once it is created; its data arrives later.
fn volume_steps(times: &Timetable) -> Vec<(Timestamp, &'static str)> {
    vec![(times.created, "CREATED"), (times.available, "AVAILABLE")]
}
