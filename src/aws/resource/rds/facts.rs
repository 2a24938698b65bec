//! What is known of RDS DB instances without asking anybody.

use crate::aws::resource::rds::{metadata, settings};
use crate::aws::resource::shared::name::{expected_arn, named, quoted};
use crate::aws::resource::shared::setting::text;
use crate::cloud::resource::{ByHand, Expected, ResourceFacts, Settings};
use crate::cloud::surroundings::{Quota, RoleNeed};
use crate::cloud::vault::Metadata;
use crate::words::arn::Arn;
use crate::words::id::{AccountId, Name, Region, RunId};
use crate::words::kind::{CheckId, ResourceKind};
use crate::yaml::shape::Field;

/// The IAM actions that drill's own identity needs for this type, besides AWS Backup's.
pub const PERMISSIONS: &[&str] = &[
    "rds:AddTagsToResource",
    "rds:DeleteDBInstance",
    "rds:DescribeDBInstanceAutomatedBackups",
    "rds:DescribeDBInstances",
    "rds:DescribeDBParameterGroups",
    "rds:DescribeDBSnapshots",
    "rds:DescribeDBSubnetGroups",
    "rds:DescribeOptionGroups",
    "rds:DescribeOrderableDBInstanceOptions",
    "rds:ListTagsForResource",
    "rds:ModifyDBInstance",
    "rds:RemoveTagsFromResource",
];

/// DB instances of one account and region; those of clusters count too.
pub(crate) const DB_INSTANCES: Quota =
    Quota { name: "DB instances", service: "rds", code: "L-7B6409FD", attribute: Some("DBInstances"), needed: 0 };

/// [`ResourceFacts`] of RDS DB instances.
#[derive(Debug, Clone, Copy)]
pub struct Rds;

impl ResourceFacts for Rds {
    fn kind(&self) -> ResourceKind {
        ResourceKind::Rds
    }

    fn backup_type(&self, _with: &Settings) -> String {
        "RDS".to_owned()
    }

    fn fields(&self) -> Vec<Field> {
        settings::fields()
    }

    fn check_arn(&self, arn: &Arn) -> Result<(), String> {
        const WANTED: &str = "it must look like arn:aws:rds:eu-west-2:123456789012:db:orders";
        if arn.service() == "rds" && arn.resource().starts_with("cluster:") {
            return Err(format!("`{arn}` is a DB cluster; type `rds` restores DB instances: {WANTED}"));
        }
        let instance = arn.resource().strip_prefix("db:").is_some_and(|name| !name.is_empty() && !name.contains(':'));
        if arn.service() != "rds" || !instance {
            return Err(format!("`{arn}` is not the ARN of an RDS DB instance: {WANTED}"));
        }
        if arn.region().is_none() || arn.account().is_none() {
            return Err(format!("`{arn}` lacks its region or its account: {WANTED}"));
        }
        Ok(())
    }

    /// `drill-<run8>-<restore>` is at most 55 characters of the 63 that RDS allows; a later attempt adds its number.
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
        let resource = format!("db:{name}");
        expected_arn(name, (partition, "rds", &resource), region, account)
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

    fn role_needs(&self, _with: &Settings, expected: &Expected, _partition: &str) -> Vec<RoleNeed> {
        const USUAL: [&str; 4] =
            ["rds:AddTagsToResource", "rds:CreateDBInstance", "rds:DeleteDBInstance", "rds:DescribeDBInstances"];
        let Some(arn) = &expected.arn else { return Vec::new() };
        let vital = RoleNeed::vital("rds:RestoreDBInstanceFromDBSnapshot", arn.as_str());
        [vital].into_iter().chain(USUAL.map(|action| RoleNeed::usual(action, arn.as_str()))).collect()
    }

    fn asks_of_point(&self) -> bool {
        true
    }

    fn removal(&self, _with: &Settings) -> Option<&'static str> {
        Some("rds:DeleteDBInstance")
    }

    fn tagging(&self, _with: &Settings) -> Option<&'static str> {
        Some("rds:AddTagsToResource")
    }

    fn looks(&self, with: &Settings) -> Vec<CheckId> {
        let default_vpc = text(with, "subnet_group").is_none();
        let network = if default_vpc { CheckId::NetworkDefaultVpc } else { CheckId::NetworkSubnets };
        let mut looks = vec![network, CheckId::NetworkSecurityGroups];
        looks.extend(text(with, "parameter_group").map(|_| CheckId::DatabaseParameterGroup));
        looks.extend(text(with, "option_group").map(|_| CheckId::DatabaseOptionGroup));
        looks.extend([CheckId::NameFree, CheckId::ComputeClass]);
        looks
    }

    fn quotas(&self, _with: &Settings, _expected: &Expected) -> Vec<Quota> {
        vec![Quota { needed: 1, ..DB_INSTANCES }]
    }

    /// The waiters of the `aws` command give up after 30 minutes (facts 2.1); they can be started again.
    fn by_hand(&self, _with: &Settings, expected: &Expected, _id: &str) -> ByHand {
        let at = format!(
            "--region {} --db-instance-identifier {}",
            quoted(expected.region.as_str()),
            quoted(&expected.name)
        );
        ByHand {
            ready: vec![
                format!("aws rds wait db-instance-available {at}"),
                format!(
                    "aws rds describe-db-instances {at} --query 'DBInstances[0].Endpoint.[Address,Port]' --output text"
                ),
            ],
            remove: vec![
                format!("aws rds delete-db-instance {at} --skip-final-snapshot --delete-automated-backups"),
                format!("aws rds wait db-instance-deleted {at}"),
            ],
        }
    }

    fn usual_minutes(&self) -> i64 {
        20
    }
}

#[cfg(test)]
mod tests {
    use super::Rds;
    use crate::cloud::resource::{ResourceFacts, Settings};
    use crate::words::id::RunId;

    #[test]
    fn only_the_arn_of_an_instance_is_taken() {
        let check = |text: &str| Rds.check_arn(&text.parse().unwrap());
        assert!(check("arn:aws:rds:eu-west-2:123456789012:db:orders").is_ok());
        assert!(check("arn:aws:rds:eu-west-2:123456789012:cluster:orders").unwrap_err().contains("cluster"));
        for text in [
            "arn:aws:rds:eu-west-2:123456789012:snapshot:orders",
            "arn:aws:rds::123456789012:db:orders",
            "arn:aws:ec2:eu-west-2:123456789012:volume/vol-1",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_person_can_remove_it_by_hand() {
        let run = RunId::new(1_767_225_600_000, [7; 10]);
        let (region, account) = ("eu-west-1".parse().unwrap(), "123456789012".parse().unwrap());
        let expected = Rds.expected(&run, &"orders".parse().unwrap(), 1, &region, &account, "aws");
        assert_eq!(expected.arn.as_ref().unwrap().resource(), "db:drill-07070707-orders");
        assert_eq!(
            Rds.by_hand(&Settings::new(), &expected, "").remove.first().unwrap(),
            "aws rds delete-db-instance --region eu-west-1 --db-instance-identifier drill-07070707-orders \
             --skip-final-snapshot --delete-automated-backups"
        );
    }
}
