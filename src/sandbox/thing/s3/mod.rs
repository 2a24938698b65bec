//! S3 buckets. A restore writes into a bucket that exists. Facts 2.8.

mod block;
mod bucket;
mod contents;
mod making;
mod shelf;
mod wish;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use crate::sandbox::clock::earlier;
use crate::sandbox::seed::Stream;
use crate::sandbox::spec::{Place, ResourceSpec};
use crate::sandbox::thing::s3::block::BucketBlock;
pub(crate) use crate::sandbox::thing::s3::bucket::{
    Blob, Bucket, Deleted, Encryption, NULL_VERSION, PublicAccessBlock, Retained, Version, Versioning,
};
use crate::sandbox::thing::s3::making::Restored;
pub(crate) use crate::sandbox::thing::s3::shelf::{S3Shelf, home, is_bucket_name};
use crate::sandbox::thing::{Copied, Making, Physics, keys};
use crate::sandbox::world::{Point, World};

/// Buckets.
pub(crate) struct S3;

impl Physics for S3 {
    fn backup_type(&self) -> &'static str {
        "S3"
    }

    fn deletions(&self) -> &'static [&'static str] {
        &["s3:DeleteObjects", "s3:DeleteBucket"]
    }

    fn block(&self) -> Option<&'static str> {
        Some("bucket")
    }

    fn check_block(&self, block: &Map<String, Value>) -> Result<(), String> {
        BucketBlock::read(block).map(drop)
    }

    fn point_arn(&self, place: &Place, _spec: &ResourceSpec, _how: Copied, stream: &mut Stream) -> String {
        format!("arn:aws:backup:{}:{}:recovery-point:{}", place.region, place.account, stream.uuid().to_uppercase())
    }

    fn add_source(&self, world: &mut World, spec: &Arc<ResourceSpec>) {
        keys::add_named(world, spec);
        add_bucket(world, spec);
    }

    fn returned_metadata(&self, world: &World, point: &Point) -> Map<String, Value> {
        let mut stream = world.seed.stream(&format!("metadata {}", point.arn));
        let metadata = json!({
            "DestinationBucketName": point.source.arn.name(),
            "NewBucket": "false",
            "EncryptionType": "original",
            "KMSKey": null,
            "RestoreACLs": block_of(&point.source).acls.to_string(),
            "Encrypted": "true",
            "CreationToken": stream.uuid(),
            "aws:backup:request-id": stream.uuid(),
        });
        metadata.as_object().cloned().unwrap_or_default()
    }

    fn missing(&self, _spec: &ResourceSpec, metadata: &BTreeMap<String, String>) -> Option<&'static str> {
        metadata.get("DestinationBucketName").is_none_or(String::is_empty).then_some("DestinationBucketName")
    }

    /// Twenty minutes for 100 GiB: objects come one by one.
    fn usual_seconds(&self, spec: &ResourceSpec) -> f64 {
        20.0 * 60.0 * (f64::from(spec.size_gib.max(1)) / 100.0).powf(0.3)
    }

    /// It fails only if every object failed (facts 2.8).
    fn completes_in_part(&self) -> bool {
        true
    }

    fn wish(
        &self,
        world: &mut World,
        place: &Place,
        point: &Point,
        metadata: &BTreeMap<String, String>,
        _job_id: &str,
    ) -> Result<Box<dyn Making>, String> {
        let stream = world.stream("restored objects");
        let block = block_of(&point.source);
        let wish = wish::read(world, place, point, &block, metadata)?;
        let backup = contents::at_moment(&point.source, world.seed, point.created);
        Ok(Box::new(Restored::new(wish, backup, block.fail_objects, stream)))
    }
}

/// The world file's block; the default without one. One that cannot be read was refused with its file.
fn block_of(spec: &ResourceSpec) -> BucketBlock {
    BucketBlock::read(&spec.extra).unwrap_or_default()
}

fn add_bucket(world: &mut World, spec: &Arc<ResourceSpec>) {
    let name = spec.arn.name().to_owned();
    if home(world, &name).is_some() {
        return;
    }
    let created = earlier(world.started, SignedDuration::from_hours(24 * 420));
    let mut stream = world.seed.stream(&format!("bucket {}", spec.arn));
    let mut bucket = Bucket::new(&name, created);
    bucket.versioning = Versioning::Enabled;
    bucket.tags.clone_from(&spec.tags);
    if block_of(spec).acls {
        bucket.ownership = Some("BucketOwnerPreferred".to_owned());
    }
    for object in contents::at_moment(spec, world.seed, world.started) {
        for (at, blob) in object.versions {
            bucket.put(&object.key, stream.word(32), at, blob);
        }
    }
    world.site(&spec.source).shelves.s3.buckets.insert(name, bucket);
}
