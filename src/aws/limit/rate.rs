//! How often each operation may be asked for, as AWS documents it, and how long a request waits for its turn. Pure.
//!
//! Operations are named as in IAM, with the prefix of the service's host: `backup:StartRestoreJob`.

use std::time::Duration;

/// How often, for each account and region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Thousandths of a request a second.
    pub(crate) rate: u32,
    /// How many at once after a rest.
    pub(crate) size: u32,
}

/// How long a request that only reads waits for its turn.
const READS_WAIT: Duration = Duration::from_secs(30);
/// How long one waits that changes something: whether it may be made at all was decided before, and a stop or a cancel that
/// comes meanwhile comes too late for it.
const CHANGES_WAIT: Duration = Duration::from_secs(2);

/// The beginnings of the names of operations that change nothing.
const READS: &[&str] = &["Describe", "List", "Get", "Head", "Simulate", "Scan", "Query"];

/// Whether the operation changes nothing.
pub(crate) fn reads(operation: &str) -> bool {
    let verb = verb(operation);
    READS.iter().any(|reads| verb.starts_with(reads))
}

/// How long a request waits for its turn. Who the caller is is asked between the decision for a change and the change.
pub(crate) fn patience(operation: &str) -> Duration {
    if reads(operation) && !operation.starts_with("sts:") { READS_WAIT } else { CHANGES_WAIT }
}

/// What AWS documents for AWS Backup (facts 1.3) and for EC2's buckets; five a second for what it does not document.
pub(crate) fn documented(operation: &str) -> Allowance {
    let (service, verb) = (operation.split(':').next().unwrap_or_default(), verb(operation));
    match service {
        "backup" => evenly(backup(verb)),
        "ec2" => ec2(verb),
        // Requests for objects and items, thousands a second for each prefix and table.
        "s3" => evenly(1_000),
        "dynamodb" if matches!(verb, "GetItem" | "Scan" | "Query") => evenly(1_000),
        _ => evenly(5),
    }
}

fn verb(operation: &str) -> &str {
    operation.split_once(':').map_or(operation, |(_, verb)| verb)
}

/// So many a second, and one second's worth at once.
fn evenly(per_second: u32) -> Allowance {
    Allowance { rate: per_second * 1_000, size: per_second }
}

fn backup(verb: &str) -> u32 {
    match verb {
        "DeleteRecoveryPoint" | "DescribeProtectedResource" => 10,
        "DescribeRestoreJob"
        | "DescribeRecoveryPoint"
        | "DescribeBackupJob"
        | "GetBackupPlan"
        | "GetBackupSelection"
        | "GetRecoveryPointRestoreMetadata"
        | "GetBackupVaultAccessPolicy"
        | "GetSupportedResourceTypes" => 15,
        "ListBackupJobs"
        | "ListBackupPlans"
        | "ListBackupVaults"
        | "ListProtectedResources"
        | "ListRecoveryPointsByBackupVault"
        | "ListRecoveryPointsByResource"
        | "ListRestoreJobs"
        | "ListTags" => 20,
        _ => 5,
    }
}

fn ec2(verb: &str) -> Allowance {
    let (size, per_second) = match verb {
        "RunInstances" => (5, 2),
        "CreateVolume" | "DeleteVolume" | "TerminateInstances" => (100, 5),
        "CreateTags" => (100, 10),
        verb if verb.starts_with("Describe") => (100, 20),
        _ => (50, 5),
    };
    Allowance { rate: per_second * 1_000, size }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Allowance, documented, patience, reads};

    #[test]
    fn documented_rates_are_kept_and_others_are_low() {
        for (operation, rate, size) in [
            ("backup:StartRestoreJob", 5_000, 5),
            ("backup:DescribeRestoreJob", 15_000, 15),
            ("backup:ListRestoreJobs", 20_000, 20),
            ("backup:ListCopyJobs", 5_000, 5),
            ("ec2:DescribeVolumes", 20_000, 100),
            ("ec2:TerminateInstances", 5_000, 100),
            ("rds:DeleteDBInstance", 5_000, 5),
            ("s3:DeleteObjects", 1_000_000, 1_000),
            ("dynamodb:DeleteTable", 5_000, 5),
            ("", 5_000, 5),
        ] {
            assert_eq!(documented(operation), Allowance { rate, size }, "{operation}");
        }
    }

    #[test]
    fn what_changes_something_hardly_waits() {
        for operation in ["backup:StartRestoreJob", "rds:DeleteDBInstance", "ssm:SendCommand", "lambda:Invoke"] {
            assert!(!reads(operation), "{operation}");
            assert_eq!(patience(operation), Duration::from_secs(2), "{operation}");
        }
        for operation in ["rds:DescribeDBInstances", "s3:HeadBucket", "iam:SimulatePrincipalPolicy"] {
            assert_eq!(patience(operation), Duration::from_secs(30), "{operation}");
        }
        assert!(reads("sts:GetCallerIdentity"));
        assert_eq!(patience("sts:GetCallerIdentity"), Duration::from_secs(2), "a change waits behind it");
    }
}
