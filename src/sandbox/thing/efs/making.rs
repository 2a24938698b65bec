//! One restore of a file system.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::sandbox::clock::later;
use crate::sandbox::restore::Timetable;
use crate::sandbox::seed::Stream;
use crate::sandbox::spec::Place;
use crate::sandbox::thing::efs::shelf::FileSystem;
use crate::sandbox::thing::efs::wish::{Wish, taken};
use crate::sandbox::thing::shell::Contents;
use crate::sandbox::thing::{JobView, Making};
use crate::sandbox::world::Site;

/// What EFS counts for an empty file system.
const EMPTY_BYTES: u64 = 6_144;

/// The file system that a job makes.
pub(super) struct Restored {
    wish: Wish,
    id: String,
    arn: String,
    /// AWS Backup makes an empty file system first, which takes seconds; the rest of the job fills it.
    settles: SignedDuration,
}

impl Restored {
    pub(super) fn new(place: &Place, wish: Wish, stream: &mut Stream) -> Self {
        let id = format!("fs-{}", stream.hex(17));
        let arn = format!("arn:aws:elasticfilesystem:{}:{}:file-system/{id}", place.region, place.account);
        Self { wish, id, arn, settles: stream.between(5.0, 20.0) }
    }

    fn available(&self, times: &Timetable) -> Timestamp {
        later(times.runs, self.settles).min(times.ends)
    }

    fn system<'a>(&self, site: &'a mut Site) -> Option<&'a mut FileSystem> {
        site.shelves.efs.file_systems.get_mut(&self.id)
    }
}

impl Making for Restored {
    fn arn(&self) -> String {
        self.arn.clone()
    }

    fn appear(&mut self, site: &mut Site, job: &JobView) -> Result<(), String> {
        let systems = &mut site.shelves.efs.file_systems;
        if let Some(known) = systems.values().find(|known| known.creation_token == self.wish.creation_token) {
            return Err(taken(&known.id));
        }
        let system = FileSystem {
            id: self.id.clone(),
            arn: self.arn.clone(),
            creation_token: self.wish.creation_token.clone(),
            state: "creating",
            available_at: job.comes_up.then(|| self.available(&job.times)),
            gone_at: None,
            created: job.times.runs,
            key: self.wish.key.clone(),
            performance_mode: self.wish.performance_mode,
            zone: self.wish.zone.clone(),
            bytes: EMPTY_BYTES,
            contents: Arc::default(),
            // Tags come along only where the request says so, which a drill does not (facts 1.6.1).
            tags: BTreeMap::new(),
            made_by: Some(job.id.to_owned()),
            mount_targets: BTreeMap::new(),
            access_points: BTreeMap::new(),
        };
        systems.insert(self.id.clone(), system);
        Ok(())
    }

    fn resume(&mut self, site: &mut Site, times: &Timetable) {
        let at = times.created;
        if let Some(system) = self.system(site).filter(|system| system.state == "creating") {
            system.available_at = Some(at);
        }
    }

    fn break_off(&mut self, site: &mut Site, leaves_partial: bool) {
        if !leaves_partial {
            site.shelves.efs.file_systems.remove(&self.id);
        } else if let Some(system) = self.system(site).filter(|system| system.state == "creating") {
            system.available_at = None;
            system.state = "error";
        }
    }

    /// Whatever is restored lies in a folder of its own, also in a new file system (facts 2.6).
    fn complete(&mut self, site: &mut Site, at: Timestamp) {
        let bytes = self.wish.bytes;
        let folder = at.strftime("aws-backup-restore_%Y-%m-%dT%H-%M-%S-000Z").to_string();
        let contents: Arc<Contents> = Arc::new(self.wish.contents.clone().below(&folder));
        if let Some(system) = self.system(site) {
            system.bytes = bytes;
            system.contents = contents;
        }
    }
}
