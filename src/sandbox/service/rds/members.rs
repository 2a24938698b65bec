//! Instances in clusters. They share their operations with DB instances.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use crate::sandbox::clock::later;
use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::query;
use crate::sandbox::protocol::xml::{Element, instant, node, text};
use crate::sandbox::service::rds::groups::subnet_group;
use crate::sandbox::service::rds::{clusters, instances, required, tags};
use crate::sandbox::spec::Place;
use crate::sandbox::thing::cluster::{Cluster, Member};
use crate::sandbox::thing::rds::CLASSES;
use crate::sandbox::world::{Site, World};
use crate::words::kind::ResourceKind;

/// The class whose range is the cluster's.
const SERVERLESS: &str = "db.serverless";

/// By identifier, in any case, or by ARN.
pub(crate) fn find<'a>(site: &'a Site, asked: &str) -> Option<&'a Member> {
    let members = &site.shelves.clusters.members;
    members.get(&asked.to_lowercase()).or_else(|| members.values().find(|member| member.arn == asked))
}

/// Those that pass the filters.
pub(crate) fn filtered(site: &Site, filters: &BTreeMap<String, Vec<String>>, mute_port: u16) -> Vec<Vec<Element>> {
    let fits = |member: &&Member| {
        let cluster = site.shelves.clusters.clusters.get(&member.cluster);
        filters.iter().all(|(name, values)| match name.as_str() {
            "db-cluster-id" => {
                let arn = cluster.map_or("", |cluster| cluster.arn.as_str());
                values.iter().any(|value| *value == member.cluster || *value == arn)
            }
            "db-instance-id" => values.iter().any(|value| *value == member.id || *value == member.arn),
            "dbi-resource-id" => values.contains(&member.resource_id),
            "engine" => values.iter().any(|value| *value == engine(cluster)),
            _ => false,
        })
    };
    let found = site.shelves.clusters.members.values().filter(fits);
    found.map(|member| show(site, member, mute_port)).collect()
}

fn engine(cluster: Option<&Cluster>) -> &'static str {
    cluster.map_or("aurora-postgresql", |cluster| cluster.settings.family.engine)
}

/// `CreateDBInstance` in a cluster; the simulated AWS makes no others.
pub(crate) fn create(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let id = required(ask, "DBInstanceIdentifier")?.to_lowercase();
    let Some(asked) = ask.param("DBClusterIdentifier") else {
        return Err(Failure::bad("InvalidParameterCombination", "The simulated AWS adds instances to clusters alone"));
    };
    if world.beyond_quota(place, ResourceKind::Rds).is_some() {
        return Err(Failure::bad("InstanceQuotaExceeded", "DB Instance quota exceeded"));
    }
    let (now, mute_port) = (world.now, world.databases.mute_port);
    let mut stream = world.stream("member");
    let site = world.site(place);
    let cluster = clusters::find(site, asked)?;
    if find(site, &id).is_some() || instances::find(site, &id).is_ok() {
        return Err(Failure::bad("DBInstanceAlreadyExists", "DB instance already exists"));
    }
    if cluster.status != "available" {
        let message = format!("The DB cluster {} is not in available state.", cluster.id);
        return Err(Failure::bad("InvalidDBClusterStateFault", message));
    }
    if ask.param("Engine") != Some(cluster.settings.family.engine) {
        let message =
            "The engine name requested for your DB instance doesn't match the engine name of your DB cluster.";
        return Err(Failure::bad("InvalidParameterCombination", message));
    }
    let class = class(site, required(ask, "DBInstanceClass")?, cluster)?;
    let zones: BTreeSet<&str> = site
        .subnet_groups
        .get(&cluster.settings.subnet_group)
        .map_or_else(BTreeSet::new, |group| group.subnets.iter().map(|subnet| subnet.zone.as_str()).collect());
    let named = query::members(ask, "Tags")
        .into_iter()
        .filter_map(|mut tag| Some((tag.remove("Key")?, tag.remove("Value").unwrap_or_default())));
    let member = Member {
        arn: format!("arn:aws:rds:{}:{}:db:{id}", place.region, place.account),
        resource_id: format!("db-{}", stream.word(26)),
        cluster: cluster.id.clone(),
        class,
        zone: zones.first().map_or_else(|| format!("{}a", place.region), |zone| (*zone).to_owned()),
        public: ask.flag("PubliclyAccessible").unwrap_or(false),
        status: "creating",
        // About ten minutes (facts 2.2, a field report).
        available_at: Some(later(now, stream.between(300.0, 600.0))),
        gone_at: None,
        created: now,
        tags: named.collect(),
        made_by: cluster.made_by.clone(),
        id: id.clone(),
    };
    let shown = show(site, &member, mute_port);
    site.shelves.clusters.members.insert(id, member);
    Ok(vec![node("DBInstance", shown)])
}

fn class(site: &Site, asked: &str, cluster: &Cluster) -> Result<String, Failure> {
    let combination = |message: String| Err(Failure::bad("InvalidParameterCombination", message));
    match asked {
        SERVERLESS if cluster.capacity.is_none() => combination(
            "Set the Serverless v2 scaling configuration on the parent DB cluster before creating a Serverless v2 DB \
             instance."
                .to_owned(),
        ),
        SERVERLESS if site.offers(asked) => Ok(asked.to_owned()),
        known if site.offers(known) && (CLASSES.contains(&known) || known == cluster.source.instance_class) => {
            Ok(known.to_owned())
        }
        other => combination(format!(
            "RDS does not support creating a DB instance with the following combination: DBInstanceClass={other}, \
             Engine={}, EngineVersion={}",
            cluster.settings.family.engine, cluster.settings.engine_version
        )),
    }
}

/// `DeleteDBInstance` of a member. Snapshots are the cluster's affair: `SkipFinalSnapshot` means nothing here.
pub(crate) fn delete(world: &mut World, place: &Place, id: &str) -> Result<Vec<Element>, Failure> {
    let (now, mute_port) = (world.now, world.databases.mute_port);
    let gone: SignedDuration = world.stream("deletion").between(60.0, 240.0);
    let site = world.site(place);
    let Some(member) = site.shelves.clusters.members.get_mut(id) else {
        return Err(Failure::new(404, "DBInstanceNotFound", format!("DBInstance {id} not found.")));
    };
    match member.status {
        "deleting" => {
            return Err(Failure::bad("InvalidDBInstanceState", format!("Instance {id} is already being deleted.")));
        }
        "creating" => {
            let message = format!("Instance {id} is currently creating - try again after it is available.");
            return Err(Failure::bad("InvalidDBInstanceState", message));
        }
        _ => {}
    }
    member.status = "deleting";
    member.gone_at = Some(later(now, gone));
    let shown = find(site, id).map(|member| show(site, member, mute_port));
    Ok(vec![node("DBInstance", shown.unwrap_or_default())])
}

/// A member as `DescribeDBInstances` shows it.
pub(crate) fn show(site: &Site, member: &Member, mute_port: u16) -> Vec<Element> {
    let cluster = site.shelves.clusters.clusters.get(&member.cluster);
    let mut shown = vec![
        text("DBInstanceIdentifier", &member.id),
        text("DBClusterIdentifier", &member.cluster),
        text("DBInstanceClass", &member.class),
        text("Engine", engine(cluster)),
        text("DBInstanceStatus", member.status),
        text("PubliclyAccessible", member.public),
        text("StorageType", "aurora"),
        text("StorageEncrypted", true),
        text("DbiResourceId", &member.resource_id),
        text("DBInstanceArn", &member.arn),
        text("AllocatedStorage", 1),
        text("MultiAZ", false),
        text("DeletionProtection", false),
        text("PromotionTier", 1),
        tags::tag_list(&member.tags),
    ];
    if let Some(cluster) = cluster {
        shown.push(text("EngineVersion", &cluster.settings.engine_version));
        shown.push(text("KmsKeyId", &cluster.settings.key));
        shown.extend(subnet_group(site, &cluster.settings.subnet_group));
    }
    if member.status != "creating" {
        shown.push(instant("InstanceCreateTime", member.created));
        shown.push(text("AvailabilityZone", &member.zone));
        if let Some((host, port)) = cluster.and_then(|cluster| site.shelves.clusters.endpoint(cluster, mute_port)) {
            shown.push(node("Endpoint", vec![text("Address", host), text("Port", port)]));
        }
    }
    shown
}
