//! The state of the simulated AWS: what is in each account and region. Knows nothing of HTTP or of any protocol.
//!
//! Invariant: whoever looks first calls [`World::advance`], so that everything time-driven has happened. `make` builds a
//! world, `physics` moves it, `service` reads and changes it under one lock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::sandbox::fault::Faults;
use crate::sandbox::inventory::CallRecord;
use crate::sandbox::jobs::Jobs;
use crate::sandbox::listed::{Entry, Listed};
use crate::sandbox::profile::Profile;
use crate::sandbox::rates::Buckets;
use crate::sandbox::role::Role;
use crate::sandbox::seed::{Seed, Stream};
use crate::sandbox::signing::KeySpec;
use crate::sandbox::spec::{Place, Quotas, ResourceSpec};
use crate::sandbox::sql::Server;
use crate::sandbox::thing::database::Databases;
use crate::sandbox::thing::{Shelf, Shelves};
use crate::words::id::{AccountId, Region};

/// The whole world.
pub(crate) struct World {
    pub(crate) started: Timestamp,
    /// As far as the world has been advanced.
    pub(crate) now: Timestamp,
    pub(crate) seed: Seed,
    pub(crate) default_account: AccountId,
    pub(crate) quotas: Quotas,
    pub(crate) profile: Profile,
    /// The instance classes of all resources.
    pub(crate) classes: BTreeSet<String>,
    pub(crate) sites: BTreeMap<Place, Site>,
    /// Roles, by ARN.
    pub(crate) roles: BTreeMap<String, Role>,
    /// The caller may not pass roles to AWS Backup.
    pub(crate) pass_role_denied: bool,
    /// Regions that the accounts have not enabled.
    pub(crate) disabled: BTreeSet<Region>,
    /// How far the `Date` of answers is ahead of the world's clock.
    pub(crate) skew: SignedDuration,
    pub(crate) faults: Faults,
    pub(crate) buckets: Buckets,
    pub(crate) calls: Vec<CallRecord>,
    pub(crate) databases: Databases,
    /// How many named streams were drawn for things made at run time.
    pub(crate) made_things: u32,
}

/// What one account has in one region.
#[derive(Default)]
pub(crate) struct Site {
    pub(crate) vaults: BTreeMap<String, Vault>,
    pub(crate) points: Listed<Point>,
    /// Of each recovery point that was restored, by ARN: the number of the last job that ended, and when.
    restored: BTreeMap<String, (usize, Timestamp)>,
    pub(crate) copy_jobs: Listed<CopyJob>,
    pub(crate) restore_jobs: Jobs,
    pub(crate) vpcs: Vec<Vpc>,
    pub(crate) subnets: Vec<Subnet>,
    pub(crate) security_groups: Vec<SecurityGroup>,
    pub(crate) subnet_groups: BTreeMap<String, SubnetGroup>,
    pub(crate) keys: Vec<Key>,
    pub(crate) plans: Vec<BackupPlan>,
    /// Recovery points of what was restored, which a plan that selects everything made.
    pub(crate) strays: Vec<Stray>,
    /// AWS Backup's words for types that are not opted in.
    pub(crate) not_opted_in: BTreeSet<&'static str>,
    /// Instance classes and types that are not offered here.
    pub(crate) not_offered: BTreeSet<String>,
    /// Codes of the quotas that are what is in use.
    pub(crate) full: BTreeSet<&'static str>,
    /// Secrets; parameters of SSM are among them, their names behind [`PARAMETER`](crate::sandbox::spec::PARAMETER).
    pub(crate) secrets: Vec<StoredSecret>,
    /// Everything that belongs to a kind of resource.
    pub(crate) shelves: Shelves,
    /// Before this moment nothing happens on the shelves by itself: known unless they are `touched`.
    pub(crate) due: Option<Timestamp>,
    /// Somebody may have changed something.
    pub(crate) touched: bool,
}

/// A backup vault.
pub(crate) struct Vault {
    pub(crate) arn: String,
    pub(crate) key: String,
    pub(crate) created: Timestamp,
    /// Its policy denies `backup:StartRestoreJob` to everybody.
    pub(crate) denies: bool,
}

/// A backup plan with its one rule and its one selection.
pub(crate) struct BackupPlan {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The vault of its rule, and the ARN of the vault that it copies to.
    pub(crate) vault: String,
    pub(crate) copies_to: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) selects: Selects,
}

/// What a plan selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selects {
    /// What has this tag.
    Tagged(String, String),
    Everything,
}

/// A recovery point of something that a restore made.
pub(crate) struct Stray {
    pub(crate) arn: String,
    /// The restore job.
    pub(crate) job: String,
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
    /// Nobody but its administrators may use it: no grant, and no other statement in its policy.
    pub(crate) shut: bool,
    pub(crate) created: Timestamp,
    pub(crate) spec: KeySpec,
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
    /// What this account has in this region, to look at or to change; made empty on the first look.
    pub(crate) fn site(&mut self, place: &Place) -> &mut Site {
        let site = self.sites.entry(place.clone()).or_default();
        site.touched = true;
        site
    }

    /// Somebody may have changed something anywhere.
    pub(crate) fn touch(&mut self) {
        self.sites.values_mut().for_each(|site| site.touched = true);
    }

    /// Whoever looked since the last advance changed nothing.
    pub(crate) fn forget_looks(&mut self) {
        self.sites.values_mut().for_each(|site| site.touched = false);
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

    /// Whether the caller may not do this.
    pub(crate) fn denies(&self, action: &str) -> bool {
        (self.pass_role_denied && action.eq_ignore_ascii_case("iam:PassRole")) || self.faults.denies(action)
    }

    /// Every real server, taken out so that it can be stopped.
    pub(crate) fn take_servers(&mut self) -> Vec<Server> {
        let mut servers = Vec::new();
        for site in self.sites.values_mut() {
            for job in site.restore_jobs.iter_mut() {
                servers.extend(job.making.as_mut().and_then(|making| making.take_server()));
            }
            servers.extend(site.shelves.each_mut().flat_map(Shelf::take_servers));
        }
        servers
    }
}

impl Site {
    /// The recovery point in this vault.
    pub(crate) fn point(&self, vault: &str, arn: &str) -> Option<&Point> {
        self.points.find(arn).filter(|point| point.vault == vault)
    }

    /// When the last restore of a recovery point ended.
    pub(crate) fn last_restored(&self, point: &str) -> Option<Timestamp> {
        self.restored.get(point).map(|(_, at)| *at)
    }

    /// A restore of this recovery point ended. Of several jobs the one that was accepted last counts.
    pub(crate) fn note_restored(&mut self, point: &str, job: usize, at: Timestamp) {
        match self.restored.get_mut(point) {
            Some(known) if known.0 > job => {}
            Some(known) => *known = (job, at),
            None => {
                self.restored.insert(point.to_owned(), (job, at));
            }
        }
    }

    /// The default VPC's id.
    pub(crate) fn default_vpc(&self) -> Option<&Vpc> {
        self.vpcs.iter().find(|vpc| vpc.is_default)
    }

    /// Whether an instance class or type can be had here.
    pub(crate) fn offers(&self, class: &str) -> bool {
        !self.not_offered.contains(class)
    }

    /// Whether this key exists and may be used.
    pub(crate) fn key_is_usable(&self, arn: &str) -> bool {
        self.keys.iter().any(|key| key.arn == arn && key.enabled)
    }
}

impl Entry for Point {
    #[expect(clippy::misnamed_getters, reason = "a point's key is its ARN; the field `key` is that of its encryption")]
    fn key(&self) -> &str {
        &self.arn
    }

    fn resource(&self) -> &str {
        self.source.arn.as_str()
    }

    fn home(&self) -> &str {
        &self.vault
    }
}

impl Entry for CopyJob {
    fn key(&self) -> &str {
        &self.id
    }

    fn resource(&self) -> &str {
        self.source.arn.as_str()
    }

    fn home(&self) -> &str {
        &self.destination_vault
    }
}

impl Point {
    /// When retention ends.
    pub(crate) fn delete_at(&self) -> Timestamp {
        let days = jiff::SignedDuration::from_hours(24 * i64::from(self.delete_after_days));
        crate::sandbox::clock::later(self.created, days)
    }
}
