//! DB instances, snapshots and automated backups of one account and region, and how they change with time.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::sandbox::clock::later;
use crate::sandbox::engine::Engine;
use crate::sandbox::inventory::Thing;
use crate::sandbox::seed::Stream;
use crate::sandbox::spec::ResourceSpec;
use crate::sandbox::sql::Server;
use crate::sandbox::thing::database::Database;
use crate::sandbox::thing::{Shelf, Tagged, earliest};
use crate::words::secret::Secret;

/// The status of an instance, or of a cluster, whose master password is being reset.
pub(crate) const RESETTING: &str = "resetting-master-credentials";

/// Everything of RDS but subnet groups, which are part of the network.
#[derive(Default)]
pub(crate) struct RdsShelf {
    pub(crate) instances: BTreeMap<String, Instance>,
    pub(crate) snapshots: Vec<Snapshot>,
    pub(crate) automated_backups: Vec<AutomatedBackup>,
    /// The family of each parameter group, by name.
    pub(crate) parameter_groups: BTreeMap<String, String>,
    pub(crate) option_groups: BTreeMap<String, OptionsFor>,
}

/// What an option group is for.
#[derive(Debug, Clone)]
pub(crate) struct OptionsFor {
    pub(crate) engine: &'static str,
    pub(crate) major: String,
}

/// A DB instance.
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) resource_id: String,
    pub(crate) status: &'static str,
    /// Status changes to come, in order.
    pub(crate) steps: Vec<(Timestamp, &'static str)>,
    /// When a deletion ends.
    pub(crate) gone_at: Option<Timestamp>,
    pub(crate) keep_automated_backups: bool,
    pub(crate) created: Timestamp,
    pub(crate) settings: InstanceSettings,
    pub(crate) deletion_protection: bool,
    /// What protection will be once the instance has been modified.
    pub(crate) asked_protection: Option<bool>,
    /// The master password that it will have once its reset ends.
    pub(crate) asked_password: Option<Secret>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) source: Arc<ResourceSpec>,
    /// The restore job that made it; a source instance has none.
    pub(crate) made_by: Option<String>,
    pub(crate) point: Option<String>,
    pub(crate) database: Database,
}

/// An instance's settings.
#[derive(Debug, Clone)]
pub(crate) struct InstanceSettings {
    pub(crate) class: String,
    pub(crate) size_gib: u32,
    pub(crate) engine: Engine,
    pub(crate) engine_version: String,
    pub(crate) zone: String,
    pub(crate) multi_az: bool,
    pub(crate) public: bool,
    pub(crate) port: u16,
    pub(crate) subnet_group: String,
    pub(crate) vpc: String,
    pub(crate) security_groups: Vec<String>,
    pub(crate) parameter_group: String,
    pub(crate) option_group: String,
    pub(crate) storage_type: String,
    pub(crate) iops: Option<String>,
    pub(crate) throughput: Option<String>,
    pub(crate) ca_certificate: String,
    pub(crate) minor_upgrades: bool,
    pub(crate) copy_tags: bool,
    pub(crate) retention_days: u32,
    pub(crate) key: String,
    pub(crate) master: String,
    pub(crate) iam_login: bool,
}

/// A DB snapshot that somebody asked for.
pub(crate) struct Snapshot {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) instance: String,
    pub(crate) instance_created: Timestamp,
    pub(crate) resource_id: String,
    pub(crate) created: Timestamp,
    pub(crate) settings: InstanceSettings,
    pub(crate) made_by: Option<String>,
}

/// Automated backups kept after their instance is gone.
pub(crate) struct AutomatedBackup {
    pub(crate) arn: String,
    pub(crate) instance: String,
    pub(crate) instance_arn: String,
    pub(crate) resource_id: String,
    pub(crate) instance_created: Timestamp,
    pub(crate) ended: Timestamp,
    pub(crate) settings: InstanceSettings,
    pub(crate) made_by: Option<String>,
}

impl Instance {
    /// Where it answers; nothing while it is being created (facts 2.1).
    pub(crate) fn endpoint(&self, mute_port: u16) -> Option<(String, u16)> {
        if self.status == "creating" || self.status == "failed" {
            return None;
        }
        let (host, port) = self.database.endpoint(self.settings.port, mute_port)?;
        let private = self.source.private_name(self.made_by.as_deref());
        Some(private.map_or((host, port), |name| (name, self.settings.port)))
    }

    /// It stays `failed`.
    pub(crate) fn fail(&mut self) {
        self.status = "failed";
        self.steps.clear();
    }

    fn advance(&mut self, now: Timestamp) {
        while let Some(&(at, status)) = self.steps.first() {
            let waits = self.status == "creating" && self.database.is_starting();
            if at > now || waits {
                break;
            }
            // A reset ends when the real server has the password.
            if self.status == RESETTING {
                if let Some(password) = self.asked_password.take() {
                    self.database.set_master_password(password);
                }
                if self.database.is_changing_password() {
                    break;
                }
            }
            self.status = status;
            self.deletion_protection = self.asked_protection.take().unwrap_or(self.deletion_protection);
            self.steps.remove(0);
        }
    }

    fn things(&self) -> Vec<Thing> {
        let db = Thing {
            arn: self.arn.clone(),
            kind: "rds:db".to_owned(),
            state: self.status.to_owned(),
            made_by_restore_job: self.made_by.clone(),
            tags: self.tags.clone(),
        };
        if self.settings.retention_days == 0 || self.status == "creating" {
            return vec![db];
        }
        let backup = Thing {
            arn: automated_backup_arn(self),
            kind: "rds:auto-backup".to_owned(),
            state: "active".to_owned(),
            tags: BTreeMap::new(),
            ..db.clone()
        };
        vec![db, backup]
    }
}

impl Shelf for RdsShelf {
    fn advance(&mut self, now: Timestamp) {
        self.instances.values_mut().for_each(|instance| instance.advance(now));
        let is_gone = |instance: &&Instance| instance.gone_at.is_some_and(|at| at <= now);
        let gone: Vec<String> = self.instances.values().filter(is_gone).map(|instance| instance.id.clone()).collect();
        for id in gone {
            if let Some(instance) = self.instances.remove(&id) {
                self.leave_backups(instance);
            }
        }
    }

    fn due(&self) -> Option<Timestamp> {
        let moments = |one: &Instance| [one.steps.first().map(|(at, _)| *at), one.gone_at];
        earliest(self.instances.values().flat_map(moments))
    }

    fn things(&self) -> Vec<Thing> {
        let mut things: Vec<Thing> = self.instances.values().flat_map(Instance::things).collect();
        things.extend(self.snapshots.iter().map(|snapshot| Thing {
            arn: snapshot.arn.clone(),
            kind: "rds:snapshot".to_owned(),
            state: "available".to_owned(),
            made_by_restore_job: snapshot.made_by.clone(),
            tags: BTreeMap::new(),
        }));
        things.extend(self.automated_backups.iter().map(|backup| Thing {
            arn: backup.arn.clone(),
            kind: "rds:auto-backup".to_owned(),
            state: "retained".to_owned(),
            made_by_restore_job: backup.made_by.clone(),
            tags: BTreeMap::new(),
        }));
        things
    }

    fn tagged(&self) -> Vec<Tagged> {
        let tagged =
            |instance: &Instance| Tagged { arn: instance.arn.clone(), kind: "rds:db", tags: instance.tags.clone() };
        self.instances.values().map(tagged).collect()
    }

    fn take_servers(&mut self) -> Vec<Server> {
        self.instances.values_mut().filter_map(|instance| instance.database.take_server()).collect()
    }
}

impl RdsShelf {
    fn leave_backups(&mut self, instance: Instance) {
        if !instance.keep_automated_backups || instance.settings.retention_days == 0 {
            return;
        }
        self.automated_backups.push(AutomatedBackup {
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
}

/// The ARN of an instance's automated backups.
pub(crate) fn automated_backup_arn(instance: &Instance) -> String {
    let place = instance.arn.rsplit_once(":db:").map_or("", |(place, _)| place);
    format!("{place}:auto-backup:ab-{}", instance.resource_id.trim_start_matches("db-").to_lowercase())
}

/// A change of settings: the instance is `modifying` for some seconds. A reset of the master password begins some
/// seconds later: until then the instance looks as if nothing had been asked of it.
pub(crate) fn begin_modification(instance: &mut Instance, now: Timestamp, stream: &mut Stream) {
    if instance.asked_password.is_none() {
        instance.status = "modifying";
        instance.steps = vec![(later(now, stream.between(8.0, 25.0)), "available")];
    } else {
        let begins = later(now, stream.between(5.0, 25.0));
        instance.steps = vec![(begins, RESETTING), (later(begins, stream.between(15.0, 60.0)), "available")];
    }
}

/// A deletion: `deleting` for some minutes, then gone; a final snapshot stays if one was asked for.
pub(crate) fn begin_deletion(shelf: &mut RdsShelf, id: &str, wish: &Deletion, now: Timestamp, stream: &mut Stream) {
    let Some(instance) = shelf.instances.get_mut(id) else { return };
    instance.status = "deleting";
    instance.steps.clear();
    let usual = stream.between(120.0, 300.0);
    instance.gone_at = Some(later(now, instance.source.removal_takes.unwrap_or(usual)));
    instance.keep_automated_backups = wish.keep_automated_backups;
    if let Some(snapshot) = &wish.final_snapshot {
        let place = instance.arn.rsplit_once(":db:").map_or("", |(place, _)| place);
        shelf.snapshots.push(Snapshot {
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
