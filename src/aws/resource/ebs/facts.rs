//! What is known of EBS volumes without asking anybody.

use crate::aws::resource::ebs::{metadata, readiness, settings};
use crate::aws::resource::shared::name::{assigned, expected_unnamed, named, quoted};
use crate::aws::resource::shared::setting::text;
use crate::cloud::resource::{ByHand, Expected, Part, ResourceFacts, Settings};
use crate::cloud::surroundings::{Quota, RoleNeed};
use crate::cloud::vault::Metadata;
use crate::words::arn::Arn;
use crate::words::id::{AccountId, Name, Region, RunId};
use crate::words::kind::{CheckId, ResourceKind};
use crate::yaml::shape::Field;

/// The IAM actions that drill's own identity needs for this type, besides AWS Backup's.
const PERMISSIONS: &[&str] = &[
    "ec2:AttachVolume",
    "ec2:CreateTags",
    "ec2:DeleteTags",
    "ec2:DeleteVolume",
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeInstances",
    "ec2:DescribeVolumes",
    "ec2:DetachVolume",
    "rbin:ListRules",
    "ssm:GetCommandInvocation",
    "ssm:SendCommand",
];

/// [`ResourceFacts`] of EBS volumes.
#[derive(Debug, Clone, Copy)]
pub struct Ebs;

impl ResourceFacts for Ebs {
    fn kind(&self) -> ResourceKind {
        ResourceKind::Ebs
    }

    fn backup_type(&self, _with: &Settings) -> String {
        "EBS".to_owned()
    }

    fn fields(&self) -> Vec<Field> {
        settings::fields()
    }

    fn check_arn(&self, arn: &Arn) -> Result<(), String> {
        const WANTED: &str = "it must look like arn:aws:ec2:eu-west-2:123456789012:volume/vol-0a1b2c3d4e5f60718";
        let id = arn.resource().strip_prefix("volume/");
        let volume = id.is_some_and(|id| id.starts_with("vol-") && !id.contains('/'));
        if arn.service() != "ec2" || !volume {
            return Err(format!("`{arn}` is not the ARN of an EBS volume: {WANTED}"));
        }
        if arn.region().is_none() || arn.account().is_none() {
            return Err(format!("`{arn}` lacks its region or its account: {WANTED}"));
        }
        Ok(())
    }

    /// AWS assigns a volume's id: the name is the drill's own word for it.
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

    /// With `attach`, the attachment to the probe instance.
    fn finish(&self, with: &Settings, _expected: &Expected) -> Vec<Part> {
        let attach = settings::attach(with);
        attach.map(|attach| Part::planned(readiness::ATTACHMENT, attach.instance)).into_iter().collect()
    }

    fn permissions(&self) -> &'static [&'static str] {
        PERMISSIONS
    }

    fn made_arn(&self, _with: &Settings, expected: &Expected, partition: &str) -> Option<String> {
        Some(assigned(expected, partition, "ec2", "volume/*"))
    }

    fn role_needs(&self, _with: &Settings, expected: &Expected, partition: &str) -> Vec<RoleNeed> {
        let volumes = assigned(expected, partition, "ec2", "volume/*");
        vec![RoleNeed::vital("ec2:CreateVolume", &volumes), RoleNeed::usual("ec2:DeleteVolume", &volumes)]
    }

    fn removal(&self, _with: &Settings) -> Option<&'static str> {
        Some("ec2:DeleteVolume")
    }

    fn tagging(&self, _with: &Settings) -> Option<&'static str> {
        Some("ec2:CreateTags")
    }

    fn looks(&self, with: &Settings) -> Vec<CheckId> {
        let mut looks = vec![CheckId::NetworkZone];
        looks.extend(settings::attach(with).map(|_| CheckId::HostReady));
        looks.extend(text(with, "kms_key").map(|_| CheckId::KeyState));
        looks.push(CheckId::RecycleBinRules);
        looks
    }

    /// In TiB; how large the volume is, only the recovery point knows.
    fn quotas(&self, _with: &Settings, _expected: &Expected) -> Vec<Quota> {
        vec![Quota {
            name: "storage of gp3 volumes, in TiB",
            service: "ebs",
            code: "L-7A658B76",
            attribute: None,
            needed: 0,
        }]
    }

    /// A volume that is attached must be detached first, and one that is not refuses that.
    fn by_hand(&self, with: &Settings, expected: &Expected, id: &str) -> ByHand {
        let (region, id) = (quoted(expected.region.as_str()), quoted(id));
        let mut ready = vec![format!("aws ec2 wait volume-available --region {region} --volume-ids {id}")];
        if let Some(attach) = settings::attach(with) {
            let (instance, device) = (quoted(attach.instance), quoted(attach.device));
            ready.push(format!(
                "aws ec2 attach-volume --region {region} --volume-id {id} --instance-id {instance} --device {device}"
            ));
        }
        ready.push(format!("aws ec2 describe-volumes --region {region} --volume-ids {id}"));
        ByHand {
            ready,
            remove: vec![
                format!(
                    "aws ec2 describe-volumes --region {region} --volume-ids {id} \
                     --query 'Volumes[].Attachments[].InstanceId' --output text \
                     | xargs -r -n 1 aws ec2 detach-volume --region {region} --volume-id {id} --instance-id"
                ),
                format!("aws ec2 wait volume-available --region {region} --volume-ids {id}"),
                format!("aws ec2 delete-volume --region {region} --volume-id {id}"),
                format!("aws ec2 wait volume-deleted --region {region} --volume-ids {id}"),
            ],
        }
    }

    fn usual_minutes(&self) -> i64 {
        5
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Ebs;
    use crate::cloud::resource::{Part, ResourceFacts, Settings};
    use crate::words::id::RunId;

    #[test]
    fn only_the_arn_of_a_volume_is_taken() {
        let check = |text: &str| Ebs.check_arn(&text.parse().unwrap());
        assert!(check("arn:aws:ec2:eu-west-2:123456789012:volume/vol-0a1b2c3d4e5f60718").is_ok());
        for text in [
            "arn:aws:ec2:eu-west-2:123456789012:instance/i-0a1b2c3d4e5f60718",
            "arn:aws:ec2:eu-west-2::volume/vol-0a1b2c3d4e5f60718",
            "arn:aws:storagegateway:eu-west-2:123456789012:gateway/sgw-1/volume/vol-1",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_attachment_is_finished_only_where_it_is_wanted() {
        let run = RunId::new(1_767_225_600_000, [7; 10]);
        let (region, account) = ("eu-west-1".parse().unwrap(), "123456789012".parse().unwrap());
        let expected = Ebs.expected(&run, &"data".parse().unwrap(), 1, &region, &account, "aws");
        assert_eq!((expected.name.as_str(), &expected.arn), ("drill-07070707-data", &None));
        assert!(Ebs.finish(&Settings::new(), &expected).is_empty());
        let with = json!({ "attach": { "instance": "i-0a1b2c3d", "device": "/dev/sdf" } });
        let parts = Ebs.finish(with.as_object().unwrap(), &expected);
        assert_eq!(parts, [Part::planned("attachment", "i-0a1b2c3d")]);
    }
}
