//! One resource of a world file. Its keys are the ones below and, of the resource's kind, the kind's own block.
//!
//! Read by hand because a kind brings its key: derived code knows its keys beforehand. A wrong key is refused where it
//! stands, so that the message has its line.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::sandbox::engine::Engine;
use crate::sandbox::file::{DataFile, NewestCopy, RemovalFile, RestoreFile, Size};
use crate::sandbox::private;
use crate::sandbox::thing::{Physics, every, physics};
use crate::words::kind::ResourceKind;
use crate::words::text::tame;

/// One resource of the world.
#[derive(Debug, Clone, Default)]
pub struct ResourceFile {
    /// Allocated storage, such as `120GiB`.
    pub size: Option<Size>,
    /// What a database of RDS or Aurora runs; without it, what the probes ask.
    pub engine: Option<Engine>,
    /// The engine's version, such as `16.6`.
    pub engine_version: Option<String>,
    /// The source's instance class.
    pub instance_class: Option<String>,
    /// Tags of the source; a restored instance carries them too (facts 1.6.1).
    pub tags: Option<BTreeMap<String, String>>,
    /// Whether the source refuses deletion; a restored instance inherits it.
    pub deletion_protection: Option<bool>,
    /// How its restores go.
    pub restore: Option<RestoreFile>,
    /// How what was restored is removed.
    pub removal: Option<RemovalFile>,
    /// What is in it.
    pub data: Option<DataFile>,
    /// Database users with fixed passwords, for probes that read theirs from `env:` or `file:`.
    pub users: BTreeMap<String, String>,
    /// The newest copy in the destination vault.
    pub newest_copy: Option<NewestCopy>,
    /// Whether its restores are in a private network, which nobody outside of it reaches.
    pub private: Option<bool>,
    /// The blocks that kinds own, by key. A resource may have that of its own kind alone.
    pub blocks: BTreeMap<&'static str, Map<String, Value>>,
}

/// A restore of the definition, as far as a world file must fit it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownResource {
    /// The restore's name.
    pub name: String,
    /// Its kind.
    pub kind: ResourceKind,
}

const KEYS: &[&str] = &[
    "size",
    "engine",
    "engine_version",
    "instance_class",
    "tags",
    "deletion_protection",
    "restore",
    "removal",
    "data",
    "users",
    "newest_copy",
    "private",
];

impl ResourceFile {
    /// The block that this kind owns.
    pub(crate) fn block_of(&self, kind: ResourceKind) -> Option<&Map<String, Value>> {
        physics(kind).block().and_then(|key| self.blocks.get(key))
    }

    /// Whether the blocks make sense, whatever the resource's kind.
    pub(crate) fn sense(&self) -> Result<(), String> {
        let owned = every().filter_map(|kind| kind.block().and_then(|key| Some((kind, key, self.blocks.get(key)?))));
        for (kind, key, block) in owned {
            kind.check_block(block).map_err(|problem| format!("`{key}` {}", tame(&problem)))?;
        }
        Ok(())
    }

    /// Whether every block, and the engine, is one of this kind's, and whether it can be private, and be removed, as it says.
    pub(crate) fn fits(&self, kind: ResourceKind) -> Result<(), String> {
        if self.private == Some(true) && !private::KINDS.contains(&kind) {
            let known = private::KINDS.map(ResourceKind::word).join("`, `");
            return Err(format!("`private` is not simulated for `{kind}`, but for `{known}`"));
        }
        if self.removal.is_some() && kind != ResourceKind::Rds {
            return Err(format!("`removal` is not simulated for `{kind}`, but for `{}`", ResourceKind::Rds));
        }
        if let Some(engine) = self.engine.filter(|engine| !engine.fits(kind)) {
            return Err(format!("a resource of type `{kind}` does not run the engine `{}`", engine.word()));
        }
        let own = physics(kind).block();
        let Some(foreign) = self.blocks.keys().find(|key| own != Some(**key)) else { return Ok(()) };
        let own = own.map_or_else(|| "it has no block of its own".to_owned(), |own| format!("its block is `{own}`"));
        Err(format!("`{foreign}` belongs to another kind than `{kind}`; {own}"))
    }
}

struct Key(&'static str);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let known: Vec<&str> = KEYS.iter().copied().chain(every().filter_map(Physics::block)).collect();
        known.iter().find(|key| **key == text).copied().map(Self).ok_or_else(|| {
            let all = known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            Error::custom(format!("unknown field `{}`, expected one of {all}", tame(&text)))
        })
    }
}

impl<'de> Deserialize<'de> for ResourceFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = ResourceFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a resource of the world")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ResourceFile, A::Error> {
        let mut file = ResourceFile::default();
        let mut seen = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            if seen.contains(&key) {
                return Err(Error::duplicate_field(key));
            }
            seen.push(key);
            match key {
                "size" => file.size = map.next_value()?,
                "engine" => file.engine = map.next_value()?,
                "engine_version" => file.engine_version = map.next_value()?,
                "instance_class" => file.instance_class = map.next_value()?,
                "tags" => file.tags = map.next_value()?,
                "deletion_protection" => file.deletion_protection = map.next_value()?,
                "restore" => file.restore = map.next_value()?,
                "removal" => file.removal = map.next_value()?,
                "data" => file.data = map.next_value()?,
                "users" => file.users = map.next_value()?,
                "newest_copy" => file.newest_copy = map.next_value()?,
                "private" => file.private = map.next_value()?,
                block => drop(file.blocks.insert(block, map.next_value()?)),
            }
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::{KEYS, ResourceFile};
    use crate::sandbox::engine::Engine;
    use crate::sandbox::file::RemovalFile;
    use crate::sandbox::thing::{Physics, every};
    use crate::words::kind::ResourceKind;

    #[test]
    fn no_block_hides_a_key() {
        let mut blocks: Vec<&str> = every().filter_map(Physics::block).collect();
        assert!(blocks.iter().all(|key| !KEYS.contains(key)));
        let all = blocks.len();
        blocks.sort_unstable();
        blocks.dedup();
        assert_eq!(blocks.len(), all);
    }

    #[test]
    fn a_block_of_another_kind_is_refused() {
        let mut file = ResourceFile::default();
        assert!(file.fits(ResourceKind::Rds).is_ok());
        file.engine = Some(Engine::MariaDb);
        assert!(file.fits(ResourceKind::Rds).is_ok());
        assert!(file.fits(ResourceKind::Aurora).unwrap_err().contains("`mariadb`"));
        file.engine = None;
        file.removal = Some(RemovalFile::default());
        assert!(file.fits(ResourceKind::Rds).is_ok());
        assert!(file.fits(ResourceKind::S3).unwrap_err().contains("`removal`"));
        file.removal = None;
        file.private = Some(true);
        assert!(file.fits(ResourceKind::Rds).is_ok());
        assert!(file.fits(ResourceKind::S3).unwrap_err().contains("`private`"));
        file.blocks.insert("sizzle", Map::new());
        assert!(file.fits(ResourceKind::Rds).unwrap_err().contains("`sizzle` belongs to another kind"));
    }
}
