//! What the evidence of a definition needs of the world: the key that signs it, and the bucket that it is archived in. Both
//! are there and as they should be, unless the world file says otherwise.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Deserialize;

use crate::definition::model::{Definition, SignBy};
use crate::sandbox::clock::earlier;
use crate::sandbox::signing::KeySpec;
use crate::sandbox::spec::Place;
use crate::sandbox::thing::s3::{Bucket, Versioning, home};
use crate::sandbox::world::{Key, World};
use crate::words::arn::Arn;

/// A key of a world file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    /// What kind of key it is.
    pub spec: KeySpec,
}

/// A bucket of a world file that is no resource of the definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketFile {
    /// It has Object Lock, which is the default.
    #[serde(default = "yes")]
    pub object_lock: bool,
    /// It is there, which is the default.
    #[serde(default = "yes")]
    pub exists: bool,
}

fn yes() -> bool {
    true
}

/// Keys and buckets.
#[derive(Debug, Clone, Default)]
pub(crate) struct EvidenceSpec {
    keys: BTreeMap<Arn, KeySpec>,
    buckets: BTreeMap<String, BucketSpec>,
}

#[derive(Debug, Clone)]
struct BucketSpec {
    place: Place,
    file: BucketFile,
}

impl EvidenceSpec {
    /// What the definition names.
    pub(crate) fn of(definition: &Definition) -> Self {
        let (report, destination) = (&definition.report, &definition.destination);
        let key = report.sign.as_ref().map(|SignBy::Kms(key)| (key.clone(), KeySpec::P256));
        let bucket = report.archive.as_ref().map(|archive| {
            let region = archive.region.clone().unwrap_or_else(|| destination.region.clone());
            let place = Place { account: destination.account.clone(), region };
            let file = BucketFile { object_lock: true, exists: true };
            (archive.s3.bucket().to_owned(), BucketSpec { place, file })
        });
        Self { keys: key.into_iter().collect(), buckets: bucket.into_iter().collect() }
    }

    /// Lays a world file over it. `place` is where buckets are that the definition does not name.
    pub(crate) fn refine(
        &mut self,
        keys: BTreeMap<Arn, KeyFile>,
        buckets: BTreeMap<String, BucketFile>,
        place: Option<&Place>,
    ) {
        self.keys.extend(keys.into_iter().map(|(arn, file)| (arn, file.spec)));
        for (name, file) in buckets {
            if let Some(known) = self.buckets.get_mut(&name) {
                known.file = file;
            } else if let Some(place) = place {
                self.buckets.insert(name, BucketSpec { place: place.clone(), file });
            }
        }
    }

    /// Joins two. Where both know something, the first wins.
    pub(crate) fn merge(&mut self, other: Self) {
        for (arn, spec) in other.keys {
            self.keys.entry(arn).or_insert(spec);
        }
        for (name, bucket) in other.buckets {
            self.buckets.entry(name).or_insert(bucket);
        }
    }

    /// Puts them into the world.
    pub(crate) fn add_to(&self, world: &mut World) {
        let created = earlier(world.started, SignedDuration::from_hours(24 * 300));
        for (arn, spec) in &self.keys {
            let (Some(account), Some(region)) = (arn.account(), arn.region()) else { continue };
            let keys = &mut world.site(&Place { account, region }).keys;
            match keys.iter_mut().find(|key| key.arn == arn.as_str()) {
                Some(key) => key.spec = *spec,
                None => {
                    keys.push(Key { arn: arn.to_string(), enabled: true, shut: false, created, spec: *spec });
                }
            }
        }
        for (name, BucketSpec { place, file }) in &self.buckets {
            if !file.exists || home(world, name).is_some() {
                continue;
            }
            let mut bucket = Bucket::new(name, created);
            bucket.versioning = Versioning::Enabled;
            bucket.locks = file.object_lock;
            world.site(place).shelves.s3.buckets.insert(name.clone(), bucket);
        }
    }
}
