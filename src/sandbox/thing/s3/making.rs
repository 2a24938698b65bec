//! One restore into a bucket.

use std::sync::Arc;

use jiff::Timestamp;

use crate::sandbox::restore::Timetable;
use crate::sandbox::seed::Stream;
use crate::sandbox::thing::s3::bucket::{Blob, Bucket, Versioning};
use crate::sandbox::thing::s3::contents::BackedUp;
use crate::sandbox::thing::s3::shelf::arn;
use crate::sandbox::thing::s3::wish::{Wish, no_such_bucket};
use crate::sandbox::thing::{JobView, Making, Progress};
use crate::sandbox::world::Site;

/// The objects that a job brings into a bucket.
pub(super) struct Restored {
    wish: Wish,
    objects: Vec<BackedUp>,
    /// So many objects of the backup that the wish fits are not in `objects`: they fail.
    failing: usize,
    /// Draws version ids.
    stream: Stream,
    /// When the job began to write.
    begun: Option<Timestamp>,
}

impl Restored {
    /// `fail` objects of those that fit the wish fail.
    pub(super) fn new(wish: Wish, backup: Vec<BackedUp>, fail: u32, stream: Stream) -> Self {
        let fits = |object: &BackedUp| {
            wish.items.is_empty() || wish.items.iter().any(|item| object.key.starts_with(item.as_str()))
        };
        let mut objects: Vec<BackedUp> = backup.into_iter().filter(fits).collect();
        let failing = usize::try_from(fail).unwrap_or(usize::MAX).min(objects.len());
        objects.truncate(objects.len() - failing);
        Self { wish, objects, failing, stream, begun: None }
    }

    /// Writes the first `many` objects. What is there under the same key stays (facts 2.8).
    fn write(&mut self, site: &mut Site, at: Timestamp, many: usize) {
        let Some(bucket) = site.shelves.s3.buckets.get_mut(&self.wish.bucket) else { return };
        let blocks_public = bucket.public_access.is_some_and(|block| block.block_acls);
        for object in self.objects.iter().take(many) {
            let hidden = self.wish.with_acls && object.is_public && blocks_public;
            if hidden || bucket.objects.contains_key(&object.key) {
                continue;
            }
            for blob in newest(object, self.wish.versions) {
                let id = self.stream.word(32);
                bucket.put(&object.key, id, at, blob);
            }
        }
    }
}

/// The newest versions, the oldest of them first.
fn newest(object: &BackedUp, most: Option<usize>) -> impl Iterator<Item = Arc<Blob>> {
    let skipped = most.map_or(0, |most| object.versions.len().saturating_sub(most));
    object.versions.iter().skip(skipped).map(|(_, blob)| Arc::clone(blob))
}

impl Making for Restored {
    fn arn(&self) -> String {
        arn(&self.wish.bucket)
    }

    fn appear(&mut self, site: &mut Site, job: &JobView) -> Result<(), String> {
        let buckets = &mut site.shelves.s3.buckets;
        if self.wish.makes_bucket && !buckets.contains_key(&self.wish.bucket) {
            let mut bucket = Bucket::new(&self.wish.bucket, job.times.runs);
            bucket.versioning = Versioning::Enabled;
            buckets.insert(bucket.name.clone(), bucket);
        }
        let bucket = buckets.get_mut(&self.wish.bucket).ok_or_else(|| no_such_bucket(&self.wish.bucket))?;
        bucket.made_by = Some(job.id.to_owned());
        self.begun = Some(job.times.runs);
        Ok(())
    }

    fn progress(&mut self, site: &mut Site) -> Progress {
        if !site.shelves.s3.buckets.contains_key(&self.wish.bucket) {
            return Progress::Failed(no_such_bucket(&self.wish.bucket));
        }
        if self.objects.is_empty() && self.failing > 0 {
            return Progress::Failed("Restore job failed: none of the objects could be restored".to_owned());
        }
        Progress::Ready
    }

    /// Somebody may delete the bucket.
    fn is_watched(&self) -> bool {
        true
    }

    /// Objects come with the job's end, whenever that is.
    fn resume(&mut self, _site: &mut Site, _times: &Timetable) {}

    fn break_off(&mut self, site: &mut Site, leaves_partial: bool) {
        if leaves_partial {
            let half = self.objects.len().div_ceil(2);
            let at = self.begun.unwrap_or(Timestamp::UNIX_EPOCH);
            self.write(site, at, half);
        } else if self.wish.makes_bucket {
            site.shelves.s3.buckets.remove(&self.wish.bucket);
        } else if let Some(bucket) = site.shelves.s3.buckets.get_mut(&self.wish.bucket) {
            bucket.made_by = None;
        }
    }

    fn complete(&mut self, site: &mut Site, at: Timestamp) {
        let all = self.objects.len();
        self.write(site, at, all);
    }

    fn restore_in_part(&mut self) {
        let failing = self.objects.len() / 2;
        self.objects.truncate(self.objects.len() - failing);
        self.failing += failing;
    }

    fn completed_message(&self) -> Option<String> {
        if self.failing > 0 {
            let all = self.objects.len() + self.failing;
            return Some(format!(
                "Restore job completed with errors: {} of {all} objects failed to be restored. Subscribe to the event \
                 S3_RESTORE_OBJECT_FAILED for details",
                self.failing
            ));
        }
        let nothing = self.objects.is_empty() && !self.wish.items.is_empty();
        nothing.then(|| "There are no objects that match the specified items to restore".to_owned())
    }
}
