//! `dynamodb`: what is in a restored table?
//!
//! | observed | what |
//! |---|---|
//! | `status`, `item_count`, `size_bytes` | as DynamoDB says; it counts about every six hours |
//! | `key_schema` | the key's attributes with their roles: `id HASH`, `at RANGE` |
//! | `indexes`, `index_names` | how many global secondary indexes there are, and which |
//! | `billing` | `PAY_PER_REQUEST` or `PROVISIONED` |
//! | `found` and the item's attributes | with `key` |
//! | `items`, `complete` | with a scan: how many items it read, and whether that were all |
//! | `newest` | with `newest`: the latest instant that the scan saw in the attribute, null if it saw none |
//! | `checksum`, `checksum_items` | with `checksum`: the SHA-256 of a sample of items, and how many these are |
//!
//! A fresh copy may have an `item_count` of 0. A member of an item's map is `MAP.MEMBER`; an attribute that has the
//! name of another observed value is `json.NAME`. Reads are consistent, and a scan costs read capacity of the restored
//! table. An item that is not there is a miss.

mod scan;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use crate::cloud::data::{KeyValue, Table};
use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::dynamodb::scan::{Checksum, Wanted, scan};
use crate::probe::input::{Given, miss, shown, typed};
use crate::probe::output::{flattened, nothing};
use crate::probe::reading::{named, refused};
use crate::probe::target::Target;
use crate::probe::{Miss, Observed, Outcome, ProbeCalls};
use crate::words::kind::ProbeKind;
use crate::yaml::shape::{Field, Shape};

/// Items that a scan reads unless the definition says otherwise.
const USUAL_ITEMS: u32 = 10_000;

/// Items that a definition may ask for at most.
const MOST_ITEMS: u32 = 1_000_000;

/// Items that a checksum may be made of at most.
const MOST_SAMPLED: i64 = 100_000;

/// Observed values that an item's attribute of the same name does not replace.
const TAKEN: &[&str] = &[
    "billing",
    "checksum",
    "checksum_items",
    "complete",
    "found",
    "index_names",
    "indexes",
    "item_count",
    "items",
    "key_schema",
    "newest",
    "size_bytes",
    "status",
];

/// The kind.
pub struct DynamoDb;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DynamoDbSettings {
    table: Option<Given>,
    key: Option<BTreeMap<String, Given>>,
    count: Option<Count>,
    newest: Option<String>,
    checksum: Option<Checksum>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Count {
    #[serde(default = "usual_items")]
    most: u32,
}

fn usual_items() -> u32 {
    USUAL_ITEMS
}

#[async_trait]
impl ProbeCalls for DynamoDb {
    fn kind(&self) -> ProbeKind {
        ProbeKind::DynamoDb
    }

    fn about(&self) -> &'static str {
        "Read a DynamoDB table."
    }

    fn holds_when(&self) -> &'static str {
        "the table can be read"
    }

    fn page(&self) -> &'static str {
        include_str!("pages/dynamodb.md")
    }

    fn fields(&self) -> Vec<Field> {
        let most = Shape::Integer { min: 1, max: i64::from(MOST_ITEMS) };
        let most = Field::optional("most", most, "Items that are read at most; 10,000 by default.");
        let sample = Shape::Integer { min: 1, max: MOST_SAMPLED };
        let checksum = vec![
            Field::required("sample", sample, "How many items; those whose key has the smallest hash."),
            Field::optional("by", Shape::Text, "Another attribute than the key, by whose hash the items are chosen."),
        ];
        let key = Shape::Dictionary { key: Box::new(Shape::Text), of: Box::new(Shape::Template), min: 1 };
        vec![
            Field::optional("table", Shape::Template, "The table's name; by default the restored table's."),
            Field::optional("key", key, "The whole key of one item. It must be there; its attributes are observed."),
            Field::optional("count", Shape::Map(vec![most]), "Scan the table and count its items, up to a bound."),
            Field::optional(
                "newest",
                Shape::Text,
                "An attribute with instants, as ISO 8601 text or seconds since 1970: the scan's latest is observed.",
            ),
            Field::optional(
                "checksum",
                Shape::Map(checksum),
                "A checksum of some items, the same in whatever order they are read. `count` must cover the table.",
            ),
        ]
    }

    fn reads_data(&self) -> bool {
        true
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:Scan"]
    }

    fn control_keys(&self) -> &'static [&'static str] {
        &["key", "table", "newest"]
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        let settings: DynamoDbSettings = typed(settings)?;
        settings.table.as_ref().map_or(Ok(()), |table| table.check("table"))?;
        settings.key.iter().flatten().try_for_each(|(attribute, value)| value.check(&format!("key.{attribute}")))
    }

    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
        let settings: DynamoDbSettings = typed(settings).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
        let late = |_| Err(miss(ProbeReason::Timeout, &format!("not all was read within {}", shown(timeout))));
        tokio::time::timeout(timeout, read(&settings, target)).await.unwrap_or_else(late)
    }
}

async fn read(settings: &DynamoDbSettings, target: &Target) -> Outcome {
    let name = named(settings.table.as_ref(), "table", target)?;
    let table = target.tables.table(&name).await.map_err(|error| refused(&error))?;
    let mut observed = match &settings.key {
        Some(key) => item(&name, &table, key, target).await?,
        None => nothing(),
    };
    describe(&table, &mut observed);
    if settings.count.is_some() || settings.newest.is_some() || settings.checksum.is_some() {
        let wanted = Wanted {
            most: settings.count.as_ref().map_or(USUAL_ITEMS, |count| count.most),
            newest: settings.newest.as_deref(),
            checksum: settings.checksum.as_ref(),
            keys: table.keys.keys().map(String::as_str).collect(),
        };
        scan(&name, &wanted, target, &mut observed).await?;
    }
    Ok(observed)
}

fn describe(table: &Table, observed: &mut Observed) {
    let mut add = |name: &str, value: Value| observed.values.insert(name.to_owned(), value);
    add("status", table.status.as_str().into());
    add("item_count", table.item_count.into());
    add("size_bytes", table.size_bytes.into());
    add("key_schema", roles(table));
    add("indexes", table.indexes.len().into());
    add("index_names", table.indexes.keys().map(|name| Value::from(name.as_str())).collect());
    add("billing", table.billing.as_str().into());
    let listed = |pairs: &BTreeMap<String, String>| {
        let pairs: Vec<String> = pairs.iter().map(|(name, word)| format!("{name} ({word})")).collect();
        pairs.join(", ")
    };
    observed.facts.insert("keys".to_owned(), listed(&table.keys));
    observed.facts.insert("billing".to_owned(), table.billing.clone());
    if !table.indexes.is_empty() {
        observed.facts.insert("indexes".to_owned(), listed(&table.indexes));
    }
}

/// The key's attributes with their roles, the partition's first.
fn roles(table: &Table) -> Value {
    let mut roles: Vec<(&String, &String)> = table.keys.iter().map(|(name, role)| (role, name)).collect();
    roles.sort();
    roles.into_iter().map(|(role, name)| Value::from(format!("{name} {role}"))).collect()
}

/// One item by its key. That it is missing is never a success, whatever is expected.
async fn item(name: &str, table: &Table, key: &BTreeMap<String, Given>, target: &Target) -> Outcome {
    let key = key_values(table, key, target)?;
    let found = target.tables.item(name, &key).await.map_err(|error| refused(&error))?;
    let is_there = found.is_some();
    let mut observed = found.map_or_else(nothing, |item| flattened(item, TAKEN, &[]));
    observed.values.insert("found".to_owned(), is_there.into());
    if is_there {
        return Ok(observed);
    }
    let message = format!("the table `{name}` has no item with this key");
    Err(Miss { observed: Some(observed), missing_data: true, ..miss(ProbeReason::Query, &message) })
}

/// The key with the types that the table says: the same digits may be text or a number.
fn key_values(
    table: &Table,
    key: &BTreeMap<String, Given>,
    target: &Target,
) -> Result<BTreeMap<String, KeyValue>, Miss> {
    if !key.keys().eq(table.keys.keys()) {
        let wanted: Vec<&str> = table.keys.keys().map(String::as_str).collect();
        let message = format!("`key` must name the table's whole key and nothing else: `{}`", wanted.join("`, `"));
        return Err(miss(ProbeReason::Query, &message));
    }
    let mut values = BTreeMap::new();
    for (attribute, given) in key {
        let text = given.fill(&format!("key.{attribute}"), target)?;
        let value = match table.types.get(attribute).map(String::as_str) {
            Some("N") => KeyValue::Number(text),
            Some("B") => KeyValue::Binary(text),
            _ => KeyValue::Text(text),
        };
        values.insert(attribute.clone(), value);
    }
    Ok(values)
}

#[cfg(test)]
mod tests;
