//! What is known of EFS file systems without asking anybody.

use crate::aws::resource::efs::readiness::MOUNT_TARGET;
use crate::aws::resource::efs::{metadata, settings};
use crate::aws::resource::shared::name::{assigned, expected_unnamed, named, quoted};
use crate::aws::resource::shared::setting::{security_groups, text, texts};
use crate::cloud::resource::{ByHand, Expected, Part, ResourceFacts, Settings};
use crate::cloud::surroundings::{Quota, RoleNeed};
use crate::cloud::vault::Metadata;
use crate::words::arn::Arn;
use crate::words::id::{AccountId, Name, Region, RunId};
use crate::words::kind::{CheckId, ResourceKind};
use crate::yaml::shape::Field;

/// The IAM actions that drill's own identity needs for this type, besides AWS Backup's. EFS makes and removes a mount
/// target's network interface in the caller's name, hence those of EC2.
pub const PERMISSIONS: &[&str] = &[
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "elasticfilesystem:CreateMountTarget",
    "elasticfilesystem:DeleteAccessPoint",
    "elasticfilesystem:DeleteFileSystem",
    "elasticfilesystem:DeleteMountTarget",
    "elasticfilesystem:DescribeAccessPoints",
    "elasticfilesystem:DescribeFileSystems",
    "elasticfilesystem:DescribeMountTargets",
    "elasticfilesystem:DescribeReplicationConfigurations",
    "elasticfilesystem:ListTagsForResource",
    "elasticfilesystem:TagResource",
    "elasticfilesystem:UntagResource",
];

/// [`ResourceFacts`] of EFS file systems.
#[derive(Debug, Clone, Copy)]
pub struct Efs;

impl ResourceFacts for Efs {
    fn kind(&self) -> ResourceKind {
        ResourceKind::Efs
    }

    fn backup_type(&self, _with: &Settings) -> String {
        "EFS".to_owned()
    }

    fn fields(&self) -> Vec<Field> {
        settings::fields()
    }

    fn check_arn(&self, arn: &Arn) -> Result<(), String> {
        const WANTED: &str =
            "it must look like arn:aws:elasticfilesystem:eu-west-2:123456789012:file-system/fs-0a1b2c3d4e5f60718";
        let id = arn.resource().strip_prefix("file-system/").and_then(|id| id.strip_prefix("fs-"));
        let plain = id.is_some_and(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric()));
        if arn.service() != "elasticfilesystem" || !plain {
            return Err(format!("`{arn}` is not the ARN of an EFS file system: {WANTED}"));
        }
        if arn.region().is_none() || arn.account().is_none() {
            return Err(format!("`{arn}` lacks its region or its account: {WANTED}"));
        }
        Ok(())
    }

    /// The name is the file system's creation token, of which EFS takes 64 characters; AWS assigns the id.
    fn expected(
        &self,
        run: &RunId,
        restore: &Name,
        attempt: u32,
        region: &Region,
        account: &AccountId,
        _partition: &str,
    ) -> Expected {
        expected_unnamed(named(run, restore, attempt, 64), region, account)
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

    fn naming_key(&self, _with: &Settings) -> Option<String> {
        Some(metadata::NAME.to_owned())
    }

    /// A mount target in each subnet.
    fn finish(&self, with: &Settings, _expected: &Expected) -> Vec<Part> {
        texts(with, "subnets").iter().map(|subnet| Part::planned(MOUNT_TARGET, subnet)).collect()
    }

    fn permissions(&self) -> &'static [&'static str] {
        PERMISSIONS
    }

    fn made_arn(&self, _with: &Settings, expected: &Expected, partition: &str) -> Option<String> {
        Some(assigned(expected, partition, "elasticfilesystem", "file-system/*"))
    }

    fn role_needs(&self, _with: &Settings, expected: &Expected, partition: &str) -> Vec<RoleNeed> {
        let resource = assigned(expected, partition, "elasticfilesystem", "file-system/*");
        vec![
            RoleNeed::vital("elasticfilesystem:CreateFileSystem", &resource),
            RoleNeed::vital("elasticfilesystem:Restore", &resource),
            RoleNeed::usual("elasticfilesystem:DeleteFileSystem", &resource),
            RoleNeed::usual("elasticfilesystem:DescribeFileSystems", &resource),
            RoleNeed::usual("elasticfilesystem:TagResource", &resource),
        ]
    }

    fn removal(&self, _with: &Settings) -> Option<&'static str> {
        Some("elasticfilesystem:DeleteFileSystem")
    }

    fn tagging(&self, _with: &Settings) -> Option<&'static str> {
        Some("elasticfilesystem:TagResource")
    }

    fn looks(&self, with: &Settings) -> Vec<CheckId> {
        let mut looks = vec![CheckId::NetworkSubnets, CheckId::NetworkSecurityGroups, CheckId::NetworkPort];
        looks.extend(text(with, "kms_key").map(|_| CheckId::KeyState));
        looks.push(CheckId::NameFree);
        looks
    }

    fn quotas(&self, _with: &Settings, _expected: &Expected) -> Vec<Quota> {
        vec![Quota {
            name: "file systems",
            service: "elasticfilesystem",
            code: "L-848C634D",
            attribute: None,
            needed: 1,
        }]
    }

    /// EFS has no waiters: a person repeats the looks. Words in capitals are for that person to fill in.
    fn by_hand(&self, with: &Settings, expected: &Expected, id: &str) -> ByHand {
        let region = format!("--region {}", quoted(expected.region.as_str()));
        let at = format!("{region} --file-system-id {}", quoted(id));
        let state = format!("aws efs describe-file-systems {at} --query 'FileSystems[0].LifeCycleState' --output text");
        let targets =
            |query: &str| format!("aws efs describe-mount-targets {at} --query 'MountTargets[].{query}' --output text");
        let mut ready = vec![format!("while {state} | grep creating; do sleep 10; done")];
        ready.extend(mount_targets_by_hand(with, &at));
        ready.push(format!("while {} | grep creating; do sleep 10; done", targets("LifeCycleState")));
        ready.push(targets("[MountTargetId,SubnetId,IpAddress,LifeCycleState]"));
        ByHand {
            ready,
            remove: vec![
                format!(
                    "{} | xargs -r -n 1 aws efs delete-mount-target {region} --mount-target-id",
                    targets("MountTargetId")
                ),
                format!("while {} | grep deleting; do sleep 10; done", targets("LifeCycleState")),
                format!("aws efs delete-file-system {at}"),
                // It ends with the refusal that names a file system which does not exist.
                format!("while {state}; do sleep 10; done"),
            ],
        }
    }

    fn usual_minutes(&self) -> i64 {
        30
    }
}

/// A mount target in each subnet of the definition.
fn mount_targets_by_hand(with: &Settings, at: &str) -> Vec<String> {
    let or = |ids: Vec<String>, placeholder: &str| -> Vec<String> {
        if ids.is_empty() { vec![placeholder.to_owned()] } else { ids.iter().map(|id| quoted(id)).collect() }
    };
    let groups = or(security_groups(with), "SECURITY_GROUP_ID").join(" ");
    let subnets = or(texts(with, "subnets"), "SUBNET_ID").into_iter();
    subnets
        .map(|subnet| format!("aws efs create-mount-target {at} --subnet-id {subnet} --security-groups {groups}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Efs, PERMISSIONS};
    use crate::cloud::resource::ResourceFacts;
    use crate::words::id::RunId;

    #[test]
    fn only_the_arn_of_a_file_system_is_taken() {
        let check = |text: &str| Efs.check_arn(&text.parse().unwrap());
        assert!(check("arn:aws:elasticfilesystem:eu-west-2:123456789012:file-system/fs-0a1b2c3d").is_ok());
        for text in [
            "arn:aws:elasticfilesystem:eu-west-2:123456789012:access-point/fsap-0a1b2c3d",
            "arn:aws:elasticfilesystem:eu-west-2:123456789012:file-system/fs-1/x",
            "arn:aws:elasticfilesystem::123456789012:file-system/fs-0a1b2c3d",
            "arn:aws:fsx:eu-west-2:123456789012:file-system/fs-0a1b2c3d",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn each_subnet_gets_a_mount_target() {
        let run = RunId::new(1_767_225_600_000, [7; 10]);
        let (region, account) = ("eu-west-1".parse().unwrap(), "123456789012".parse().unwrap());
        let expected = Efs.expected(&run, &"files".parse().unwrap(), 1, &region, &account, "aws");
        assert_eq!((expected.name.as_str(), expected.arn.as_ref()), ("drill-07070707-files", None));
        let with = json!({ "subnets": ["subnet-2", "subnet-1"] });
        let parts = Efs.finish(with.as_object().unwrap(), &expected);
        let parts: Vec<_> = parts.iter().map(|part| (part.kind.as_str(), part.id.as_str())).collect();
        assert_eq!(parts, [("mount target", "subnet-2"), ("mount target", "subnet-1")]);
        assert!(PERMISSIONS.is_sorted());
    }
}
