//! Vaults and what belongs to account and region: types, settings, tags.

use serde_json::{Map, Value, json};

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::json::instant;
use crate::sandbox::service::backup::{listed, page};
use crate::sandbox::spec::Place;
use crate::sandbox::thing::{Physics, every};
use crate::sandbox::world::{Site, Vault, World};

pub(crate) fn list(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let site = world.site(place);
    let vaults = site.vaults.iter().map(|(name, vault)| show(site, name, vault)).collect();
    Ok(listed("BackupVaultList", page(ask, vaults)?))
}

pub(crate) fn describe(world: &mut World, place: &Place, name: &str) -> Result<Value, Failure> {
    let site = world.site(place);
    let vault = find(site, name)?;
    Ok(show(site, name, vault))
}

pub(crate) fn policy(world: &mut World, place: &Place, name: &str) -> Result<Value, Failure> {
    let vault = find(world.site(place), name)?;
    if !vault.denies {
        return Err(Failure::not_found(format!("Backup Vault {name} has no access policy")));
    }
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Deny",
            "Principal": { "AWS": "*" },
            "Action": "backup:StartRestoreJob",
            "Resource": "*",
        }],
    });
    Ok(json!({ "BackupVaultName": name, "BackupVaultArn": vault.arn, "Policy": policy.to_string() }))
}

/// The vault of this name. AWS answers `AccessDenied` for one that does not exist (facts 1.2).
pub(crate) fn find<'a>(site: &'a Site, name: &str) -> Result<&'a Vault, Failure> {
    site.vaults
        .get(name)
        .ok_or_else(|| Failure::new(403, "AccessDeniedException", "Insufficient privileges to perform this action."))
}

fn show(site: &Site, name: &str, vault: &Vault) -> Value {
    json!({
        "BackupVaultName": name,
        "BackupVaultArn": vault.arn,
        "VaultType": "BACKUP_VAULT",
        "VaultState": "AVAILABLE",
        "CreationDate": instant(vault.created),
        "EncryptionKeyArn": vault.key,
        "EncryptionKeyType": "CUSTOMER_MANAGED_KMS_KEY",
        "CreatorRequestId": "made-with-the-world",
        "NumberOfRecoveryPoints": site.points.count_in(name),
        "Locked": false,
    })
}

pub(crate) fn tags(world: &mut World, place: &Place, arn: &str) -> Result<Value, Failure> {
    let site = world.site(place);
    if let Some(point) = site.points.find(arn) {
        return Ok(json!({ "Tags": point.source.tags }));
    }
    if site.vaults.values().any(|vault| vault.arn == arn) {
        return Ok(json!({ "Tags": {} }));
    }
    Err(Failure::not_found(format!("Resource {arn} does not exist")))
}

pub(crate) fn types() -> Value {
    json!({ "ResourceTypes": every().map(Physics::backup_type).collect::<Vec<_>>() })
}

pub(crate) fn settings(site: &Site) -> Value {
    let preference = |kind: &'static dyn Physics| {
        let word = kind.backup_type();
        (word.to_owned(), Value::Bool(!site.not_opted_in.contains(word)))
    };
    let opted_in: Map<String, Value> = every().map(preference).collect();
    json!({ "ResourceTypeOptInPreference": opted_in, "ResourceTypeManagementPreference": {} })
}
