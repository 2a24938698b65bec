//! The archive of evidence: objects in S3 that nobody deletes before their time, with Object Lock.
//!
//! There is no word here for deleting, for shortening a lock, or for a bucket's settings: a drill does none of that.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cloud::error::CloudError;
use crate::words::id::{AccountId, Region};
use crate::words::kind::LockMode;

/// A bucket, and whose it must be: S3 refuses every request if it is somebody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveBucket {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub region: Region,
    /// Its owner.
    pub owner: AccountId,
}

/// Until when an object stays, and who may shorten that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Who may.
    pub mode: LockMode,
    /// Whole seconds.
    pub until: Timestamp,
}

/// An object that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// SHA-256 of its bytes in hexadecimal digits, as S3 computed it; none where it was not asked to.
    pub sha256: Option<String>,
    /// Its lock; none where it has none, or it may not be seen.
    pub lock: Option<Lock>,
}

impl Kept {
    /// Whether it holds these bytes and stays at least as long, as surely.
    #[must_use]
    pub fn is_as_good_as(&self, sha256: &str, wanted: &Lock) -> bool {
        let as_sure = |lock: &Lock| lock.mode == LockMode::Compliance || lock.mode == wanted.mode;
        let stays = self.lock.as_ref().is_some_and(|lock| as_sure(lock) && lock.until >= wanted.until);
        stays && self.sha256.as_deref() == Some(sha256)
    }
}

/// Buckets with Object Lock.
#[async_trait]
pub trait Archive: Send + Sync {
    /// `s3:GetObjectLockConfiguration`: whether the bucket has Object Lock. One that is not there, or not the owner's, is an
    /// error.
    async fn locks(&self, bucket: &ArchiveBucket) -> Result<bool, CloudError>;

    /// `s3:HeadObject`. None: there is no such object.
    async fn kept(&self, bucket: &ArchiveBucket, key: &str) -> Result<Option<Kept>, CloudError>;

    /// `s3:PutObject` with its lock and its SHA-256, which S3 compares. What was there before stays as an older version.
    async fn keep(&self, bucket: &ArchiveBucket, key: &str, bytes: Vec<u8>, lock: &Lock) -> Result<(), CloudError>;
}

#[cfg(test)]
mod tests {
    use super::{Kept, Lock};
    use crate::words::kind::LockMode::{Compliance, Governance};

    #[test]
    fn only_the_same_bytes_that_stay_as_long_and_as_surely_are_as_good() {
        let until = |text: &str| text.parse().unwrap();
        let lock = |mode, text: &str| Lock { mode, until: until(text) };
        let wanted = lock(Governance, "2033-01-01T00:00:00Z");
        let kept = |sha256: &str, lock| Kept { sha256: Some(sha256.to_owned()), lock };
        assert!(kept("aa", Some(wanted)).is_as_good_as("aa", &wanted));
        assert!(kept("aa", Some(lock(Compliance, "2034-01-01T00:00:00Z"))).is_as_good_as("aa", &wanted));
        assert!(!kept("aa", Some(wanted)).is_as_good_as("aa", &lock(Compliance, "2033-01-01T00:00:00Z")));
        assert!(!kept("aa", Some(lock(Governance, "2032-01-01T00:00:00Z"))).is_as_good_as("aa", &wanted));
        assert!(!kept("bb", Some(wanted)).is_as_good_as("aa", &wanted));
        assert!(!kept("aa", None).is_as_good_as("aa", &wanted));
        assert!(!Kept { sha256: None, lock: Some(wanted) }.is_as_good_as("aa", &wanted));
    }
}
