//! What restore metadata asks EFS for. Facts 2.6.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::sandbox::spec::Place;
use crate::sandbox::thing::asked::Asked;
use crate::sandbox::thing::efs::contents;
use crate::sandbox::thing::shell::Contents;
use crate::sandbox::world::{Point, Site};

/// The file system that the metadata asks for.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) creation_token: String,
    pub(super) key: Option<String>,
    pub(super) performance_mode: &'static str,
    pub(super) zone: Option<String>,
    pub(super) bytes: u64,
    /// What the job will write.
    pub(super) contents: Contents,
}

/// What the metadata asks for, or why the job fails. `own_key` is the region's own key for EFS, `started` when the world
/// began.
pub(super) fn read(
    site: &Site,
    place: &Place,
    (point, started): (&Point, Timestamp),
    metadata: &BTreeMap<String, String>,
    own_key: &str,
) -> Result<Wish, String> {
    let asked = Asked(metadata);
    if !asked.is_true("newFileSystem") {
        let target = asked.get("file-system-id").unwrap_or("the source");
        return Err(format!(
            "The restore would write into the existing file system {target}, which the simulated AWS does not do: \
             newFileSystem must be true"
        ));
    }
    let creation_token = creation_token(site, asked)?;
    if !site.can_read(point) {
        return Err(inaccessible(&point.key));
    }
    let key = key(site, asked, own_key)?;
    let zone = zone(place, asked)?;
    let performance_mode = performance_mode(asked, zone.is_some())?;
    let items = asked.list("ItemsToRestore").map_err(|why| bad(&why))?;
    if let Some(wrong) = items.iter().find(|item| !item.starts_with('/')) {
        return Err(bad(&format!("ItemsToRestore holds {wrong}, which is no absolute path")));
    }
    let mut contents = contents(&point.source, point.created, started);
    if !items.is_empty() {
        contents.files.retain(|path, _| items.iter().any(|item| lies_in(path, item)));
    }
    Ok(Wish { creation_token, key, performance_mode, zone, bytes: point.source.point_bytes(), contents })
}

/// Whether a file is what somebody asked for, or lies below it.
fn lies_in(path: &str, item: &str) -> bool {
    let item = item.trim_matches('/');
    path == item || path.strip_prefix(item).is_some_and(|rest| rest.starts_with('/'))
}

fn creation_token(site: &Site, asked: Asked) -> Result<String, String> {
    let Some(token) = asked.get("CreationToken") else {
        return Err(bad("CreationToken is required for a new file system"));
    };
    if token.chars().count() > 64 {
        return Err(bad("CreationToken must have 1 to 64 characters"));
    }
    match site.shelves.efs.file_systems.values().find(|known| known.creation_token == token) {
        Some(known) => Err(taken(&known.id)),
        None => Ok(token.to_owned()),
    }
}

fn key(site: &Site, asked: Asked, own_key: &str) -> Result<Option<String>, String> {
    match (asked.is_true("Encrypted"), asked.get("KmsKeyId")) {
        (false, None) => Ok(None),
        (false, Some(_)) => Err(bad("KmsKeyId can be given only for an encrypted file system")),
        (true, None | Some("alias/aws/elasticfilesystem")) => Ok(Some(own_key.to_owned())),
        (true, Some(key)) => site.usable_key(key).map(|key| Some(key.arn.clone())).ok_or_else(|| inaccessible(key)),
    }
}

fn zone(place: &Place, asked: Asked) -> Result<Option<String>, String> {
    if !asked.is_true("singleAzFilesystem") {
        return Ok(None);
    }
    let Some(zone) = asked.get("availabilityZoneName") else {
        return Err(bad("availabilityZoneName is required for a One Zone file system"));
    };
    let letter = zone.strip_prefix(place.region.as_str());
    if letter.is_some_and(|letter| letter.len() == 1 && letter.chars().all(|c| c.is_ascii_lowercase())) {
        return Ok(Some(zone.to_owned()));
    }
    Err(efs_error("UnsupportedAvailabilityZone", &format!("{zone} is not an Availability Zone of {}", place.region)))
}

fn performance_mode(asked: Asked, one_zone: bool) -> Result<&'static str, String> {
    match asked.get("PerformanceMode") {
        None | Some("generalPurpose") => Ok("generalPurpose"),
        Some("maxIO") if one_zone => Err(bad("One Zone file systems have no performance mode maxIO")),
        Some("maxIO") => Ok("maxIO"),
        Some(other) => Err(bad(&format!("PerformanceMode {other} is not generalPurpose or maxIO"))),
    }
}

fn inaccessible(key: &str) -> String {
    bad(&format!("The KMS key {key} does not exist, is disabled or cannot be accessed"))
}

fn bad(message: &str) -> String {
    efs_error("BadRequest", message)
}

/// The token was taken before the job, or while it ran.
pub(super) fn taken(id: &str) -> String {
    let message = format!("File system '{id}' already exists with this creation token");
    format!("{message} (Service: AmazonElasticFileSystem; Status Code: 409; Error Code: FileSystemAlreadyExists)")
}

fn efs_error(code: &str, message: &str) -> String {
    format!("{message} (Service: AmazonElasticFileSystem; Status Code: 400; Error Code: {code})")
}
