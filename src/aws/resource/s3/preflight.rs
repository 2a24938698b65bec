//! What can be predicted of a restore into a bucket before anything is started (facts 2.8, appendix B; trap 40).

use crate::aws::resource::shared::check::{check, name_is_free};
use crate::aws::resource::shared::network::key;
use crate::cloud::error::CloudError;
use crate::cloud::ground::Ground;
use crate::cloud::resource::{Check, CheckResult, Observation, Subject};

/// All of it. `seen` is a look at the bucket that is going to be made.
pub(super) async fn checks(
    ground: &dyn Ground,
    subject: &Subject,
    seen: Result<Observation, CloudError>,
) -> Vec<Check> {
    let mut checks = vec![name_is_free(subject, "s3:ListBucket", seen)];
    checks.extend(key(ground, subject).await);
    checks.push(check(
        "the restore role's policy for S3",
        CheckResult::NotChecked,
        "drill does not read IAM here; the role needs AWSBackupServiceRolePolicyForS3Restore, or a policy like it, \
         besides the one for other restores",
    ));
    checks
}
