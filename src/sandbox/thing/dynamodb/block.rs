//! The world file's `table:` block: key, indexes, protection, and what was written to the table and when.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::sandbox::clock::{earlier, later};
use crate::sandbox::file::{Moment, Span};
use crate::sandbox::thing::dynamodb::item::{Item, KeyType, typed};

/// No table gets more items than this.
const MOST_ITEMS: u32 = 20_000;

/// Items without `from` begin this long before the world.
pub(super) const USUAL_HISTORY: SignedDuration = SignedDuration::from_hours(24 * 90);

/// The whole block.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TableBlock {
    pub(super) key: Option<KeyBlock>,
    pub(super) indexes: Option<Vec<IndexBlock>>,
    pub(super) items: Option<Vec<ItemRule>>,
    /// The source's; restored tables have none, whatever it says (facts 2.3).
    pub(super) deletion_protection: Option<bool>,
    /// Restored tables are protected after all: for a teardown that must lift it.
    pub(super) restored_protection: bool,
}

/// The table's key; its types are those of the items.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyBlock {
    pub(super) hash: String,
    pub(super) range: Option<String>,
}

/// A global secondary index: its name, with the table's hash key, or a whole key.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum IndexBlock {
    Name(String),
    Keyed(KeyedIndex),
}

/// An index with its own key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyedIndex {
    pub(super) name: String,
    pub(super) hash: String,
    pub(super) range: Option<String>,
}

/// An item that was written once, or again and again. `$n` in it is its number, `$at` its moment.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ItemRule {
    item: Map<String, Value>,
    count: Option<u32>,
    at: Option<Moment>,
    every: Option<Span>,
    from: Option<Moment>,
    until: Option<Moment>,
}

impl TableBlock {
    /// Reads the block and says what is wrong with it.
    pub(super) fn read(block: &Map<String, Value>) -> Result<Self, String> {
        let read: Self =
            serde_json::from_value(Value::Object(block.clone())).map_err(|error| format!("cannot be read: {error}"))?;
        for rule in read.items.iter().flatten() {
            rule.sense()?;
            if let Some(key) = &read.key {
                rule.has_key(&key.hash)?;
                key.range.as_deref().map_or(Ok(()), |range| rule.has_key(range))?;
            }
        }
        Ok(read)
    }
}

impl ItemRule {
    fn sense(&self) -> Result<(), String> {
        if self.at.is_some() && (self.every.is_some() || self.from.is_some() || self.until.is_some()) {
            return Err("has an item with `at` and a repetition; write one of them".to_owned());
        }
        if self.count.is_some_and(|count| count > MOST_ITEMS) {
            return Err(format!("has an item with a `count` above {MOST_ITEMS}"));
        }
        if self.every.is_some_and(|every| every.0 < SignedDuration::from_secs(1)) {
            return Err("has an item that repeats more often than once a second; use `count`".to_owned());
        }
        Ok(())
    }

    fn has_key(&self, name: &str) -> Result<(), String> {
        let kind = self.item.get(name).map(typed).as_ref().and_then(KeyType::of);
        match kind {
            Some(_) => Ok(()),
            None => Err(format!("has an item without a text, number or bytes in its key attribute `{name}`")),
        }
    }

    /// The items written up to `moment`, in a world that began at `started`.
    pub(super) fn items(&self, moment: Timestamp, started: Timestamp) -> Vec<Item> {
        let moments = self.moments(moment.min(started), started);
        moments.into_iter().zip(1_u32..).map(|(at, number)| self.item(number, at)).collect()
    }

    fn item(&self, number: u32, at: Timestamp) -> Item {
        let (number, at) = (number.to_string(), at.to_string());
        let fill = |value: &Value| typed(&filled(value, &number, &at));
        self.item.iter().map(|(name, value)| (name.clone(), fill(value))).collect()
    }

    fn moments(&self, last: Timestamp, started: Timestamp) -> Vec<Timestamp> {
        let most = usize::try_from(self.count.unwrap_or(MOST_ITEMS).min(MOST_ITEMS)).unwrap_or(0);
        let from = self.from.map_or_else(|| earlier(started, USUAL_HISTORY), |from| from.resolve(started));
        let until = self.until.map_or(started, |until| until.resolve(started));
        let mut moments: Vec<Timestamp> = match (self.at, self.every, self.count) {
            (Some(at), _, count) => {
                vec![at.resolve(started); usize::try_from(count.unwrap_or(1)).unwrap_or(1).min(most)]
            }
            (None, Some(every), _) => steps(from, until.min(last), every.0, most),
            (None, None, None) => vec![from],
            (None, None, Some(count)) => {
                let gaps = i32::try_from(count.saturating_sub(1).max(1)).unwrap_or(i32::MAX);
                let span = until.duration_since(from).max(SignedDuration::ZERO);
                steps(from, until.max(from), span / gaps, most)
            }
        };
        moments.retain(|at| *at <= last);
        moments
    }
}

fn steps(from: Timestamp, until: Timestamp, every: SignedDuration, most: usize) -> Vec<Timestamp> {
    std::iter::successors(Some(from), |at| Some(later(*at, every))).take(most).take_while(|at| *at <= until).collect()
}

fn filled(value: &Value, number: &str, at: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("$at", at).replace("$n", number)),
        Value::Array(list) => Value::Array(list.iter().map(|one| filled(one, number, at)).collect()),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(name, one)| (name.clone(), filled(one, number, at))).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use serde_json::{Value, json};

    use super::TableBlock;

    fn block(value: &Value) -> Result<TableBlock, String> {
        TableBlock::read(value.as_object().unwrap())
    }

    #[test]
    fn a_point_holds_what_was_written_before_it() {
        let rules = json!({ "items": [
            { "item": { "id": "o-$n", "at": "$at" }, "every": "1h", "from": "10h ago" },
            { "item": { "id": "late" }, "at": "1h ago" },
            { "item": { "id": "many-$n" }, "count": 5, "from": "8h ago" },
        ] });
        let rules = block(&rules).unwrap().items.unwrap();
        let started: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let counts = |moment| rules.iter().map(|rule| rule.items(moment, started).len()).collect::<Vec<_>>();
        assert_eq!(counts(started), [11, 1, 5]);
        assert_eq!(counts(started - SignedDuration::from_hours(4)), [7, 0, 3]);
        let first = &rules[0].items(started, started)[0];
        assert_eq!(first["id"], json!({ "S": "o-1" }));
        assert_eq!(first["at"], json!({ "S": "2026-11-21T02:00:00Z" }));
    }

    #[test]
    fn mistakes_are_said() {
        for wrong in [
            json!({ "itmes": [] }),
            json!({ "key": { "hash": "id" }, "items": [{ "item": { "other": "x" } }] }),
            json!({ "items": [{ "item": {}, "at": "1h ago", "every": "1h" }] }),
        ] {
            assert!(block(&wrong).is_err(), "{wrong}");
        }
    }
}
