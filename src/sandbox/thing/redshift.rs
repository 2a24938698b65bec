//! Redshift clusters, as an example of `type: other`: the definition says itself how they are asked. Facts 2.10.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::sandbox::clock::earlier;
use crate::sandbox::inventory::Thing;
use crate::sandbox::restore::Timetable;
use crate::sandbox::seed::Stream;
use crate::sandbox::spec::{Place, ResourceSpec};
use crate::sandbox::thing::{Copied, JobView, Making, Physics, Shelf, Tagged, earliest};
use crate::sandbox::world::{Point, Site, World};

/// The physics.
pub(crate) struct Redshift;

/// A cluster.
pub(crate) struct Cluster {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) status: &'static str,
    /// When it becomes `available`.
    pub(crate) available_at: Option<Timestamp>,
    pub(crate) gone_at: Option<Timestamp>,
    pub(crate) created: Timestamp,
    pub(crate) tags: BTreeMap<String, String>,
    made_by: Option<String>,
}

/// The clusters of one account and region.
#[derive(Default)]
pub(crate) struct RedshiftShelf {
    pub(crate) clusters: BTreeMap<String, Cluster>,
    /// Final snapshots that somebody asked for.
    pub(crate) snapshots: Vec<(String, Option<String>)>,
}

fn cluster_arn(place: &Place, id: &str) -> String {
    format!("arn:aws:redshift:{}:{}:cluster:{id}", place.region, place.account)
}

impl Physics for Redshift {
    fn backup_type(&self) -> &'static str {
        "Redshift"
    }

    fn deletions(&self) -> &'static [&'static str] {
        &["redshift:DeleteCluster"]
    }

    fn point_arn(&self, place: &Place, _spec: &ResourceSpec, how: Copied, stream: &mut Stream) -> String {
        let job = if how == Copied::Copy { "copyjob" } else { "job" };
        let id = stream.uuid();
        format!("arn:aws:redshift:{}:{}:snapshot:cluster/awsbackup:{job}-{id}", place.region, place.account)
    }

    fn add_source(&self, world: &mut World, spec: &Arc<ResourceSpec>) {
        let created = earlier(world.started, SignedDuration::from_hours(24 * 380));
        let id = spec.arn.name().to_owned();
        let cluster = Cluster {
            id: id.clone(),
            arn: spec.arn.to_string(),
            status: "available",
            available_at: None,
            gone_at: None,
            created,
            tags: spec.tags.clone(),
            made_by: None,
        };
        world.site(&spec.source).shelves.redshift.clusters.entry(id).or_insert(cluster);
    }

    fn returned_metadata(&self, _world: &World, point: &Point) -> Map<String, Value> {
        let known = json!({
            "ClusterIdentifier": point.source.arn.name(),
            "ClusterSubnetGroupName": "prod-warehouse",
            "NodeType": "ra3.large",
            "NumberOfNodes": "2",
            "Port": "5439",
            "PubliclyAccessible": "false",
        });
        known.as_object().cloned().unwrap_or_default()
    }

    fn usual_seconds(&self, _spec: &ResourceSpec) -> f64 {
        15.0 * 60.0
    }

    fn wish(
        &self,
        world: &mut World,
        place: &Place,
        _point: &Point,
        metadata: &BTreeMap<String, String>,
        _job_id: &str,
    ) -> Result<Box<dyn Making>, String> {
        let id = metadata.get("ClusterIdentifier").map(|id| id.to_lowercase()).unwrap_or_default();
        let fits = id.starts_with(|c: char| c.is_ascii_lowercase())
            && id.len() <= 63
            && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !fits {
            return Err(failed("InvalidParameterValue", "The parameter ClusterIdentifier is not a valid identifier"));
        }
        if world.site(place).shelves.redshift.clusters.contains_key(&id) {
            return Err(failed("ClusterAlreadyExists", "The cluster already exists"));
        }
        Ok(Box::new(Restored { arn: cluster_arn(place, &id), id }))
    }
}

fn failed(code: &str, message: &str) -> String {
    format!("{message} (Service: AmazonRedshift; Status Code: 400; Error Code: {code})")
}

struct Restored {
    id: String,
    arn: String,
}

impl Making for Restored {
    fn arn(&self) -> String {
        self.arn.clone()
    }

    fn appear(&mut self, site: &mut Site, job: &JobView) -> Result<(), String> {
        let clusters = &mut site.shelves.redshift.clusters;
        if clusters.contains_key(&self.id) {
            return Err(failed("ClusterAlreadyExists", "The cluster already exists"));
        }
        let cluster = Cluster {
            id: self.id.clone(),
            arn: self.arn.clone(),
            status: "creating",
            available_at: job.comes_up.then_some(job.times.available),
            gone_at: None,
            created: job.times.runs,
            // Tags always come along (facts 1.6.1).
            tags: job.source.tags.clone(),
            made_by: Some(job.id.to_owned()),
        };
        clusters.insert(self.id.clone(), cluster);
        Ok(())
    }

    fn resume(&mut self, site: &mut Site, times: &Timetable) {
        if let Some(cluster) = site.shelves.redshift.clusters.get_mut(&self.id) {
            cluster.available_at = Some(times.available);
        }
    }

    fn break_off(&mut self, site: &mut Site, leaves_partial: bool) {
        let clusters = &mut site.shelves.redshift.clusters;
        if !leaves_partial {
            clusters.remove(&self.id);
        } else if let Some(cluster) = clusters.get_mut(&self.id) {
            cluster.status = "incompatible-restore";
            cluster.available_at = None;
        }
    }
}

impl Shelf for RedshiftShelf {
    fn advance(&mut self, now: Timestamp) {
        for cluster in self.clusters.values_mut() {
            if cluster.available_at.is_some_and(|at| at <= now) && cluster.gone_at.is_none() {
                cluster.status = "available";
                cluster.available_at = None;
            }
        }
        self.clusters.retain(|_, cluster| cluster.gone_at.is_none_or(|at| at > now));
    }

    fn due(&self) -> Option<Timestamp> {
        let moments = |one: &Cluster| [one.available_at.filter(|_| one.gone_at.is_none()), one.gone_at];
        earliest(self.clusters.values().flat_map(moments))
    }

    fn things(&self) -> Vec<Thing> {
        let cluster = |cluster: &Cluster| Thing {
            arn: cluster.arn.clone(),
            kind: "redshift:cluster".to_owned(),
            state: cluster.status.to_owned(),
            made_by_restore_job: cluster.made_by.clone(),
            tags: cluster.tags.clone(),
        };
        let snapshot = |(arn, made_by): &(String, Option<String>)| Thing {
            arn: arn.clone(),
            kind: "redshift:snapshot".to_owned(),
            state: "available".to_owned(),
            made_by_restore_job: made_by.clone(),
            tags: BTreeMap::new(),
        };
        self.clusters.values().map(cluster).chain(self.snapshots.iter().map(snapshot)).collect()
    }

    fn tagged(&self) -> Vec<Tagged> {
        let tagged = |cluster: &Cluster| Tagged {
            arn: cluster.arn.clone(),
            kind: "redshift:cluster",
            tags: cluster.tags.clone(),
        };
        self.clusters.values().map(tagged).collect()
    }
}

impl Cluster {
    /// It is on its way out, with a final snapshot if one was asked for.
    pub(crate) fn begin_deletion(
        &mut self,
        gone_at: Timestamp,
        snapshot: Option<&str>,
    ) -> Option<(String, Option<String>)> {
        self.status = "deleting";
        self.gone_at = Some(gone_at);
        let place = self.arn.split_once(":cluster:").map_or("", |(place, _)| place);
        snapshot.map(|name| (format!("{place}:snapshot:{}/{name}", self.id), self.made_by.clone()))
    }
}
