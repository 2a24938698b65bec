//! Tags of file systems and access points.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::service::efs::systems::no_access_point;
use crate::sandbox::service::efs::{BY_TOKEN, bad, listed, system};
use crate::sandbox::world::Site;

/// No resource carries more.
const MOST_TAGS: usize = 50;

pub(super) fn list(site: &mut Site, ask: &Ask) -> Result<Value, Failure> {
    let tags = find(site, ask.label(0))?;
    let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    listed(ask, BY_TOKEN, "Tags", tags)
}

pub(super) fn add(site: &mut Site, ask: &Ask) -> Result<Value, Failure> {
    let tags = find(site, ask.label(0))?;
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
    let tags = find(site, ask.label(0))?;
    let keys: Vec<&str> =
        ask.params.iter().filter(|(name, _)| name == "tagKeys").map(|(_, key)| key.as_str()).collect();
    if keys.iter().any(|key| key.starts_with("aws:")) {
        return Err(bad("Tags that start with aws: cannot be removed"));
    }
    for key in keys {
        tags.remove(key);
    }
    Ok(json!({}))
}

/// The tags of what an id or an ARN names.
fn find<'a>(site: &'a mut Site, asked: &str) -> Result<&'a mut BTreeMap<String, String>, Failure> {
    let id = asked.rsplit('/').next().unwrap_or(asked);
    if !id.starts_with("fsap-") {
        return system(site, id).map(|system| &mut system.tags);
    }
    let mut systems = site.shelves.efs.file_systems.values_mut();
    let found = systems.find_map(|system| system.access_points.get_mut(id));
    found.map(|point| &mut point.tags).ok_or_else(|| no_access_point(id))
}
