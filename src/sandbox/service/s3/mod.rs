//! S3: buckets and objects. Facts 2.8.

mod buckets;
mod listing;
mod lock;
mod objects;
mod request;
mod routes;
mod settings;

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::{Answer, Ask, Protocol, Route, Target};
use crate::sandbox::service::ServiceCalls;
use crate::sandbox::spec::Place;
use crate::sandbox::world::World;

/// S3.
pub(crate) struct S3;

impl ServiceCalls for S3 {
    fn signing_name(&self) -> &'static str {
        "s3"
    }

    fn protocol(&self) -> Protocol {
        Protocol::RestXml
    }

    fn route(&self, target: &Target) -> Option<Route> {
        routes::route(target)
    }

    fn operations(&self) -> &'static [&'static str] {
        &[
            "ListBuckets",
            "CreateBucket",
            "HeadBucket",
            "DeleteBucket",
            "PutObject",
            "DeleteObject",
            "DeleteObjects",
            "CreateMultipartUpload",
            "GetObject",
            "HeadObject",
            "ListObjectsV2",
            "ListObjectVersions",
            "ListMultipartUploads",
            "AbortMultipartUpload",
            "GetBucketLocation",
            "GetBucketVersioning",
            "PutBucketVersioning",
            "GetBucketTagging",
            "PutBucketTagging",
            "DeleteBucketTagging",
            "GetPublicAccessBlock",
            "PutPublicAccessBlock",
            "DeletePublicAccessBlock",
            "GetBucketOwnershipControls",
            "PutBucketOwnershipControls",
            "GetBucketEncryption",
            "PutBucketEncryption",
            "GetObjectLockConfiguration",
        ]
    }

    fn call(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        call(world, &caller.place(), ask)
    }

    /// The bucket, and the key of a request about one object.
    fn changed(&self, ask: &Ask) -> Option<String> {
        let reads = ["Get", "Head", "List"].iter().any(|word| ask.operation.starts_with(word));
        (!reads).then(|| ask.labels.join("/"))
    }
}

fn call(world: &mut World, place: &Place, ask: &Ask) -> Result<Answer, Failure> {
    match ask.operation.as_str() {
        "ListBuckets" => Ok(listing::buckets(world, place, ask)),
        "CreateBucket" => buckets::create(world, place, ask),
        "HeadBucket" => buckets::head(world, place, ask),
        "DeleteBucket" => buckets::delete(world, place, ask),
        "PutObject" | "DeleteObject" | "DeleteObjects" | "CreateMultipartUpload" => write(world, place, ask),
        _ => read_or_set(world, place, ask),
    }
}

/// What needs a moment and new ids.
fn write(world: &mut World, place: &Place, ask: &Ask) -> Result<Answer, Failure> {
    let (now, mut stream) = (world.now, world.stream("object version"));
    let bucket = buckets::open(world, place, ask)?;
    match ask.operation.as_str() {
        "PutObject" => objects::put(bucket, ask, now, &mut stream),
        "DeleteObject" => objects::delete(bucket, ask, now, &mut stream),
        "DeleteObjects" => objects::delete_many(bucket, ask, now, &mut stream),
        _ => Ok(objects::begin_upload(bucket, ask, now, &mut stream)),
    }
}

fn read_or_set(world: &mut World, place: &Place, ask: &Ask) -> Result<Answer, Failure> {
    let bucket = buckets::open(world, place, ask)?;
    match ask.operation.as_str() {
        "GetObject" | "HeadObject" => objects::get(bucket, ask),
        "ListObjectsV2" => listing::objects(bucket, ask),
        "ListObjectVersions" => listing::versions(bucket, ask),
        "ListMultipartUploads" => listing::uploads(bucket, ask),
        "AbortMultipartUpload" => objects::abort_upload(bucket, ask),
        other => {
            let unknown = || Failure::unknown(other);
            settings::call(bucket, place, ask).ok_or_else(unknown)?
        }
    }
}
