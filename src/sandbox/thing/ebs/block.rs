//! The world file's `volume:` block: what is on the volume.

use serde_json::{Map, Value};

use crate::sandbox::thing::contents::ContentsBlock;

/// The whole block.
#[derive(Debug, Default)]
pub(super) struct VolumeBlock {
    /// Such as `ext4` or `xfs`; `none` for a volume without a file system.
    pub(super) filesystem: Option<String>,
    /// What is on it, and in what state.
    pub(super) contents: ContentsBlock,
}

impl VolumeBlock {
    /// Reads the block and says what is wrong with it.
    pub(super) fn read(block: &Map<String, Value>) -> Result<Self, String> {
        let mut rest = block.clone();
        let filesystem = match rest.remove("filesystem") {
            None => None,
            Some(Value::String(name)) => Some(name),
            Some(_) => return Err("cannot be read: `filesystem` is a text, such as ext4".to_owned()),
        };
        Ok(Self { filesystem, contents: ContentsBlock::read(rest)? })
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
        assert!(read(json!({ "filesystem": 1 })).is_err());
    }
}
