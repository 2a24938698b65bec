//! The world file's `volume:` block: what is on the volume.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::sandbox::thing::shell::Texts;

/// No volume holds more files.
const MOST_FILES: usize = 500;

/// The whole block.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct VolumeBlock {
    /// Such as `ext4` or `xfs`; `none` for a volume without a file system.
    pub(super) filesystem: Option<String>,
    /// Texts by path, relative to the root of the file system.
    pub(super) files: Option<Texts>,
}

impl VolumeBlock {
    /// Reads the block and says what is wrong with it.
    pub(super) fn read(block: &Map<String, Value>) -> Result<Self, String> {
        let read: Self =
            serde_json::from_value(Value::Object(block.clone())).map_err(|error| format!("cannot be read: {error}"))?;
        let files = read.files.iter().flatten();
        if files.clone().count() > MOST_FILES {
            return Err(format!("has more than {MOST_FILES} files"));
        }
        for (path, _) in files {
            if path.is_empty() || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
                return Err(format!("`files`: `{path}` must be a path below the volume's root, such as data/rows.csv"));
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::VolumeBlock;

    #[test]
    fn paths_are_relative() {
        let read = |block: serde_json::Value| VolumeBlock::read(block.as_object().unwrap());
        assert!(read(json!({ "files": { "data/a": "x" }, "filesystem": "xfs" })).is_ok());
        assert!(read(json!({ "files": { "/etc/a": "x" } })).is_err());
        assert!(read(json!({ "sizzle": 1 })).is_err());
    }
}
