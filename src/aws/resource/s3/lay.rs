//! The bucket that is restored into: made by the run, not public, versioned (facts 2.8, "Requirements").
//!
//! Invariant: nothing is set on a bucket of somebody else's. CreateBucket knows no owner, but every request after it
//! names the account that the bucket must belong to, and S3 refuses when it does not. A bucket that exists already is
//! taken for the run's only because its name carries the run's digits, and the engine saw it free before it wrote the
//! intent.

use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, ObjectOwnership, OwnershipControls,
    OwnershipControlsRule, PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, VersioningConfiguration,
};

use crate::aws::buckets::s3_error;
use crate::aws::resource::shared::setting::{flag, text};
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::resource::Subject;

/// The one region whose buckets have no location constraint.
const WITHOUT_CONSTRAINT: &str = "us-east-1";

/// Makes the bucket and sets it up. Repeated as it is after a crash.
pub(super) async fn lay(s3: &aws_sdk_s3::Client, subject: &Subject) -> Result<(), CloudError> {
    let (bucket, owner) = (subject.expected.name.as_str(), subject.expected.account.as_str());
    create(s3, bucket, subject.expected.region.as_str()).await?;
    block_public_access(s3, bucket, owner).await?;
    own(s3, bucket, owner, flag(&subject.with, "restore_acls").unwrap_or(false)).await?;
    version(s3, bucket, owner).await?;
    match text(&subject.with, "kms_key") {
        Some(key) => encrypt(s3, bucket, owner, key).await,
        None => Ok(()),
    }
}

async fn create(s3: &aws_sdk_s3::Client, bucket: &str, region: &str) -> Result<(), CloudError> {
    const OPERATION: &str = "s3:CreateBucket";
    let place = (region != WITHOUT_CONSTRAINT).then(|| {
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(region)).build()
    });
    let answer = s3.create_bucket().bucket(bucket).set_create_bucket_configuration(place).send().await;
    match answer.map_err(|error| s3_error(OPERATION, &error)) {
        Err(error) if error.code == "BucketAlreadyOwnedByYou" => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Ok(()),
    }
}

async fn block_public_access(s3: &aws_sdk_s3::Client, bucket: &str, owner: &str) -> Result<(), CloudError> {
    const OPERATION: &str = "s3:PutPublicAccessBlock";
    let all = PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .ignore_public_acls(true)
        .block_public_policy(true)
        .restrict_public_buckets(true)
        .build();
    let ask = s3.put_public_access_block().bucket(bucket).expected_bucket_owner(owner);
    let answer = ask.public_access_block_configuration(all).send().await;
    answer.map(|_| ()).map_err(|error| s3_error(OPERATION, &error))
}

/// With ACLs switched off for the bucket, a restore of objects with ACLs fails.
async fn own(s3: &aws_sdk_s3::Client, bucket: &str, owner: &str, acls: bool) -> Result<(), CloudError> {
    const OPERATION: &str = "s3:PutBucketOwnershipControls";
    let ownership = if acls { ObjectOwnership::BucketOwnerPreferred } else { ObjectOwnership::BucketOwnerEnforced };
    let rule = OwnershipControlsRule::builder().object_ownership(ownership).build();
    let controls = rule.and_then(|rule| OwnershipControls::builder().rules(rule).build());
    let controls = controls.map_err(|error| unsent(OPERATION, &error.to_string()))?;
    let ask = s3.put_bucket_ownership_controls().bucket(bucket).expected_bucket_owner(owner);
    let answer = ask.ownership_controls(controls).send().await;
    answer.map(|_| ()).map_err(|error| s3_error(OPERATION, &error))
}

async fn version(s3: &aws_sdk_s3::Client, bucket: &str, owner: &str) -> Result<(), CloudError> {
    const OPERATION: &str = "s3:PutBucketVersioning";
    let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let ask = s3.put_bucket_versioning().bucket(bucket).expected_bucket_owner(owner);
    let answer = ask.versioning_configuration(on).send().await;
    answer.map(|_| ()).map_err(|error| s3_error(OPERATION, &error))
}

/// With a bucket key, KMS is asked once for many objects.
async fn encrypt(s3: &aws_sdk_s3::Client, bucket: &str, owner: &str, key: &str) -> Result<(), CloudError> {
    const OPERATION: &str = "s3:PutBucketEncryption";
    let default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::AwsKms)
        .kms_master_key_id(key)
        .build();
    let rules = default.and_then(|default| {
        let rule = ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(default)
            .bucket_key_enabled(true)
            .build();
        ServerSideEncryptionConfiguration::builder().rules(rule).build()
    });
    let rules = rules.map_err(|error| unsent(OPERATION, &error.to_string()))?;
    let ask = s3.put_bucket_encryption().bucket(bucket).expected_bucket_owner(owner);
    let answer = ask.server_side_encryption_configuration(rules).send().await;
    answer.map(|_| ()).map_err(|error| s3_error(OPERATION, &error))
}

/// A request that the SDK refuses to build.
pub(super) fn unsent(operation: &str, why: &str) -> CloudError {
    CloudError::new(operation, ErrorKind::Invalid, "construction", why, None)
}
