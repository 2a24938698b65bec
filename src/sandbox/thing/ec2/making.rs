//! One restore of an instance.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::sandbox::clock::later;
use crate::sandbox::private;
use crate::sandbox::restore::Timetable;
use crate::sandbox::seed::Stream;
use crate::sandbox::spec::Place;
use crate::sandbox::thing::ebs::{Attachment, Volume, VolumeSettings};
use crate::sandbox::thing::ec2::instance::{Instance, InstanceSettings};
use crate::sandbox::thing::ec2::source::ROOT;
use crate::sandbox::thing::ec2::wish::{DATA, Wish};
use crate::sandbox::thing::web;
use crate::sandbox::thing::{JobView, Making};
use crate::sandbox::world::{Point, Site};

/// The instance that a job makes, with a root volume that goes with it and a data volume that outlives it (trap 27).
pub(super) struct Restored {
    wish: Wish,
    place: Place,
    id: String,
    arn: String,
    image: String,
    interface: String,
    /// The ids of root and data volume, and of the snapshots in the image.
    volumes: [(String, String); 2],
    /// From running until the status checks are done.
    checks: SignedDuration,
    profile: Option<String>,
}

impl Restored {
    pub(super) fn new(place: &Place, point: &Point, wish: Wish, stream: &mut Stream) -> Self {
        let id = format!("i-{}", stream.hex(17));
        let profile = format!("arn:aws:iam::{}:instance-profile/prod-app", place.account);
        Self {
            arn: format!("arn:aws:ec2:{}:{}:instance/{id}", place.region, place.account),
            id,
            image: point.arn.rsplit_once('/').map_or_else(String::new, |(_, image)| image.to_owned()),
            interface: format!("eni-{}", stream.hex(17)),
            volumes: [(); 2].map(|()| (format!("vol-{}", stream.hex(17)), format!("snap-{}", stream.hex(17)))),
            checks: stream.between(90.0, 240.0),
            profile: wish.profile.then_some(profile),
            place: place.clone(),
            wish,
        }
    }

    fn settings(&self) -> InstanceSettings {
        InstanceSettings {
            kind: self.wish.kind.clone(),
            zone: self.wish.subnet.zone.clone(),
            subnet: self.wish.subnet.id.clone(),
            vpc: self.wish.subnet.vpc.clone(),
            security_groups: self.wish.security_groups.clone(),
            profile: self.profile.clone(),
            tokens_required: self.wish.tokens_required,
            interface: self.interface.clone(),
            address: web::address(&self.id, 0).to_string(),
            private: self.wish.private.then(|| private::address(&self.id)),
        }
    }

    fn steps(&self, times: &Timetable) -> (Vec<(Timestamp, &'static str)>, Option<Timestamp>) {
        (vec![(times.created, "running")], Some(later(times.created, self.checks)))
    }

    /// Root or data volume, attached from the beginning.
    fn volume(&self, is_root: bool, job: &JobView) -> Volume {
        let [root, data] = &self.volumes;
        let (ids, device, size_gib) =
            if is_root { (root, ROOT, self.wish.sizes.0) } else { (data, DATA, self.wish.sizes.1) };
        let (id, snapshot) = ids.clone();
        Volume {
            arn: format!("arn:aws:ec2:{}:{}:volume/{id}", self.place.region, self.place.account),
            state: "in-use",
            steps: Vec::new(),
            gone_at: None,
            created: job.times.runs,
            settings: VolumeSettings {
                kind: "gp3".to_owned(),
                size_gib,
                iops: Some(3_000),
                throughput: Some(125),
                key: Some(self.wish.key.clone()),
                zone: self.wish.subnet.zone.clone(),
            },
            snapshot: Some(snapshot),
            attachment: Some(Attachment {
                instance: self.id.clone(),
                device: device.to_owned(),
                state: "attached",
                since: job.times.runs,
                until: None,
                delete_on_termination: is_root,
            }),
            tags: BTreeMap::new(),
            made_by: Some(job.id.to_owned()),
            filesystem: Some(if is_root { "xfs" } else { "ext4" }.to_owned()),
            contents: if is_root { Arc::default() } else { Arc::clone(&self.wish.contents) },
            id,
        }
    }
}

impl Making for Restored {
    fn arn(&self) -> String {
        self.arn.clone()
    }

    fn appear(&mut self, site: &mut Site, job: &JobView) -> Result<(), String> {
        let (steps, checked_at) = if job.comes_up { self.steps(&job.times) } else { (Vec::new(), None) };
        let instance = Instance {
            id: self.id.clone(),
            arn: self.arn.clone(),
            image: self.image.clone(),
            state: "pending",
            steps,
            checked_at,
            gone_at: None,
            launched: job.times.runs,
            protected: self.wish.protected,
            managed: true,
            settings: self.settings(),
            // Tags come along only where the request asks for it (facts 1.6.1).
            tags: BTreeMap::new(),
            made_by: Some(job.id.to_owned()),
            served: Arc::clone(&self.wish.served),
            rules: self.wish.rules.clone(),
            network: self.wish.network.clone(),
            console: self.wish.console.clone(),
            web: None,
        };
        let shelf = &mut site.shelves.ec2;
        for volume in [self.volume(true, job), self.volume(false, job)] {
            shelf.volumes.insert(volume.id.clone(), volume);
        }
        shelf.instances.insert(self.id.clone(), instance);
        Ok(())
    }

    fn resume(&mut self, site: &mut Site, times: &Timetable) {
        let (steps, checked_at) = self.steps(times);
        if let Some(instance) = site.shelves.ec2.instances.get_mut(&self.id) {
            (instance.steps, instance.checked_at) = (steps, checked_at);
        }
    }

    /// EC2 has no failed state: what is left is a stopped instance with its volumes.
    fn break_off(&mut self, site: &mut Site, leaves_partial: bool) {
        let shelf = &mut site.shelves.ec2;
        if !leaves_partial {
            shelf.instances.remove(&self.id);
            self.volumes.iter().for_each(|(id, _)| drop(shelf.volumes.remove(id)));
        } else if let Some(instance) = shelf.instances.get_mut(&self.id) {
            instance.steps.clear();
            instance.enter("stopped");
        }
    }
}
