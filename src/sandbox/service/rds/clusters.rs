//! Clusters: describe, modify, delete. Facts 2.2.

use jiff::SignedDuration;

use crate::sandbox::clock::later;
use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::query::filters;
use crate::sandbox::protocol::xml::{Element, instant, list, node, text};
use crate::sandbox::service::rds::instances::{new_password, pending};
use crate::sandbox::service::rds::{paged, required, tags};
use crate::sandbox::spec::Place;
use crate::sandbox::thing::cluster::{Capacity, Cluster, ClusterShelf, family};
use crate::sandbox::thing::rds::RESETTING;
use crate::sandbox::world::{Site, World};

pub(crate) fn describe(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let mute_port = world.databases.mute_port;
    let site = world.site(place);
    if let Some(asked) = ask.param("DBClusterIdentifier") {
        let cluster = find(site, asked)?;
        return paged(ask, "DBClusters", "DBCluster", vec![show(site, cluster, mute_port)]);
    }
    let filters = filters(ask);
    let fits = |cluster: &&Cluster| {
        filters.iter().all(|(name, values)| match name.as_str() {
            "db-cluster-id" => values.iter().any(|value| *value == cluster.id || *value == cluster.arn),
            "db-cluster-resource-id" => values.contains(&cluster.resource_id),
            "engine" => values.iter().any(|value| value == cluster.settings.family.engine),
            _ => false,
        })
    };
    let found = site.shelves.clusters.clusters.values().filter(fits);
    let shown = found.map(|cluster| show(site, cluster, mute_port)).collect();
    paged(ask, "DBClusters", "DBCluster", shown)
}

pub(crate) fn modify(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let asked = required(ask, "DBClusterIdentifier")?.to_owned();
    let (now, mute_port) = (world.now, world.databases.mute_port);
    let mut stream = world.stream("modification");
    let site = world.site(place);
    let id = find(site, &asked)?.id.clone();
    let capacity = capacity(ask)?;
    let password = ask.param("MasterUserPassword");
    let Some(cluster) = site.shelves.clusters.clusters.get_mut(&id) else { return Err(not_found(&asked)) };
    if !matches!(cluster.status, "available" | "backing-up" | "failed") {
        return Err(wrong_state(&format!(
            "The DB cluster {id} is in {} state, not in available state.",
            cluster.status
        )));
    }
    let password = match (password, cluster.settings.family.longest_password) {
        (None, _) => None,
        (Some(password), Some(longest)) => Some(new_password(password, longest)?),
        (Some(_), None) => {
            let message = "The parameter MasterUserPassword is not supported by the engine of this cluster";
            return Err(Failure::bad("InvalidParameterCombination", message));
        }
    };
    cluster.capacity = capacity.or(cluster.capacity);
    cluster.deletion_protection = ask.flag("DeletionProtection").unwrap_or(cluster.deletion_protection);
    if cluster.status != "failed" {
        cluster.asked_password = password.or(cluster.asked_password.take());
        let begins = later(now, stream.between(5.0, 15.0));
        if cluster.asked_password.is_some() {
            // Until then it looks as if nothing had been asked of it.
            cluster.steps = vec![(begins, RESETTING), (later(begins, stream.between(15.0, 60.0)), "available")];
        } else {
            cluster.status = "modifying";
            cluster.steps = vec![(begins, "available")];
        }
    }
    let cluster = find(site, &id)?;
    Ok(vec![node("DBCluster", show(site, cluster, mute_port))])
}

fn capacity(ask: &Ask) -> Result<Option<Capacity>, Failure> {
    let units = |end: &str| ask.param(&format!("ServerlessV2ScalingConfiguration.{end}"));
    let (min, max) = (units("MinCapacity"), units("MaxCapacity"));
    if min.is_none() && max.is_none() {
        return Ok(None);
    }
    let number = |text: Option<&str>| text?.parse::<f64>().ok();
    let range = number(min).zip(number(max)).map(|(min, max)| Capacity { min, max });
    let range = range.filter(|range| range.min <= range.max && (1.0..=256.0).contains(&range.max));
    range.map(Some).ok_or_else(|| {
        Failure::bad(
            "InvalidParameterValue",
            "The Serverless v2 scaling configuration is not a range of capacity units",
        )
    })
}

pub(crate) fn delete(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let asked = required(ask, "DBClusterIdentifier")?.to_owned();
    let (now, mute_port) = (world.now, world.databases.mute_port);
    let mut stream = world.stream("deletion");
    let site = world.site(place);
    let found = find(site, &asked)?;
    check_deletion(&site.shelves.clusters, found, ask)?;
    let id = found.id.clone();
    let snapshot = ask.param("FinalDBSnapshotIdentifier").map(|name| found.kept(Some(name.to_owned()), now));
    let shelf = &mut site.shelves.clusters;
    shelf.kept.extend(snapshot);
    if let Some(cluster) = shelf.clusters.get_mut(&id) {
        cluster.status = "deleting";
        cluster.steps.clear();
        cluster.gone_at = Some(later(now, stream.between(60.0, 180.0)));
        cluster.keep_automated_backups =
            cluster.settings.family.keeps_backups && ask.flag("DeleteAutomatedBackups") == Some(false);
    }
    let cluster = find(site, &id)?;
    Ok(vec![node("DBCluster", show(site, cluster, mute_port))])
}

fn check_deletion(shelf: &ClusterShelf, cluster: &Cluster, ask: &Ask) -> Result<(), Failure> {
    let combination = |message: &str| Err(Failure::bad("InvalidParameterCombination", message));
    let final_snapshot = ask.param("FinalDBSnapshotIdentifier");
    match (ask.flag("SkipFinalSnapshot").unwrap_or(false), final_snapshot) {
        (true, Some(_)) => {
            return combination("FinalDBSnapshotIdentifier can not be specified when deleting with SkipFinalSnapshot");
        }
        (false, None) => {
            return combination("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.");
        }
        _ => {}
    }
    if cluster.deletion_protection {
        return combination("Cannot delete protected Cluster, please disable deletion protection and try again.");
    }
    match cluster.status {
        "deleting" => return Err(wrong_state(&format!("The DB cluster {} is already being deleted.", cluster.id))),
        "creating" | "modifying" | RESETTING => {
            return Err(wrong_state(&format!("The DB cluster {} is not in available state.", cluster.id)));
        }
        _ => {}
    }
    if shelf.members_of(&cluster.id).iter().any(|member| member.status != "deleting") {
        return Err(wrong_state("Cluster cannot be deleted, it still contains DB instances in non-deleting state."));
    }
    match final_snapshot {
        Some(name) if shelf.kept.iter().any(|kept| kept.snapshot.as_deref() == Some(name)) => Err(Failure::bad(
            "DBClusterSnapshotAlreadyExistsFault",
            format!("Cannot create the cluster snapshot because one with the identifier {name} already exists."),
        )),
        _ => Ok(()),
    }
}

/// By identifier, in any case, or by ARN.
pub(crate) fn find<'a>(site: &'a Site, asked: &str) -> Result<&'a Cluster, Failure> {
    let clusters = &site.shelves.clusters.clusters;
    let found = clusters.get(&asked.to_lowercase()).or_else(|| clusters.values().find(|cluster| cluster.arn == asked));
    found.ok_or_else(|| not_found(asked))
}

fn not_found(asked: &str) -> Failure {
    Failure::new(404, "DBClusterNotFoundFault", format!("DBCluster {asked} not found."))
}

fn wrong_state(message: &str) -> Failure {
    Failure::bad("InvalidDBClusterStateFault", message)
}

fn show(site: &Site, cluster: &Cluster, mute_port: u16) -> Vec<Element> {
    let settings = &cluster.settings;
    let shelf = &site.shelves.clusters;
    let groups =
        settings.security_groups.iter().map(|id| vec![text("VpcSecurityGroupId", id), text("Status", "active")]);
    let members = shelf.members_of(&cluster.id).into_iter().enumerate().map(|(number, member)| {
        vec![
            text("DBInstanceIdentifier", &member.id),
            text("IsClusterWriter", number == 0),
            text("DBClusterParameterGroupStatus", "in-sync"),
            text("PromotionTier", 1),
        ]
    });
    let (endpoint, port) = match shelf.endpoint(cluster, mute_port) {
        Some((host, port)) => (Some(host), port),
        None => (None, settings.port),
    };
    let mut shown = vec![
        text("DBClusterIdentifier", &cluster.id),
        text("DBClusterArn", &cluster.arn),
        text("DbClusterResourceId", &cluster.resource_id),
        text("Status", cluster.status),
        text("Engine", settings.family.engine),
        text("EngineVersion", &settings.engine_version),
        text("EngineMode", "provisioned"),
        text("DatabaseName", &settings.database),
        text("MasterUsername", &settings.master),
        text("Port", port),
        text("MultiAZ", false),
        text("DBSubnetGroup", &settings.subnet_group),
        text("DBClusterParameterGroup", &settings.parameter_group),
        list("VpcSecurityGroups", "VpcSecurityGroupMembership", groups),
        list("DBClusterMembers", "DBClusterMember", members),
        text("StorageEncrypted", true),
        text("KmsKeyId", &settings.key),
        text("IAMDatabaseAuthenticationEnabled", settings.iam_login),
        text("DeletionProtection", cluster.deletion_protection),
        text("BackupRetentionPeriod", 7),
        instant("ClusterCreateTime", cluster.created),
        instant("EarliestRestorableTime", later(cluster.created, SignedDuration::from_secs(1))),
        tags::tag_list(&cluster.tags),
    ];
    shown.extend(cluster.asked_password.is_some().then(|| pending(true)));
    shown.extend(endpoint.iter().map(|host| text("Endpoint", host)));
    shown.extend(endpoint.iter().map(|host| text("ReaderEndpoint", host)));
    shown.extend(cluster.capacity.map(|range| {
        node("ServerlessV2ScalingConfiguration", vec![text("MinCapacity", range.min), text("MaxCapacity", range.max)])
    }));
    shown
}

/// Snapshots that somebody asked for; AWS Backup's where they are asked for by type.
pub(crate) fn snapshots(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let site = world.site(place);
    let is = |name: &str, actual: &str| ask.param(name).is_none_or(|asked| asked.eq_ignore_ascii_case(actual));
    let mut shown = Vec::new();
    for kept in &site.shelves.clusters.kept {
        let Some(id) = &kept.snapshot else { continue };
        if is("DBClusterIdentifier", &kept.cluster)
            && is("DBClusterSnapshotIdentifier", id)
            && is("SnapshotType", "manual")
        {
            let mut one = snapshot(id, &kept.arn, &kept.cluster, "manual", kept.engine);
            one.push(instant("SnapshotCreateTime", kept.created));
            shown.push(one);
        }
    }
    // AWS leaves its own backups out unless they are asked for by type or name.
    let asked = ask.param("SnapshotType").is_some() || ask.param("DBClusterSnapshotIdentifier").is_some();
    let points = site.points.iter().take_while(|_| asked && is("SnapshotType", "awsbackup"));
    for (point, id) in points.filter_map(|point| Some((point, point.arn.split_once(":cluster-snapshot:")?.1))) {
        let cluster = point.source.arn.name();
        if let Some(family) = family(&point.source)
            && is("DBClusterIdentifier", cluster)
            && is("DBClusterSnapshotIdentifier", id)
        {
            let mut one = snapshot(id, &point.arn, cluster, "awsbackup", family.engine);
            one.push(instant("SnapshotCreateTime", point.completed));
            shown.push(one);
        }
    }
    if let Some(asked) = ask.param("DBClusterSnapshotIdentifier")
        && shown.is_empty()
    {
        let message = format!("DBClusterSnapshot {asked} not found.");
        return Err(Failure::new(404, "DBClusterSnapshotNotFoundFault", message));
    }
    paged(ask, "DBClusterSnapshots", "DBClusterSnapshot", shown)
}

fn snapshot(id: &str, arn: &str, cluster: &str, kind: &str, engine: &str) -> Vec<Element> {
    vec![
        text("DBClusterSnapshotIdentifier", id),
        text("DBClusterSnapshotArn", arn),
        text("DBClusterIdentifier", cluster),
        text("SnapshotType", kind),
        text("Engine", engine),
        text("Status", "available"),
        text("PercentProgress", 100),
    ]
}

/// Of clusters that are gone. Aurora alone has them.
pub(crate) fn automated_backups(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let kept = world.site(place).shelves.clusters.kept.iter().filter(|kept| kept.snapshot.is_none());
    let asked =
        |cluster: &str| ask.param("DBClusterIdentifier").is_none_or(|asked| asked.eq_ignore_ascii_case(cluster));
    let shown = kept
        .filter(|kept| asked(&kept.cluster))
        .map(|kept| {
            vec![
                text("DBClusterAutomatedBackupsArn", &kept.arn),
                text("DBClusterIdentifier", &kept.cluster),
                text("DbClusterResourceId", &kept.resource_id),
                text("Status", "retained"),
                text("Engine", kept.engine),
                instant("ClusterCreateTime", kept.cluster_created),
            ]
        })
        .collect();
    paged(ask, "DBClusterAutomatedBackups", "DBClusterAutomatedBackup", shown)
}

pub(crate) fn parameter_groups(world: &mut World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let asked = ask.param("DBClusterParameterGroupName").map(str::to_owned);
    let known = &world.site(place).shelves.clusters.parameter_groups;
    let wanted = known.iter().filter(|(name, _)| asked.as_ref().is_none_or(|asked| asked == *name));
    let shown: Vec<Vec<Element>> = wanted
        .map(|(name, family)| {
            vec![
                text("DBClusterParameterGroupName", name),
                text("DBParameterGroupFamily", family),
                text("Description", "A parameter group of the simulated AWS"),
                text(
                    "DBClusterParameterGroupArn",
                    format!("arn:aws:rds:{}:{}:cluster-pg:{name}", place.region, place.account),
                ),
            ]
        })
        .collect();
    match asked {
        Some(asked) if shown.is_empty() => {
            let message = format!("DBClusterParameterGroup not found: {asked}");
            Err(Failure::new(404, "DBParameterGroupNotFound", message))
        }
        _ => paged(ask, "DBClusterParameterGroups", "DBClusterParameterGroup", shown),
    }
}
