//! Buckets of one account and region. Their names are taken in the whole world.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::sandbox::inventory::Thing;
use crate::sandbox::spec::Place;
use crate::sandbox::thing::s3::bucket::Bucket;
use crate::sandbox::thing::{Shelf, Tagged};
use crate::sandbox::world::World;

/// Everything of S3.
#[derive(Default)]
pub(crate) struct S3Shelf {
    pub(crate) buckets: BTreeMap<String, Bucket>,
}

impl Bucket {
    /// Its ARN: no account, no region.
    pub(crate) fn arn(&self) -> String {
        arn(&self.name)
    }
}

/// A bucket's ARN.
pub(crate) fn arn(name: &str) -> String {
    format!("arn:aws:s3:::{name}")
}

/// Where the bucket of this name is, whoever owns it.
pub(crate) fn home(world: &World, name: &str) -> Option<Place> {
    let found = world.sites.iter().find(|(_, site)| site.shelves.s3.buckets.contains_key(name));
    found.map(|(place, _)| place.clone())
}

/// Whether S3 takes a bucket of this name.
pub(crate) fn is_bucket_name(name: &str) -> bool {
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.starts_with(ends)
        && name.ends_with(ends)
        && name.chars().all(|c| ends(c) || matches!(c, '-' | '.'))
        && !name.contains("..")
        && !name.starts_with("xn--")
}

impl Shelf for S3Shelf {
    /// Nothing in S3 takes its time; what a restore brings, it brings at its end.
    fn advance(&mut self, _now: Timestamp) {}

    fn due(&self) -> Option<Timestamp> {
        None
    }

    fn things(&self) -> Vec<Thing> {
        // What is archived only grows: how much it is says nothing of what a run left.
        let state = |bucket: &Bucket| {
            if bucket.locks {
                "object lock".to_owned()
            } else {
                format!("{} objects", bucket.current_objects().count())
            }
        };
        let thing = |bucket: &Bucket| Thing {
            arn: bucket.arn(),
            kind: "s3:bucket".to_owned(),
            state: state(bucket),
            made_by_restore_job: bucket.made_by.clone(),
            tags: bucket.tags.clone(),
        };
        self.buckets.values().map(thing).collect()
    }

    fn tagged(&self) -> Vec<Tagged> {
        let tagged = |bucket: &Bucket| Tagged { arn: bucket.arn(), kind: "s3:bucket", tags: bucket.tags.clone() };
        self.buckets.values().filter(|bucket| !bucket.tags.is_empty()).map(tagged).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::is_bucket_name;

    #[test]
    fn names_follow_s3_rules() {
        assert!(is_bucket_name("drill-0a1b2c3d-invoices"));
        for wrong in ["ab", "Abc", "-abc", "abc-", "a..b", "a_b", "xn--abc", &"a".repeat(64)] {
            assert!(!is_bucket_name(wrong), "{wrong}");
        }
    }
}
