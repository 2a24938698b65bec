//! Recovery points: listings, details, and the metadata that AWS would restore with. Facts 1.5.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::json::instant;
use crate::sandbox::service::backup::vaults::find as find_vault;
use crate::sandbox::service::backup::{Within, differs, listed, page, put, put_instant};
use crate::sandbox::spec::Place;
use crate::sandbox::world::{Point, Site, World};

/// In no useful order: the world shuffled them (trap 1).
pub(crate) fn by_vault(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let site = world.site(place);
    find_vault(site, ask.label(0))?;
    let created = Within::read(ask, "created")?;
    let nothing = ask.param("backupPlanId").is_some() || ask.param("parentRecoveryPointArn").is_some();
    let fits = |point: &&Point| {
        !nothing
            && point.vault == ask.label(0)
            && !differs(ask, "resourceType", point.source.backup_type())
            && created.holds(Some(point.created))
    };
    let found: Vec<&Point> = match ask.param("resourceArn") {
        Some(resource) => site.points.of(resource).filter(fits).collect(),
        None => site.points.iter().filter(fits).collect(),
    };
    Ok(listed("RecoveryPoints", page(ask, found)?.map(|point| show(site, point))))
}

pub(crate) fn by_resource(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let site = world.site(place);
    let of_resource = site.points.of(ask.label(0));
    if let Some(point) = of_resource.clone().next() {
        let (least, kind) = (point.source.physics().smallest_page(), point.source.backup_type());
        if ask.param("maxResults").and_then(|text| text.parse::<u32>().ok()).is_some_and(|size| size < least) {
            return Err(Failure::invalid(format!("For {kind}, MaxResults must be at least {least}")));
        }
    }
    let found: Vec<Value> = of_resource
        .map(|point| {
            let mut shown = json!({
                "RecoveryPointArn": point.arn,
                "CreationDate": instant(point.created),
                "Status": point.status,
                "EncryptionKeyArn": point.key,
                "BackupSizeBytes": point.source.point_bytes(),
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
        "ResourceType": point.source.backup_type(),
        "ResourceName": point.source.arn.name(),
        "Status": point.status,
        "CreationDate": instant(point.created),
        "InitiationDate": instant(point.created),
        "CompletionDate": instant(point.completed),
        "BackupSizeInBytes": point.source.point_bytes(),
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
    put_instant(&mut shown, "LastRestoreTime", site.last_restored(&point.arn));
    put(&mut shown, "CreatedBy", point.source.plan.as_ref().map(created_by));
    shown
}

/// Which plan and rule made it.
fn created_by(plan: &String) -> Value {
    json!({ "BackupPlanId": plan, "BackupPlanVersion": "1", "BackupRuleId": format!("{plan}-rule") })
}

/// The role that backup jobs and copy jobs run as.
fn backup_role(point: &Point) -> String {
    format!("arn:aws:iam::{}:role/service-role/AWSBackupDefaultServiceRole", point.source.source.account)
}

/// What the source's kind says of the source (trap 8).
pub(crate) fn metadata(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let site = world.site(place);
    let point = find(site, ask)?.clone();
    let vault_arn = site.vaults.get(&point.vault).map(|vault| vault.arn.clone());
    Ok(json!({
        "BackupVaultArn": vault_arn,
        "RecoveryPointArn": point.arn,
        "ResourceType": point.source.backup_type(),
        "RestoreMetadata": point.source.physics().returned_metadata(world, &point),
    }))
}

pub(crate) fn protected(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let site = world.site(place);
    let mut newest: BTreeMap<&str, &Point> = BTreeMap::new();
    for point in site.points.iter() {
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
    let newest = site.points.of(arn).max_by_key(|point| point.created);
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
        "ResourceType": point.source.backup_type(),
        "ResourceName": point.source.arn.name(),
        "LastBackupTime": instant(point.created),
        "LastBackupVaultArn": site.vaults.get(&point.vault).map(|vault| vault.arn.clone()),
        "LastRecoveryPointArn": point.arn,
    })
}
