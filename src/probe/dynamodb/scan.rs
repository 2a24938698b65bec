//! One bounded scan of a table: how many items, the newest instant, and a checksum of a sample of them.
//!
//! The sample is the items whose key, or another attribute, has the smallest hash. So it is the same whatever order a
//! scan comes in, and it is the same in two tables that differ in other items alone.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::cloud::data::Item;
use crate::definition::model::ProbeReason;
use crate::probe::expect::moment;
use crate::probe::input::miss;
use crate::probe::reading::{hex, refused, sha256};
use crate::probe::target::Target;
use crate::probe::{Miss, Observed};

/// Items of one page.
const PAGE_ITEMS: u32 = 1_000;

/// Which items a checksum is made of.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Checksum {
    /// How many items.
    sample: usize,
    /// The attribute that chooses them; the key without it.
    by: Option<String>,
}

/// What a scan is to find out.
pub(super) struct Wanted<'a> {
    /// Items that are read at most.
    pub(super) most: u32,
    /// An attribute with instants.
    pub(super) newest: Option<&'a str>,
    pub(super) checksum: Option<&'a Checksum>,
    /// The attributes of the table's key.
    pub(super) keys: Vec<&'a str>,
}

/// Reads at most so many items, and one more to know whether these were all.
pub(super) async fn scan(
    table: &str,
    wanted: &Wanted<'_>,
    target: &Target,
    observed: &mut Observed,
) -> Result<(), Miss> {
    let (mut items, mut latest, mut from) = (0_u32, None::<Timestamp>, None::<String>);
    let mut sample = wanted.checksum.map(|checksum| Sample::new(checksum, &wanted.keys));
    let complete = loop {
        let room = wanted.most - items;
        let limit = room.saturating_add(1).min(PAGE_ITEMS);
        let page = target.tables.scan(table, limit, from.as_deref()).await.map_err(|error| refused(&error))?;
        let on_page = u32::try_from(page.items.len()).unwrap_or(u32::MAX);
        let within = usize::try_from(room).unwrap_or(usize::MAX);
        for item in page.items.iter().take(within) {
            let at = wanted.newest.and_then(|attribute| instant(item.get(attribute)?));
            latest = latest.max(at);
            if let Some(sample) = &mut sample {
                sample.add(item);
            }
        }
        items += on_page.min(room);
        match page.next {
            _ if on_page > room => break false,
            None => break true,
            Some(next) if from.as_ref() == Some(&next) => {
                return Err(miss(ProbeReason::Query, "the scan gave the same page twice: it cannot be trusted to end"));
            }
            Some(next) => from = Some(next),
        }
    };
    add(observed, "items", items.into());
    add(observed, "complete", complete.into());
    if wanted.newest.is_some() {
        add(observed, "newest", latest.map_or(Value::Null, |latest| latest.to_string().into()));
    }
    let Some(sample) = sample else { return Ok(()) };
    if let Some(problem) = sample.problem(items, complete) {
        return Err(Miss { observed: Some(observed.clone()), ..problem });
    }
    add(observed, "checksum", sample.checksum().into());
    add(observed, "checksum_items", sample.kept.len().into());
    Ok(())
}

fn add(observed: &mut Observed, name: &str, value: Value) {
    observed.values.insert(name.to_owned(), value);
}

/// The instant of an attribute. A number that is too large for seconds counts as milliseconds.
fn instant(value: &Value) -> Option<Timestamp> {
    let milliseconds = || Timestamp::from_millisecond(value.as_i64()?).ok();
    moment(value).or_else(milliseconds)
}

/// The items with the smallest hashes so far.
struct Sample<'a> {
    settings: &'a Checksum,
    keys: &'a [&'a str],
    /// The hash that chooses an item → the hash of the item.
    kept: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl<'a> Sample<'a> {
    fn new(settings: &'a Checksum, keys: &'a [&'a str]) -> Self {
        Self { settings, keys, kept: BTreeMap::new() }
    }

    fn add(&mut self, item: &Item) {
        let Some(place) = self.place(item) else { return };
        let is_full = self.kept.len() >= self.settings.sample;
        if is_full && self.kept.last_key_value().is_some_and(|(last, _)| place >= *last) {
            return;
        }
        self.kept.insert(place, hash(&Value::Object(item.clone())));
        if self.kept.len() > self.settings.sample {
            self.kept.pop_last();
        }
    }

    /// Where an item stands among all: by the attribute that was asked for, then by its key, which no other item has.
    fn place(&self, item: &Item) -> Option<Vec<u8>> {
        let key: Map<String, Value> =
            self.keys.iter().filter_map(|name| Some(((*name).to_owned(), item.get(*name)?.clone()))).collect();
        let key = hash(&Value::Object(key));
        match &self.settings.by {
            None => Some(key),
            Some(attribute) => Some([hash(item.get(attribute)?), key].concat()),
        }
    }

    /// The hash of the hashes of the sample's items, in the order of their places.
    fn checksum(&self) -> String {
        hex(&sha256(&self.kept.values().flatten().copied().collect::<Vec<u8>>()))
    }

    /// Why the checksum says nothing.
    fn problem(&self, items: u32, complete: bool) -> Option<Miss> {
        if !complete {
            let message = format!(
                "a checksum needs the whole table, and the scan stopped after {items} items: raise \
                 `count: {{ most: … }}`"
            );
            return Some(miss(ProbeReason::Setup, &message));
        }
        let attribute = self.settings.by.as_ref().filter(|_| items > 0 && self.kept.is_empty())?;
        let message = format!("no item has the attribute `{attribute}`, which `checksum.by` names");
        Some(Miss { missing_data: true, ..miss(ProbeReason::Query, &message) })
    }
}

fn hash(value: &Value) -> Vec<u8> {
    sha256(canonical(value).to_string().as_bytes())
}

/// The value with the members of every object in the order of their names: the same data are the same text.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(members) => {
            let sorted: BTreeMap<&String, Value> =
                members.iter().map(|(name, value)| (name, canonical(value))).collect();
            Value::Object(sorted.into_iter().map(|(name, value)| (name.clone(), value)).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Checksum, Sample, canonical};
    use crate::cloud::data::Item;

    fn items(count: i64) -> Vec<Item> {
        let item = |id: i64| match json!({ "id": id, "team": format!("team-{id}"), "total": 5 }) {
            Value::Object(item) => item,
            _ => unreachable!(),
        };
        (1..=count).map(item).collect()
    }

    fn checksum<'a>(sample: usize, by: Option<&str>, items: impl IntoIterator<Item = &'a Item>) -> String {
        let settings = Checksum { sample, by: by.map(str::to_owned) };
        let mut sample = Sample::new(&settings, &["id"]);
        items.into_iter().for_each(|item| sample.add(item));
        sample.checksum()
    }

    #[test]
    fn the_order_of_a_scan_does_not_matter() {
        let items = items(50);
        for by in [None, Some("team")] {
            assert_eq!(checksum(7, by, &items), checksum(7, by, items.iter().rev()));
        }
        assert_ne!(checksum(7, None, &items), checksum(7, Some("team"), &items));
        assert_ne!(checksum(7, None, &items), checksum(8, None, &items));
    }

    #[test]
    fn a_change_of_a_chosen_item_changes_the_checksum() {
        let before = items(20);
        let mut after = before.clone();
        after[13].insert("total".to_owned(), json!(6));
        assert_ne!(checksum(20, None, &before), checksum(20, None, &after));
        assert_ne!(checksum(20, None, &before), checksum(20, None, &before[1..]));
    }

    #[test]
    fn members_have_one_order() {
        let one = json!({ "b": { "y": 1, "x": [{ "d": 1, "c": 2 }] }, "a": 1 });
        let other = json!({ "a": 1, "b": { "x": [{ "c": 2, "d": 1 }], "y": 1 } });
        assert_eq!(canonical(&one).to_string(), canonical(&other).to_string());
    }
}
