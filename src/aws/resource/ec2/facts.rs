//! What is known of EC2 instances without asking anybody.

use crate::aws::resource::ec2::{metadata, settings};
use crate::aws::resource::shared::name::{assigned, expected_unnamed, named, quoted};
use crate::aws::resource::shared::setting::text;
use crate::cloud::resource::{ByHand, Expected, ResourceFacts, Settings};
use crate::cloud::surroundings::{Quota, RoleNeed};
use crate::cloud::vault::Metadata;
use crate::words::arn::Arn;
use crate::words::id::{AccountId, Name, Region, RunId};
use crate::words::kind::{CheckId, ResourceKind};
use crate::yaml::shape::Field;

/// The IAM actions that drill's own identity needs for this type, besides AWS Backup's.
const PERMISSIONS: &[&str] = &[
    "ec2:CreateTags",
    "ec2:DeleteTags",
    "ec2:DeleteVolume",
    "ec2:DescribeInstanceAttribute",
    "ec2:DescribeInstanceStatus",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstances",
    "ec2:DescribeSubnets",
    "ec2:DescribeVolumes",
    "ec2:DescribeVpcs",
    "ec2:ModifyInstanceAttribute",
    "ec2:TerminateInstances",
    "rbin:ListRules",
];

/// [`ResourceFacts`] of EC2 instances.
#[derive(Debug, Clone, Copy)]
pub struct Ec2;

impl ResourceFacts for Ec2 {
    fn kind(&self) -> ResourceKind {
        ResourceKind::Ec2
    }

    fn backup_type(&self, _with: &Settings) -> String {
        "EC2".to_owned()
    }

    fn fields(&self) -> Vec<Field> {
        settings::fields()
    }

    fn check_arn(&self, arn: &Arn) -> Result<(), String> {
        const WANTED: &str = "it must look like arn:aws:ec2:eu-west-2:123456789012:instance/i-0a1b2c3d4e5f60718";
        let id = arn.resource().strip_prefix("instance/");
        let instance = id.is_some_and(|id| id.starts_with("i-") && !id.contains('/'));
        if arn.service() != "ec2" || !instance {
            return Err(format!("`{arn}` is not the ARN of an EC2 instance: {WANTED}"));
        }
        if arn.region().is_none() || arn.account().is_none() {
            return Err(format!("`{arn}` lacks its region or its account: {WANTED}"));
        }
        Ok(())
    }

    /// AWS assigns an instance's id: the name is the drill's own word for it.
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

    fn naming_key(&self, _with: &Settings) -> Option<String> {
        None
    }

    fn permissions(&self) -> &'static [&'static str] {
        PERMISSIONS
    }

    fn made_arn(&self, _with: &Settings, expected: &Expected, partition: &str) -> Option<String> {
        Some(assigned(expected, partition, "ec2", "instance/*"))
    }

    /// A role that cannot be passed to EC2 fails a restore with an instance profile only; whether the backed-up
    /// instance had one, only the recovery point knows.
    fn role_needs(&self, _with: &Settings, expected: &Expected, partition: &str) -> Vec<RoleNeed> {
        let instances = assigned(expected, partition, "ec2", "instance/*");
        let roles = format!("arn:{partition}:iam::{}:role/*", expected.account);
        vec![
            RoleNeed::vital("ec2:RunInstances", &instances),
            RoleNeed::usual("ec2:TerminateInstances", &instances),
            // Where the instance had a profile (facts, trap 39).
            RoleNeed { passed_to: Some("ec2.amazonaws.com"), ..RoleNeed::usual("iam:PassRole", &roles) },
        ]
    }

    fn removal(&self, _with: &Settings) -> Option<&'static str> {
        Some("ec2:TerminateInstances")
    }

    fn tagging(&self, _with: &Settings) -> Option<&'static str> {
        Some("ec2:CreateTags")
    }

    fn looks(&self, with: &Settings) -> Vec<CheckId> {
        use CheckId::{ComputeClass, NetworkSecurityGroups, NetworkSubnets, NetworkVpc, RecycleBinRules};
        let mut looks = vec![NetworkSubnets, NetworkVpc, NetworkSecurityGroups, ComputeClass];
        looks.extend(text(with, "kms_key").map(|_| CheckId::KeyState));
        looks.push(RecycleBinRules);
        looks
    }

    /// In vCPUs, of which every instance has at least one.
    fn quotas(&self, _with: &Settings, _expected: &Expected) -> Vec<Quota> {
        vec![Quota {
            name: "vCPUs of running standard instances",
            service: "ec2",
            code: "L-1216C47A",
            attribute: None,
            needed: 1,
        }]
    }

    /// Volumes that are not deleted with the instance are listed first: once it is terminated, nothing leads to them.
    fn by_hand(&self, _with: &Settings, expected: &Expected, id: &str) -> ByHand {
        let (region, instance) = (quoted(expected.region.as_str()), quoted(id));
        let filter = quoted(&format!("Name=attachment.instance-id,Values={id}"));
        ByHand {
            ready: vec![
                format!("aws ec2 wait instance-status-ok --region {region} --instance-ids {instance}"),
                format!(
                    "aws ec2 describe-instances --region {region} --instance-ids {instance} \
                     --query 'Reservations[0].Instances[0].PrivateIpAddress' --output text"
                ),
            ],
            remove: vec![
                // Once it is terminated, nothing says any more which volumes were its own.
                format!(
                    "OUTLIVE=\"$(aws ec2 describe-volumes --region {region} --filters {filter} \
                     --query 'Volumes[?Attachments[0].DeleteOnTermination==`false`].VolumeId' --output text)\""
                ),
                "echo \"volumes that outlive it: $OUTLIVE\"".to_owned(),
                format!("aws ec2 terminate-instances --region {region} --instance-ids {instance}"),
                format!("aws ec2 wait instance-terminated --region {region} --instance-ids {instance}"),
                format!("echo \"$OUTLIVE\" | xargs -r -n 1 aws ec2 delete-volume --region {region} --volume-id"),
                format!("echo \"$OUTLIVE\" | xargs -r aws ec2 wait volume-deleted --region {region} --volume-ids"),
            ],
        }
    }

    fn usual_minutes(&self) -> i64 {
        10
    }
}

#[cfg(test)]
mod tests {
    use super::Ec2;
    use crate::cloud::resource::ResourceFacts;

    #[test]
    fn only_the_arn_of_an_instance_is_taken() {
        let check = |text: &str| Ec2.check_arn(&text.parse().unwrap());
        assert!(check("arn:aws:ec2:eu-west-2:123456789012:instance/i-0a1b2c3d4e5f60718").is_ok());
        for text in [
            "arn:aws:ec2:eu-west-2:123456789012:volume/vol-0a1b2c3d4e5f60718",
            "arn:aws:ec2:eu-west-2::instance/i-0a1b2c3d4e5f60718",
            "arn:aws:rds:eu-west-2:123456789012:db:orders",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
