//! What is in a table at one moment: what the world file says, or a made history that fits the definition's probes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::sandbox::clock::earlier;
use crate::sandbox::seed::Seed;
use crate::sandbox::spec::ResourceSpec;
use crate::sandbox::thing::dynamodb::block::{IndexBlock, TableBlock, USUAL_HISTORY};
use crate::sandbox::thing::dynamodb::item::{Attribute, Item, ItemKey, KeyType, Schema, typed};
use crate::sandbox::thing::keys::literal;
use crate::words::kind::ProbeKind;

/// A made table has so many items, over ninety days.
const MADE_ITEMS: u32 = 240;

/// The index of a made table.
const MADE_INDEX: &str = "by-created";

/// A table's key, indexes and items.
#[derive(Debug, Clone)]
pub(crate) struct Contents {
    pub(crate) schema: Schema,
    pub(crate) indexes: Vec<Index>,
    pub(crate) items: BTreeMap<ItemKey, Item>,
}

/// A global secondary index, with all attributes in it.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) schema: Schema,
}

impl Contents {
    /// Puts an item, over one with the same key. Nothing happens to one without a key.
    pub(crate) fn put(&mut self, item: Item) -> bool {
        let key = self.schema.key(&item);
        let fits = key.is_some();
        if let Some(key) = key {
            self.items.insert(key, item);
        }
        fits
    }

    /// The attributes of all keys, each once.
    pub(crate) fn key_attributes(&self) -> Vec<&Attribute> {
        let all = self.schema.attributes().chain(self.indexes.iter().flat_map(|index| index.schema.attributes()));
        let mut found: Vec<&Attribute> = Vec::new();
        for attribute in all {
            if !found.iter().any(|known| known.name == attribute.name) {
                found.push(attribute);
            }
        }
        found
    }

    /// Roughly what DynamoDB counts as its size.
    pub(crate) fn bytes(&self) -> usize {
        self.items.values().map(item_bytes).sum()
    }

    /// Half of the items stay.
    pub(crate) fn halve(&mut self) {
        let mut keep = false;
        self.items.retain(|_, _| {
            keep = !keep;
            keep
        });
    }
}

/// Roughly what DynamoDB counts as an item's size.
pub(crate) fn item_bytes(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value.to_string().len().saturating_sub(8)).sum()
}

/// The table as it was at `moment`, in a world that began at `started`.
pub(super) fn at_moment(spec: &ResourceSpec, seed: Seed, moment: Timestamp, started: Timestamp) -> Contents {
    // A block that cannot be read was refused with its file.
    let block = TableBlock::read(&spec.extra).unwrap_or_default();
    let probed = probed_keys(spec);
    let written: Option<Vec<Item>> =
        block.items.as_ref().map(|rules| rules.iter().flat_map(|rule| rule.items(moment, started)).collect());
    let samples: &[Item] = written.as_deref().unwrap_or_default();
    let schema = schema(&block, &probed, samples);
    let indexes = indexes(&block, spec, &schema, samples);
    let mut contents = Contents { schema, indexes, items: BTreeMap::new() };
    let made = written.is_none();
    let items = written.unwrap_or_else(|| made_items(&contents.schema, spec, seed, moment));
    for item in items {
        contents.put(item);
    }
    if made {
        add_probed(&mut contents, probed, moment);
    }
    contents
}

/// Key settings of `dynamodb` probes, with types.
fn probed_keys(spec: &ResourceSpec) -> Vec<Item> {
    let probes = spec.probes.iter().filter(|probe| probe.kind == ProbeKind::DynamoDb);
    let keys = probes.filter_map(|probe| probe.settings.get("key")?.as_object());
    keys.filter(|key| !key.is_empty() && !Value::Object((*key).clone()).to_string().contains("${{"))
        .map(|key| key.iter().map(|(name, value)| (name.clone(), typed(value))).collect())
        .collect()
}

fn schema(block: &TableBlock, probed: &[Item], samples: &[Item]) -> Schema {
    if let Some(key) = &block.key {
        let range = key.range.as_deref().map(|name| attribute(name, samples));
        return Schema { hash: attribute(&key.hash, samples), range };
    }
    let Some(key) = probed.first() else { return Schema { hash: attribute("id", samples), range: None } };
    let mut attributes = key.keys().map(|name| attribute(name, std::slice::from_ref(key)));
    let hash = attributes.next().unwrap_or_else(|| attribute("id", samples));
    Schema { hash, range: attributes.next() }
}

/// An attribute with the type that the first item with it shows.
fn attribute(name: &str, samples: &[Item]) -> Attribute {
    let kind = samples.iter().find_map(|item| KeyType::of(item.get(name)?));
    Attribute { name: name.to_owned(), kind: kind.unwrap_or(KeyType::Text) }
}

fn indexes(block: &TableBlock, spec: &ResourceSpec, schema: &Schema, samples: &[Item]) -> Vec<Index> {
    let mut indexes: Vec<Index> = match &block.indexes {
        Some(named) => named
            .iter()
            .map(|index| match index {
                IndexBlock::Name(name) => like_the_table(name, schema, None),
                IndexBlock::Keyed(index) => Index {
                    name: index.name.clone(),
                    schema: Schema {
                        hash: attribute(&index.hash, samples),
                        range: index.range.as_deref().map(|name| attribute(name, samples)),
                    },
                },
            })
            .collect(),
        None => vec![like_the_table(MADE_INDEX, schema, Some(attribute("created_at", samples)))],
    };
    let probes = spec.probes.iter().filter(|probe| probe.kind == ProbeKind::DynamoDb);
    for name in probes.filter_map(|probe| literal(probe.settings.get("index")?)) {
        if !indexes.iter().any(|known| known.name == name) {
            indexes.push(like_the_table(name, schema, None));
        }
    }
    indexes
}

fn like_the_table(name: &str, schema: &Schema, range: Option<Attribute>) -> Index {
    let range = range.filter(|range| range.name != schema.hash.name);
    Index { name: name.to_owned(), schema: Schema { hash: schema.hash.clone(), range } }
}

fn made_items(schema: &Schema, spec: &ResourceSpec, seed: Seed, moment: Timestamp) -> Vec<Item> {
    let mut stream = seed.stream(&format!("items {}", spec.arn));
    let gap = USUAL_HISTORY / i32::try_from(MADE_ITEMS).unwrap_or(1);
    (1..=MADE_ITEMS)
        .map(|number| {
            let back = gap * i32::try_from(MADE_ITEMS - number).unwrap_or(0);
            // Minutes before the round moment, so that no two tables look alike; the newest still is from before it.
            let at = earlier(earlier(moment, back), stream.between(30.0, 1_200.0));
            let amount = format!("{}.{:02}", 5 + stream.below(495), stream.below(100));
            let mut item = body(at, &amount);
            for attribute in schema.attributes() {
                item.insert(attribute.name.clone(), numbered(attribute, number));
            }
            item
        })
        .collect()
}

fn body(at: Timestamp, amount: &str) -> Item {
    let at = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    Item::from_iter([("created_at".to_owned(), json!({ "S": at })), ("amount".to_owned(), json!({ "N": amount }))])
}

fn numbered(attribute: &Attribute, number: u32) -> Value {
    match attribute.kind {
        KeyType::Text => json!({ "S": format!("item-{number:04}") }),
        KeyType::Number => json!({ "N": number.to_string() }),
        // Eight digits are Base64 of six bytes.
        KeyType::Bytes => json!({ "B": format!("{number:08}") }),
    }
}

/// The items that probes ask for by key exist.
fn add_probed(contents: &mut Contents, probed: Vec<Item>, moment: Timestamp) {
    let at = earlier(moment, USUAL_HISTORY / 2);
    for key in probed {
        let mut item = body(at, "42.00");
        item.extend(key);
        contents.put(item);
    }
}
