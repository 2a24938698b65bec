//! A bucket's settings: location, versioning, tags, public access, ownership, encryption.

use std::collections::BTreeMap;

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::xml::{list, node, text};
use crate::sandbox::protocol::{Answer, Ask};
use crate::sandbox::service::s3::buckets::FIRST_REGION;
use crate::sandbox::service::s3::request::{document, malformed};
use crate::sandbox::spec::Place;
use crate::sandbox::thing::s3::{Bucket, Encryption, PublicAccessBlock, Versioning};

/// No bucket carries more.
const MOST_TAGS: usize = 50;

/// Performs an operation on a bucket's settings; nothing if it is none.
pub(super) fn call(bucket: &mut Bucket, place: &Place, ask: &Ask) -> Option<Result<Answer, Failure>> {
    Some(match ask.operation.as_str() {
        "GetBucketLocation" => Ok(location(place)),
        "GetBucketVersioning" => Ok(versioning(bucket)),
        "PutBucketVersioning" => put_versioning(bucket, ask),
        "GetBucketTagging" => tagging(bucket),
        "PutBucketTagging" => put_tagging(bucket, ask),
        "DeleteBucketTagging" => {
            bucket.tags.clear();
            Ok(Answer::empty(204))
        }
        "GetPublicAccessBlock" => public_access(bucket),
        "PutPublicAccessBlock" => put_public_access(bucket, ask),
        "DeletePublicAccessBlock" => {
            bucket.public_access = None;
            Ok(Answer::empty(204))
        }
        "GetBucketOwnershipControls" => ownership(bucket),
        "PutBucketOwnershipControls" => put_ownership(bucket, ask),
        "GetBucketEncryption" => Ok(encryption(bucket)),
        "PutBucketEncryption" => put_encryption(bucket, ask),
        "GetObjectLockConfiguration" => object_lock(bucket),
        _ => return None,
    })
}

/// Empty for the first region.
fn location(place: &Place) -> Answer {
    let region = Some(place.region.as_str()).filter(|region| *region != FIRST_REGION);
    Answer::Xml(vec![text("LocationConstraint", region.unwrap_or_default())])
}

fn versioning(bucket: &Bucket) -> Answer {
    let status = match bucket.versioning {
        Versioning::Never => None,
        Versioning::Enabled => Some("Enabled"),
        Versioning::Suspended => Some("Suspended"),
    };
    let status = status.map(|status| text("Status", status));
    Answer::Xml(vec![node("VersioningConfiguration", status.into_iter().collect())])
}

fn put_versioning(bucket: &mut Bucket, ask: &Ask) -> Result<Answer, Failure> {
    bucket.versioning = match document(ask, "VersioningConfiguration")?.at(&["Status"]) {
        Some("Enabled") => Versioning::Enabled,
        Some("Suspended") if bucket.locks => {
            return Err(Failure::new(
                409,
                "InvalidBucketState",
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
            ));
        }
        Some("Suspended") => Versioning::Suspended,
        _ => {
            return Err(Failure::bad(
                "IllegalVersioningConfigurationException",
                "The Versioning element must be specified",
            ));
        }
    };
    Ok(Answer::empty(200))
}

fn object_lock(bucket: &Bucket) -> Result<Answer, Failure> {
    if !bucket.locks {
        return Err(Failure::new(
            404,
            "ObjectLockConfigurationNotFoundError",
            "Object Lock configuration does not exist for this bucket",
        ));
    }
    Ok(Answer::Xml(vec![node("ObjectLockConfiguration", vec![text("ObjectLockEnabled", "Enabled")])]))
}

fn tagging(bucket: &Bucket) -> Result<Answer, Failure> {
    if bucket.tags.is_empty() {
        return Err(Failure::new(404, "NoSuchTagSet", "The TagSet does not exist"));
    }
    let tags = bucket.tags.iter().map(|(key, value)| vec![text("Key", key), text("Value", value)]);
    Ok(Answer::Xml(vec![node("Tagging", vec![list("TagSet", "Tag", tags)])]))
}

/// It replaces every tag.
fn put_tagging(bucket: &mut Bucket, ask: &Ask) -> Result<Answer, Failure> {
    let body = document(ask, "Tagging")?;
    let mut tags = BTreeMap::new();
    for tag in body.all("TagSet").flat_map(|set| set.all("Tag")) {
        let key = tag.at(&["Key"]).ok_or_else(malformed)?;
        if key.starts_with("aws:") {
            return Err(Failure::bad("InvalidTag", "System tags cannot be added/updated by requester"));
        }
        if tags.insert(key.to_owned(), tag.at(&["Value"]).unwrap_or_default().to_owned()).is_some() {
            return Err(Failure::bad("InvalidTag", "Cannot provide multiple Tags with the same key"));
        }
    }
    if tags.len() > MOST_TAGS {
        return Err(Failure::bad("BadRequest", "Bucket tag count cannot be greater than 50"));
    }
    bucket.tags = tags;
    Ok(Answer::empty(204))
}

fn public_access(bucket: &Bucket) -> Result<Answer, Failure> {
    let block = bucket.public_access.ok_or_else(|| {
        Failure::new(404, "NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")
    })?;
    let switches = vec![
        text("BlockPublicAcls", block.block_acls),
        text("IgnorePublicAcls", block.ignore_acls),
        text("BlockPublicPolicy", block.block_policy),
        text("RestrictPublicBuckets", block.restrict),
    ];
    Ok(Answer::Xml(vec![node("PublicAccessBlockConfiguration", switches)]))
}

fn put_public_access(bucket: &mut Bucket, ask: &Ask) -> Result<Answer, Failure> {
    let body = document(ask, "PublicAccessBlockConfiguration")?;
    bucket.public_access = Some(PublicAccessBlock {
        block_acls: body.is_true(&["BlockPublicAcls"]),
        ignore_acls: body.is_true(&["IgnorePublicAcls"]),
        block_policy: body.is_true(&["BlockPublicPolicy"]),
        restrict: body.is_true(&["RestrictPublicBuckets"]),
    });
    Ok(Answer::empty(200))
}

fn ownership(bucket: &Bucket) -> Result<Answer, Failure> {
    let ownership = bucket.ownership.as_ref().ok_or_else(|| {
        Failure::new(404, "OwnershipControlsNotFoundError", "The bucket ownership controls were not found")
    })?;
    Ok(Answer::Xml(vec![node("OwnershipControls", vec![node("Rule", vec![text("ObjectOwnership", ownership)])])]))
}

fn put_ownership(bucket: &mut Bucket, ask: &Ask) -> Result<Answer, Failure> {
    let body = document(ask, "OwnershipControls")?;
    let known = ["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"];
    let asked = body.at(&["Rule", "ObjectOwnership"]).filter(|asked| known.contains(asked)).ok_or_else(malformed)?;
    bucket.ownership = Some(asked.to_owned());
    Ok(Answer::empty(200))
}

fn encryption(bucket: &Bucket) -> Answer {
    let mut default = vec![text("SSEAlgorithm", &bucket.encryption.algorithm)];
    default.extend(bucket.encryption.key.as_ref().map(|key| text("KMSMasterKeyID", key)));
    let rule = vec![
        node("ApplyServerSideEncryptionByDefault", default),
        text("BucketKeyEnabled", bucket.encryption.bucket_key),
    ];
    Answer::Xml(vec![node("ServerSideEncryptionConfiguration", vec![node("Rule", rule)])])
}

fn put_encryption(bucket: &mut Bucket, ask: &Ask) -> Result<Answer, Failure> {
    let body = document(ask, "ServerSideEncryptionConfiguration")?;
    let default = |name: &str| body.at(&["Rule", "ApplyServerSideEncryptionByDefault", name]).map(str::to_owned);
    let known = |algorithm: &String| matches!(algorithm.as_str(), "AES256" | "aws:kms" | "aws:kms:dsse");
    let algorithm = default("SSEAlgorithm").filter(known).ok_or_else(malformed)?;
    let key = default("KMSMasterKeyID");
    if algorithm == "AES256" && key.is_some() {
        return Err(Failure::bad(
            "InvalidArgument",
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
        ));
    }
    bucket.encryption = Encryption { algorithm, key, bucket_key: body.is_true(&["Rule", "BucketKeyEnabled"]) };
    Ok(Answer::empty(200))
}
