//! [`Archive`] over S3. Permissions: [`crate::aws::permissions::ARCHIVE`], on the bucket and below the prefix alone.
//!
//! Every request names the account that the bucket must belong to, and S3 refuses it if it does not.

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{ChecksumMode, ObjectLockConfiguration, ObjectLockEnabled, ObjectLockMode};
use aws_smithy_types::byte_stream::ByteStream;

use crate::aws::buckets::s3_error;
use crate::aws::elsewhere::Elsewhere;
use crate::aws::time::{date_time, instant};
use crate::cloud::archive::{Archive, ArchiveBucket, Kept, Lock};
use crate::cloud::error::{CloudError, ErrorKind};
use crate::words::base64;
use crate::words::kind::LockMode;

/// [`Archive`] over S3, in the region of each bucket.
pub struct AwsArchive {
    elsewhere: Elsewhere,
}

impl AwsArchive {
    /// With the destination's credentials.
    #[must_use]
    pub fn new(elsewhere: Elsewhere) -> Self {
        Self { elsewhere }
    }
}

#[async_trait]
impl Archive for AwsArchive {
    async fn locks(&self, bucket: &ArchiveBucket) -> Result<bool, CloudError> {
        const OPERATION: &str = "s3:GetObjectLockConfiguration";
        let client = self.elsewhere.s3(&bucket.region);
        let ask = client.get_object_lock_configuration().bucket(&bucket.name);
        let answer = ask.expected_bucket_owner(bucket.owner.as_str()).send().await;
        match answer.map_err(|error| s3_error(OPERATION, &error)) {
            Ok(answer) => {
                let settings = answer.object_lock_configuration();
                let enabled = settings.and_then(ObjectLockConfiguration::object_lock_enabled);
                Ok(enabled == Some(&ObjectLockEnabled::Enabled))
            }
            Err(error) if error.code == "ObjectLockConfigurationNotFoundError" => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn kept(&self, bucket: &ArchiveBucket, key: &str) -> Result<Option<Kept>, CloudError> {
        const OPERATION: &str = "s3:HeadObject";
        let client = self.elsewhere.s3(&bucket.region);
        let ask = client.head_object().bucket(&bucket.name).key(key).checksum_mode(ChecksumMode::Enabled);
        match ask.expected_bucket_owner(bucket.owner.as_str()).send().await {
            Ok(answer) => Ok(Some(kept(&answer))),
            // A HEAD has no body, and so no code: the status is all there is.
            Err(error) => match error.raw_response().map(|answer| answer.status().as_u16()) {
                Some(404) => Ok(None),
                Some(403) => {
                    let why = format!(
                        "`{}` in the bucket `{}` may not be looked at (`s3:GetObject`, and `s3:ListBucket` where it is \
                         not there yet), or the bucket is not of account {}",
                        key, bucket.name, bucket.owner
                    );
                    Err(CloudError::new(OPERATION, ErrorKind::Denied, "AccessDenied", &why, None))
                }
                _ => Err(s3_error(OPERATION, &error)),
            },
        }
    }

    async fn keep(&self, bucket: &ArchiveBucket, key: &str, bytes: Vec<u8>, lock: &Lock) -> Result<(), CloudError> {
        const OPERATION: &str = "s3:PutObject";
        let sha256 = base64::encode(digest(&SHA256, &bytes).as_ref());
        let client = self.elsewhere.s3(&bucket.region);
        let ask = client.put_object().bucket(&bucket.name).key(key).expected_bucket_owner(bucket.owner.as_str());
        let ask = ask.checksum_sha256(sha256).object_lock_mode(mode_of_s3(lock.mode));
        let ask = ask.object_lock_retain_until_date(date_time(lock.until)).body(ByteStream::from(bytes));
        ask.send().await.map(|_| ()).map_err(|error| s3_error(OPERATION, &error))
    }
}

fn kept(answer: &HeadObjectOutput) -> Kept {
    let mode = match answer.object_lock_mode() {
        Some(ObjectLockMode::Governance) => Some(LockMode::Governance),
        Some(ObjectLockMode::Compliance) => Some(LockMode::Compliance),
        _ => None,
    };
    let until = instant(answer.object_lock_retain_until_date());
    let digits = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Kept {
        sha256: answer.checksum_sha256().and_then(base64::decode).map(digits),
        lock: mode.zip(until).map(|(mode, until)| Lock { mode, until }),
    }
}

fn mode_of_s3(mode: LockMode) -> ObjectLockMode {
    match mode {
        LockMode::Governance => ObjectLockMode::Governance,
        LockMode::Compliance => ObjectLockMode::Compliance,
    }
}
