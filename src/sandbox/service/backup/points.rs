//! Recovery points: listings, details, and the metadata that AWS would restore with. Facts 1.5.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::network::{SOURCE_OPTION_GROUP, SOURCE_PARAMETER_GROUP, SOURCE_SUBNET_GROUP};
use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::json::instant;
use crate::sandbox::seed::Seed;
use crate::sandbox::service::backup::vaults::find as find_vault;
use crate::sandbox::service::backup::{RESOURCE_TYPE, differs, listed, page, put, put_instant, within};
use crate::sandbox::spec::Place;
use crate::sandbox::world::{Point, Site, World};

/// In no useful order: the world shuffled them (trap 1).
pub(crate) fn by_vault(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let site = world.site(place);
    find_vault(site, ask.label(0))?;
    let mut found = Vec::new();
    for point in site.points.iter().filter(|point| point.vault == ask.label(0)) {
        let hidden = differs(ask, "resourceArn", point.source.arn.as_str())
            || differs(ask, "resourceType", RESOURCE_TYPE)
            || ask.param("backupPlanId").is_some()
            || ask.param("parentRecoveryPointArn").is_some();
        if !hidden && within(ask, "created", Some(point.created))? {
            found.push(show(site, point));
        }
    }
    Ok(listed("RecoveryPoints", page(ask, found)?))
}

pub(crate) fn by_resource(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    if ask.param("maxResults").and_then(|text| text.parse::<u32>().ok()).is_some_and(|size| size < 20) {
        return Err(Failure::invalid("For RDS, MaxResults must be at least 20"));
    }
    let site = world.site(place);
    let of_resource = site.points.iter().filter(|point| point.source.arn.as_str() == ask.label(0));
    let found: Vec<Value> = of_resource
        .map(|point| {
            let mut shown = json!({
                "RecoveryPointArn": point.arn,
                "CreationDate": instant(point.created),
                "Status": point.status,
                "EncryptionKeyArn": point.key,
                "BackupSizeBytes": point.size_bytes(),
                "BackupVaultName": point.vault,
                "IsParent": false,
                "ResourceName": point.source.arn.name(),
                "VaultType": "BACKUP_VAULT",
            });
            put(&mut shown, "StatusMessage", point.status_message);
            shown
        })
        .collect();
    Ok(listed("RecoveryPoints", page(ask, found)?))
}

pub(crate) fn describe(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let site = world.site(place);
    let point = find(site, ask)?;
    let mut shown = show(site, point);
    put(&mut shown, "StorageClass", Some(if point.cold { "COLD" } else { "WARM" }));
    Ok(shown)
}

fn find<'a>(site: &'a Site, ask: &Ask) -> Result<&'a Point, Failure> {
    find_vault(site, ask.label(0))?;
    site.point(ask.label(0), ask.label(1)).ok_or_else(|| {
        Failure::not_found(format!("Recovery point {} does not exist in vault {}", ask.label(1), ask.label(0)))
    })
}

fn show(site: &Site, point: &Point) -> Value {
    let lifecycle = if point.delete_after_copy {
        json!({ "DeleteAfterEvent": "DELETE_AFTER_COPY" })
    } else if point.cold {
        json!({ "MoveToColdStorageAfterDays": 30, "DeleteAfterDays": point.delete_after_days })
    } else {
        json!({ "DeleteAfterDays": point.delete_after_days })
    };
    let calculated =
        if point.delete_after_copy { json!({}) } else { json!({ "DeleteAt": instant(point.delete_at()) }) };
    let mut shown = json!({
        "RecoveryPointArn": point.arn,
        "BackupVaultName": point.vault,
        "BackupVaultArn": site.vaults.get(&point.vault).map(|vault| vault.arn.clone()),
        "ResourceArn": point.source.arn,
        "ResourceType": RESOURCE_TYPE,
        "ResourceName": point.source.arn.name(),
        "Status": point.status,
        "CreationDate": instant(point.created),
        "InitiationDate": instant(point.created),
        "CompletionDate": instant(point.completed),
        "BackupSizeInBytes": point.size_bytes(),
        "Lifecycle": lifecycle,
        "CalculatedLifecycle": calculated,
        "EncryptionKeyArn": point.key,
        "EncryptionKeyType": "CUSTOMER_MANAGED_KMS_KEY",
        "IsEncrypted": true,
        "IsParent": false,
        "VaultType": "BACKUP_VAULT",
        "IamRoleArn": backup_role(point),
    });
    put(&mut shown, "SourceBackupVaultArn", point.source_vault.clone());
    put(&mut shown, "StatusMessage", point.status_message);
    put_instant(&mut shown, "LastRestoreTime", point.last_restored);
    shown
}

/// The role that backup jobs and copy jobs run as.
fn backup_role(point: &Point) -> String {
    format!("arn:aws:iam::{}:role/service-role/AWSBackupDefaultServiceRole", point.source.source.account)
}

/// Everything about the source, in the source's region: echoing it into a restore elsewhere fails (trap 8). Values may be
/// null or empty, as AWS's are (facts 2.0).
pub(crate) fn metadata(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let seed = world.seed;
    let source_place = find(world.site(place), ask)?.source.source.clone();
    let network = source_network(world.site(&source_place));
    let site = world.site(place);
    let point = find(site, ask)?;
    let source = &point.source;
    let snapshot = point.arn.split_once(":snapshot:").map_or("", |(_, name)| name);
    let vault_arn = site.vaults.get(&point.vault).map(|vault| vault.arn.clone());
    let groups = json!(network.security_groups).to_string();
    Ok(json!({
        "BackupVaultArn": vault_arn,
        "RecoveryPointArn": point.arn,
        "ResourceType": RESOURCE_TYPE,
        "RestoreMetadata": {
            "DBInstanceIdentifier": source.arn.name(),
            "DBSnapshotIdentifier": snapshot,
            "DBInstanceClass": source.instance_class,
            "Engine": "postgres",
            "EngineVersion": source.engine_version,
            "LicenseModel": "postgresql-license",
            "DBName": null,
            "AllocatedStorage": source.size_gib.to_string(),
            "StorageType": "gp3",
            "Iops": "3000",
            "StorageThroughput": "125",
            "Port": "5432",
            "MultiAZ": "true",
            "AvailabilityZone": format!("{}a", source.source.region),
            "DBSubnetGroupName": SOURCE_SUBNET_GROUP,
            "VpcId": network.vpc,
            "VpcSecurityGroupIds": groups,
            "DBParameterGroupName": SOURCE_PARAMETER_GROUP,
            "OptionGroupName": SOURCE_OPTION_GROUP,
            "PubliclyAccessible": "false",
            "AutoMinorVersionUpgrade": "true",
            "CopyTagsToSnapshot": "true",
            "DeletionProtection": source.deletion_protection.to_string(),
            "BackupRetentionPeriod": "7",
            "EnableIAMDatabaseAuthentication": "false",
            "EnableCloudwatchLogsExports": "[\"postgresql\"]",
            "CACertificateIdentifier": "rds-ca-rsa2048-g1",
            "ProcessorFeatures": "[]",
            "Domain": null,
            "TdeCredentialArn": "",
            "KmsKeyId": network.key,
            "InformationalOnly:StorageEncrypted": "true",
            "InformationalOnly:MasterUsername": "postgres",
            "aws:backup:request-id": request_id(seed, &point.arn),
        },
    }))
}

struct SourceNetwork {
    vpc: String,
    security_groups: Vec<String>,
    key: String,
}

fn source_network(site: &Site) -> SourceNetwork {
    let vpc = site.default_vpc().map(|vpc| vpc.id.clone()).unwrap_or_default();
    let groups = site.security_groups.iter().filter(|group| group.vpc == vpc).map(|group| group.id.clone()).collect();
    let key = site.keys.first().map(|key| key.arn.clone()).unwrap_or_default();
    SourceNetwork { vpc, security_groups: groups, key }
}

fn request_id(seed: Seed, point: &str) -> String {
    seed.stream(&format!("metadata {point}")).uuid()
}

pub(crate) fn protected(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let site = world.site(place);
    let mut newest: BTreeMap<&str, &Point> = BTreeMap::new();
    for point in &site.points {
        let known = newest.entry(point.source.arn.as_str()).or_insert(point);
        if point.created > known.created {
            *known = point;
        }
    }
    let found = newest.values().map(|point| show_protected(site, point)).collect();
    Ok(listed("Results", page(ask, found)?))
}

pub(crate) fn describe_protected(world: &mut World, place: &Place, arn: &str) -> Result<Value, Failure> {
    let site = world.site(place);
    let newest = site.points.iter().filter(|point| point.source.arn.as_str() == arn).max_by_key(|point| point.created);
    let newest = newest.ok_or_else(|| Failure::not_found(format!("Resource {arn} is not protected")))?;
    let mut shown = show_protected(site, newest);
    let restored = site.restore_jobs.iter().filter(|job| job.source.arn.as_str() == arn && job.status == "COMPLETED");
    if let Some(job) = restored.max_by_key(|job| job.created) {
        let minutes = job.completed.map(|at| at.duration_since(job.created).as_secs() / 60);
        put(&mut shown, "LatestRestoreExecutionTimeMinutes", minutes);
        put_instant(&mut shown, "LatestRestoreJobCreationDate", Some(job.created));
        put_instant(&mut shown, "LatestRestoreRecoveryPointCreationDate", Some(job.point_created));
    }
    Ok(shown)
}

fn show_protected(site: &Site, point: &Point) -> Value {
    json!({
        "ResourceArn": point.source.arn,
        "ResourceType": RESOURCE_TYPE,
        "ResourceName": point.source.arn.name(),
        "LastBackupTime": instant(point.created),
        "LastBackupVaultArn": site.vaults.get(&point.vault).map(|vault| vault.arn.clone()),
        "LastRecoveryPointArn": point.arn,
    })
}
