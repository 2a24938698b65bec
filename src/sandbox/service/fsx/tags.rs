//! Tags of file systems, volumes and backups, by ARN.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::service::fsx::{bad, listed, shown_tags, texts};
use crate::sandbox::world::Site;

/// No resource carries more.
const MOST_TAGS: usize = 50;

pub(super) fn list(site: &mut Site, ask: &Ask) -> Result<Value, Failure> {
    let tags = shown_tags(find(site, ask)?);
    listed(ask, "Tags", tags)
}

pub(super) fn add(site: &mut Site, ask: &Ask) -> Result<Value, Failure> {
    let tags = find(site, ask)?;
    for tag in ask.body.get("Tags").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| tag.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let key = part("Key");
        if key.is_empty() || key.starts_with("aws:") {
            return Err(bad("A tag key is empty or starts with aws:, which is reserved"));
        }
        if tags.len() >= MOST_TAGS && !tags.contains_key(&key) {
            return Err(bad(format!("A resource carries at most {MOST_TAGS} tags")));
        }
        tags.insert(key, part("Value"));
    }
    Ok(json!({}))
}

pub(super) fn remove(site: &mut Site, ask: &Ask) -> Result<Value, Failure> {
    let tags = find(site, ask)?;
    let keys = texts(ask.body.get("TagKeys"));
    if keys.iter().any(|key| key.starts_with("aws:")) {
        return Err(bad("Tags that start with aws: cannot be removed"));
    }
    for key in keys {
        tags.remove(key);
    }
    Ok(json!({}))
}

/// The tags of what the ARN names.
fn find<'a>(site: &'a mut Site, ask: &Ask) -> Result<&'a mut BTreeMap<String, String>, Failure> {
    let arn = ask.text("ResourceARN").unwrap_or_default();
    let shelf = &mut site.shelves.fsx;
    let systems = shelf.file_systems.values_mut().map(|one| (one.arn.as_str(), &mut one.tags));
    let volumes = shelf.volumes.values_mut().map(|one| (one.arn.as_str(), &mut one.tags));
    let backups = shelf.backups.values_mut().map(|one| (one.arn.as_str(), &mut one.tags));
    let found = systems.chain(volumes).chain(backups).find(|(known, _)| *known == arn);
    found
        .map(|(_, tags)| tags)
        .ok_or_else(|| Failure::bad("ResourceNotFound", format!("Resource '{arn}' does not exist.")))
}
