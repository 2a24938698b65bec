//! Clusters: Aurora, DocumentDB and Neptune. Facts 2.2.
//!
//! A restore makes a cluster without members: nothing can connect to it before an instance has been added.

mod family;
mod making;
mod metadata;
mod shelf;
mod wish;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Map, Value};

use crate::sandbox::clock::earlier;
use crate::sandbox::network::{SOURCE_SUBNET_GROUP, add_source_group};
use crate::sandbox::seed::Stream;
use crate::sandbox::spec::{Place, ResourceSpec};
use crate::sandbox::thing::cluster::family::{AURORA, DOCUMENT_DB, NEPTUNE};
pub(crate) use crate::sandbox::thing::cluster::family::{Family, family};
use crate::sandbox::thing::cluster::making::Restored;
pub(crate) use crate::sandbox::thing::cluster::shelf::{Capacity, Cluster, ClusterSettings, ClusterShelf, Member};
use crate::sandbox::thing::database::Database;
use crate::sandbox::thing::rds::source_network;
use crate::sandbox::thing::{Copied, Making, Physics, keys};
use crate::sandbox::world::{Point, World};

/// Aurora.
pub(crate) struct Aurora;
/// DocumentDB.
pub(crate) struct DocumentDb;
/// Neptune.
pub(crate) struct Neptune;

macro_rules! physics {
    ($($kind:ident: $family:ident,)+) => { $(
        impl Physics for $kind {
            fn backup_type(&self) -> &'static str {
                $family.backup_type
            }

            fn deletions(&self) -> &'static [&'static str] {
                &["rds:DeleteDBCluster"]
            }

            fn smallest_page(&self) -> u32 {
                20
            }

            fn point_arn(&self, place: &Place, _spec: &ResourceSpec, how: Copied, stream: &mut Stream) -> String {
                let how = match how {
                    Copied::Original => "job",
                    Copied::Copy => "copyjob",
                };
                let Place { account, region } = place;
                format!("arn:aws:rds:{region}:{account}:cluster-snapshot:awsbackup:{how}-{}", stream.uuid())
            }

            fn add_source(&self, world: &mut World, spec: &Arc<ResourceSpec>) {
                add_source(world, spec, family(spec).unwrap_or(&$family));
            }

            fn returned_metadata(&self, world: &World, point: &Point) -> Map<String, Value> {
                metadata::returned(world, point, family(&point.source).unwrap_or(&$family))
            }

            fn missing(&self, _spec: &ResourceSpec, metadata: &BTreeMap<String, String>) -> Option<&'static str> {
                wish::missing(metadata)
            }

            /// Twenty minutes for 100 GiB (facts 2.2, a field report), and not much more for more.
            fn usual_seconds(&self, spec: &ResourceSpec) -> f64 {
                20.0 * 60.0 * (f64::from(spec.size_gib.max(1)) / 100.0).powf(0.15)
            }

            fn wish(
                &self,
                world: &mut World,
                place: &Place,
                point: &Point,
                metadata: &BTreeMap<String, String>,
                _job_id: &str,
            ) -> Result<Box<dyn Making>, String> {
                let family = family(&point.source).unwrap_or(&$family);
                let wish = wish::read(world.site(place), point, metadata, family)?;
                Ok(Box::new(Restored::new(place, wish)))
            }
        }
    )+ };
}

physics! {
    Aurora: AURORA,
    DocumentDb: DOCUMENT_DB,
    Neptune: NEPTUNE,
}

fn add_source(world: &mut World, spec: &Arc<ResourceSpec>, family: &'static Family) {
    keys::add_named(world, spec);
    let group_family = family.group_family(spec);
    for place in [&spec.source, &spec.destination] {
        let groups = &mut world.site(place).shelves.clusters.parameter_groups;
        groups.insert(family.default_group(spec), group_family.clone());
    }
    let site = world.site(&spec.source);
    site.shelves.clusters.parameter_groups.insert(family.source_group(), group_family.clone());
    add_source_group(site, &spec.source);
    let named = spec.parameter_group.clone().map(|name| (name, group_family));
    world.site(&spec.destination).shelves.clusters.parameter_groups.extend(named);
    add_cluster(world, spec, family);
}

fn add_cluster(world: &mut World, spec: &Arc<ResourceSpec>, family: &'static Family) {
    let id = spec.arn.name().to_owned();
    if world.site(&spec.source).shelves.clusters.clusters.contains_key(&id) {
        return;
    }
    let mut stream = world.seed.stream(&format!("cluster {}", spec.arn));
    let created = earlier(world.started, SignedDuration::from_hours(24 * 380));
    let host = format!("{id}.cluster-{}.{}.rds.amazonaws.com", stream.hex(12), spec.source.region);
    let site = world.site(&spec.source);
    let groups = source_network(site).security_groups;
    let cluster = Cluster {
        arn: spec.arn.to_string(),
        resource_id: format!("cluster-{}", stream.word(26)),
        status: "available",
        steps: Vec::new(),
        gone_at: None,
        keep_automated_backups: false,
        created,
        settings: ClusterSettings {
            family,
            engine_version: family.version(spec),
            port: family.port,
            subnet_group: SOURCE_SUBNET_GROUP.to_owned(),
            security_groups: groups,
            parameter_group: family.source_group(),
            database: spec.database.clone(),
            key: site.keys.first().map(|key| key.arn.clone()).unwrap_or_default(),
            iam_login: !spec.token_users.is_empty(),
            master: spec.master().to_owned(),
        },
        capacity: None,
        asked_password: None,
        deletion_protection: spec.deletion_protection,
        tags: spec.tags.clone(),
        source: Arc::clone(spec),
        made_by: None,
        database: Database::Elsewhere(host),
        id: id.clone(),
    };
    let member = Member {
        id: format!("{id}-1"),
        arn: format!("arn:aws:rds:{}:{}:db:{id}-1", spec.source.region, spec.source.account),
        resource_id: format!("db-{}", stream.word(26)),
        cluster: id.clone(),
        class: spec.instance_class.clone(),
        zone: format!("{}a", spec.source.region),
        public: false,
        status: "available",
        available_at: None,
        gone_at: None,
        created,
        tags: spec.tags.clone(),
        made_by: None,
    };
    site.shelves.clusters.members.insert(member.id.clone(), member);
    site.shelves.clusters.clusters.insert(id, cluster);
}
