//! What `StartRestoreJob` is sent for FSx (facts 2.0 and 2.7, traps 8, 9, 25).
//!
//! Invariant: nothing of the source's network, directory or SVM goes in, and what is restored makes no backups of its
//! own. The drill's choices stand beside the configuration too, because the documents list them as common keys and
//! FSx's own API has them inside.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::aws::resource::fsx::configuration::Configuration;
use crate::aws::resource::fsx::flavour::{Flavour, SystemFlavour};
use crate::aws::resource::fsx::{lustre, ontap, openzfs, windows};
use crate::aws::resource::shared::draft::{Draft, refused};
use crate::aws::resource::shared::setting::{integer, security_groups, text, texts};
use crate::cloud::resource::{Expected, Settings};
use crate::cloud::vault::Metadata;

/// What is taken from the returned metadata beside the configuration: size and kind of the storage, of which the backup
/// is. Not taken: `FileSystemId` and `FileSystemType`, which describe the source; network and key, which are in the
/// other region; the times of backup and maintenance, which a drill does not live to see.
const KEPT: &[&str] = &["StorageCapacity", "StorageType"];

/// The keys that a volume has no use for: file system and SVM have them already.
const OF_SYSTEMS: &[&str] = &["subnets", "security_groups", "kms_key", "storage_gib", "storage_type"];

/// Builds the metadata.
///
/// # Errors
/// A sentence for the user, naming the key.
pub fn build(returned: &Metadata, with: &Settings, raw: &Metadata, expected: &Expected) -> Result<Metadata, String> {
    let (flavour, own) = Flavour::of(with)?;
    let mut draft = Draft::new(returned);
    check_type(&draft, flavour)?;
    let mut made = Configuration::new(&draft, flavour.configuration_key());
    match flavour {
        Flavour::System(system) => choose_system(&mut draft, &mut made, system, with, own)?,
        Flavour::Ontap => {
            if let Some(key) = OF_SYSTEMS.iter().find(|key| with.contains_key(**key)) {
                return Err(format!(
                    "`with.{key}` is not for `ontap`: a volume takes it from the file system that it is restored into"
                ));
            }
            let name = ontap::volume_name(&expected.name);
            ontap::choose(&mut made, &draft, own, &name)?;
            draft.set(ontap::NAME, &name);
        }
    }
    for (key, value) in raw {
        if key.eq_ignore_ascii_case(flavour.configuration_key()) {
            made.lay_over(check_inside(key, value)?);
        } else {
            check_raw(key, value, flavour)?;
            draft.set_raw(key, value);
        }
    }
    draft.set(flavour.configuration_key(), &made.done());
    Ok(draft.done())
}

/// A recovery point of another flavour fails only after the job was started (trap 10).
fn check_type(draft: &Draft<'_>, flavour: Flavour) -> Result<(), String> {
    match draft.returned("FileSystemType") {
        Some((_, word)) if !word.is_empty() && !word.eq_ignore_ascii_case(flavour.word()) => Err(format!(
            "the recovery point is of type {word}, and `with` says {}: name the flavour of the recovery point",
            flavour.word()
        )),
        _ => Ok(()),
    }
}

fn choose_system(
    draft: &mut Draft<'_>,
    made: &mut Configuration,
    flavour: SystemFlavour,
    with: &Settings,
    own: &Settings,
) -> Result<(), String> {
    let subnets = texts(with, "subnets");
    if subnets.is_empty() {
        return Err("`with.subnets` is missing: without it FSx looks for the source's network, which is in the other \
                    region"
            .to_owned());
    }
    if subnets.iter().collect::<BTreeSet<_>>().len() < subnets.len() {
        return Err("`with.subnets` names a subnet twice".to_owned());
    }
    draft.keep(KEPT);
    choose_storage(draft, flavour, with)?;
    draft.set_list("SubnetIds", &subnets);
    let groups = security_groups(with);
    if !groups.is_empty() {
        draft.set_list("SecurityGroupIds", &groups);
    }
    if let Some(key) = text(with, "kms_key") {
        draft.set("KmsKeyId", key);
    }
    draft.set("AutomaticBackupRetentionDays", "0");
    draft.set("CopyTagsToBackups", "false");
    match flavour {
        SystemFlavour::Windows => windows::choose(made, own, &subnets),
        SystemFlavour::Lustre => lustre::choose(made, draft, &subnets),
        SystemFlavour::OpenZfs => openzfs::choose(made, draft, own, &subnets),
    }
}

/// Storage cannot shrink; that of Lustre must be the backup's.
fn choose_storage(draft: &mut Draft<'_>, flavour: SystemFlavour, with: &Settings) -> Result<(), String> {
    let source = draft.get("StorageCapacity").and_then(|size| size.parse::<i64>().ok());
    if let Some(wanted) = integer(with, "storage_gib") {
        match source {
            Some(source) if flavour == SystemFlavour::Lustre && wanted != source => {
                return Err(format!("`with.storage_gib` must be the backup's {source} for Lustre: drop it"));
            }
            Some(source) if wanted < source => {
                return Err(format!("`with.storage_gib` is {wanted}; the backup is of {source} GiB and cannot shrink"));
            }
            _ => draft.set("StorageCapacity", &wanted.to_string()),
        }
    }
    if let Some(wanted) = text(with, "storage_type") {
        let source = draft.get("StorageType").map(ToOwned::to_owned);
        if let Some(source) = source.filter(|source| flavour == SystemFlavour::Lustre && source != wanted) {
            return Err(format!("`with.storage_type` must be the backup's {source} for Lustre: drop it"));
        }
        draft.set("StorageType", wanted);
    }
    if draft.get("StorageType") == Some("INTELLIGENT_TIERING") {
        if integer(with, "storage_gib").is_some() {
            let reason = "`with.storage_gib` is not for `INTELLIGENT_TIERING`, which grows by itself: drop it";
            return Err(reason.to_owned());
        }
        draft.remove("StorageCapacity");
    }
    Ok(())
}

/// Raw metadata win over everything, but for what could only fail, would cost beyond the drill, or would lose what was
/// restored.
fn check_raw(key: &str, value: &str, flavour: Flavour) -> Result<(), String> {
    let is = |other: &str| key.eq_ignore_ascii_case(other);
    let because = if key.to_lowercase().ends_with("configuration") {
        "it belongs to another kind of file system than `with` names"
    } else if is("SubnetIds") || is("SecurityGroupIds") || is("VpcId") || is("DeploymentType") {
        "`with` says it, because it is checked before anything starts"
    } else if is("FileSystemId") || is("FileSystemType") {
        "it describes the source, and the recovery point decides it"
    } else if is(ontap::NAME) && flavour == Flavour::Ontap {
        "the run names what it restores, or teardown could not find it"
    } else if (is("AutomaticBackupRetentionDays") && value.trim() != "0")
        || (is("CopyTagsToBackups") && !value.eq_ignore_ascii_case("false"))
    {
        "a drill's file system must leave no backups behind"
    } else if is("aws:backup:request-id") || key.starts_with("InformationalOnly:") {
        "it only describes the recovery point, and drill marks its restore job with it"
    } else {
        return Ok(());
    };
    Err(refused(key, because))
}

/// The user's own object for the flavour's configuration.
fn check_inside(key: &str, value: &str) -> Result<Map<String, Value>, String> {
    let Ok(object) = serde_json::from_str::<Map<String, Value>>(value) else {
        return Err(format!("`metadata.{key}` must be a JSON object in a string"));
    };
    for (inner, value) in &object {
        let is = |other: &str| inner.eq_ignore_ascii_case(other);
        let because = if is("SelfManagedActiveDirectoryConfiguration") {
            "the directory's password would stand in the restore job's metadata; use `active_directory_id`"
        } else if (is("AutomaticBackupRetentionDays") && value.to_string().trim_matches('"') != "0")
            || (is("CopyTagsToBackups") && value.to_string().trim_matches('"') != "false")
        {
            "a drill's file system must leave no backups behind"
        } else if is("storageVirtualMachineId")
            || is("ActiveDirectoryId")
            || is("DeploymentType")
            || is("PreferredSubnetId")
        {
            "`with` says it, because it is checked before anything starts"
        } else {
            continue;
        };
        return Err(refused(&format!("{key}.{inner}"), because));
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::build;
    use crate::cloud::resource::Expected;
    use crate::cloud::vault::Metadata;

    fn built(returned: &[(&str, &str)], with: &Value, raw: &[(&str, &str)]) -> Result<Metadata, String> {
        let expected = Expected {
            name: "drill-7f3a9c21-shares".to_owned(),
            arn: None,
            region: "eu-central-1".parse().unwrap(),
            account: "111122223333".parse().unwrap(),
        };
        let map = |pairs: &[(&str, &str)]| -> Metadata {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        build(&map(returned), with.as_object().unwrap(), &map(raw), &expected)
    }

    fn inside(built: &Metadata, key: &str) -> Value {
        serde_json::from_str(&built[key]).unwrap()
    }

    fn windows() -> Value {
        json!({
            "subnets": ["subnet-1"],
            "security_groups": ["sg-1"],
            "windows": { "throughput": 32, "active_directory_id": "d-0123456789" },
        })
    }

    const LUSTRE: &[(&str, &str)] = &[
        ("FileSystemType", "LUSTRE"),
        ("FileSystemId", "fs-0aaa"),
        ("StorageCapacity", "1200"),
        ("StorageType", "SSD"),
        ("VpcId", "vpc-0aaa"),
        ("KmsKeyId", "arn:aws:kms:eu-west-1:111122223333:key/1"),
        ("SecurityGroupIds", "[\"sg-0aaa\"]"),
        ("DeploymentType", "PERSISTENT_2"),
        ("LustreConfiguration", r#"{"PerUnitStorageThroughput":250,"DataCompressionType":"LZ4","MountName":"x"}"#),
    ];

    #[test]
    fn windows_goes_into_its_own_directory_and_makes_no_backups() {
        let metadata = built(&[("StorageCapacity", "300"), ("StorageType", "SSD")], &windows(), &[]).unwrap();
        assert_eq!(metadata["StorageCapacity"], "300");
        assert_eq!(metadata["SubnetIds"], r#"["subnet-1"]"#);
        assert_eq!(metadata["AutomaticBackupRetentionDays"], "0");
        let wanted = json!({
            "ThroughputCapacity": 32, "ActiveDirectoryId": "d-0123456789", "DeploymentType": "SINGLE_AZ_2",
            "AutomaticBackupRetentionDays": 0, "CopyTagsToBackups": false,
        });
        assert_eq!(inside(&metadata, "WindowsConfiguration"), wanted);
    }

    #[test]
    fn windows_in_two_zones_needs_two_subnets_and_a_preferred_one() {
        let mut with = windows();
        with["windows"]["deployment_type"] = json!("MULTI_AZ_1");
        assert!(built(&[], &with, &[]).unwrap_err().contains("subnets"));
        with["subnets"] = json!(["subnet-1", "subnet-2"]);
        assert!(built(&[], &with, &[]).unwrap_err().contains("preferred_subnet"));
        with["windows"]["preferred_subnet"] = json!("subnet-2");
        let metadata = built(&[], &with, &[]).unwrap();
        assert_eq!(inside(&metadata, "WindowsConfiguration")["PreferredSubnetId"], "subnet-2");
        with["windows"]["deployment_type"] = json!("SINGLE_AZ_2");
        assert!(built(&[], &with, &[]).unwrap_err().contains("preferred_subnet"));
    }

    #[test]
    fn lustre_keeps_what_must_be_the_backup_s() {
        let mut with = json!({ "subnets": ["subnet-1"], "lustre": {} });
        let metadata = built(LUSTRE, &with, &[]).unwrap();
        let wanted = json!({
            "DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 250, "DataCompressionType": "LZ4",
            "AutomaticBackupRetentionDays": 0, "CopyTagsToBackups": false,
        });
        assert_eq!(inside(&metadata, "LustreConfiguration"), wanted);
        for key in ["FileSystemId", "FileSystemType", "VpcId", "KmsKeyId", "SecurityGroupIds", "DeploymentType"] {
            assert!(!metadata.contains_key(key), "{key}");
        }
        with["storage_gib"] = json!(2400);
        assert!(built(LUSTRE, &with, &[]).unwrap_err().contains("storage_gib"));
        assert!(built(LUSTRE, &windows(), &[]).unwrap_err().contains("LUSTRE"));
    }

    #[test]
    fn openzfs_is_restored_into_one_zone() {
        let with = json!({ "subnets": ["subnet-1"], "openzfs": { "throughput": 160, "iops": 3000 } });
        let source = |deployment: &str| format!(r#"{{"DeploymentType":"{deployment}","ThroughputCapacity":64}}"#);
        let single = source("SINGLE_AZ_2");
        let metadata = built(&[("OpenZFSConfiguration", single.as_str())], &with, &[]).unwrap();
        let made = inside(&metadata, "OpenZFSConfiguration");
        assert_eq!((&made["DeploymentType"], &made["ThroughputCapacity"]), (&json!("SINGLE_AZ_2"), &json!(160)));
        assert_eq!(made["DiskIopsConfiguration"], json!({ "Iops": 3000 }));
        let multi = source("MULTI_AZ_1");
        assert!(built(&[("OpenZFSConfiguration", multi.as_str())], &with, &[]).unwrap_err().contains("multi-AZ"));
    }

    #[test]
    fn ontap_restores_a_volume_under_a_name_without_hyphens() {
        let mut with = json!({ "ontap": { "svm": "svm-0a1b2c3d", "tiering_policy": "NONE" } });
        let source = r#"{"sizeInMegabytes":"1024","storageVirtualMachineId":"svm-0aaa","junctionPath":"/prod"}"#;
        let metadata = built(&[("OntapConfiguration", source)], &with, &[]).unwrap();
        assert_eq!(metadata.keys().collect::<Vec<_>>(), ["Name", "OntapConfiguration"]);
        assert_eq!(metadata["Name"], "drill_7f3a9c21_shares");
        let wanted = json!({
            "sizeInMegabytes": "1024", "storageVirtualMachineId": "svm-0a1b2c3d",
            "junctionPath": "/drill_7f3a9c21_shares", "tieringPolicy": { "name": "NONE" },
        });
        assert_eq!(inside(&metadata, "OntapConfiguration"), wanted);
        with["subnets"] = json!(["subnet-1"]);
        assert!(built(&[], &with, &[]).unwrap_err().contains("with.subnets"));
    }

    #[test]
    fn raw_metadata_are_laid_over_and_harmful_ones_are_named() {
        let own = r#"{"DiskIopsConfiguration":{"Mode":"AUTOMATIC"}}"#;
        let metadata = built(&[], &windows(), &[("windowsconfiguration", own)]).unwrap();
        let made = inside(&metadata, "WindowsConfiguration");
        assert_eq!(made["DiskIopsConfiguration"]["Mode"], "AUTOMATIC");
        assert_eq!(made["AutomaticBackupRetentionDays"], 0);
        for (key, value, named) in [
            ("WindowsConfiguration", r#"{"SelfManagedActiveDirectoryConfiguration":{}}"#, "password"),
            ("WindowsConfiguration", r#"{"AutomaticBackupRetentionDays":7}"#, "backups"),
            ("WindowsConfiguration", "[]", "JSON object"),
            ("LustreConfiguration", "{}", "another kind"),
            ("AutomaticBackupRetentionDays", "7", "backups"),
            ("SubnetIds", "[]", "SubnetIds"),
            ("FileSystemId", "fs-1", "FileSystemId"),
            ("aws:backup:request-id", "x", "request-id"),
        ] {
            assert!(built(&[], &windows(), &[(key, value)]).unwrap_err().contains(named), "{key} {value}");
        }
        assert!(built(&[], &json!({}), &[]).unwrap_err().contains("exactly one"));
    }
}
