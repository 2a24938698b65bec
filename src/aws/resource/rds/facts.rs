//! What is known of RDS DB instances without asking anybody.

use crate::aws::resource::rds::{metadata, settings};
use crate::cloud::resource::{ByHand, Expected, ResourceFacts, Settings};
use crate::cloud::vault::Metadata;
use crate::words::arn::Arn;
use crate::words::id::{AccountId, Name, Region, RunId};
use crate::words::kind::ResourceKind;
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
    "rds:ListTagsForResource",
    "rds:ModifyDBInstance",
    "rds:RemoveTagsFromResource",
];

/// [`ResourceFacts`] of RDS DB instances.
#[derive(Debug, Clone, Copy)]
pub struct Rds;

impl ResourceFacts for Rds {
    fn kind(&self) -> ResourceKind {
        ResourceKind::Rds
    }

    fn backup_type(&self) -> &'static str {
        "RDS"
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
        let again = if attempt > 1 { format!("-{attempt}") } else { String::new() };
        let mut name = format!("drill-{}-{restore}{again}", run.short());
        if name.len() > 63 {
            // Only an attempt's number of eight digits gets here; the number must stay, for it makes the name unique.
            name = format!("drill-{}{again}", run.short());
        }
        let arn = format!("arn:{partition}:rds:{region}:{account}:db:{name}");
        let arn = arn.parse().expect("partition, region, account and name are valid parts of an ARN");
        Expected { name, arn, region: region.clone(), account: account.clone() }
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

    fn naming_key(&self) -> &'static str {
        metadata::NAME
    }

    fn permissions(&self) -> &'static [&'static str] {
        PERMISSIONS
    }

    /// The waiters of the `aws` command give up after 30 minutes (facts 2.1); they can be started again.
    fn by_hand(&self, expected: &Expected) -> ByHand {
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

/// `text` as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '@');
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Rds, quoted};
    use crate::cloud::resource::{Expected, ResourceFacts};
    use crate::words::id::RunId;

    fn expected(restore: &str, attempt: u32) -> Expected {
        let run = RunId::new(1_767_225_600_000, [7; 10]);
        let (region, account) = ("eu-west-1".parse().unwrap(), "123456789012".parse().unwrap());
        Rds.expected(&run, &restore.parse().unwrap(), attempt, &region, &account, "aws")
    }

    #[test]
    fn the_expected_name_is_a_valid_identifier_whatever_the_restore_is_called() {
        assert_eq!(expected("orders", 1).name, "drill-07070707-orders");
        assert_eq!(expected("orders", 2).name, "drill-07070707-orders-2");
        assert_eq!(expected("orders", 1).arn.resource(), "db:drill-07070707-orders");
        let longest = "a".repeat(40);
        for attempt in [1, 2, 99, u32::MAX] {
            let name = expected(&longest, attempt).name;
            assert!(name.len() <= 63 && name.starts_with("drill-07070707") && !name.contains("--"), "{name}");
        }
        assert_ne!(expected(&longest, u32::MAX).name, expected(&longest, u32::MAX - 1).name);
    }

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
    fn commands_are_for_a_posix_shell() {
        assert_eq!(quoted("drill-1-orders"), "drill-1-orders");
        assert_eq!(quoted("it's; rm"), r"'it'\''s; rm'");
        let by_hand = Rds.by_hand(&expected("orders", 1));
        assert_eq!(
            by_hand.remove.first().unwrap(),
            "aws rds delete-db-instance --region eu-west-1 --db-instance-identifier drill-07070707-orders \
             --skip-final-snapshot --delete-automated-backups"
        );
    }
}
