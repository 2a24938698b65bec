//! One restore of a cluster.

use std::sync::Arc;

use jiff::Timestamp;

use crate::sandbox::restore::Timetable;
use crate::sandbox::spec::Place;
use crate::sandbox::sql::Server;
use crate::sandbox::thing::cluster::shelf::Cluster;
use crate::sandbox::thing::cluster::wish::{Wish, taken};
use crate::sandbox::thing::database::Database;
use crate::sandbox::thing::{JobView, Making, Progress};
use crate::sandbox::world::{Site, World};

/// The cluster that a job makes, without members.
pub(super) struct Restored {
    wish: Wish,
    arn: String,
    /// Started with the job, handed to the cluster when that appears.
    server: Option<Server>,
    /// A real server was started.
    is_real: bool,
}

impl Restored {
    pub(super) fn new(place: &Place, wish: Wish) -> Self {
        let arn = format!("arn:aws:rds:{}:{}:cluster:{}", place.region, place.account, wish.identifier);
        Self { wish, arn, server: None, is_real: false }
    }

    fn cluster<'a>(&self, site: &'a mut Site) -> Option<&'a mut Cluster> {
        site.shelves.clusters.clusters.get_mut(&self.wish.identifier)
    }
}

impl Making for Restored {
    fn arn(&self) -> String {
        self.arn.clone()
    }

    fn prepare(&mut self, world: &World, job: &JobView) {
        if self.wish.settings.family.serves {
            self.server = world.start_server(job, self.wish.settings.iam_login);
            self.is_real = self.server.is_some();
        }
    }

    fn appear(&mut self, site: &mut Site, job: &JobView) -> Result<(), String> {
        let server = self.server.take();
        let clusters = &mut site.shelves.clusters.clusters;
        if clusters.contains_key(&self.wish.identifier) {
            return Err(taken());
        }
        let cluster = Cluster {
            id: self.wish.identifier.clone(),
            arn: self.arn.clone(),
            resource_id: format!("cluster-{}", job.id.replace('-', "").chars().take(26).collect::<String>()),
            status: "creating",
            steps: if job.comes_up { steps(&job.times) } else { Vec::new() },
            gone_at: None,
            keep_automated_backups: false,
            created: job.times.runs,
            settings: self.wish.settings.clone(),
            capacity: None,
            asked_password: None,
            deletion_protection: self.wish.deletion_protection,
            // Tags that the source had at backup time come along whatever the request says (facts 1.6.1).
            tags: job.source.tags.clone(),
            source: Arc::clone(job.source),
            made_by: Some(job.id.to_owned()),
            database: Database::handed_over(server),
        };
        clusters.insert(cluster.id.clone(), cluster);
        Ok(())
    }

    fn progress(&mut self, site: &mut Site) -> Progress {
        let Some(cluster) = self.cluster(site) else { return Progress::Ready };
        match cluster.database.progress() {
            Progress::Failed(_) if cluster.status != "creating" => Progress::Ready,
            Progress::Failed(why) => {
                cluster.fail();
                Progress::Failed(why)
            }
            other => other,
        }
    }

    fn is_watched(&self) -> bool {
        self.is_real
    }

    fn resume(&mut self, site: &mut Site, times: &Timetable) {
        if let Some(cluster) = self.cluster(site) {
            cluster.steps = steps(times);
        }
    }

    fn break_off(&mut self, site: &mut Site, leaves_partial: bool) {
        if !leaves_partial {
            site.shelves.clusters.clusters.remove(&self.wish.identifier);
        } else if let Some(cluster) = self.cluster(site) {
            cluster.fail();
        }
    }

    fn take_server(&mut self) -> Option<Server> {
        self.server.take()
    }
}

fn steps(times: &Timetable) -> Vec<(Timestamp, &'static str)> {
    vec![(times.created, "available")]
}
