//! What the world file says of the files on a volume or file system, and what of that a recovery point holds.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::sandbox::clock::earlier;
use crate::sandbox::file::Moment;
use crate::sandbox::thing::shell::{Contents, Written};

/// No volume or file system holds more files.
const MOST_FILES: usize = 500;

/// Files without a moment were written this long before the recovery point.
const USUAL_AGE: SignedDuration = SignedDuration::from_hours(1);

/// The keys that volumes and file systems share.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ContentsBlock {
    /// By path, relative to the root of the file system.
    files: Option<BTreeMap<String, FileBlock>>,
    /// Files of these that cannot be read.
    unreadable: BTreeSet<String>,
    damaged: bool,
    dirty: bool,
    busy: bool,
}

/// A text, or a text and when it was written.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum FileBlock {
    Text(String),
    Dated(Dated),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dated {
    text: String,
    at: Moment,
}

impl ContentsBlock {
    /// Reads the block and says what is wrong with it.
    pub(crate) fn read(block: Map<String, Value>) -> Result<Self, String> {
        let read: Self =
            serde_json::from_value(Value::Object(block)).map_err(|error| format!("cannot be read: {error}"))?;
        let paths: Vec<&String> = read.files.iter().flat_map(BTreeMap::keys).chain(&read.unreadable).collect();
        if paths.len() > MOST_FILES {
            return Err(format!("has more than {MOST_FILES} files"));
        }
        for path in paths {
            if path.is_empty() || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
                return Err(format!("`files`: `{path}` must be a path below the root, such as data/rows.csv"));
            }
        }
        Ok(read)
    }

    /// What a recovery point of this moment holds, in a world that began at `started`. Without files in the world file
    /// there are a few; `name` is the source's.
    pub(crate) fn at(self, name: &str, moment: Timestamp, started: Timestamp) -> Contents {
        let usual = earlier(moment, USUAL_AGE);
        let written = |(path, file): (String, FileBlock)| {
            let file = match file {
                FileBlock::Text(text) => Written { text, modified: usual },
                FileBlock::Dated(Dated { text, at }) => Written { text, modified: at.resolve(started) },
            };
            (file.modified <= moment).then_some((path, file))
        };
        let files = match self.files {
            Some(files) => files.into_iter().filter_map(written).collect(),
            None => invented(name, usual),
        };
        Contents { files, unreadable: self.unreadable, damaged: self.damaged, dirty: self.dirty, busy: self.busy }
    }
}

/// A little of everything.
fn invented(name: &str, modified: Timestamp) -> BTreeMap<String, Written> {
    let rows: String = (1..=20).map(|number| format!("{number},{name},{}\n", number * 7)).collect();
    let files = [
        ("README", format!("a file system of the simulated AWS: {name}\n")),
        ("data/rows.csv", rows),
        ("data/state.json", format!("{{\"source\":\"{name}\"}}\n")),
    ];
    files.into_iter().map(|(path, text)| (path.to_owned(), Written { text, modified })).collect()
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use serde_json::{Value, json};

    use super::ContentsBlock;

    fn read(block: Value) -> Result<ContentsBlock, String> {
        ContentsBlock::read(block.as_object().unwrap().clone())
    }

    #[test]
    fn paths_are_relative() {
        assert!(
            read(json!({ "files": { "data/a": "x", "b": { "text": "y", "at": "2h ago" } }, "dirty": true })).is_ok()
        );
        for wrong in [
            json!({ "files": { "/etc/a": "x" } }),
            json!({ "files": { "a": { "text": "x" } } }),
            json!({ "files": { "a": { "text": "x", "at": "soon" } } }),
            json!({ "unreadable": ["../a"] }),
            json!({ "sizzle": 1 }),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_point_holds_what_was_written_before_it() {
        let started: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let at = |hours: i64| {
            let block = json!({ "files": { "old": { "text": "x", "at": "9h ago" }, "new": { "text": "y", "at": "2h ago" }, "plain": "z" } });
            read(block).unwrap().at("v", started - SignedDuration::from_hours(hours), started)
        };
        assert_eq!(at(1).files.keys().collect::<Vec<_>>(), ["new", "old", "plain"]);
        let point = at(5);
        assert_eq!(point.files.keys().collect::<Vec<_>>(), ["old", "plain"]);
        assert_eq!(point.files["plain"].modified, started - SignedDuration::from_hours(6));
        assert_eq!(read(json!({})).unwrap().at("v", started, started).files.len(), 3);
        assert!(read(json!({ "files": {} })).unwrap().at("v", started, started).files.is_empty());
    }
}
