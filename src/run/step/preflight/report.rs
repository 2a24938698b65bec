//! The evidence: the key of AWS KMS that is to sign it, and the bucket that it is to be archived in.
//!
//! Neither keeps a run from restoring and removing, so neither fails: what is wrong is a warning.

use crate::cloud::archive::ArchiveBucket;
use crate::cloud::check::{Check, CheckResult};
use crate::cloud::error::{CloudError, ErrorKind};
use crate::definition::model::{ArchiveSettings, Definition, SignBy};
use crate::run::step::preflight::Looking;
use crate::words::arn::Arn;
use crate::words::kind::CheckId;

/// Whether there is anything to look at.
pub(super) fn is_asked(definition: &Definition) -> bool {
    definition.report.sign.is_some() || definition.report.archive.is_some()
}

pub(super) async fn check(cx: &Looking<'_>) -> Vec<Check> {
    let report = &cx.definition.report;
    let mut checks = Vec::new();
    if let Some(SignBy::Kms(key)) = &report.sign {
        checks.push(signing(cx, key).await);
    }
    if let Some(archive) = &report.archive {
        checks.push(archived(cx, archive).await);
    }
    checks
}

async fn signing(cx: &Looking<'_>, key: &Arn) -> Check {
    let (id, what) = (CheckId::ReportSigning, format!("signing key {key}"));
    match cx.services.cloud.signatures.public_key(key).await {
        Ok(_) => Check::ok(id, &what, "it is there, and of a kind that signs evidence"),
        Err(error) if is_certain(&error) => {
            Check::warning(id, &what, &format!("the evidence would not be signed: {error}")).mended_by(
                "name an enabled key with the usage SIGN_VERIFY and the spec ECC_NIST_P256 in `report.sign.kms`",
            )
        }
        Err(error) => Check::unanswered(id, &what, "kms:GetPublicKey", &error),
    }
}

async fn archived(cx: &Looking<'_>, archive: &ArchiveSettings) -> Check {
    let destination = &cx.definition.destination;
    let bucket = ArchiveBucket {
        name: archive.s3.bucket().to_owned(),
        region: archive.region.clone().unwrap_or_else(|| destination.region.clone()),
        owner: destination.account.clone(),
    };
    judge(&bucket, cx.services.cloud.archive.locks(&bucket).await)
}

fn judge(bucket: &ArchiveBucket, found: Result<bool, CloudError>) -> Check {
    let (id, what) = (CheckId::ReportArchive, format!("archive bucket {}", bucket.name));
    match found {
        Ok(true) => Check::ok(id, &what, &format!("it has Object Lock, and is of account {}", bucket.owner)),
        Ok(false) => {
            Check::warning(id, &what, "it has no Object Lock: the evidence would not be archived").mended_by(&format!(
                "`aws s3api put-object-lock-configuration --bucket {} --object-lock-configuration \
                 ObjectLockEnabled=Enabled`, which needs versioning",
                bucket.name
            ))
        }
        Err(error) if is_certain(&error) => {
            Check::warning(id, &what, &format!("the evidence would not be archived: {error}"))
                .mended_by("make the bucket with Object Lock, or name another one in `report.archive`")
        }
        Err(error) => {
            let check = Check::unanswered(id, &what, "s3:GetBucketObjectLockConfiguration", &error);
            if check.result == CheckResult::NotChecked && error.kind == ErrorKind::Denied {
                let owner = &bucket.owner;
                return check.mended_by(&format!(
                    "allow `s3:GetBucketObjectLockConfiguration` to the identity that drill runs as, if the bucket is of \
                     account {owner}; another account's is refused in the same words"
                ));
            }
            check
        }
    }
}

/// Whether asking again, or with more permissions, would bring nothing else.
fn is_certain(error: &CloudError) -> bool {
    matches!(error.kind, ErrorKind::NotFound | ErrorKind::Invalid)
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::cloud::archive::ArchiveBucket;
    use crate::cloud::check::CheckResult;
    use crate::cloud::error::{CloudError, ErrorKind};

    #[test]
    fn a_bucket_without_a_lock_is_a_warning_and_one_that_nobody_saw_is_not_checked() {
        let bucket = ArchiveBucket {
            name: "audit".to_owned(),
            region: "eu-west-1".parse().unwrap(),
            owner: "123456789012".parse().unwrap(),
        };
        let error = |kind| CloudError::new("s3:GetObjectLockConfiguration", kind, "code", "no", None);
        assert_eq!(judge(&bucket, Ok(true)).result, CheckResult::Ok);
        let off = judge(&bucket, Ok(false));
        assert_eq!(off.result, CheckResult::Warning);
        assert!(off.mend.is_some_and(|mend| mend.contains("put-object-lock-configuration --bucket audit")));
        assert_eq!(judge(&bucket, Err(error(ErrorKind::NotFound))).result, CheckResult::Warning);
        let denied = judge(&bucket, Err(error(ErrorKind::Denied)));
        assert_eq!(denied.result, CheckResult::NotChecked);
        assert!(denied.mend.is_some_and(|mend| mend.contains("account 123456789012")));
        assert_eq!(judge(&bucket, Err(error(ErrorKind::Throttled))).result, CheckResult::NotChecked);
    }
}
