//! The state of the simulated AWS: what is in each account and region. Knows nothing of HTTP or of any protocol.
//!
//! Invariant: whoever looks first calls [`World::advance`], so that everything time-driven has happened. `make` builds a
//! world, `physics` moves it, `service` reads and changes it under one lock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::sandbox::fault::Faults;
use crate::sandbox::inventory::CallRecord;
use crate::sandbox::rates::Buckets;
use crate::sandbox::restore::RestoreJob;
use crate::sandbox::seed::{Seed, Stream};
use crate::sandbox::spec::{Place, Quotas, ResourceSpec};
use crate::sandbox::sql::{Server, Servers};
use crate::words::id::AccountId;

/// The whole world.
pub(crate) struct World {
    pub(crate) started: Timestamp,
    /// As far as the world has been advanced.
    pub(crate) now: Timestamp,
    pub(crate) seed: Seed,
    pub(crate) default_account: AccountId,
    pub(crate) quotas: Quotas,
    pub(crate) sites: BTreeMap<Place, Site>,
    /// ARNs of the roles that AWS Backup can assume.
    pub(crate) roles: BTreeSet<String>,
    pub(crate) faults: Faults,
    pub(crate) buckets: Buckets,
    pub(crate) calls: Vec<CallRecord>,
    pub(crate) databases: Databases,
    /// How many named streams were drawn for things made at run time.
    pub(crate) made_things: u32,
}

/// What stands behind restored databases.
pub(crate) struct Databases {
    pub(crate) servers: Option<Servers>,
    /// A port that accepts connections and closes them, for databases without a server.
    pub(crate) mute_port: u16,
}

/// What one account has in one region.
#[derive(Default)]
pub(crate) struct Site {
    pub(crate) vaults: BTreeMap<String, Vault>,
    pub(crate) points: Vec<Point>,
    pub(crate) copy_jobs: Vec<CopyJob>,
    pub(crate) restore_jobs: Vec<RestoreJob>,
    pub(crate) instances: BTreeMap<String, Instance>,
    pub(crate) snapshots: Vec<Snapshot>,
    pub(crate) automated_backups: Vec<AutomatedBackup>,
    pub(crate) vpcs: Vec<Vpc>,
    pub(crate) subnets: Vec<Subnet>,
    pub(crate) security_groups: Vec<SecurityGroup>,
    pub(crate) subnet_groups: BTreeMap<String, SubnetGroup>,
    pub(crate) parameter_groups: BTreeSet<String>,
    pub(crate) option_groups: BTreeSet<String>,
    pub(crate) keys: Vec<Key>,
    pub(crate) secrets: Vec<StoredSecret>,
}

/// A backup vault.
pub(crate) struct Vault {
    pub(crate) arn: String,
    pub(crate) key: String,
    pub(crate) created: Timestamp,
}

/// A recovery point.
#[derive(Clone)]
pub(crate) struct Point {
    pub(crate) arn: String,
    pub(crate) vault: String,
    /// The vault that it was copied from.
    pub(crate) source_vault: Option<String>,
    pub(crate) source: Arc<ResourceSpec>,
    /// When the source's recovery point was made; a copy keeps it.
    pub(crate) created: Timestamp,
    pub(crate) completed: Timestamp,
    pub(crate) status: &'static str,
    pub(crate) status_message: Option<&'static str>,
    pub(crate) delete_after_days: u32,
    pub(crate) delete_after_copy: bool,
    pub(crate) cold: bool,
    pub(crate) key: String,
    pub(crate) last_restored: Option<Timestamp>,
}

/// A copy job, listed in the source region.
#[derive(Clone)]
pub(crate) struct CopyJob {
    pub(crate) id: String,
    pub(crate) source: Arc<ResourceSpec>,
    pub(crate) source_vault: String,
    pub(crate) source_point: String,
    pub(crate) destination_vault: String,
    pub(crate) destination_point: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) completed: Option<Timestamp>,
    pub(crate) state: &'static str,
    pub(crate) message: Option<&'static str>,
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
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) source: Arc<ResourceSpec>,
    /// The restore job that made it; a source instance has none.
    pub(crate) made_by: Option<String>,
    pub(crate) point: Option<String>,
    pub(crate) database: Database,
}

/// What answers behind a DB instance.
pub(crate) enum Database {
    /// A name that this machine cannot reach: the source.
    Elsewhere(String),
    /// A real server.
    Server(Server),
    /// The world's mute port: no server binaries here.
    Mute,
}

/// An instance's settings.
#[derive(Debug, Clone)]
pub(crate) struct InstanceSettings {
    pub(crate) class: String,
    pub(crate) size_gib: u32,
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

/// A VPC.
pub(crate) struct Vpc {
    pub(crate) id: String,
    pub(crate) cidr: String,
    pub(crate) is_default: bool,
}

/// A subnet.
#[derive(Clone)]
pub(crate) struct Subnet {
    pub(crate) id: String,
    pub(crate) vpc: String,
    pub(crate) zone: String,
    pub(crate) cidr: String,
    pub(crate) is_default: bool,
}

/// A security group.
pub(crate) struct SecurityGroup {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) vpc: String,
}

/// A DB subnet group.
pub(crate) struct SubnetGroup {
    pub(crate) arn: String,
    pub(crate) vpc: String,
    pub(crate) subnets: Vec<Subnet>,
}

/// A KMS key.
pub(crate) struct Key {
    pub(crate) arn: String,
    pub(crate) enabled: bool,
    pub(crate) created: Timestamp,
}

/// A secret in Secrets Manager.
pub(crate) struct StoredSecret {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) value: String,
    pub(crate) version: String,
    pub(crate) created: Timestamp,
}

impl World {
    /// What this account has in this region; made empty on the first look.
    pub(crate) fn site(&mut self, place: &Place) -> &mut Site {
        self.sites.entry(place.clone()).or_default()
    }

    /// A stream of randomness for one more thing made at run time. Its name carries a count, so two of the same kind
    /// differ, and the same requests in the same order give the same world.
    pub(crate) fn stream(&mut self, what: &str) -> Stream {
        self.made_things += 1;
        self.seed.stream(&format!("{what} {}", self.made_things))
    }

    /// World time for faults: start and now.
    pub(crate) fn times(&self) -> (Timestamp, Timestamp) {
        (self.started, self.now)
    }

    /// Every real server, taken out so that it can be stopped.
    pub(crate) fn take_servers(&mut self) -> Vec<Server> {
        let mut servers = Vec::new();
        for site in self.sites.values_mut() {
            for job in &mut site.restore_jobs {
                servers.extend(job.server.take());
            }
            for instance in site.instances.values_mut() {
                if let Database::Server(server) = std::mem::replace(&mut instance.database, Database::Mute) {
                    servers.push(server);
                }
            }
        }
        servers
    }
}

impl Site {
    /// The recovery point in this vault.
    pub(crate) fn point(&self, vault: &str, arn: &str) -> Option<&Point> {
        self.points.iter().find(|point| point.vault == vault && point.arn == arn)
    }

    /// The default VPC's id.
    pub(crate) fn default_vpc(&self) -> Option<&Vpc> {
        self.vpcs.iter().find(|vpc| vpc.is_default)
    }

    /// Whether this key exists and may be used.
    pub(crate) fn key_is_usable(&self, arn: &str) -> bool {
        self.keys.iter().any(|key| key.arn == arn && key.enabled)
    }
}

impl Point {
    /// Bytes, as AWS reports them for RDS: the allocated storage (facts 4).
    pub(crate) fn size_bytes(&self) -> u64 {
        u64::from(self.source.size_gib) * 1024 * 1024 * 1024
    }

    /// When retention ends.
    pub(crate) fn delete_at(&self) -> Timestamp {
        let days = jiff::SignedDuration::from_hours(24 * i64::from(self.delete_after_days));
        crate::sandbox::clock::later(self.created, days)
    }
}

impl Instance {
    /// Where it answers; nothing while it is being created (facts 2.1).
    pub(crate) fn endpoint(&self, mute_port: u16) -> Option<(String, u16)> {
        if self.status == "creating" || self.status == "failed" {
            return None;
        }
        match &self.database {
            Database::Elsewhere(host) => Some((host.clone(), self.settings.port)),
            Database::Server(server) => match server.state() {
                crate::sandbox::sql::ServerState::Ready { port } => Some(("127.0.0.1".to_owned(), port)),
                _ => None,
            },
            Database::Mute => Some(("127.0.0.1".to_owned(), mute_port)),
        }
    }
}
