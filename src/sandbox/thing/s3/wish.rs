//! What restore metadata asks of S3. Facts 2.8.

use std::collections::BTreeMap;

use crate::sandbox::spec::Place;
use crate::sandbox::thing::s3::BucketBlock;
use crate::sandbox::thing::s3::bucket::Versioning;
use crate::sandbox::thing::s3::shelf::{home, is_bucket_name};
use crate::sandbox::world::{Point, World};

/// What the metadata asks for.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) bucket: String,
    /// The job makes the bucket.
    pub(super) makes_bucket: bool,
    /// So many of an object's newest versions; nothing for all.
    pub(super) versions: Option<usize>,
    /// Keys or prefixes; empty for everything.
    pub(super) items: Vec<String>,
    pub(super) with_acls: bool,
}

const KNOWN: &[&str] = &[
    "DestinationBucketName",
    "NewBucket",
    "EncryptionType",
    "KMSKey",
    "RestoreACLs",
    "RestoreLatestVersionsUpTo",
    "ItemsToRestore",
    "RestoreTime",
    "Encrypted",
    "CreationToken",
    "aws:backup:request-id",
];

/// A restore takes no more keys and prefixes.
const MOST_ITEMS: usize = 5;

/// What the metadata asks for, or why the job fails.
pub(super) fn read(
    world: &mut World,
    place: &Place,
    point: &Point,
    block: &BucketBlock,
    metadata: &BTreeMap<String, String>,
) -> Result<Wish, String> {
    if let Some(unknown) = metadata.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(invalid(&format!("the key {unknown} is not known for S3 buckets")));
    }
    let value = |key: &str| metadata.get(key).map(String::as_str).filter(|text| !text.is_empty());
    let flag = |key: &str| value(key).is_some_and(|text| text.eq_ignore_ascii_case("true"));
    if value("RestoreTime").is_some() {
        return Err(invalid("RestoreTime is valid for continuous recovery points only"));
    }
    let bucket = value("DestinationBucketName").unwrap_or_default().to_owned();
    let makes_bucket = flag("NewBucket");
    let has_acls = check_bucket(world, place, &bucket, makes_bucket)?;
    if !world.site(place).can_read(point) {
        return Err(inaccessible(&point.key));
    }
    check_encryption(world, place, point, value("EncryptionType"), value("KMSKey"))?;
    let with_acls = flag("RestoreACLs");
    if with_acls && !block.acls {
        return Err(invalid("RestoreACLs is true and the recovery point holds no ACLs"));
    }
    if block.acls && !has_acls {
        return Err(invalid(&format!(
            "the recovery point holds ACLs and the bucket {bucket} has ACLs disabled (BucketOwnerEnforced)"
        )));
    }
    let versions = versions(value("RestoreLatestVersionsUpTo"))?;
    let items = items(value("ItemsToRestore"))?;
    Ok(Wish { bucket, makes_bucket, versions, items, with_acls })
}

/// Whether the job can write there; answers whether the bucket takes ACLs.
fn check_bucket(world: &mut World, place: &Place, name: &str, is_new: bool) -> Result<bool, String> {
    if !is_bucket_name(name) {
        return Err(s3_error("InvalidBucketName", 400, "The specified bucket is not valid."));
    }
    let home = home(world, name);
    if is_new {
        return match home {
            None => Ok(false),
            Some(home) if home.account == place.account => Err(s3_error(
                "BucketAlreadyOwnedByYou",
                409,
                "Your previous request to create the named bucket succeeded and you already own it.",
            )),
            Some(_) => Err(s3_error("BucketAlreadyExists", 409, "The requested bucket name is not available.")),
        };
    }
    let home = home.ok_or_else(|| no_such_bucket(name))?;
    if home.account != place.account {
        return Err(s3_error("AccessDenied", 403, "Access Denied"));
    }
    if home.region != place.region {
        return Err(format!(
            "The destination bucket {name} is in {}; it must be in the Region of the recovery point, {}",
            home.region, place.region
        ));
    }
    let bucket = world.site(place).shelves.s3.buckets.get(name).ok_or_else(|| no_such_bucket(name))?;
    if bucket.versioning != Versioning::Enabled {
        return Err(format!("Versioning must be enabled on the destination bucket {name}"));
    }
    Ok(bucket.ownership.as_deref() != Some("BucketOwnerEnforced"))
}

fn check_encryption(
    world: &mut World,
    place: &Place,
    point: &Point,
    kind: Option<&str>,
    key: Option<&str>,
) -> Result<(), String> {
    let usable = key.is_none_or(|key| world.site(place).usable_key(key).is_some());
    match (kind, key) {
        (Some("original"), _) if point.source.source.region != place.region => Err(invalid(
            "EncryptionType original is not supported for a recovery point that was copied from another Region",
        )),
        (Some("original" | "SSE-S3") | None, Some(_)) => Err(invalid("KMSKey needs EncryptionType SSE-KMS")),
        (Some("SSE-KMS"), Some(key)) if !usable => Err(inaccessible(key)),
        (Some("original" | "SSE-S3" | "SSE-KMS") | None, _) => Ok(()),
        (Some(other), _) => Err(invalid(&format!("EncryptionType {other} is not original, SSE-S3 or SSE-KMS"))),
    }
}

fn versions(asked: Option<&str>) -> Result<Option<usize>, String> {
    match asked {
        None => Ok(Some(1)),
        Some("all") => Ok(None),
        Some(number) => match number.parse::<usize>() {
            Ok(number) if number >= 1 => Ok(Some(number)),
            _ => Err(invalid("RestoreLatestVersionsUpTo must be a number from 1, or all")),
        },
    }
}

fn items(asked: Option<&str>) -> Result<Vec<String>, String> {
    let Some(asked) = asked else { return Ok(Vec::new()) };
    let items: Vec<String> = serde_json::from_str(asked)
        .map_err(|_| invalid("ItemsToRestore must be a JSON array of keys or prefixes, as a string"))?;
    if items.len() > MOST_ITEMS {
        return Err(invalid("ItemsToRestore takes at most 5 keys or prefixes"));
    }
    Ok(items)
}

/// The bucket went away, or never was.
pub(super) fn no_such_bucket(name: &str) -> String {
    s3_error("NoSuchBucket", 404, &format!("The specified bucket does not exist: {name}"))
}

fn inaccessible(key: &str) -> String {
    let message = format!("The KMS key {key} is disabled, does not exist or cannot be accessed");
    s3_error("KMS.NotFoundException", 400, &message)
}

fn invalid(what: &str) -> String {
    format!("Invalid parameters for the restore job: {what}")
}

fn s3_error(code: &str, status: u16, message: &str) -> String {
    format!("{message} (Service: Amazon S3; Status Code: {status}; Error Code: {code})")
}

#[cfg(test)]
mod tests {
    use super::{items, versions};

    #[test]
    fn one_version_is_the_default() {
        assert_eq!((versions(None), versions(Some("3")), versions(Some("all"))), (Ok(Some(1)), Ok(Some(3)), Ok(None)));
        assert!(versions(Some("0")).is_err() && versions(Some("some")).is_err());
    }

    #[test]
    fn five_items_at_most() {
        assert_eq!(items(Some("[\"2026/\"]")), Ok(vec!["2026/".to_owned()]));
        assert!(items(Some("2026/")).is_err() && items(Some("[\"\",\"\",\"\",\"\",\"\",\"\"]")).is_err());
    }
}
