//! What restore metadata asks of a cluster. Keys are compared without case; mistakes fail the job (trap 10).

use std::collections::BTreeMap;

use crate::sandbox::thing::asked::Asked;
use crate::sandbox::thing::cluster::family::Family;
use crate::sandbox::thing::cluster::shelf::ClusterSettings;
use crate::sandbox::thing::rds::{check_identifier, rds_error, security_groups, subnet_group};
use crate::sandbox::world::{Point, Site};

/// What a job makes.
pub(super) struct Wish {
    pub(super) identifier: String,
    pub(super) settings: ClusterSettings,
    pub(super) deletion_protection: bool,
}

/// The key without which `StartRestoreJob` is refused.
pub(super) fn missing(metadata: &BTreeMap<String, String>) -> Option<&'static str> {
    let asked = Asked(metadata);
    ["dbClusterIdentifier", "engine"].into_iter().find(|key| asked.get(key).is_none())
}

/// What the metadata asks for, or why the job fails.
pub(super) fn read(
    site: &Site,
    point: &Point,
    metadata: &BTreeMap<String, String>,
    family: &'static Family,
) -> Result<Wish, String> {
    let asked = Asked(metadata);
    let identifier = asked.get("dbClusterIdentifier").unwrap_or_default().to_lowercase();
    check_identifier("DBClusterIdentifier", &identifier)?;
    if site.shelves.clusters.clusters.contains_key(&identifier) {
        return Err(taken());
    }
    if asked.get("engine") != Some(family.engine) {
        return Err(rds_error("InvalidParameterValue", "The engine does not fit the engine of the snapshot"));
    }
    if !site.can_read(point) {
        return Err(no_key(&point.key));
    }
    let key = match asked.get("kmsKeyId") {
        Some(key) => site.usable_key(key).ok_or_else(|| no_key(key))?.arn.clone(),
        None => point.key.clone(),
    };
    let (subnet_group, vpc) = subnet_group(site, asked.get("dbSubnetGroupName"))?;
    let zones = asked.list("availabilityZones")?;
    let has_zone = |zone: &String| site.subnets.iter().any(|subnet| subnet.vpc == vpc && subnet.zone == *zone);
    if let Some(zone) = zones.iter().find(|zone| !has_zone(zone)) {
        let message = format!("Availability zone '{zone}' is unavailable in this region");
        return Err(rds_error("InvalidVPCNetworkStateFault", &message));
    }
    let source = &point.source;
    let parameter_group =
        asked.get("dbClusterParameterGroupName").map_or_else(|| family.default_group(source), str::to_owned);
    let wanted = family.group_family(source);
    match site.shelves.clusters.parameter_groups.get(&parameter_group) {
        Some(known) if *known == wanted => {}
        Some(known) => {
            let message = format!("The parameter group {parameter_group} is of the family {known}, not of {wanted}");
            return Err(rds_error("InvalidParameterCombination", &message));
        }
        None => {
            let message = format!("DBClusterParameterGroup not found: {parameter_group}");
            return Err(rds_error("DBClusterParameterGroupNotFound", &message));
        }
    }
    let port = asked.get("port").map_or(Some(family.port), |text| text.parse().ok().filter(|port| *port >= 1_150));
    let settings = ClusterSettings {
        family,
        engine_version: asked.get("engineVersion").map_or_else(|| family.version(source), str::to_owned),
        port: port.ok_or_else(|| rds_error("InvalidParameterValue", "Invalid endpoint port"))?,
        security_groups: security_groups(site, &vpc, asked.get("vpcSecurityGroupIds"))?,
        subnet_group,
        parameter_group,
        database: source.database.clone(),
        key,
        iam_login: asked.is_true("enableIAMDatabaseAuthentication"),
        master: source.master().to_owned(),
    };
    Ok(Wish { identifier, settings, deletion_protection: asked.is_true("deletionProtection") })
}

fn no_key(key: &str) -> String {
    rds_error("KMSKeyNotAccessibleFault", &format!("The specified KMS key [{key}] does not exist or is not enabled"))
}

/// The name was taken before the job, or while it ran.
pub(super) fn taken() -> String {
    rds_error("DBClusterAlreadyExistsFault", "DB Cluster already exists")
}
