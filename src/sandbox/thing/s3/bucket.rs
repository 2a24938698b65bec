//! A bucket: its settings, and its objects with all their versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;

use crate::words::kind::LockMode;

/// The version id of what was written while versioning was off.
pub(crate) const NULL_VERSION: &str = "null";

/// A bucket.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    pub(crate) versioning: Versioning,
    /// `BucketOwnerEnforced` disables ACLs; nothing means that the controls were deleted.
    pub(crate) ownership: Option<String>,
    pub(crate) public_access: Option<PublicAccessBlock>,
    pub(crate) encryption: Encryption,
    pub(crate) tags: BTreeMap<String, String>,
    /// By key; the newest version first, never empty.
    pub(crate) objects: BTreeMap<String, Vec<Version>>,
    /// Unfinished multipart uploads, by key and id.
    pub(crate) uploads: BTreeMap<(String, String), Timestamp>,
    /// The restore job that wrote to it.
    pub(crate) made_by: Option<String>,
    /// It has Object Lock: versions may be retained.
    pub(crate) locks: bool,
}

/// Whether old versions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versioning {
    Never,
    Enabled,
    Suspended,
}

/// The four switches of a public access block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PublicAccessBlock {
    pub(crate) block_acls: bool,
    pub(crate) ignore_acls: bool,
    pub(crate) block_policy: bool,
    pub(crate) restrict: bool,
}

/// The default encryption of new objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encryption {
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub(crate) algorithm: String,
    pub(crate) key: Option<String>,
    pub(crate) bucket_key: bool,
}

/// A version of an object, or a delete marker.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    /// A delete marker has none.
    pub(crate) blob: Option<Arc<Blob>>,
    /// Until when nobody deletes it.
    pub(crate) retained: Option<Retained>,
}

/// A retention of Object Lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retained {
    pub(crate) mode: LockMode,
    pub(crate) until: Timestamp,
}

/// An object's bytes.
#[derive(Debug)]
pub(crate) struct Blob {
    pub(crate) body: Vec<u8>,
    /// Without its quotes. No MD5: that of an object under a KMS key is none either.
    pub(crate) etag: String,
    pub(crate) content_type: String,
    /// The SHA-256 that it was sent with, in Base64.
    pub(crate) sha256: Option<String>,
}

/// What a deletion did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Deleted {
    /// The version that was made or removed.
    pub(crate) version: Option<String>,
    /// That version is a delete marker.
    pub(crate) is_marker: bool,
}

impl Blob {
    pub(crate) fn new(body: Vec<u8>, content_type: &str) -> Self {
        let hash = digest(&SHA256, &body);
        let etag = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self { body, etag, content_type: content_type.to_owned(), sha256: None }
    }
}

impl Bucket {
    /// A new bucket, as S3 makes it today: no ACLs, no public access, encrypted with S3's own key.
    pub(crate) fn new(name: &str, created: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            created,
            versioning: Versioning::Never,
            ownership: Some("BucketOwnerEnforced".to_owned()),
            public_access: Some(PublicAccessBlock {
                block_acls: true,
                ignore_acls: true,
                block_policy: true,
                restrict: true,
            }),
            encryption: Encryption { algorithm: "AES256".to_owned(), key: None, bucket_key: false },
            tags: BTreeMap::new(),
            objects: BTreeMap::new(),
            uploads: BTreeMap::new(),
            made_by: None,
            locks: false,
        }
    }

    /// The newest version, unless it is a delete marker.
    pub(crate) fn current(&self, key: &str) -> Option<(&Version, &Blob)> {
        let version = self.objects.get(key)?.first()?;
        Some((version, version.blob.as_deref()?))
    }

    /// A version by its id.
    pub(crate) fn version(&self, key: &str, id: &str) -> Option<&Version> {
        self.objects.get(key)?.iter().find(|version| version.id == id)
    }

    /// Objects that a plain listing shows.
    pub(crate) fn current_objects(&self) -> impl Iterator<Item = (&str, &Version, &Blob)> {
        self.objects.keys().filter_map(|key| self.current(key).map(|(version, blob)| (key.as_str(), version, blob)))
    }

    /// Writes a new version; answers its id. `id` is used where versioning is on.
    pub(crate) fn put(&mut self, key: &str, id: String, at: Timestamp, blob: Arc<Blob>) -> String {
        self.add(key, Version { id, at, blob: Some(blob), retained: None })
    }

    /// The same with a retention.
    pub(crate) fn put_retained(
        &mut self,
        key: &str,
        id: String,
        (at, retained): (Timestamp, Option<Retained>),
        blob: Arc<Blob>,
    ) -> String {
        self.add(key, Version { id, at, blob: Some(blob), retained })
    }

    /// Whether this version must stay; a governance retention may be bypassed.
    pub(crate) fn retains(&self, key: &str, id: &str, now: Timestamp, bypasses: bool) -> bool {
        let retained = self.version(key, id).and_then(|version| version.retained);
        retained.is_some_and(|retained| retained.until > now && !(bypasses && retained.mode == LockMode::Governance))
    }

    /// Deletes without a version: a delete marker where versions are kept.
    pub(crate) fn delete(&mut self, key: &str, id: String, at: Timestamp) -> Deleted {
        if self.versioning == Versioning::Never {
            self.objects.remove(key);
            return Deleted::default();
        }
        let marker = Version { id, at, blob: None, retained: None };
        Deleted { version: Some(self.add(key, marker)), is_marker: true }
    }

    /// Deletes one version for good. One that does not exist is deleted too, S3 says.
    pub(crate) fn delete_version(&mut self, key: &str, id: &str) -> Deleted {
        let mut is_marker = false;
        if let Some(versions) = self.objects.get_mut(key) {
            is_marker = versions.iter().any(|version| version.id == id && version.blob.is_none());
            versions.retain(|version| version.id != id);
            if versions.is_empty() {
                self.objects.remove(key);
            }
        }
        Deleted { version: Some(id.to_owned()), is_marker }
    }

    fn add(&mut self, key: &str, mut version: Version) -> String {
        let versions = self.objects.entry(key.to_owned()).or_default();
        if self.versioning != Versioning::Enabled {
            versions.retain(|version| version.id != NULL_VERSION);
            NULL_VERSION.clone_into(&mut version.id);
        }
        let id = version.id.clone();
        versions.insert(0, version);
        id
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::{Blob, Bucket, Versioning};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn versions_stay_until_each_is_deleted() {
        let mut bucket = Bucket::new("b", NOW);
        bucket.versioning = Versioning::Enabled;
        for id in ["1", "2"] {
            bucket.put("k", id.to_owned(), NOW, Arc::new(Blob::new(id.into(), "text/plain")));
        }
        let deleted = bucket.delete("k", "3".to_owned(), NOW);
        assert!(deleted.is_marker && bucket.current("k").is_none());
        assert_eq!(bucket.objects["k"].len(), 3);
        assert!(bucket.delete_version("k", "3").is_marker);
        assert_eq!(bucket.current("k").unwrap().0.id, "2");
        for id in ["2", "1"] {
            assert!(!bucket.delete_version("k", id).is_marker);
        }
        assert!(bucket.objects.is_empty());
    }

    #[test]
    fn without_versioning_there_is_one_version() {
        let mut bucket = Bucket::new("b", NOW);
        for _ in 0..2 {
            assert_eq!(bucket.put("k", "x".to_owned(), NOW, Arc::new(Blob::new(vec![], "text/plain"))), "null");
        }
        assert_eq!(bucket.objects["k"].len(), 1);
        bucket.delete("k", "y".to_owned(), NOW);
        assert!(bucket.objects.is_empty());
    }
}
