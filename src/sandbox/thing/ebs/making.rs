//! One restore of a snapshot as an EBS volume.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::sandbox::restore::Timetable;
use crate::sandbox::seed::Stream;
use crate::sandbox::spec::Place;
use crate::sandbox::thing::ebs::volume::Volume;
use crate::sandbox::thing::ebs::wish::VolumeWish;
use crate::sandbox::thing::{JobView, Making};
use crate::sandbox::world::Site;

/// The volume that a job makes.
pub(crate) struct RestoredVolume {
    wish: VolumeWish,
    id: String,
    arn: String,
}

impl RestoredVolume {
    pub(crate) fn new(place: &Place, wish: VolumeWish, stream: &mut Stream) -> Self {
        let id = format!("vol-{}", stream.hex(17));
        let arn = format!("arn:aws:ec2:{}:{}:volume/{id}", place.region, place.account);
        Self { wish, id, arn }
    }
}

impl Making for RestoredVolume {
    fn arn(&self) -> String {
        self.arn.clone()
    }

    fn appear(&mut self, site: &mut Site, job: &JobView) -> Result<(), String> {
        let volume = Volume {
            id: self.id.clone(),
            arn: self.arn.clone(),
            state: "creating",
            steps: if job.comes_up { vec![(job.times.created, "available")] } else { Vec::new() },
            gone_at: None,
            created: job.times.runs,
            settings: self.wish.settings.clone(),
            snapshot: job.point.rsplit_once('/').map(|(_, id)| id.to_owned()),
            attachment: None,
            // Tags come along only where the request asks for it (facts 1.6.1).
            tags: BTreeMap::new(),
            made_by: Some(job.id.to_owned()),
            filesystem: self.wish.filesystem.clone(),
            contents: Arc::clone(&self.wish.contents),
        };
        site.shelves.ec2.volumes.insert(self.id.clone(), volume);
        Ok(())
    }

    fn resume(&mut self, site: &mut Site, times: &Timetable) {
        if let Some(volume) = site.shelves.ec2.volumes.get_mut(&self.id) {
            volume.steps = vec![(times.created, "available")];
        }
    }

    fn break_off(&mut self, site: &mut Site, leaves_partial: bool) {
        let volumes = &mut site.shelves.ec2.volumes;
        if !leaves_partial {
            volumes.remove(&self.id);
        } else if let Some(volume) = volumes.get_mut(&self.id) {
            volume.state = "error";
            volume.steps.clear();
        }
    }
}
