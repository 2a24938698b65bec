//! What can be predicted of a restore into a bucket before anything is started (facts 2.8, appendix B).

use crate::aws::resource::shared::check::name_is_free;
use crate::aws::resource::shared::network::key;
use crate::cloud::check::Check;
use crate::cloud::error::CloudError;
use crate::cloud::ground::Ground;
use crate::cloud::resource::{Observation, Subject};

/// All of it. `seen` is a look at the bucket that is going to be made.
pub(super) async fn checks(
    ground: &dyn Ground,
    subject: &Subject,
    seen: Result<Observation, CloudError>,
) -> Vec<Check> {
    let mut checks = vec![name_is_free(subject, "s3:ListBucket", seen)];
    checks.extend(key(ground, subject).await);
    checks
}
