//! What is known of DynamoDB tables without asking anybody.

use crate::aws::resource::dynamodb::metadata;
use crate::aws::resource::shared::name::{expected_arn, named, quoted};
use crate::aws::resource::shared::setting::text;
use crate::cloud::resource::{ByHand, Expected, ResourceFacts, Settings};
use crate::cloud::surroundings::{Quota, RoleNeed};
use crate::cloud::vault::{Metadata, RecoveryPoint};
use crate::words::arn::Arn;
use crate::words::id::{AccountId, Name, Region, RunId};
use crate::words::kind::{CheckId, ResourceKind};
use crate::yaml::shape::Field;

/// The IAM actions that drill's own identity needs for this type, besides AWS Backup's.
const PERMISSIONS: &[&str] = &[
    "dynamodb:DeleteTable",
    "dynamodb:DescribeContinuousBackups",
    "dynamodb:DescribeTable",
    "dynamodb:ListTagsOfResource",
    "dynamodb:TagResource",
    "dynamodb:UntagResource",
    "dynamodb:UpdateTable",
];

/// [`ResourceFacts`] of DynamoDB tables.
#[derive(Debug, Clone, Copy)]
pub struct DynamoDb;

impl ResourceFacts for DynamoDb {
    fn kind(&self) -> ResourceKind {
        ResourceKind::DynamoDb
    }

    fn backup_type(&self, _with: &Settings) -> String {
        "DynamoDB".to_owned()
    }

    fn fields(&self) -> Vec<Field> {
        metadata::fields()
    }

    fn check_arn(&self, arn: &Arn) -> Result<(), String> {
        const WANTED: &str = "it must look like arn:aws:dynamodb:eu-west-2:123456789012:table/orders";
        let table = arn.resource().strip_prefix("table/").is_some_and(|name| !name.is_empty() && !name.contains('/'));
        if arn.service() != "dynamodb" || !table {
            return Err(format!("`{arn}` is not the ARN of a DynamoDB table: {WANTED}"));
        }
        if arn.region().is_none() || arn.account().is_none() {
            return Err(format!("`{arn}` lacks its region or its account: {WANTED}"));
        }
        Ok(())
    }

    /// Legacy recovery points cannot be copied to another region or account at all (facts 2.3, "Flavours"): one that a
    /// vault lists is a backup that stays in the source's region.
    fn eligible(&self, point: &RecoveryPoint) -> Result<(), String> {
        if point.arn.service() != "dynamodb" {
            return Ok(());
        }
        let reason = "it is a legacy DynamoDB backup, which cannot leave its region; only recovery points \
                      `arn:aws:backup:…` can: turn on the advanced features for DynamoDB in the settings of AWS \
                      Backup, in both regions";
        Err(reason.to_owned())
    }

    /// DynamoDB allows 255 characters; no restore's name comes near that.
    fn expected(
        &self,
        run: &RunId,
        restore: &Name,
        attempt: u32,
        region: &Region,
        account: &AccountId,
        partition: &str,
    ) -> Expected {
        let name = named(run, restore, attempt, 63);
        let resource = format!("table/{name}");
        expected_arn(name, (partition, "dynamodb", &resource), region, account)
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

    fn permissions(&self) -> &'static [&'static str] {
        PERMISSIONS
    }

    /// Copies are made with the advanced features: only those leave their region ([`ResourceFacts::eligible`]).
    fn role_needs(&self, _with: &Settings, expected: &Expected, _partition: &str) -> Vec<RoleNeed> {
        const USUAL: [&str; 8] = [
            "dynamodb:BatchWriteItem",
            "dynamodb:DeleteItem",
            "dynamodb:DescribeTable",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:Scan",
            "dynamodb:UpdateItem",
        ];
        let Some(arn) = &expected.arn else { return Vec::new() };
        let vital = RoleNeed::vital("dynamodb:RestoreTableFromAwsBackup", arn.as_str());
        [vital].into_iter().chain(USUAL.map(|action| RoleNeed::usual(action, arn.as_str()))).collect()
    }

    fn removal(&self, _with: &Settings) -> Option<&'static str> {
        Some("dynamodb:DeleteTable")
    }

    fn tagging(&self, _with: &Settings) -> Option<&'static str> {
        Some("dynamodb:TagResource")
    }

    fn looks(&self, with: &Settings) -> Vec<CheckId> {
        [CheckId::NameFree].into_iter().chain(text(with, "kms_key").map(|_| CheckId::KeyState)).collect()
    }

    fn quotas(&self, _with: &Settings, _expected: &Expected) -> Vec<Quota> {
        vec![Quota { name: "tables", service: "dynamodb", code: "L-F98FE922", attribute: None, needed: 1 }]
    }

    /// The waiters of the `aws` command give up after 8 minutes (facts 2.3); they can be started again.
    fn by_hand(&self, _with: &Settings, expected: &Expected, _id: &str) -> ByHand {
        let at = format!("--region {} --table-name {}", quoted(expected.region.as_str()), quoted(&expected.name));
        ByHand {
            ready: vec![
                format!("aws dynamodb wait table-exists {at}"),
                format!(
                    "aws dynamodb describe-table {at} --query \
                     'Table.[TableStatus,RestoreSummary.RestoreInProgress,GlobalSecondaryIndexes[].IndexStatus]'"
                ),
            ],
            remove: vec![format!("aws dynamodb delete-table {at}"), format!("aws dynamodb wait table-not-exists {at}")],
        }
    }

    fn usual_minutes(&self) -> i64 {
        20
    }
}

#[cfg(test)]
mod tests {
    use super::DynamoDb;
    use crate::cloud::resource::ResourceFacts;
    use crate::cloud::vault::RecoveryPoint;
    use crate::words::id::RunId;

    fn point(arn: &str) -> RecoveryPoint {
        RecoveryPoint {
            arn: arn.parse().unwrap(),
            resource: None,
            resource_type: Some("DynamoDB".to_owned()),
            status: "COMPLETED".to_owned(),
            created: None,
            size_bytes: None,
            source_vault: None,
            delete_at: None,
            delete_after_copy: false,
            is_parent: false,
            encryption_key: None,
            malware: false,
            plan: None,
        }
    }

    #[test]
    fn only_the_arn_of_a_table_is_taken() {
        let check = |text: &str| DynamoDb.check_arn(&text.parse().unwrap());
        assert!(check("arn:aws:dynamodb:eu-west-2:123456789012:table/orders").is_ok());
        for text in [
            "arn:aws:dynamodb:eu-west-2:123456789012:table/orders/index/by_date",
            "arn:aws:dynamodb:eu-west-2:123456789012:table/orders/backup/01",
            "arn:aws:dynamodb::123456789012:table/orders",
            "arn:aws:rds:eu-west-2:123456789012:db:orders",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_legacy_recovery_point_is_rejected_with_the_mend() {
        assert!(DynamoDb.eligible(&point("arn:aws:backup:eu-west-1:123456789012:recovery-point:1")).is_ok());
        let legacy = point("arn:aws:dynamodb:eu-west-1:123456789012:table/orders/backup/01");
        assert!(DynamoDb.eligible(&legacy).unwrap_err().contains("advanced features"));
    }

    #[test]
    fn the_name_decides_the_arn() {
        let run = RunId::new(1_767_225_600_000, [7; 10]);
        let (region, account) = ("eu-west-1".parse().unwrap(), "123456789012".parse().unwrap());
        let expected = DynamoDb.expected(&run, &"orders".parse().unwrap(), 1, &region, &account, "aws");
        let arn = expected.arn.unwrap();
        assert_eq!(arn.as_str(), "arn:aws:dynamodb:eu-west-1:123456789012:table/drill-07070707-orders");
    }
}
