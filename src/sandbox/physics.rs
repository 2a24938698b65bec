//! How the world moves: jobs run, what they made comes up and goes. Everything happens when somebody looks, as if it had
//! happened on time. No HTTP, no protocol, no kind of resource: those are in `thing`.
//!
//! A look costs what is due, not what is there: jobs stand under their next moment (`jobs`), and the shelves of an account
//! and region are gone through when something on them is due or somebody may have changed them. Builds for development go
//! through everything else as well, whenever time has passed, and nothing may come of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::sandbox::clock::later;
use crate::sandbox::fault::What;
use crate::sandbox::plans;
use crate::sandbox::restore::{self, Fate, RestoreJob};
use crate::sandbox::spec::Place;
#[cfg(any(debug_assertions, test))]
use crate::sandbox::thing::Shelf;
use crate::sandbox::thing::ec2::run_commands;
use crate::sandbox::thing::{JobView, Making, Progress};
use crate::sandbox::world::{Point, Site, World};

/// What somebody asks AWS Backup to restore.
pub(crate) struct Order {
    pub(crate) point: Point,
    pub(crate) vault_arn: String,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) role: String,
    pub(crate) token: Option<String>,
}

impl World {
    /// Lets everything happen that is due by `now`.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        #[cfg(debug_assertions)]
        let passed = now > self.now;
        self.now = self.now.max(now);
        let now = self.now;
        let mute_port = self.databases.mute_port;
        for site in self.sites.values_mut() {
            site.touched |= advance_jobs(site, now);
            if site.touched || site.due.is_some_and(|at| at <= now) {
                advance_shelves(site, now, mute_port);
                site.touched = false;
                site.due = site.shelves.due();
            }
            #[cfg(debug_assertions)]
            if passed {
                nothing_else_happens(site, now, mute_port);
            }
            plans::back_up(site, now);
        }
    }

    /// Accepts a restore job; how it will go is decided here and told in time.
    pub(crate) fn start_restore(&mut self, place: &Place, order: Order) -> String {
        let mut stream = self.stream("restore job");
        let id = stream.uuid().to_uppercase();
        let source = Arc::clone(&order.point.source);
        let now = self.now;
        let mut making = self.wish(place, &order, &id);
        let times = self.times();
        let fault = match making {
            Ok(_) => {
                let which = (source.drill.as_str(), source.name.as_str(), source.kind);
                self.faults.on_job(which, place.region.as_str(), times)
            }
            Err(_) => None,
        };
        if let (Ok(making), Some(What::JobPartial)) = (&mut making, fault.as_ref().map(|fault| fault.what)) {
            making.restore_in_part();
        }
        let fate = restore::fate(making.as_ref().map(|_| ()).map_err(Clone::clone), fault, now);
        let stale = self.faults.stale_reads(place.region.as_str());
        let times = self.profile.times(source.kind);
        let timetable = restore::timetable(&source, times, (now, stale), &mut stream);
        let mut job = RestoreJob {
            id: id.clone(),
            point: order.point.arn,
            point_created: order.point.created,
            source,
            vault_arn: order.vault_arn,
            metadata: order.metadata,
            role: order.role,
            token: order.token,
            status: "PENDING",
            message: None,
            created: now,
            completed: None,
            shown_arn: None,
            timetable,
            fate,
            making: making.ok(),
            delayed: false,
        };
        if !matches!(job.fate, Fate::FailsEarly(_) | Fate::Sticks { until: None, .. }) {
            with_making(&mut job, |making, view| making.prepare(self, view));
        }
        self.site(place).restore_jobs.push(job);
        id
    }

    /// What the kind reads in the metadata, and what no metadata can know: the role, the key, the quota.
    fn wish(&mut self, place: &Place, order: &Order, job_id: &str) -> Result<Box<dyn Making>, String> {
        let source = &order.point.source;
        let making = source.physics().wish(self, place, &order.point, &order.metadata, job_id)?;
        if let Some(message) = self.powerless(&order.role, source) {
            return Err(message);
        }
        if self.site(place).keys.iter().any(|key| key.arn == order.point.key && key.shut) {
            return Err(restore::missing_grant().to_owned());
        }
        match self.beyond_quota(place, source.kind) {
            Some(message) => Err(message.to_owned()),
            None => Ok(making),
        }
    }
}

/// Advances the jobs that are due, in the order in which they were accepted. Whether anything may have changed on the shelves.
fn advance_jobs(site: &mut Site, now: Timestamp) -> bool {
    let due = site.restore_jobs.take_due(now);
    if due.is_empty() {
        return false;
    }
    // Makings change the site, so the jobs stand aside for a moment.
    let mut jobs = std::mem::take(&mut site.restore_jobs);
    let mut changed = false;
    for number in due {
        changed |= jobs.get_mut(number).is_some_and(|job| advance_job(job, number, site, now));
        jobs.plan(number);
    }
    site.restore_jobs = jobs;
    changed
}

/// Whether anything happened to it.
fn advance_job(job: &mut RestoreJob, number: usize, site: &mut Site, now: Timestamp) -> bool {
    let stage = |job: &RestoreJob| (job.status, matches!(job.fate, Fate::Sticks { .. }));
    let before = stage(job);
    if job.status == "PENDING" && now >= job.timetable.runs {
        begin(job, site);
    }
    if job.status == "RUNNING" {
        run(job, site, now);
    }
    if let Some(completed) = job.completed {
        site.note_restored(&job.point, number, completed);
    }
    before != stage(job)
}

fn advance_shelves(site: &mut Site, now: Timestamp, mute_port: u16) {
    site.shelves.each_mut().for_each(|shelf| shelf.advance(now));
    run_commands(&mut site.shelves, mute_port, now);
}

/// Goes through everything of a site of which nothing is due.
#[cfg(any(debug_assertions, test))]
fn nothing_else_happens(site: &mut Site, now: Timestamp, mute_port: u16) {
    let next = site.restore_jobs.first_due().into_iter().chain(site.due).min();
    if next.is_some_and(|at| at <= now) {
        return;
    }
    let seen = |site: &Site| {
        let jobs = site.restore_jobs.iter().map(|job| (job.status, job.completed, job.shown_arn.clone()));
        let things = site.shelves.each().flat_map(Shelf::things);
        (jobs.collect::<Vec<_>>(), things.collect::<Vec<_>>())
    };
    let before = seen(site);
    let mut jobs = std::mem::take(&mut site.restore_jobs);
    for (number, job) in jobs.iter_mut().enumerate() {
        advance_job(job, number, site, now);
    }
    site.restore_jobs = jobs;
    advance_shelves(site, now, mute_port);
    assert_eq!(before, seen(site), "something happened that was not due; the next that is due is at {next:?}");
}

/// Does something with what the job makes, if its metadata was right.
fn with_making<T>(job: &mut RestoreJob, act: impl FnOnce(&mut dyn Making, &JobView) -> T) -> Option<T> {
    let view = JobView {
        id: &job.id,
        source: &job.source,
        point: &job.point,
        point_created: job.point_created,
        times: job.timetable,
        comes_up: !matches!(job.fate, Fate::Sticks { .. } | Fate::Breaks { .. }),
    };
    job.making.as_deref_mut().map(|making| act(making, &view))
}

fn begin(job: &mut RestoreJob, site: &mut Site) {
    let begins = job.timetable.runs;
    match job.fate.clone() {
        Fate::FailsEarly(message) => end(job, "FAILED", Some(message), begins),
        Fate::Sticks { shows_partial: false, .. } => job.status = "RUNNING",
        Fate::Completes | Fate::CompletesWithoutArn | Fate::Breaks { .. } | Fate::Sticks { .. } => {
            job.status = "RUNNING";
            appear(job, site);
        }
    }
}

/// What the job makes appears, in its creating state. A name that was taken since the job was accepted ends the job.
fn appear(job: &mut RestoreJob, site: &mut Site) {
    let appeared = with_making(job, |making, view| making.appear(site, view).map(|()| making.arn()));
    match appeared {
        None => {}
        Some(Err(message)) => {
            let begins = job.timetable.runs;
            end(job, "FAILED", Some(message), begins);
        }
        Some(Ok(arn)) => {
            let hidden = matches!(job.fate, Fate::CompletesWithoutArn | Fate::Breaks { with_arn: false, .. });
            if job.timetable.early_arn && !hidden {
                job.shown_arn = Some(arn);
            }
        }
    }
}

fn run(job: &mut RestoreJob, site: &mut Site, now: Timestamp) {
    match job.fate.clone() {
        Fate::Sticks { until: Some(until), shows_partial } if now >= until => {
            let passed = until.duration_since(job.timetable.runs);
            job.fate = Fate::Completes;
            let times = &mut job.timetable;
            (times.created, times.ends) = (later(times.created, passed), later(times.ends, passed));
            times.available = later(times.available, passed);
            if shows_partial {
                with_making(job, |making, view| making.resume(site, &view.times));
            } else {
                appear(job, site);
            }
        }
        Fate::Sticks { .. } | Fate::FailsEarly(_) => {}
        Fate::Breaks { status, message, leaves_partial, with_arn } => {
            let half_way = job.timetable.half_way();
            if now >= half_way {
                if let Some(making) = &mut job.making {
                    making.break_off(site, leaves_partial);
                    job.shown_arn = (leaves_partial && with_arn).then(|| making.arn());
                }
                end(job, status, Some(message), half_way);
            }
        }
        Fate::Completes | Fate::CompletesWithoutArn => complete(job, site, now),
    }
}

fn complete(job: &mut RestoreJob, site: &mut Site, now: Timestamp) {
    let progress = job.making.as_mut().map_or(Progress::Ready, |making| making.progress(site));
    match progress {
        Progress::Failed(message) => return end(job, "FAILED", Some(message), now),
        Progress::Waits if now >= job.timetable.created => {
            job.delayed = true;
            return;
        }
        Progress::Waits | Progress::Ready => {}
    }
    if now < job.timetable.ends {
        return;
    }
    let at = if job.delayed { now } else { job.timetable.ends };
    let mut message = None;
    if let Some(making) = &mut job.making {
        making.complete(site, at);
        message = making.completed_message();
        if !matches!(job.fate, Fate::CompletesWithoutArn) {
            job.shown_arn = Some(making.arn());
        }
    }
    end(job, "COMPLETED", message, at);
}

fn end(job: &mut RestoreJob, status: &'static str, message: Option<String>, at: Timestamp) {
    job.status = status;
    job.message = message;
    job.completed = Some(at);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use jiff::{SignedDuration, Timestamp};

    use super::{advance_shelves, nothing_else_happens};
    use crate::sandbox::thing::ebs::{Volume, VolumeSettings};
    use crate::sandbox::world::Site;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    /// A volume that is gone after a minute.
    fn site() -> Site {
        let settings = VolumeSettings {
            kind: "gp3".to_owned(),
            size_gib: 1,
            iops: None,
            throughput: None,
            key: None,
            zone: "eu-west-1a".to_owned(),
        };
        let volume = Volume {
            id: "vol-1".to_owned(),
            arn: "arn:aws:ec2:eu-west-1:123456789012:volume/vol-1".to_owned(),
            state: "deleting",
            steps: Vec::new(),
            gone_at: Some(NOW + SignedDuration::from_mins(1)),
            created: NOW,
            settings,
            snapshot: None,
            attachment: None,
            tags: BTreeMap::new(),
            made_by: None,
            filesystem: None,
            contents: Arc::default(),
        };
        let mut site = Site::default();
        site.shelves.ec2.volumes.insert(volume.id.clone(), volume);
        site
    }

    #[test]
    fn a_shelf_says_when_something_is_due() {
        let mut site = site();
        let gone = NOW + SignedDuration::from_mins(1);
        assert_eq!(site.shelves.due(), Some(gone));
        nothing_else_happens(&mut site, gone - SignedDuration::from_millis(1), 9);
        advance_shelves(&mut site, gone, 9);
        assert_eq!((site.shelves.due(), site.shelves.ec2.volumes.len()), (None, 0));
    }

    #[test]
    #[should_panic(expected = "that was not due")]
    fn what_happens_without_being_due_is_noticed() {
        // Nobody told the site that something is on its shelves.
        nothing_else_happens(&mut site(), NOW + SignedDuration::from_mins(1), 9);
    }
}
