//! Clusters, their members and what outlives them, in one account and region, and how they change with time.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::sandbox::inventory::Thing;
use crate::sandbox::spec::ResourceSpec;
use crate::sandbox::sql::Server;
use crate::sandbox::thing::cluster::family::Family;
use crate::sandbox::thing::database::Database;
use crate::sandbox::thing::rds::RESETTING;
use crate::sandbox::thing::{Shelf, Tagged, earliest};
use crate::words::secret::Secret;

/// Everything of the three services but subnet groups, which are part of the network.
#[derive(Default)]
pub(crate) struct ClusterShelf {
    pub(crate) clusters: BTreeMap<String, Cluster>,
    pub(crate) members: BTreeMap<String, Member>,
    /// The family of each parameter group, by name.
    pub(crate) parameter_groups: BTreeMap<String, String>,
    pub(crate) kept: Vec<Kept>,
}

/// A cluster.
pub(crate) struct Cluster {
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
    pub(crate) settings: ClusterSettings,
    pub(crate) capacity: Option<Capacity>,
    /// The master password that it will have once its reset ends.
    pub(crate) asked_password: Option<Secret>,
    pub(crate) deletion_protection: bool,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) source: Arc<ResourceSpec>,
    /// The restore job that made it; a source has none.
    pub(crate) made_by: Option<String>,
    pub(crate) database: Database,
}

/// A cluster's settings.
#[derive(Debug, Clone)]
pub(crate) struct ClusterSettings {
    pub(crate) family: &'static Family,
    pub(crate) engine_version: String,
    pub(crate) port: u16,
    pub(crate) subnet_group: String,
    pub(crate) security_groups: Vec<String>,
    pub(crate) parameter_group: String,
    pub(crate) database: String,
    pub(crate) key: String,
    pub(crate) iam_login: bool,
    pub(crate) master: String,
}

/// The range of serverless members, in the service's units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Capacity {
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// An instance in a cluster.
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) resource_id: String,
    pub(crate) cluster: String,
    pub(crate) class: String,
    pub(crate) zone: String,
    pub(crate) public: bool,
    pub(crate) status: &'static str,
    pub(crate) available_at: Option<Timestamp>,
    /// When a deletion ends.
    pub(crate) gone_at: Option<Timestamp>,
    pub(crate) created: Timestamp,
    pub(crate) tags: BTreeMap<String, String>,
    /// The restore job that made its cluster.
    pub(crate) made_by: Option<String>,
}

/// What outlives a cluster.
pub(crate) struct Kept {
    pub(crate) arn: String,
    /// The id of a snapshot; automated backups have none.
    pub(crate) snapshot: Option<String>,
    pub(crate) cluster: String,
    pub(crate) resource_id: String,
    pub(crate) engine: &'static str,
    pub(crate) cluster_created: Timestamp,
    pub(crate) created: Timestamp,
    pub(crate) made_by: Option<String>,
}

impl Cluster {
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
            self.steps.remove(0);
        }
    }

    /// `arn:aws:rds:R:A`.
    fn place(&self) -> &str {
        self.arn.rsplit_once(":cluster:").map_or("", |(place, _)| place)
    }

    /// What stays of it under a name, or as automated backups.
    pub(crate) fn kept(&self, snapshot: Option<String>, at: Timestamp) -> Kept {
        let name = match &snapshot {
            Some(id) => format!("cluster-snapshot:{id}"),
            None => {
                format!("cluster-auto-backup:ab-{}", self.resource_id.trim_start_matches("cluster-").to_lowercase())
            }
        };
        Kept {
            arn: format!("{}:{name}", self.place()),
            snapshot,
            cluster: self.id.clone(),
            resource_id: self.resource_id.clone(),
            engine: self.settings.family.engine,
            cluster_created: self.created,
            created: at,
            made_by: self.made_by.clone(),
        }
    }
}

impl Member {
    fn advance(&mut self, now: Timestamp) {
        if self.available_at.is_some_and(|at| at <= now) {
            self.status = "available";
            self.available_at = None;
        }
    }
}

impl ClusterShelf {
    /// A cluster's members, the oldest, who is its writer, first.
    pub(crate) fn members_of(&self, cluster: &str) -> Vec<&Member> {
        let mut members: Vec<&Member> = self.members.values().filter(|member| member.cluster == cluster).collect();
        members.sort_by_key(|member| (member.status == "deleting", member.created, &member.id));
        members
    }

    /// Where a cluster answers: nowhere before a member is available (facts 2.2).
    pub(crate) fn endpoint(&self, cluster: &Cluster, mute_port: u16) -> Option<(String, u16)> {
        let serves = self.members_of(&cluster.id).iter().any(|member| member.status == "available");
        let (host, port) = serves.then(|| cluster.database.endpoint(cluster.settings.port, mute_port)).flatten()?;
        let private = cluster.source.private_name(cluster.made_by.as_deref());
        Some(private.map_or((host, port), |name| (name, cluster.settings.port)))
    }
}

impl Shelf for ClusterShelf {
    fn advance(&mut self, now: Timestamp) {
        self.members.values_mut().for_each(|member| member.advance(now));
        self.members.retain(|_, member| member.gone_at.is_none_or(|at| at > now));
        self.clusters.values_mut().for_each(|cluster| cluster.advance(now));
        let due = |cluster: &&Cluster| cluster.gone_at.is_some_and(|at| at <= now);
        // A cluster goes when its last member has gone.
        let gone: Vec<String> = self.clusters.values().filter(due).map(|cluster| cluster.id.clone()).collect();
        for id in gone.into_iter().filter(|id| self.members_of(id).is_empty()).collect::<Vec<_>>() {
            if let Some(cluster) = self.clusters.remove(&id)
                && cluster.keep_automated_backups
            {
                self.kept.push(cluster.kept(None, cluster.gone_at.unwrap_or(now)));
            }
        }
    }

    fn due(&self) -> Option<Timestamp> {
        let of_cluster = |one: &Cluster| [one.steps.first().map(|(at, _)| *at), one.gone_at];
        let of_member = |one: &Member| [one.available_at, one.gone_at];
        earliest(self.clusters.values().flat_map(of_cluster).chain(self.members.values().flat_map(of_member)))
    }

    fn things(&self) -> Vec<Thing> {
        let clusters = self.clusters.values().map(|cluster| Thing {
            arn: cluster.arn.clone(),
            kind: "rds:cluster".to_owned(),
            state: cluster.status.to_owned(),
            made_by_restore_job: cluster.made_by.clone(),
            tags: cluster.tags.clone(),
        });
        let members = self.members.values().map(|member| Thing {
            arn: member.arn.clone(),
            kind: "rds:db".to_owned(),
            state: member.status.to_owned(),
            made_by_restore_job: member.made_by.clone(),
            tags: member.tags.clone(),
        });
        let kept = self.kept.iter().map(|kept| Thing {
            arn: kept.arn.clone(),
            kind: if kept.snapshot.is_some() { "rds:cluster-snapshot" } else { "rds:cluster-auto-backup" }.to_owned(),
            state: "available".to_owned(),
            made_by_restore_job: kept.made_by.clone(),
            tags: BTreeMap::new(),
        });
        clusters.chain(members).chain(kept).collect()
    }

    fn tagged(&self) -> Vec<Tagged> {
        let clusters = self.clusters.values().map(|cluster| Tagged {
            arn: cluster.arn.clone(),
            kind: "rds:cluster",
            tags: cluster.tags.clone(),
        });
        let members = self.members.values().map(|member| Tagged {
            arn: member.arn.clone(),
            kind: "rds:db",
            tags: member.tags.clone(),
        });
        clusters.chain(members).collect()
    }

    fn take_servers(&mut self) -> Vec<Server> {
        self.clusters.values_mut().filter_map(|cluster| cluster.database.take_server()).collect()
    }
}
