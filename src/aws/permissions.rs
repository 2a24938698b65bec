//! The IAM actions that the edge needs, as data: the plan and the README's policy are made from these lists.
//!
//! Invariant: every request that a file of `aws` sends is in one of these lists or in the list of its resource type
//! ([`crate::cloud::resource::ResourceFacts::permissions`]). Facts 1.11.

/// AWS Backup in the destination (`aws/vault.rs`).
pub const VAULT: &[&str] = &[
    "backup:DescribeBackupVault",
    "backup:DescribeRecoveryPoint",
    "backup:DescribeRestoreJob",
    "backup:GetRecoveryPointRestoreMetadata",
    "backup:GetRestoreJobMetadata",
    "backup:ListRecoveryPointsByBackupVault",
    "backup:ListRestoreJobs",
    "backup:StartRestoreJob",
];

/// Needed on the restore role, with the condition `iam:PassedToService` = `backup.amazonaws.com`: `StartRestoreJob`
/// hands the role to AWS Backup.
pub const RESTORE_ROLE: &[&str] = &["iam:PassRole"];

/// AWS Backup in the source: the one thing that a drill reads there (`aws/vault.rs`).
pub const COPIES: &[&str] = &["backup:ListCopyJobs"];

/// Identity, keys and network in the destination (`aws/ground.rs`). The identity needs no permission, and is here
/// because an explicit deny is possible.
pub const GROUND: &[&str] = &["ec2:DescribeSecurityGroups", "kms:DescribeKey", "sts:GetCallerIdentity"];

/// Only where a probe names a secret (`aws/secrets.rs`).
pub const SECRETS: &[&str] = &["secretsmanager:GetSecretValue"];

/// Only where a secret is a parameter, `ssm` (`aws/secrets.rs`); with a key of the account's own, `kms:Decrypt` on it.
pub const PARAMETERS: &[&str] = &["ssm:GetParameter"];

/// Only where a probe logs in with `rds_iam` (`aws/secrets.rs`): on the database user.
pub const DATABASE_TOKENS: &[&str] = &["rds-db:connect"];

/// Only where something runs scripts on instances, `ssm` (`aws/remote.rs`): for the instances and for the document
/// `AWS-RunShellScript`.
pub const SCRIPTS: &[&str] = &["ssm:GetCommandInvocation", "ssm:SendCommand"];

/// Only where a probe goes through an instance, `via: { ssm_tunnel: … }` (`aws/tunnel`): to start, on the instance and
/// on the document `AWS-StartPortForwardingSessionToRemoteHost`; the others on the session.
pub const TUNNELS: &[&str] = &["ssm:StartSession", "ssm:TerminateSession", "ssmmessages:OpenDataChannel"];

/// Only where something invokes functions, `lambda` (`aws/remote.rs`).
pub const FUNCTIONS: &[&str] = &["lambda:InvokeFunction"];

/// Only where a probe reads a table, `dynamodb` (`aws/tables.rs`).
pub const TABLES: &[&str] = &["dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:Scan"];

/// Only where a probe reads a bucket, `s3` (`aws/buckets.rs`).
pub const BUCKETS: &[&str] = &["s3:GetObject", "s3:ListBucket"];

/// Only where a probe reads a metric, `cloudwatch` (`aws/metrics.rs`).
pub const METRICS: &[&str] = &["cloudwatch:GetMetricStatistics"];

/// Only where a probe looks at an instance, `ec2` (`aws/instances.rs`).
pub const INSTANCES: &[&str] = &["ec2:DescribeInstanceStatus", "ec2:DescribeInstances", "ec2:GetConsoleOutput"];

/// Only where a restore selects by tags (`aws/vault.rs`): on the recovery points.
pub const SELECTIONS: &[&str] = &["backup:ListTags"];

/// Only where a key of KMS signs the evidence, `report.sign.kms` (`aws/signature.rs`): on that key.
pub const SIGNING: &[&str] = &["kms:GetPublicKey", "kms:Sign"];

/// Only where the evidence is archived, `report.archive` (`aws/archive.rs`): the first and `s3:ListBucket` on that bucket,
/// the others below the prefix. Without `s3:ListBucket` S3 does not tell what is not there from what may not be seen.
pub const ARCHIVE: &[&str] = &[
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetObject",
    "s3:GetObjectRetention",
    "s3:ListBucket",
    "s3:PutObject",
    "s3:PutObjectRetention",
];

/// Only for `drill sweep`: what it lists, in every region and account that it looks into. To remove something it needs
/// what the thing's type needs.
pub const SWEEP: &[&str] = &[
    "backup:GetRestoreJobMetadata",
    "backup:ListRestoreJobs",
    "dynamodb:DescribeTable",
    "dynamodb:ListTables",
    "dynamodb:ListTagsOfResource",
    "ec2:DescribeInstances",
    "ec2:DescribeRegions",
    "ec2:DescribeVolumes",
    "elasticfilesystem:DescribeFileSystems",
    "elasticfilesystem:DescribeMountTargets",
    "fsx:DescribeFileSystems",
    "fsx:DescribeVolumes",
    "rds:DescribeDBClusterSnapshots",
    "rds:DescribeDBClusters",
    "rds:DescribeDBInstanceAutomatedBackups",
    "rds:DescribeDBInstances",
    "rds:DescribeDBSnapshots",
    "rds:ListTagsForResource",
    "s3:GetBucketTagging",
    "s3:ListAllMyBuckets",
    "storagegateway:DescribeCachediSCSIVolumes",
    "storagegateway:DescribeStorediSCSIVolumes",
    "storagegateway:ListTagsForResource",
    "storagegateway:ListVolumes",
    "sts:GetCallerIdentity",
];

/// Only for the checks of a preflight (`aws/surroundings`, and the default VPC in `aws/ground.rs`): what is not allowed
/// is "not checked", and the run goes on. `backup:ListTags` is for recovery points, `cloudwatch:GetMetricStatistics`
/// for how much of a quota is used.
pub const PREFLIGHT: &[&str] = &[
    "backup:DescribeRegionSettings",
    "backup:GetBackupSelection",
    "backup:GetBackupVaultAccessPolicy",
    "backup:ListBackupPlans",
    "backup:ListBackupSelections",
    "backup:ListTags",
    "cloudwatch:GetMetricStatistics",
    "ec2:DescribeRegions",
    "ec2:DescribeVpcs",
    "iam:GetRole",
    "iam:ListAttachedRolePolicies",
    "iam:SimulatePrincipalPolicy",
    "kms:GetKeyPolicy",
    "kms:ListGrants",
    "rds:DescribeAccountAttributes",
    "servicequotas:GetServiceQuota",
];

/// Only where a side names an `access_role`: on that role, for the credentials that drill is started with.
pub const ACCESS_ROLE: &[&str] = &["sts:AssumeRole"];

/// Every action above that any drill needs, whatever it restores and probes: what the plan starts from.
pub const COMMON: &[&str] = &[
    "backup:DescribeBackupVault",
    "backup:DescribeRecoveryPoint",
    "backup:DescribeRestoreJob",
    "backup:GetRecoveryPointRestoreMetadata",
    "backup:GetRestoreJobMetadata",
    "backup:ListCopyJobs",
    "backup:ListRecoveryPointsByBackupVault",
    "backup:ListRestoreJobs",
    "backup:StartRestoreJob",
    "ec2:DescribeSecurityGroups",
    "iam:PassRole",
    "kms:DescribeKey",
    "sts:GetCallerIdentity",
];

/// What a drill never needs, for an explicit `Deny` (facts 1.11).
pub const NEVER: &[&str] = &[
    "backup:DeleteBackupVault",
    "backup:DeleteBackupVaultAccessPolicy",
    "backup:DeleteRecoveryPoint",
    "backup:PutBackupVaultAccessPolicy",
    "backup:PutBackupVaultLockConfiguration",
    "backup:UpdateBackupPlan",
    "kms:ScheduleKeyDeletion",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{
        ACCESS_ROLE, ARCHIVE, BUCKETS, COMMON, COPIES, DATABASE_TOKENS, FUNCTIONS, GROUND, INSTANCES, METRICS, NEVER,
        PARAMETERS, PREFLIGHT, RESTORE_ROLE, SCRIPTS, SECRETS, SELECTIONS, SIGNING, SWEEP, TABLES, TUNNELS, VAULT,
    };
    use crate::aws::resource::facts;
    use crate::words::kind::ResourceKind;

    #[test]
    fn the_common_list_is_the_sum_of_its_parts() {
        let parts: BTreeSet<&str> = [VAULT, COPIES, RESTORE_ROLE, GROUND].into_iter().flatten().copied().collect();
        let common: BTreeSet<&str> = COMMON.iter().copied().collect();
        assert_eq!(common, parts);
    }

    #[test]
    fn every_action_is_well_formed_and_none_is_both_needed_and_never_needed() {
        let mut needed: BTreeSet<&str> = BTreeSet::new();
        let always = [VAULT, RESTORE_ROLE, COPIES, GROUND, PREFLIGHT, ACCESS_ROLE, TUNNELS, SWEEP];
        let where_asked_for =
            [SECRETS, PARAMETERS, DATABASE_TOKENS, SCRIPTS, FUNCTIONS, TABLES, BUCKETS, SELECTIONS, METRICS, INSTANCES];
        for list in always.into_iter().chain(where_asked_for).chain([SIGNING, ARCHIVE]) {
            needed.extend(list);
        }
        for kind in ResourceKind::ALL {
            needed.extend(facts(*kind).permissions());
        }
        for action in needed.iter().chain(NEVER) {
            let (service, operation) = action.split_once(':').unwrap();
            assert!(service.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{action}");
            // The one that is no operation of an API: a database asks for it.
            let plain = operation.starts_with(|c: char| c.is_ascii_uppercase()) || *action == "rds-db:connect";
            assert!(plain, "{action}");
        }
        assert!(NEVER.iter().all(|action| !needed.contains(action)));
    }
}
