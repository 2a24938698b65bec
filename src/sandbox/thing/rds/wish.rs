//! What restore metadata asks RDS for. Facts 2.1.
//!
//! Mistakes in the metadata never refuse the call: the job fails seconds later with AWS's kind of message (trap 10).

use std::collections::{BTreeMap, BTreeSet};

use crate::sandbox::spec::{Place, ResourceSpec};
use crate::sandbox::thing::rds::shelf::InstanceSettings;
use crate::sandbox::world::{Point, Site};

/// Instance classes that can be ordered in every region of a world, besides those that definitions name.
pub(crate) const CLASSES: &[&str] = &[
    "db.t3.micro",
    "db.t3.small",
    "db.t3.medium",
    "db.t4g.micro",
    "db.t4g.small",
    "db.t4g.medium",
    "db.t4g.large",
    "db.m6g.large",
    "db.m6g.xlarge",
    "db.r6g.large",
    "db.r6g.xlarge",
];

/// The instance that the metadata asks for.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) identifier: String,
    pub(crate) settings: InstanceSettings,
    pub(crate) deletion_protection: bool,
}

/// What the metadata asks for, or why the job fails.
pub(crate) fn read(
    site: &Site,
    place: &Place,
    point: &Point,
    metadata: &BTreeMap<String, String>,
) -> Result<Wish, String> {
    let value = |key: &str| metadata.get(key).map(String::as_str).filter(|text| !text.is_empty());
    if metadata.contains_key("DBSnapshotIdentifier") {
        return Err("The parameter DBSnapshotIdentifier is not valid in restore metadata (Service: AmazonRDS; Status Code: 400; \
                    Error Code: InvalidParameterValue)"
            .to_owned());
    }
    let identifier = value("DBInstanceIdentifier").unwrap_or_default().to_lowercase();
    check_identifier("DBInstanceIdentifier", &identifier)?;
    let members = &site.shelves.clusters.members;
    if site.shelves.rds.instances.contains_key(&identifier) || members.contains_key(&identifier) {
        return Err(taken());
    }
    check_key(site, point)?;
    let class = value("DBInstanceClass").unwrap_or(&point.source.instance_class);
    check_class(site, class, &point.source)?;
    let multi_az = flag(metadata, "MultiAZ", false);
    let (subnet_group, vpc) = subnet_group(site, value("DBSubnetGroupName"))?;
    let zone = zone(site, place, &vpc, value("AvailabilityZone"), multi_az)?;
    let security_groups = security_groups(site, &vpc, value("VpcSecurityGroupIds"))?;
    let (parameter_group, option_group) = groups(site, point, value("DBParameterGroupName"), value("OptionGroupName"))?;
    let size_gib = size(value("AllocatedStorage"), point.source.size_gib)?;
    let engine = point.source.engine();
    let settings = InstanceSettings {
        class: class.to_owned(),
        size_gib,
        engine,
        engine_version: point.source.engine_version().to_owned(),
        zone,
        multi_az,
        public: flag(metadata, "PubliclyAccessible", false),
        port: value("Port").map_or(Ok(engine.port()), port)?,
        subnet_group,
        vpc,
        security_groups,
        parameter_group,
        option_group,
        storage_type: value("StorageType").unwrap_or("gp3").to_owned(),
        iops: value("Iops").map(str::to_owned),
        throughput: value("StorageThroughput").map(str::to_owned),
        ca_certificate: value("CACertificateIdentifier").unwrap_or("rds-ca-rsa2048-g1").to_owned(),
        minor_upgrades: flag(metadata, "AutoMinorVersionUpgrade", true),
        copy_tags: flag(metadata, "CopyTagsToSnapshot", true),
        retention_days: value("BackupRetentionPeriod").and_then(|text| text.parse().ok()).unwrap_or(7),
        // KmsKeyId in the metadata is ignored: the copy's key decides (trap 37).
        key: point.key.clone(),
        master: point.source.master().to_owned(),
        iam_login: flag(metadata, "EnableIAMDatabaseAuthentication", false),
    };
    let deletion_protection = flag(metadata, "DeletionProtection", point.source.deletion_protection);
    Ok(Wish { identifier, settings, deletion_protection })
}

fn flag(metadata: &BTreeMap<String, String>, key: &str, default: bool) -> bool {
    metadata.get(key).map_or(default, |text| text.eq_ignore_ascii_case("true"))
}

/// The rules of names of instances and of clusters; `parameter` is what the request calls it.
pub(crate) fn check_identifier(parameter: &str, identifier: &str) -> Result<(), String> {
    let fits = (1..=63).contains(&identifier.len())
        && identifier.starts_with(|c: char| c.is_ascii_lowercase())
        && identifier.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !identifier.ends_with('-')
        && !identifier.contains("--");
    if fits {
        return Ok(());
    }
    Err(rds_error(
        "InvalidParameterValue",
        &format!(
            "The parameter {parameter} is not a valid identifier. Identifiers must begin with a letter; must contain only \
             ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens"
        ),
    ))
}

fn check_key(site: &Site, point: &Point) -> Result<(), String> {
    if point.key.is_empty() || site.key_is_usable(&point.key) {
        return Ok(());
    }
    Err(rds_error(
        "KMSKeyNotAccessibleFault",
        &format!(
            "The specified KMS key [{}] is either disabled, does not exist or you do not have permissions to access it",
            point.key
        ),
    ))
}

fn check_class(site: &Site, class: &str, source: &ResourceSpec) -> Result<(), String> {
    if site.offers(class) && (CLASSES.contains(&class) || class == source.instance_class) {
        return Ok(());
    }
    Err(rds_error(
        "InvalidParameterCombination",
        &format!(
            "RDS does not support creating a DB instance with the following combination: DBInstanceClass={class}, \
             Engine={}, EngineVersion={}, LicenseModel={}",
            source.engine().word(),
            source.engine_version(),
            source.engine().license()
        ),
    ))
}

/// The subnet group that is asked for, or the default one; and its VPC.
pub(crate) fn subnet_group(site: &Site, asked: Option<&str>) -> Result<(String, String), String> {
    let name = asked.unwrap_or("default").to_lowercase();
    if let Some(group) = site.subnet_groups.get(&name) {
        let zones: BTreeSet<&str> = group.subnets.iter().map(|subnet| subnet.zone.as_str()).collect();
        if zones.len() < 2 {
            let covered = zones.into_iter().collect::<Vec<_>>().join(", ");
            let message = format!(
                "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: \
                 {covered}. Add subnets to cover at least 2 AZs."
            );
            return Err(rds_error("DBSubnetGroupDoesNotCoverEnoughAZs", &message));
        }
        return Ok((name, group.vpc.clone()));
    }
    Err(match asked {
        Some(asked) => rds_error("DBSubnetGroupNotFoundFault", &format!("DB subnet group '{asked}' does not exist")),
        None => rds_error(
            "InvalidSubnet",
            "No default subnet detected in VPC. Please contact AWS Support to recreate default Subnets. No default VPC for this user",
        ),
    })
}

fn zone(site: &Site, place: &Place, vpc: &str, asked: Option<&str>, multi_az: bool) -> Result<String, String> {
    let zones: Vec<&str> =
        site.subnets.iter().filter(|subnet| subnet.vpc == vpc).map(|subnet| subnet.zone.as_str()).collect();
    match asked {
        Some(_) if multi_az => Err(rds_error(
            "InvalidParameterCombination",
            "Requesting a specific availability zone is not valid for Multi-AZ instances",
        )),
        Some(asked) if !zones.contains(&asked) => Err(rds_error(
            "InvalidVPCNetworkStateFault",
            &format!(
                "Availability zone '{asked}' is not available in {}; choose one of: {}",
                place.region,
                zones.join(", ")
            ),
        )),
        Some(asked) => Ok(asked.to_owned()),
        None => Ok(zones.first().map_or_else(|| format!("{}a", place.region), |zone| (*zone).to_owned())),
    }
}

/// The security groups that are asked for, all of them in the VPC; or its default one.
pub(crate) fn security_groups(site: &Site, vpc: &str, asked: Option<&str>) -> Result<Vec<String>, String> {
    let Some(asked) = asked.filter(|text| *text != "[]") else {
        let default = site.security_groups.iter().find(|group| group.vpc == vpc && group.name == "default");
        return Ok(default.map(|group| group.id.clone()).into_iter().collect());
    };
    let ids: Vec<String> = serde_json::from_str(asked).map_err(|_| {
        rds_error(
            "InvalidParameterValue",
            "VpcSecurityGroupIds must be a JSON array of security group ids, as a string",
        )
    })?;
    for id in &ids {
        match site.security_groups.iter().find(|group| group.id == *id) {
            None => {
                let message = format!("Invalid security group, groupId= {id}, groupName=");
                return Err(rds_error("InvalidParameterValue", &message));
            }
            Some(group) if group.vpc != vpc => {
                let message = format!(
                    "The DB instance and EC2 security group are in different VPCs: {id} is in {}, the DB subnet group in {vpc}",
                    group.vpc
                );
                return Err(rds_error("InvalidVPCNetworkStateFault", &message));
            }
            Some(_) => {}
        }
    }
    Ok(ids)
}

fn groups(
    site: &Site,
    point: &Point,
    parameters: Option<&str>,
    options: Option<&str>,
) -> Result<(String, String), String> {
    let (engine, version) = (point.source.engine(), point.source.engine_version());
    let family = engine.group_family(version);
    let parameters = parameters.map_or_else(|| format!("default.{family}"), str::to_owned);
    let options = options.map_or_else(|| engine.option_group(version), str::to_owned);
    match site.shelves.rds.parameter_groups.get(&parameters) {
        None => {
            return Err(rds_error("DBParameterGroupNotFound", &format!("DBParameterGroup not found: {parameters}")));
        }
        Some(known) if *known != family => {
            let message = format!(
                "The parameter group {parameters} with DBParameterGroupFamily {known} cannot be used for this instance. \
                 Please use a Parameter Group with DBParameterGroupFamily {family}"
            );
            return Err(rds_error("InvalidParameterCombination", &message));
        }
        Some(_) => {}
    }
    if !site.shelves.rds.option_groups.contains_key(&options) {
        return Err(rds_error("OptionGroupNotFoundFault", &format!("Specified OptionGroupName: {options} not found")));
    }
    Ok((parameters, options))
}

fn size(asked: Option<&str>, source_gib: u32) -> Result<u32, String> {
    let Some(asked) = asked else { return Ok(source_gib) };
    let fits = |gib: &u32| *gib == source_gib || u64::from(*gib) * 10 >= u64::from(source_gib) * 11;
    asked.parse().ok().filter(fits).ok_or_else(|| {
        rds_error(
            "InvalidParameterValue",
            "Invalid storage size: it may only grow, by at least 10%, over the snapshot's",
        )
    })
}

fn port(asked: &str) -> Result<u16, String> {
    asked
        .parse()
        .ok()
        .filter(|port| *port >= 1_150)
        .ok_or_else(|| rds_error("InvalidParameterValue", "Invalid endpoint port: it must be between 1150 and 65535"))
}

/// The name was taken before the job, or while it ran.
pub(crate) fn taken() -> String {
    rds_error("DBInstanceAlreadyExists", "DB instance already exists")
}

/// A `StatusMessage` with RDS's error in it.
pub(crate) fn rds_error(code: &str, message: &str) -> String {
    format!("{message} (Service: AmazonRDS; Status Code: 400; Error Code: {code})")
}

#[cfg(test)]
mod tests {
    use super::{check_identifier, port, size};

    #[test]
    fn identifiers_follow_rds_rules() {
        assert!(check_identifier("X", "drill-0a1b2c3d-orders").is_ok());
        for wrong in ["", "1a", "a-", "a--b", "a_b", &"a".repeat(64)] {
            assert!(check_identifier("X", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn storage_only_grows() {
        assert_eq!(size(None, 100), Ok(100));
        assert_eq!(size(Some("110"), 100), Ok(110));
        assert!(size(Some("105"), 100).is_err() && size(Some("50"), 100).is_err());
        assert!(port("80").is_err());
    }
}
