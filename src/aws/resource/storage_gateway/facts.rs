//! What is known of Storage Gateway volumes without asking anybody.

use crate::aws::resource::ebs::Ebs;
use crate::aws::resource::shared::name::{expected_unnamed, named, quoted};
use crate::aws::resource::shared::setting::text;
use crate::aws::resource::storage_gateway::settings::{Route, route};
use crate::aws::resource::storage_gateway::{metadata, settings};
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
    "storagegateway:AddTagsToResource",
    "storagegateway:DeleteVolume",
    "storagegateway:DescribeCachediSCSIVolumes",
    "storagegateway:DescribeGatewayInformation",
    "storagegateway:DescribeStorediSCSIVolumes",
    "storagegateway:ListTagsForResource",
    "storagegateway:ListVolumes",
    "storagegateway:RemoveTagsFromResource",
];

/// [`ResourceFacts`] of Storage Gateway volumes.
#[derive(Debug, Clone, Copy)]
pub struct StorageGateway;

impl ResourceFacts for StorageGateway {
    fn kind(&self) -> ResourceKind {
        ResourceKind::StorageGateway
    }

    fn backup_type(&self, _with: &Settings) -> String {
        "Storage Gateway".to_owned()
    }

    /// The recovery point is an EBS snapshot: the word decides what becomes of it. Storage Gateway's own has a space,
    /// and is left out.
    fn start_type(&self, with: &Settings) -> Option<String> {
        match route(with) {
            Route::Ebs => Some("EBS".to_owned()),
            Route::Gateway(_) => None,
        }
    }

    fn fields(&self) -> Vec<Field> {
        settings::fields()
    }

    fn check_arn(&self, arn: &Arn) -> Result<(), String> {
        const WANTED: &str = "it must look like \
                              arn:aws:storagegateway:eu-west-2:123456789012:gateway/sgw-12A3456B/volume/vol-1122AABB";
        let parts: Vec<&str> = arn.resource().split('/').collect();
        let volume = matches!(parts.as_slice(), ["gateway", gateway, "volume", volume]
            if gateway.starts_with("sgw-") && volume.starts_with("vol-"));
        if arn.service() != "storagegateway" || !volume {
            return Err(format!("`{arn}` is not the ARN of a Storage Gateway volume: {WANTED}"));
        }
        if arn.region().is_none() || arn.account().is_none() {
            return Err(format!("`{arn}` lacks its region or its account: {WANTED}"));
        }
        Ok(())
    }

    /// AWS assigns a volume's id; on the way through a gateway its iSCSI target carries the name.
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

    fn naming_key(&self, with: &Settings) -> Option<String> {
        match route(with) {
            Route::Ebs => None,
            Route::Gateway(_) => Some(metadata::NAME.to_owned()),
        }
    }

    fn finish(&self, with: &Settings, expected: &Expected) -> Vec<Part> {
        match route(with) {
            Route::Ebs => Ebs.finish(with, expected),
            Route::Gateway(_) => Vec::new(),
        }
    }

    fn permissions(&self) -> &'static [&'static str] {
        PERMISSIONS
    }

    fn made_arn(&self, with: &Settings, expected: &Expected, partition: &str) -> Option<String> {
        match route(with) {
            Route::Ebs => Ebs.made_arn(with, expected, partition),
            Route::Gateway(gateway) => Some(format!("{}/volume/*", gateway.arn)),
        }
    }

    fn role_needs(&self, with: &Settings, expected: &Expected, partition: &str) -> Vec<RoleNeed> {
        match route(with) {
            Route::Ebs => Ebs.role_needs(with, expected, partition),
            Route::Gateway(gateway) => {
                let stored = "storagegateway:CreateStorediSCSIVolume";
                let action = if gateway.stored { stored } else { "storagegateway:CreateCachediSCSIVolume" };
                let volumes = format!("{}/volume/*", gateway.arn);
                vec![
                    RoleNeed::vital(action, gateway.arn),
                    RoleNeed::usual("storagegateway:AddTagsToResource", &volumes),
                    RoleNeed::usual("storagegateway:DeleteVolume", &volumes),
                ]
            }
        }
    }

    fn removal(&self, with: &Settings) -> Option<&'static str> {
        match route(with) {
            Route::Ebs => Ebs.removal(with),
            Route::Gateway(_) => Some("storagegateway:DeleteVolume"),
        }
    }

    fn tagging(&self, with: &Settings) -> Option<&'static str> {
        match route(with) {
            Route::Ebs => Ebs.tagging(with),
            Route::Gateway(_) => Some("storagegateway:AddTagsToResource"),
        }
    }

    fn looks(&self, with: &Settings) -> Vec<CheckId> {
        match route(with) {
            Route::Ebs => Ebs.looks(with),
            Route::Gateway(_) => {
                [CheckId::HostReady].into_iter().chain(text(with, "kms_key").map(|_| CheckId::KeyState)).collect()
            }
        }
    }

    fn quotas(&self, with: &Settings, expected: &Expected) -> Vec<Quota> {
        match route(with) {
            Route::Ebs => Ebs.quotas(with, expected),
            Route::Gateway(_) => Vec::new(),
        }
    }

    /// A gateway's volume is asked for by its ARN, which the list knows.
    fn by_hand(&self, with: &Settings, expected: &Expected, id: &str) -> ByHand {
        if route(with) == Route::Ebs {
            return Ebs.by_hand(with, expected, id);
        }
        let region = quoted(expected.region.as_str());
        let query = quoted(&format!("VolumeInfos[?VolumeId=='{id}'].VolumeARN"));
        ByHand {
            ready: vec![format!("aws storagegateway list-volumes --region {region} --query {query} --output text")],
            remove: vec![format!(
                "aws storagegateway delete-volume --region {region} --volume-arn \
                 \"$(aws storagegateway list-volumes --region {region} --query {query} --output text)\""
            )],
        }
    }

    fn usual_minutes(&self) -> i64 {
        10
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::StorageGateway;
    use crate::cloud::resource::{ResourceFacts, Settings};

    #[test]
    fn only_the_arn_of_a_gateways_volume_is_taken() {
        let check = |text: &str| StorageGateway.check_arn(&text.parse().unwrap());
        let volume = "arn:aws:storagegateway:eu-west-2:123456789012:gateway/sgw-12A3456B/volume/vol-1122AABB";
        assert!(check(volume).is_ok());
        for text in [
            "arn:aws:storagegateway:eu-west-2:123456789012:gateway/sgw-12A3456B",
            "arn:aws:storagegateway:eu-west-2::gateway/sgw-12A3456B/volume/vol-1122AABB",
            "arn:aws:ec2:eu-west-2:123456789012:volume/vol-0a1b2c3d",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_start_says_what_becomes_of_the_snapshot() {
        let gateway = json!({ "as": "gateway" });
        let gateway = gateway.as_object().unwrap();
        assert_eq!(StorageGateway.start_type(&Settings::new()).as_deref(), Some("EBS"));
        assert_eq!(StorageGateway.start_type(gateway), None);
        assert_eq!(StorageGateway.naming_key(&Settings::new()), None);
        assert_eq!(StorageGateway.naming_key(gateway).as_deref(), Some("targetName"));
    }
}
