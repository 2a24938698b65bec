//! One restore of a DB instance.

use std::sync::Arc;

use crate::sandbox::restore::Timetable;
use crate::sandbox::spec::Place;
use crate::sandbox::sql::Server;
use crate::sandbox::thing::database::Database;
use crate::sandbox::thing::rds::shelf::Instance;
use crate::sandbox::thing::rds::wish::{Wish, taken};
use crate::sandbox::thing::{JobView, Making, Progress};
use crate::sandbox::world::{Site, World};

/// The DB instance that a job makes.
pub(crate) struct Restored {
    wish: Wish,
    arn: String,
    /// Started with the job, handed to the instance when that appears.
    server: Option<Server>,
    /// A real server was started.
    is_real: bool,
}

impl Restored {
    pub(crate) fn new(place: &Place, wish: Wish) -> Self {
        let arn = format!("arn:aws:rds:{}:{}:db:{}", place.region, place.account, wish.identifier);
        Self { wish, arn, server: None, is_real: false }
    }

    fn instance<'a>(&self, site: &'a mut Site) -> Option<&'a mut Instance> {
        site.shelves.rds.instances.get_mut(&self.wish.identifier)
    }
}

impl Making for Restored {
    fn arn(&self) -> String {
        self.arn.clone()
    }

    fn prepare(&mut self, world: &World, job: &JobView) {
        self.server = world.start_server(job, self.wish.settings.iam_login);
        self.is_real = self.server.is_some();
    }

    fn appear(&mut self, site: &mut Site, job: &JobView) -> Result<(), String> {
        let server = self.server.take();
        let instances = &mut site.shelves.rds.instances;
        if instances.contains_key(&self.wish.identifier) {
            return Err(taken());
        }
        let instance = Instance {
            id: self.wish.identifier.clone(),
            arn: self.arn.clone(),
            resource_id: format!("db-{}", job.id.replace('-', "").chars().take(26).collect::<String>()),
            status: "creating",
            asked_protection: None,
            asked_password: None,
            steps: if job.comes_up { steps(&job.times) } else { Vec::new() },
            gone_at: None,
            keep_automated_backups: false,
            created: job.times.runs,
            settings: self.wish.settings.clone(),
            deletion_protection: self.wish.deletion_protection,
            // Tags that the source had at backup time come along whatever the request says (facts 1.6.1).
            tags: job.source.tags.clone(),
            source: Arc::clone(job.source),
            made_by: Some(job.id.to_owned()),
            point: Some(job.point.to_owned()),
            database: Database::handed_over(server),
        };
        instances.insert(instance.id.clone(), instance);
        Ok(())
    }

    fn progress(&mut self, site: &mut Site) -> Progress {
        let Some(instance) = self.instance(site) else { return Progress::Ready };
        match instance.database.progress() {
            Progress::Failed(_) if instance.status != "creating" => Progress::Ready,
            Progress::Failed(why) => {
                instance.fail();
                Progress::Failed(why)
            }
            other => other,
        }
    }

    fn is_watched(&self) -> bool {
        self.is_real
    }

    fn resume(&mut self, site: &mut Site, times: &Timetable) {
        if let Some(instance) = self.instance(site) {
            instance.steps = steps(times);
        }
    }

    fn break_off(&mut self, site: &mut Site, leaves_partial: bool) {
        if leaves_partial {
            if let Some(instance) = self.instance(site) {
                instance.fail();
            }
        } else {
            site.shelves.rds.instances.remove(&self.wish.identifier);
        }
    }

    fn take_server(&mut self) -> Option<Server> {
        self.server.take()
    }
}

fn steps(times: &Timetable) -> Vec<(jiff::Timestamp, &'static str)> {
    vec![(times.created, "backing-up"), (times.available, "available")]
}
