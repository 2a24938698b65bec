//! What is known of S3 buckets without asking anybody.

use serde_json::json;

use crate::aws::resource::s3::{message, metadata};
use crate::aws::resource::shared::name::{named, quoted};
use crate::aws::resource::shared::setting::{flag, text};
use crate::cloud::resource::{ByHand, Expected, ResourceFacts, Settings};
use crate::cloud::surroundings::{Quota, RoleNeed};
use crate::cloud::vault::Metadata;
use crate::words::arn::Arn;
use crate::words::id::{AccountId, Name, Region, RunId};
use crate::words::kind::{CheckId, ResourceKind};
use crate::yaml::shape::Field;

/// The IAM actions that drill's own identity needs for this type, besides AWS Backup's. `HeadBucket` asks for
/// `s3:ListBucket`.
const PERMISSIONS: &[&str] = &[
    "s3:AbortMultipartUpload",
    "s3:CreateBucket",
    "s3:DeleteBucket",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketTagging",
    "s3:GetBucketVersioning",
    "s3:ListBucket",
    "s3:ListBucketMultipartUploads",
    "s3:ListBucketVersions",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketTagging",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
];

/// [`ResourceFacts`] of S3 buckets.
#[derive(Debug, Clone, Copy)]
pub struct S3;

impl ResourceFacts for S3 {
    fn kind(&self) -> ResourceKind {
        ResourceKind::S3
    }

    fn backup_type(&self, _with: &Settings) -> String {
        "S3".to_owned()
    }

    fn fields(&self) -> Vec<Field> {
        metadata::fields()
    }

    /// A bucket's ARN has neither region nor account.
    fn check_arn(&self, arn: &Arn) -> Result<(), String> {
        const WANTED: &str = "it must look like arn:aws:s3:::orders-documents";
        let bucket = !arn.resource().contains(['/', ':', '*']);
        if arn.service() != "s3" || !bucket || arn.region().is_some() || arn.account().is_some() {
            return Err(format!("`{arn}` is not the ARN of an S3 bucket: {WANTED}"));
        }
        Ok(())
    }

    /// A bucket's name has at most 63 lower-case letters, digits and hyphens, and is unique in the whole world: the
    /// run's digits are in it. The ARN has neither region nor account, which are known all the same.
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
        let arn = format!("arn:{partition}:s3:::{name}");
        let arn = Some(arn.parse().expect("partition and name are valid parts of an ARN"));
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

    fn naming_key(&self, _with: &Settings) -> Option<String> {
        Some(metadata::NAME.to_owned())
    }

    /// The bucket that is restored into.
    fn lays_ground(&self, _with: &Settings) -> bool {
        true
    }

    fn doubt(&self, message: &str) -> Option<String> {
        message::doubt(message)
    }

    fn permissions(&self) -> &'static [&'static str] {
        PERMISSIONS
    }

    /// The bucket is drill's own to make: AWS Backup's role looks at it and fills it.
    fn role_needs(&self, _with: &Settings, expected: &Expected, partition: &str) -> Vec<RoleNeed> {
        let bucket = format!("arn:{partition}:s3:::{}", expected.name);
        let objects = format!("{bucket}/*");
        vec![
            RoleNeed::vital("s3:GetBucketVersioning", &bucket),
            RoleNeed::usual("s3:GetBucketOwnershipControls", &bucket),
            RoleNeed::usual("s3:ListBucketVersions", &bucket),
            RoleNeed::usual("s3:PutBucketVersioning", &bucket),
            RoleNeed::vital("s3:PutObject", &objects),
            RoleNeed::usual("s3:DeleteObject", &objects),
            RoleNeed::usual("s3:PutObjectAcl", &objects),
            RoleNeed::usual("s3:PutObjectTagging", &objects),
        ]
    }

    /// Restores to S3 are in a policy of their own (facts 1.11).
    fn role_policy(&self) -> &'static str {
        "AWSBackupServiceRolePolicyForS3Restore"
    }

    fn removal(&self, _with: &Settings) -> Option<&'static str> {
        Some("s3:DeleteBucket")
    }

    fn tagging(&self, _with: &Settings) -> Option<&'static str> {
        Some("s3:PutBucketTagging")
    }

    fn looks(&self, with: &Settings) -> Vec<CheckId> {
        [CheckId::NameFree].into_iter().chain(text(with, "kms_key").map(|_| CheckId::KeyState)).collect()
    }

    fn quotas(&self, _with: &Settings, _expected: &Expected) -> Vec<Quota> {
        vec![Quota { name: "buckets", service: "s3", code: "L-DC2B2D3D", attribute: None, needed: 1 }]
    }

    fn lay_by_hand(&self, with: &Settings, expected: &Expected) -> Vec<String> {
        lay_by_hand(with, expected)
    }

    fn by_hand(&self, _with: &Settings, expected: &Expected, _id: &str) -> ByHand {
        let at = format!("--region {} --bucket {}", quoted(expected.region.as_str()), quoted(&expected.name));
        // One page of versions and delete markers at a time, which is as many as one request deletes. A page is too long
        // for a command's argument. It ends when a page is empty, or when something refuses to go.
        let empty = format!(
            "while PAGE=\"$(aws s3api list-object-versions {at} --no-paginate --output json \
             --query '{{Objects: [Versions,DeleteMarkers][].{{Key: Key, VersionId: VersionId}}}}')\" \
             && [ \"${{PAGE#*VersionId}}\" != \"$PAGE\" ]; do \
             REFUSED=\"$(printf '%s' \"$PAGE\" | aws s3api delete-objects {at} --delete file:///dev/stdin \
             --query 'Errors[0].Message' --output text)\"; \
             [ \"$REFUSED\" = None ] || {{ echo \"$REFUSED\"; break; }}; done"
        );
        ByHand {
            ready: vec![
                format!("aws s3api wait bucket-exists {at}"),
                format!("aws s3api list-objects-v2 {at} --max-items 10"),
            ],
            remove: vec![
                empty,
                format!("aws s3api delete-bucket {at}"),
                format!("aws s3api wait bucket-not-exists {at}"),
            ],
        }
    }

    fn usual_minutes(&self) -> i64 {
        60
    }
}

/// What the run does to make the bucket, as commands: the requests of `lay`.
fn lay_by_hand(with: &Settings, expected: &Expected) -> Vec<String> {
    let region = expected.region.as_str();
    let at = |operation: &str| {
        format!("aws s3api {operation} --region {} --bucket {}", quoted(region), quoted(&expected.name))
    };
    let place = if region == "us-east-1" {
        String::new()
    } else {
        format!(" --create-bucket-configuration LocationConstraint={}", quoted(region))
    };
    let owner =
        if flag(with, "restore_acls").unwrap_or(false) { "BucketOwnerPreferred" } else { "BucketOwnerEnforced" };
    let mut commands = vec![
        at("create-bucket") + &place,
        at("put-public-access-block")
            + " --public-access-block-configuration \
               BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true",
        at("put-bucket-ownership-controls") + &format!(" --ownership-controls 'Rules=[{{ObjectOwnership={owner}}}]'"),
        at("put-bucket-versioning") + " --versioning-configuration Status=Enabled",
    ];
    commands.extend(text(with, "kms_key").map(|key| {
        let rule = json!({
            "ApplyServerSideEncryptionByDefault": { "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key },
            "BucketKeyEnabled": true,
        });
        let rules = quoted(&json!({ "Rules": [rule] }).to_string());
        format!("{} --server-side-encryption-configuration {rules}", at("put-bucket-encryption"))
    }));
    commands
}

#[cfg(test)]
mod tests {
    use super::S3;
    use crate::cloud::resource::ResourceFacts;
    use crate::words::id::RunId;

    #[test]
    fn only_the_arn_of_a_bucket_is_taken() {
        let check = |text: &str| S3.check_arn(&text.parse().unwrap());
        assert!(check("arn:aws:s3:::orders-documents").is_ok());
        assert!(check("arn:aws-cn:s3:::orders.documents").is_ok());
        for text in [
            "arn:aws:s3:::orders/a.txt",
            "arn:aws:s3:eu-west-2:123456789012:accesspoint/orders",
            "arn:aws:s3:::*",
            "arn:aws:rds:eu-west-2:123456789012:db:orders",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_longest_name_is_still_a_buckets() {
        let run = RunId::new(1_767_225_600_000, [7; 10]);
        let (region, account) = ("eu-west-1".parse().unwrap(), "123456789012".parse().unwrap());
        let named = |restore: &str, attempt| {
            S3.expected(&run, &restore.parse().unwrap(), attempt, &region, &account, "aws").arn.unwrap()
        };
        assert_eq!(named("documents", 1).as_str(), "arn:aws:s3:::drill-07070707-documents");
        let longest = named(&"a".repeat(40), u32::MAX);
        assert!(longest.resource().len() <= 63);
    }

    #[test]
    fn a_person_makes_the_bucket_as_the_run_does() {
        let expected = S3.expected(
            &RunId::new(1, [7; 10]),
            &"documents".parse().unwrap(),
            1,
            &"eu-central-1".parse().unwrap(),
            &"111122223333".parse().unwrap(),
            "aws",
        );
        let with = serde_json::json!({ "kms_key": "arn:aws:kms:eu-central-1:111122223333:key/1" });
        let commands = S3.lay_by_hand(with.as_object().unwrap(), &expected);
        for (command, wanted) in commands.iter().zip([
            "create-bucket",
            "put-public-access-block",
            "put-bucket-ownership-controls",
            "put-bucket-versioning",
            "put-bucket-encryption",
        ]) {
            let begin = format!("aws s3api {wanted} --region eu-central-1 --bucket {}", expected.name);
            assert!(command.starts_with(&begin), "{command}");
        }
        assert_eq!(commands.len(), 5);
        assert!(commands[0].ends_with("LocationConstraint=eu-central-1"), "{}", commands[0]);
    }
}
