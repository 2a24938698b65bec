//! How the world moves: jobs run, instances come up and go. Everything happens when somebody looks, as if it had
//! happened on time. No HTTP, no protocol.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::sandbox::clock::later;
use crate::sandbox::data;
use crate::sandbox::restore::{self, Fate, RestoreJob, Wish};
use crate::sandbox::seed::Stream;
use crate::sandbox::spec::Place;
use crate::sandbox::sql::ServerState;
use crate::sandbox::world::{AutomatedBackup, Database, Instance, Point, Site, Snapshot, World};

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
        self.now = self.now.max(now);
        let now = self.now;
        for (place, site) in &mut self.sites {
            advance_jobs(place, site, now);
            advance_instances(site, now);
        }
    }

    /// Accepts a restore job; how it will go is decided here and told in time.
    pub(crate) fn start_restore(&mut self, place: &Place, order: Order) -> String {
        let mut stream = self.stream("restore job");
        let id = stream.uuid().to_uppercase();
        let source = Arc::clone(&order.point.source);
        let (now, quota) = (self.now, self.quotas.db_instances);
        let role_is_known = self.roles.contains(&order.role);
        let wish = restore::read_wish(self.site(place), place, &order.point, &order.metadata);
        let wish = wish.and_then(|wish| surroundings(self.site(place), wish, role_is_known, quota));
        let times = self.times();
        let fault = match wish {
            Ok(_) => self.faults.on_job(&source.drill, source.name.as_str(), place.region.as_str(), times),
            Err(_) => None,
        };
        let fate = restore::fate(wish.as_ref().map(|_| ()).map_err(Clone::clone), fault, now);
        let stale = self.faults.stale_reads(place.region.as_str());
        let timetable = restore::timetable(&source, now, stale, &mut stream);
        let makes_something = !matches!(fate, Fate::FailsEarly(_) | Fate::Sticks { until: None, .. });
        let server = makes_something.then(|| self.start_server(&source, &order.point, &id)).flatten();
        self.site(place).restore_jobs.push(RestoreJob {
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
            wish: wish.ok(),
            server,
            delayed: false,
        });
        id
    }

    fn start_server(
        &self,
        source: &crate::sandbox::spec::ResourceSpec,
        point: &Point,
        job: &str,
    ) -> Option<crate::sandbox::sql::Server> {
        let servers = self.databases.servers.as_ref()?;
        Some(servers.start(job, data::at_moment(source, self.seed, point.created, self.started)))
    }
}

/// What the metadata cannot know: quota and role.
fn surroundings(site: &Site, wish: Wish, role_is_known: bool, quota: u32) -> Result<Wish, String> {
    if !role_is_known {
        return Err(
            "The IAM role cannot be assumed by AWS Backup: it does not exist or does not trust backup.amazonaws.com"
                .to_owned(),
        );
    }
    if site.instances.len() >= usize::try_from(quota).unwrap_or(usize::MAX) {
        let message =
            "DB Instance quota exceeded (Service: AmazonRDS; Status Code: 400; Error Code: InstanceQuotaExceeded)";
        return Err(message.to_owned());
    }
    Ok(wish)
}

fn advance_jobs(place: &Place, site: &mut Site, now: Timestamp) {
    let Site { restore_jobs, instances, points, .. } = site;
    for job in restore_jobs.iter_mut() {
        if job.status == "PENDING" && now >= job.timetable.runs {
            begin(place, job, instances);
        }
        if job.status == "RUNNING" {
            run(place, job, instances, now);
        }
        if let Some(completed) = job.completed
            && let Some(point) = points.iter_mut().find(|point| point.arn == job.point)
        {
            point.last_restored = Some(completed);
        }
    }
}

fn begin(place: &Place, job: &mut RestoreJob, instances: &mut BTreeMap<String, Instance>) {
    let begins = job.timetable.runs;
    match job.fate.clone() {
        Fate::FailsEarly(message) => end(job, "FAILED", Some(message), begins),
        Fate::Sticks { shows_instance: false, .. } => job.status = "RUNNING",
        Fate::Completes | Fate::CompletesWithoutArn | Fate::Breaks { .. } | Fate::Sticks { .. } => {
            job.status = "RUNNING";
            appear(place, job, instances);
        }
    }
}

/// The instance appears, `creating`. A name that was taken since the job was accepted ends the job.
fn appear(place: &Place, job: &mut RestoreJob, instances: &mut BTreeMap<String, Instance>) {
    let Some(wish) = job.wish.clone() else { return };
    if instances.contains_key(&wish.identifier) {
        let message =
            "DB instance already exists (Service: AmazonRDS; Status Code: 400; Error Code: DBInstanceAlreadyExists)";
        let begins = job.timetable.runs;
        return end(job, "FAILED", Some(message.to_owned()), begins);
    }
    let arn = format!("arn:aws:rds:{}:{}:db:{}", place.region, place.account, wish.identifier);
    if job.timetable.early_arn && !matches!(job.fate, Fate::CompletesWithoutArn | Fate::Breaks { with_arn: false, .. })
    {
        job.shown_arn = Some(arn.clone());
    }
    let never = matches!(job.fate, Fate::Sticks { .. } | Fate::Breaks { .. });
    let steps = vec![(job.timetable.created, "backing-up"), (job.timetable.available, "available")];
    let instance = Instance {
        id: wish.identifier.clone(),
        arn,
        resource_id: format!("db-{}", job.id.replace('-', "").chars().take(26).collect::<String>()),
        status: "creating",
        asked_protection: None,
        steps: if never { Vec::new() } else { steps },
        gone_at: None,
        keep_automated_backups: false,
        created: job.timetable.runs,
        settings: wish.settings,
        deletion_protection: wish.deletion_protection,
        // Tags that the source had at backup time come along whatever the request says (facts 1.6.1).
        tags: job.source.tags.clone(),
        source: Arc::clone(&job.source),
        made_by: Some(job.id.clone()),
        point: Some(job.point.clone()),
        database: job.server.take().map_or(Database::Mute, Database::Server),
    };
    instances.insert(wish.identifier, instance);
}

fn run(place: &Place, job: &mut RestoreJob, instances: &mut BTreeMap<String, Instance>, now: Timestamp) {
    match job.fate.clone() {
        Fate::Sticks { until: Some(until), .. } if now >= until => {
            let passed = until.duration_since(job.timetable.runs);
            job.fate = Fate::Completes;
            let times = &mut job.timetable;
            (times.created, times.ends) = (later(times.created, passed), later(times.ends, passed));
            times.available = later(times.available, passed);
            resume(place, job, instances);
        }
        Fate::Sticks { .. } | Fate::FailsEarly(_) => {}
        Fate::Breaks { status, message, leaves_partial, with_arn } => {
            let half_way = later(job.timetable.runs, job.timetable.ends.duration_since(job.timetable.runs) / 2);
            if now >= half_way {
                break_off(job, instances, (leaves_partial, with_arn));
                end(job, status, Some(message), half_way);
            }
        }
        Fate::Completes | Fate::CompletesWithoutArn => complete(place, job, instances, now),
    }
}

/// A job that was stuck goes on.
fn resume(place: &Place, job: &mut RestoreJob, instances: &mut BTreeMap<String, Instance>) {
    let times = job.timetable;
    let mine = job.wish.as_ref().and_then(|wish| instances.get_mut(&wish.identifier));
    match mine.filter(|instance| instance.made_by.as_ref() == Some(&job.id)) {
        Some(instance) => instance.steps = vec![(times.created, "backing-up"), (times.available, "available")],
        None => appear(place, job, instances),
    }
}

fn break_off(
    job: &mut RestoreJob,
    instances: &mut BTreeMap<String, Instance>,
    (leaves_partial, with_arn): (bool, bool),
) {
    let Some(wish) = &job.wish else { return };
    if instances.get(&wish.identifier).is_none_or(|instance| instance.made_by.as_ref() != Some(&job.id)) {
        return;
    }
    if leaves_partial {
        if let Some(instance) = instances.get_mut(&wish.identifier) {
            instance.status = "failed";
            job.shown_arn = with_arn.then(|| instance.arn.clone());
        }
    } else {
        job.shown_arn = None;
        instances.remove(&wish.identifier);
    }
}

fn complete(place: &Place, job: &mut RestoreJob, instances: &mut BTreeMap<String, Instance>, now: Timestamp) {
    let mine = job.wish.as_ref().and_then(|wish| instances.get_mut(&wish.identifier));
    let mine = mine.filter(|instance| instance.made_by.as_ref() == Some(&job.id));
    if let Some(instance) = mine {
        match server_state(instance) {
            Some(ServerState::Failed(why)) if instance.status == "creating" => {
                instance.status = "failed";
                instance.steps.clear();
                let message = format!("The simulated AWS could not start a database server: {why}");
                return end(job, "FAILED", Some(message), now);
            }
            Some(ServerState::Starting) if now >= job.timetable.created => {
                job.delayed = true;
                return;
            }
            _ => {}
        }
    }
    if now < job.timetable.ends {
        return;
    }
    let at = if job.delayed { now } else { job.timetable.ends };
    if !matches!(job.fate, Fate::CompletesWithoutArn) {
        let name = job.wish.as_ref().map(|wish| wish.identifier.clone()).unwrap_or_default();
        job.shown_arn = Some(format!("arn:aws:rds:{}:{}:db:{name}", place.region, place.account));
    }
    end(job, "COMPLETED", None, at);
}

fn server_state(instance: &Instance) -> Option<ServerState> {
    match &instance.database {
        Database::Server(server) => Some(server.state()),
        Database::Elsewhere(_) | Database::Mute => None,
    }
}

fn end(job: &mut RestoreJob, status: &'static str, message: Option<String>, at: Timestamp) {
    job.status = status;
    job.message = message;
    job.completed = Some(at);
    job.server = None;
}

fn advance_instances(site: &mut Site, now: Timestamp) {
    for instance in site.instances.values_mut() {
        while let Some(&(at, status)) = instance.steps.first() {
            let waits = instance.status == "creating" && matches!(server_state(instance), Some(ServerState::Starting));
            if at > now || waits {
                break;
            }
            instance.status = status;
            instance.deletion_protection = instance.asked_protection.take().unwrap_or(instance.deletion_protection);
            instance.steps.remove(0);
        }
    }
    let gone: Vec<String> = site
        .instances
        .values()
        .filter(|instance| instance.gone_at.is_some_and(|at| at <= now))
        .map(|instance| instance.id.clone())
        .collect();
    for id in gone {
        if let Some(instance) = site.instances.remove(&id) {
            leave_backups(site, instance);
        }
    }
}

fn leave_backups(site: &mut Site, instance: Instance) {
    if !instance.keep_automated_backups || instance.settings.retention_days == 0 {
        return;
    }
    site.automated_backups.push(AutomatedBackup {
        arn: automated_backup_arn(&instance),
        instance: instance.id,
        instance_arn: instance.arn,
        resource_id: instance.resource_id,
        instance_created: instance.created,
        ended: instance.gone_at.unwrap_or(instance.created),
        settings: instance.settings,
        made_by: instance.made_by,
    });
}

/// The ARN of an instance's automated backups.
pub(crate) fn automated_backup_arn(instance: &Instance) -> String {
    let place = instance.arn.rsplit_once(":db:").map_or("", |(place, _)| place);
    format!("{place}:auto-backup:ab-{}", instance.resource_id.trim_start_matches("db-").to_lowercase())
}

/// A change of settings: the instance is `modifying` for some seconds.
pub(crate) fn begin_modification(instance: &mut Instance, now: Timestamp, stream: &mut Stream) {
    instance.status = "modifying";
    instance.steps = vec![(later(now, stream.between(8.0, 25.0)), "available")];
}

/// A deletion: `deleting` for some minutes, then gone; a final snapshot stays if one was asked for.
pub(crate) fn begin_deletion(site: &mut Site, id: &str, wish: &Deletion, now: Timestamp, stream: &mut Stream) {
    let Some(instance) = site.instances.get_mut(id) else { return };
    instance.status = "deleting";
    instance.steps.clear();
    instance.gone_at = Some(later(now, stream.between(120.0, 300.0)));
    instance.keep_automated_backups = wish.keep_automated_backups;
    if let Some(snapshot) = &wish.final_snapshot {
        let place = instance.arn.rsplit_once(":db:").map_or("", |(place, _)| place);
        site.snapshots.push(Snapshot {
            id: snapshot.clone(),
            arn: format!("{place}:snapshot:{snapshot}"),
            instance: instance.id.clone(),
            instance_created: instance.created,
            resource_id: instance.resource_id.clone(),
            created: now,
            settings: instance.settings.clone(),
            made_by: instance.made_by.clone(),
        });
    }
}

/// What a deletion leaves behind.
#[derive(Debug, Clone)]
pub(crate) struct Deletion {
    pub(crate) final_snapshot: Option<String>,
    pub(crate) keep_automated_backups: bool,
}
