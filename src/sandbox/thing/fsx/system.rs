//! What restore metadata asks of FSx for Windows, Lustre and OpenZFS: a file system. Facts 2.7.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::sandbox::spec::ResourceSpec;
use crate::sandbox::thing::asked::{Asked, member, word};
use crate::sandbox::thing::fsx::flavour::{Flavour, source_configuration, storage_gib, storage_type};
use crate::sandbox::thing::fsx::shelf::SystemSettings;
use crate::sandbox::thing::fsx::{bad, fsx_error};
use crate::sandbox::world::Site;

/// What of Lustre must be as in the backup.
const OF_THE_BACKUP: &[&str] = &["DeploymentType", "PerUnitStorageThroughput", "DriveCacheType", "DataCompressionType"];

/// The flavour's configuration, and the common keys beside it that say the same.
struct Given<'a> {
    own: Map<String, Value>,
    asked: Asked<'a>,
}

impl Given<'_> {
    fn get(&self, key: &str) -> Option<String> {
        word(&self.own, key).or_else(|| self.asked.get(key).map(str::to_owned))
    }

    fn number(&self, key: &str) -> Result<Option<u64>, String> {
        let Some(text) = self.get(key) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| bad(&format!("{key} {text} is not a number")))
    }
}

/// What the metadata asks for, or why the job fails. `own_key` is the region's own key for FSx.
pub(super) fn read(
    site: &Site,
    source: &ResourceSpec,
    flavour: Flavour,
    asked: Asked,
    own_key: &str,
) -> Result<SystemSettings, String> {
    let own = asked.object(flavour.configuration_key()).map_err(|why| bad(&why))?;
    let given = Given { own, asked };
    let (vpc, subnets) = subnets(site, asked)?;
    let security_groups = security_groups(site, asked, &vpc)?;
    let key = key(site, asked, own_key)?;
    let (gib, kind) = storage(source, flavour, asked)?;
    let mut configuration = match flavour {
        Flavour::Windows => windows(site, &given, &subnets)?,
        Flavour::Lustre => lustre(source, &given, &subnets)?,
        Flavour::OpenZfs | Flavour::Ontap => openzfs(&given, &subnets)?,
    };
    configuration.insert("AutomaticBackupRetentionDays".to_owned(), retention(&given, flavour)?.into());
    let copies = given.get("CopyTagsToBackups").is_some_and(|text| text == "true");
    configuration.insert("CopyTagsToBackups".to_owned(), copies.into());
    Ok(SystemSettings { storage_gib: gib, storage_type: kind, vpc, subnets, security_groups, key, configuration })
}

/// The subnets, all in one VPC, and that VPC. The source's are in the other region.
fn subnets(site: &Site, asked: Asked) -> Result<(String, Vec<String>), String> {
    let ids = asked.list("SubnetIds").map_err(|why| bad(&why))?;
    let mut vpcs = BTreeSet::new();
    for id in &ids {
        match site.subnets.iter().find(|known| known.id == *id) {
            Some(known) => vpcs.insert(known.vpc.clone()),
            None => return Err(network(&format!("The subnet ID '{id}' does not exist"))),
        };
    }
    let (Some(vpc), None) = (vpcs.pop_first(), vpcs.pop_first()) else {
        return Err(network("SubnetIds must name subnets of one VPC"));
    };
    match asked.get("VpcId") {
        Some(other) if other != vpc => Err(network(&format!("The subnets are not in {other}"))),
        _ => Ok((vpc, ids)),
    }
}

fn security_groups(site: &Site, asked: Asked, vpc: &str) -> Result<Vec<String>, String> {
    let ids = asked.list("SecurityGroupIds").map_err(|why| bad(&why))?;
    if ids.is_empty() {
        let default = site.security_groups.iter().find(|group| group.vpc == vpc && group.name == "default");
        return Ok(default.map(|group| group.id.clone()).into_iter().collect());
    }
    for id in &ids {
        match site.security_groups.iter().find(|known| known.id == *id) {
            None => return Err(network(&format!("The security group ID '{id}' does not exist"))),
            Some(known) if known.vpc != vpc => {
                return Err(network(&format!("The security group {id} is not in {vpc}, where the subnets are")));
            }
            Some(_) => {}
        }
    }
    Ok(ids)
}

fn key(site: &Site, asked: Asked, own_key: &str) -> Result<String, String> {
    let Some(key) = asked.get("KmsKeyId").filter(|key| *key != "alias/aws/fsx") else { return Ok(own_key.to_owned()) };
    let known = site.usable_key(key).map(|known| known.arn.clone());
    known.ok_or_else(|| bad(&format!("The KMS key {key} does not exist here, is disabled or cannot be accessed")))
}

/// Capacity and type: Lustre's are those of the backup, the capacity of the others does not shrink.
fn storage(source: &ResourceSpec, flavour: Flavour, asked: Asked) -> Result<(u32, String), String> {
    let (its_gib, its_type) = (storage_gib(source), storage_type(source));
    let gib = match asked.get("StorageCapacity") {
        None => its_gib,
        Some(text) => text.parse().map_err(|_| bad(&format!("StorageCapacity {text} is not a number")))?,
    };
    let kind = asked.get("StorageType").map_or_else(|| its_type.clone(), str::to_owned);
    if !matches!(kind.as_str(), "SSD" | "HDD" | "INTELLIGENT_TIERING") {
        return Err(bad(&format!("StorageType {kind} is not SSD, HDD or INTELLIGENT_TIERING")));
    }
    if flavour == Flavour::Lustre && (gib != its_gib || kind != its_type) {
        return Err(unlike("StorageCapacity and StorageType"));
    }
    if gib < its_gib {
        return Err(bad(&format!("StorageCapacity {gib} is less than the backup's {its_gib}")));
    }
    Ok((gib, kind))
}

fn windows(site: &Site, given: &Given, subnets: &[String]) -> Result<Map<String, Value>, String> {
    let throughput = given.number("ThroughputCapacity")?.ok_or_else(|| missing("ThroughputCapacity"))?;
    if throughput < 8 {
        return Err(bad("ThroughputCapacity must be at least 8"));
    }
    let Some(directory) = given.get("ActiveDirectoryId") else { return Err(missing("ActiveDirectoryId")) };
    if !site.shelves.fsx.directories.contains(&directory) {
        let message = format!("The directory {directory} does not exist or cannot be reached from the subnets");
        return Err(fsx_error("ActiveDirectoryError", &message));
    }
    let deployment = given.get("DeploymentType").unwrap_or_else(|| "SINGLE_AZ_1".to_owned());
    let preferred = given.get("PreferredSubnetId");
    match (deployment.as_str(), subnets.len(), &preferred) {
        ("MULTI_AZ_1", 2, Some(preferred)) if subnets.contains(preferred) => {}
        ("MULTI_AZ_1", ..) => {
            return Err(bad("MULTI_AZ_1 needs two subnets, and PreferredSubnetId must be one of them"));
        }
        ("SINGLE_AZ_1" | "SINGLE_AZ_2", 1, None) => {}
        ("SINGLE_AZ_1" | "SINGLE_AZ_2", ..) => {
            return Err(bad(&format!("{deployment} needs exactly one subnet, and no PreferredSubnetId")));
        }
        _ => return Err(bad(&format!("DeploymentType {deployment} is not one of FSx for Windows"))),
    }
    let mut made = Map::new();
    made.insert("ThroughputCapacity".to_owned(), throughput.into());
    made.insert("ActiveDirectoryId".to_owned(), directory.into());
    made.insert("DeploymentType".to_owned(), deployment.into());
    let preferred = preferred.or_else(|| subnets.first().cloned());
    made.insert("PreferredSubnetId".to_owned(), preferred.into());
    Ok(made)
}

fn lustre(source: &ResourceSpec, given: &Given, subnets: &[String]) -> Result<Map<String, Value>, String> {
    one_subnet(subnets)?;
    let mut made = source_configuration(source);
    if let Some(key) = OF_THE_BACKUP.iter().find(|key| given.get(key) != word(&made, key)) {
        return Err(unlike(key));
    }
    made.remove("WeeklyMaintenanceStartTime");
    made.remove("DailyAutomaticBackupStartTime");
    Ok(made)
}

fn openzfs(given: &Given, subnets: &[String]) -> Result<Map<String, Value>, String> {
    one_subnet(subnets)?;
    let throughput = given.number("ThroughputCapacity")?.ok_or_else(|| missing("ThroughputCapacity"))?;
    let Some(deployment) = given.get("DeploymentType") else { return Err(missing("DeploymentType")) };
    if !matches!(deployment.as_str(), "SINGLE_AZ_1" | "SINGLE_AZ_2" | "SINGLE_AZ_HA_1" | "SINGLE_AZ_HA_2") {
        return Err(bad(&format!("AWS Backup cannot restore an OpenZFS file system of type {deployment}")));
    }
    let mut made = Map::new();
    made.insert("ThroughputCapacity".to_owned(), throughput.into());
    made.insert("DeploymentType".to_owned(), deployment.into());
    if let Some(iops) = member(&given.own, "DiskIopsConfiguration").and_then(Value::as_object) {
        if member(iops, "Iops").is_some() && member(iops, "Mode").is_some_and(|mode| mode == "AUTOMATIC") {
            return Err(bad("DiskIopsConfiguration takes no Iops in mode AUTOMATIC"));
        }
        made.insert("DiskIopsConfiguration".to_owned(), Value::Object(iops.clone()));
    }
    Ok(made)
}

fn one_subnet(subnets: &[String]) -> Result<(), String> {
    if subnets.len() == 1 { Ok(()) } else { Err(network("The file system is in exactly one subnet")) }
}

/// FSx makes backups by itself, but for Lustre, unless it is told otherwise.
fn retention(given: &Given, flavour: Flavour) -> Result<u64, String> {
    let usual = if flavour == Flavour::Lustre { 0 } else { 30 };
    let days = given.number("AutomaticBackupRetentionDays")?.unwrap_or(usual);
    if days <= 90 { Ok(days) } else { Err(bad("AutomaticBackupRetentionDays must be at most 90")) }
}

fn network(message: &str) -> String {
    fsx_error("InvalidNetworkSettings", message)
}

fn missing(key: &str) -> String {
    fsx_error("MissingFileSystemConfiguration", &format!("{key} is required"))
}

fn unlike(key: &str) -> String {
    fsx_error("IncompatibleParameterError", &format!("{key} must be as in the backup"))
}
