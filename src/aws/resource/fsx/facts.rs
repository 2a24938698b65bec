//! What is known of FSx without asking anybody.

use crate::aws::resource::fsx::flavour::{Flavour, SystemFlavour, file_system_id, volume_id};
use crate::aws::resource::fsx::{metadata, settings};
use crate::aws::resource::shared::name::{assigned, expected_unnamed, named, quoted};
use crate::aws::resource::shared::setting::text;
use crate::cloud::resource::{ByHand, Expected, ResourceFacts, Settings};
use crate::cloud::surroundings::RoleNeed;
use crate::cloud::vault::Metadata;
use crate::words::arn::Arn;
use crate::words::id::{AccountId, Name, Region, RunId};
use crate::words::kind::{CheckId, ResourceKind};
use crate::yaml::shape::Field;

/// The IAM actions that drill's own identity needs for this type, besides AWS Backup's.
pub const PERMISSIONS: &[&str] = &[
    "ec2:DescribeSubnets",
    "fsx:DeleteFileSystem",
    "fsx:DeleteVolume",
    "fsx:DescribeBackups",
    "fsx:DescribeFileSystems",
    "fsx:DescribeStorageVirtualMachines",
    "fsx:DescribeVolumes",
    "fsx:ListTagsForResource",
    "fsx:TagResource",
    "fsx:UntagResource",
];

/// The restore makes a volume in an ONTAP file system, and no file system.
fn is_volume(with: &Settings) -> bool {
    matches!(Flavour::of(with), Ok((Flavour::Ontap, _)))
}

/// [`ResourceFacts`] of FSx file systems and ONTAP volumes.
#[derive(Debug, Clone, Copy)]
pub struct Fsx;

impl ResourceFacts for Fsx {
    fn kind(&self) -> ResourceKind {
        ResourceKind::Fsx
    }

    fn backup_type(&self, _with: &Settings) -> String {
        "FSx".to_owned()
    }

    fn fields(&self) -> Vec<Field> {
        settings::fields()
    }

    fn check_arn(&self, arn: &Arn) -> Result<(), String> {
        const WANTED: &str = "it must look like arn:aws:fsx:eu-west-2:123456789012:file-system/fs-0a1b2c3d4e5f60718, \
                              or for ONTAP like arn:aws:fsx:eu-west-2:123456789012:volume/fs-0a1b2c3d/fsvol-0a1b2c3d";
        if arn.service() != "fsx" || (file_system_id(arn).is_none() && volume_id(arn).is_none()) {
            return Err(format!("`{arn}` is not the ARN of an FSx file system or ONTAP volume: {WANTED}"));
        }
        if arn.region().is_none() || arn.account().is_none() {
            return Err(format!("`{arn}` lacks its region or its account: {WANTED}"));
        }
        Ok(())
    }

    /// AWS assigns the id. The name is in the ledger only; an ONTAP volume has it with underscores.
    fn expected(
        &self,
        run: &RunId,
        restore: &Name,
        attempt: u32,
        region: &Region,
        account: &AccountId,
        _partition: &str,
    ) -> Expected {
        expected_unnamed(named(run, restore, attempt, 63), region, account)
    }

    fn metadata(
        &self,
        returned: &Metadata,
        with: &Settings,
        raw: &Metadata,
        expected: &Expected,
    ) -> Result<Metadata, String> {
        metadata::build(returned, with, raw, expected)
    }

    /// None for ONTAP too: a job is marked by the expected name itself, and the volume's name has underscores in it.
    fn naming_key(&self, _with: &Settings) -> Option<String> {
        None
    }

    fn permissions(&self) -> &'static [&'static str] {
        PERMISSIONS
    }

    fn made_arn(&self, with: &Settings, expected: &Expected, partition: &str) -> Option<String> {
        Some(assigned(expected, partition, "fsx", if is_volume(with) { "volume/*" } else { "file-system/*" }))
    }

    fn role_needs(&self, with: &Settings, expected: &Expected, partition: &str) -> Vec<RoleNeed> {
        if is_volume(with) {
            let volumes = assigned(expected, partition, "fsx", "volume/*");
            let vital = RoleNeed::vital("fsx:CreateVolumeFromBackup", &volumes);
            return vec![vital, RoleNeed::usual("fsx:DescribeVolumes", &volumes)];
        }
        let systems = assigned(expected, partition, "fsx", "file-system/*");
        vec![
            RoleNeed::vital("fsx:CreateFileSystemFromBackup", &systems),
            RoleNeed::usual("fsx:DescribeFileSystems", &systems),
            RoleNeed::usual("fsx:TagResource", &systems),
        ]
    }

    fn removal(&self, with: &Settings) -> Option<&'static str> {
        Some(if is_volume(with) { "fsx:DeleteVolume" } else { "fsx:DeleteFileSystem" })
    }

    fn tagging(&self, _with: &Settings) -> Option<&'static str> {
        Some("fsx:TagResource")
    }

    fn looks(&self, with: &Settings) -> Vec<CheckId> {
        let flavour = match Flavour::of(with) {
            Ok((Flavour::System(flavour), _)) => flavour,
            Ok((Flavour::Ontap, _)) => return vec![CheckId::HostReady, CheckId::NameFree],
            Err(_) => return vec![CheckId::SettingsKind],
        };
        let mut looks = vec![CheckId::NetworkSubnets, CheckId::NetworkSecurityGroups];
        looks.extend(text(with, "kms_key").map(|_| CheckId::KeyState));
        if flavour == SystemFlavour::Windows {
            looks.push(CheckId::HostReady);
        }
        looks
    }

    /// FSx has no waiters: what looks until it is gone ends with the refusal that names what does not exist. Nothing was
    /// restored of which the definition does not say what it is.
    fn by_hand(&self, with: &Settings, expected: &Expected, id: &str) -> ByHand {
        match Flavour::of(with) {
            Ok((Flavour::System(flavour), _)) => system_by_hand(flavour, expected, id),
            Ok((Flavour::Ontap, _)) => volume_by_hand(expected, id),
            Err(_) => ByHand { ready: Vec::new(), remove: Vec::new() },
        }
    }

    fn usual_minutes(&self) -> i64 {
        60
    }
}

fn system_by_hand(flavour: SystemFlavour, expected: &Expected, id: &str) -> ByHand {
    let (region, id) = (quoted(expected.region.as_str()), quoted(id));
    let look = |query: &str| {
        format!(
            "aws fsx describe-file-systems --region {region} --file-system-ids {id} --query 'FileSystems[0].{query}' \
             --output text"
        )
    };
    let no_backup = match flavour {
        SystemFlavour::Windows => "--windows-configuration SkipFinalBackup=true",
        SystemFlavour::Lustre => "--lustre-configuration SkipFinalBackup=true",
        SystemFlavour::OpenZfs => {
            "--open-zfs-configuration SkipFinalBackup=true,Options=DELETE_CHILD_VOLUMES_AND_SNAPSHOTS"
        }
    };
    ByHand {
        ready: vec![
            format!("while {} | grep CREATING; do sleep 30; done", look("Lifecycle")),
            look("[Lifecycle,DNSName]"),
        ],
        remove: vec![
            format!("aws fsx delete-file-system --region {region} --file-system-id {id} {no_backup}"),
            format!("while {}; do sleep 30; done", look("Lifecycle")),
        ],
    }
}

/// The file system that the volume is in was there before, and stays.
fn volume_by_hand(expected: &Expected, id: &str) -> ByHand {
    let (region, id) = (quoted(expected.region.as_str()), quoted(id));
    let look = |query: &str| {
        format!(
            "aws fsx describe-volumes --region {region} --volume-ids {id} --query 'Volumes[0].{query}' --output text"
        )
    };
    ByHand {
        ready: vec![
            format!("while {} | grep -E 'CREATING|PENDING'; do sleep 30; done", look("Lifecycle")),
            look("[Lifecycle,OntapConfiguration.JunctionPath]"),
        ],
        remove: vec![
            format!(
                "aws fsx delete-volume --region {region} --volume-id {id} --ontap-configuration SkipFinalBackup=true"
            ),
            format!("while {}; do sleep 30; done", look("Lifecycle")),
        ],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Fsx, PERMISSIONS};
    use crate::cloud::resource::ResourceFacts;
    use crate::words::id::RunId;

    #[test]
    fn only_the_arn_of_a_file_system_or_a_volume_is_taken() {
        let check = |text: &str| Fsx.check_arn(&text.parse().unwrap());
        assert!(check("arn:aws:fsx:eu-west-2:123456789012:file-system/fs-0a1b").is_ok());
        assert!(check("arn:aws:fsx:eu-west-2:123456789012:volume/fs-0a1b/fsvol-0c2d").is_ok());
        for text in [
            "arn:aws:fsx:eu-west-2:123456789012:storage-virtual-machine/fs-0a1b/svm-0c2d",
            "arn:aws:fsx:eu-west-2:123456789012:volume/fsvol-0c2d",
            "arn:aws:fsx::123456789012:file-system/fs-0a1b",
            "arn:aws:elasticfilesystem:eu-west-2:123456789012:file-system/fs-0a1b",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
        assert!(PERMISSIONS.is_sorted());
    }

    #[test]
    fn nobody_is_told_to_delete_an_ontap_file_system() {
        let run = RunId::new(1_767_225_600_000, [7; 10]);
        let (region, account) = ("eu-west-1".parse().unwrap(), "123456789012".parse().unwrap());
        let expected = Fsx.expected(&run, &"shares".parse().unwrap(), 1, &region, &account, "aws");
        let of = |with: serde_json::Value, id| Fsx.by_hand(with.as_object().unwrap(), &expected, id);
        let volume = of(json!({ "ontap": {} }), "fsvol-0c2d");
        assert_eq!(
            volume.remove[0],
            "aws fsx delete-volume --region eu-west-1 --volume-id fsvol-0c2d --ontap-configuration SkipFinalBackup=true"
        );
        assert!(volume.ready.iter().chain(&volume.remove).all(|line| !line.contains("file-system")));
        for (flavour, wanted) in [("windows", "--windows-"), ("lustre", "--lustre-"), ("openzfs", "--open-zfs-")] {
            let system = of(json!({ flavour: {} }), "fs-0a1b");
            let deletes: Vec<&String> = system.remove.iter().filter(|line| line.contains("delete-")).collect();
            assert_eq!(deletes.len(), 1, "the one of its own kind: {deletes:?}");
            assert!(deletes[0].contains(wanted) && deletes[0].contains("SkipFinalBackup=true"), "{}", deletes[0]);
        }
    }
}
