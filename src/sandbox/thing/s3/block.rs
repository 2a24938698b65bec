//! The world file's `bucket:` block: what is in the source bucket, and what its restores do not bring back.

use serde::Deserialize;
use serde_json::{Map, Value};

/// No bucket gets more objects, versions of one, or bytes than these.
const MOST_OBJECTS: u32 = 20_000;
const MOST_VERSIONS: u32 = 100;
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// The whole block.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BucketBlock {
    pub(super) objects: Option<Objects>,
    /// Versions of each object. Default 2.
    pub(super) versions: Option<u32>,
    /// So many objects are not restored, and the job completes with a message (trap 18).
    pub(super) fail_objects: u32,
    /// The backup holds ACLs.
    pub(super) acls: bool,
    /// So many objects have a public ACL.
    pub(super) public_objects: u32,
}

/// Many objects of a kind, or each one written out.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Objects {
    Many(ManyObjects),
    Each(Vec<OneObject>),
}

/// `count` objects `PREFIXobject-N` of one size.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ManyObjects {
    pub(super) count: u32,
    #[serde(default)]
    pub(super) prefix: String,
    /// Such as `4KiB`. Default 1 KiB.
    #[serde(default)]
    size: Option<String>,
}

/// One object.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OneObject {
    pub(super) key: String,
    pub(super) body: String,
}

impl BucketBlock {
    /// Reads the block and says what is wrong with it.
    pub(super) fn read(block: &Map<String, Value>) -> Result<Self, String> {
        let read: Self =
            serde_json::from_value(Value::Object(block.clone())).map_err(|error| format!("cannot be read: {error}"))?;
        if !(1..=MOST_VERSIONS).contains(&read.versions()) {
            return Err(format!("has `versions` outside 1 to {MOST_VERSIONS}"));
        }
        match &read.objects {
            Some(Objects::Many(many)) => many.sense(read.versions())?,
            Some(Objects::Each(each)) if each.iter().any(|one| one.key.is_empty() || one.key.len() > 1_024) => {
                return Err("has an object whose key is empty or longer than 1024 bytes".to_owned());
            }
            Some(Objects::Each(_)) | None => {}
        }
        Ok(read)
    }

    pub(super) fn versions(&self) -> u32 {
        self.versions.unwrap_or(2)
    }
}

impl ManyObjects {
    /// Bytes of each object.
    pub(super) fn bytes(&self) -> u64 {
        self.size.as_deref().and_then(bytes).unwrap_or(1_024)
    }

    fn sense(&self, versions: u32) -> Result<(), String> {
        if self.size.as_deref().is_some_and(|size| bytes(size).is_none()) {
            return Err("has a `size` that is none; write it like `4KiB`".to_owned());
        }
        let all = u64::from(self.count) * u64::from(versions);
        if self.count > MOST_OBJECTS || all.saturating_mul(self.bytes()) > MOST_BYTES {
            return Err(format!("has more than {MOST_OBJECTS} objects or more than 64 MiB in all versions of them"));
        }
        Ok(())
    }
}

fn bytes(text: &str) -> Option<u64> {
    let units = [("KiB", 1_024), ("MiB", 1_024 * 1_024), ("B", 1)];
    let (number, unit) = units.iter().find_map(|(word, unit)| Some((text.strip_suffix(word)?, *unit)))?;
    number.trim().parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{BucketBlock, Objects};

    #[test]
    fn a_block_is_read_and_bounded() {
        let read = |value: serde_json::Value| BucketBlock::read(value.as_object().unwrap());
        let block = read(json!({ "objects": { "count": 500, "prefix": "x/", "size": "4KiB" } })).unwrap();
        assert!(matches!(block.objects, Some(Objects::Many(many)) if many.bytes() == 4_096));
        let block = read(json!({ "objects": [{ "key": "a", "body": "b" }], "fail_objects": 1 })).unwrap();
        assert!(matches!(block.objects, Some(Objects::Each(each)) if each.len() == 1));
        for wrong in [
            json!({ "objects": { "count": 20_001 } }),
            json!({ "objects": { "count": 100, "size": "4KB" } }),
            json!({ "objects": { "count": 20_000, "size": "1MiB" } }),
            json!({ "versions": 0 }),
            json!({ "objects": [{ "key": "", "body": "b" }] }),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
