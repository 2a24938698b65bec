//! The KMS keys that a definition names for its restores: they exist in the destination, and only there.

use jiff::SignedDuration;
use serde_json::Value;

use crate::sandbox::clock::earlier;
use crate::sandbox::signing::KeySpec;
use crate::sandbox::spec::ResourceSpec;
use crate::sandbox::world::{Key, Point, Site, World};

/// Adds the destination's keys that settings and raw metadata name.
pub(crate) fn add_named(world: &mut World, spec: &ResourceSpec) {
    let created = earlier(world.started, SignedDuration::from_hours(24 * 300));
    let place = &spec.destination;
    let prefix = format!("arn:aws:kms:{}:{}:", place.region, place.account);
    let settings = spec.with.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
    let metadata = spec.metadata.iter().map(|(name, value)| (name, value.as_str()));
    let named: Vec<String> = settings.chain(metadata).filter_map(|(name, text)| key_arn(name, text, &prefix)).collect();
    let site = world.site(place);
    for arn in named {
        if !site.keys.iter().any(|key| key.arn == arn) {
            site.keys.push(Key { arn, enabled: true, shut: false, created, spec: KeySpec::Symmetric });
        }
    }
}

/// The key that a setting names: an ARN in the destination, or an id in a setting that speaks of KMS.
fn key_arn(name: &str, text: &str, prefix: &str) -> Option<String> {
    if text.starts_with("arn:") {
        return text.starts_with(prefix).then(|| text.to_owned());
    }
    let is_id = name.to_ascii_lowercase().contains("kms") && text.len() == 36 && text.contains('-');
    is_id.then(|| format!("{prefix}key/{text}"))
}

impl Site {
    /// The key that a restore names, by ARN or by id, if it exists here and may be used.
    pub(crate) fn usable_key(&self, asked: &str) -> Option<&Key> {
        let fits = |key: &&Key| key.arn == asked || key.arn.rsplit('/').next() == Some(asked);
        self.keys.iter().find(fits).filter(|key| key.enabled)
    }

    /// Whether a recovery point can be read: its vault's key exists and is enabled.
    pub(crate) fn can_read(&self, point: &Point) -> bool {
        point.key.is_empty() || self.key_is_usable(&point.key)
    }
}

/// A setting's text, if it has no reference in it that only a run can resolve.
pub(crate) fn literal(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.contains("${{"))
}
