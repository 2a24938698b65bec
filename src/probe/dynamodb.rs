//! `dynamodb`: what is in a restored table?
//!
//! | observed | what |
//! |---|---|
//! | `status`, `item_count`, `size_bytes` | as DynamoDB says; it counts about every six hours |
//! | `indexes` | how many global secondary indexes there are |
//! | `found` and the item's attributes | with `key` |
//! | `items`, `complete` | with `count` or `newest`: how many items a bounded scan read, and whether that were all |
//! | `newest` | with `newest`: the latest instant that the scan saw in the attribute, null if it saw none |
//!
//! A fresh copy may have an `item_count` of 0. A member of an item's map is `MAP.MEMBER`; an attribute that has the
//! name of another observed value is `json.NAME`. Reads are consistent, and a scan costs read capacity of the restored
//! table. An item that is not there is a miss.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::cloud::data::{KeyValue, Table};
use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::expect::moment;
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

/// Items of one page.
const PAGE_ITEMS: u32 = 1_000;

/// Observed values that an item's attribute of the same name does not replace.
const TAKEN: &[&str] = &["complete", "found", "indexes", "item_count", "items", "newest", "size_bytes", "status"];

/// The kind.
pub struct DynamoDb;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DynamoDbSettings {
    table: Option<Given>,
    key: Option<BTreeMap<String, Given>>,
    count: Option<Count>,
    newest: Option<String>,
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

    fn fields(&self) -> Vec<Field> {
        let most = Shape::Integer { min: 1, max: i64::from(MOST_ITEMS) };
        let most = Field::optional("most", most, "Items that are read at most; 10,000 by default.");
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
        ]
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
    if settings.count.is_some() || settings.newest.is_some() {
        let most = settings.count.as_ref().map_or(USUAL_ITEMS, |count| count.most);
        scan(&name, most, settings.newest.as_deref(), target, &mut observed).await?;
    }
    describe(&table, &mut observed);
    Ok(observed)
}

fn describe(table: &Table, observed: &mut Observed) {
    let mut add = |name: &str, value: Value| observed.values.insert(name.to_owned(), value);
    add("status", table.status.as_str().into());
    add("item_count", table.item_count.into());
    add("size_bytes", table.size_bytes.into());
    add("indexes", table.indexes.len().into());
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

/// Reads at most `most` items, and one more to know whether these were all.
async fn scan(
    name: &str,
    most: u32,
    newest: Option<&str>,
    target: &Target,
    observed: &mut Observed,
) -> Result<(), Miss> {
    let (mut items, mut latest, mut from) = (0_u32, None::<Timestamp>, None::<String>);
    let complete = loop {
        let room = most - items;
        let limit = room.saturating_add(1).min(PAGE_ITEMS);
        let page = target.tables.scan(name, limit, from.as_deref()).await.map_err(|error| refused(&error))?;
        let on_page = u32::try_from(page.items.len()).unwrap_or(u32::MAX);
        let within = usize::try_from(room).unwrap_or(usize::MAX);
        if let Some(attribute) = newest {
            let instants = page.items.iter().take(within).filter_map(|item| instant(item.get(attribute)?));
            latest = latest.max(instants.max());
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
    observed.values.insert("items".to_owned(), items.into());
    observed.values.insert("complete".to_owned(), complete.into());
    if newest.is_some() {
        let latest = latest.map_or(Value::Null, |latest| latest.to_string().into());
        observed.values.insert("newest".to_owned(), latest);
    }
    Ok(())
}

/// The instant of an attribute. A number that is too large for seconds counts as milliseconds.
fn instant(value: &Value) -> Option<Timestamp> {
    let milliseconds = || Timestamp::from_millisecond(value.as_i64()?).ok();
    moment(value).or_else(milliseconds)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use async_trait::async_trait;
    use serde_json::{Value, json};

    use super::DynamoDb;
    use crate::cloud::data::{Item, Items, KeyValue, Table, Tables};
    use crate::cloud::error::{CloudError, ErrorKind};
    use crate::definition::model::ProbeReason;
    use crate::probe::target::Target;
    use crate::probe::{Outcome, ProbeCalls as _};

    /// A table `drill-1-orders` of items with the key `id`, a number. Pages are as large as they may be, and every
    /// second one is empty.
    struct Orders(Vec<Item>);

    #[async_trait]
    impl Tables for Orders {
        async fn table(&self, name: &str) -> Result<Table, CloudError> {
            let (kind, code) = match name {
                "drill-1-orders" => {
                    let one = |key: &str, word: &str| BTreeMap::from([(key.to_owned(), word.to_owned())]);
                    return Ok(Table {
                        status: "ACTIVE".to_owned(),
                        item_count: 0,
                        size_bytes: 7,
                        keys: one("id", "HASH"),
                        types: one("id", "N"),
                        indexes: one("by_date", "ACTIVE"),
                        billing: "PAY_PER_REQUEST".to_owned(),
                    });
                }
                "secret" => (ErrorKind::Denied, "AccessDeniedException"),
                "far" => (ErrorKind::Unreachable, "dns"),
                _ => (ErrorKind::NotFound, "ResourceNotFoundException"),
            };
            Err(CloudError::new("dynamodb:DescribeTable", kind, code, "no", None))
        }

        async fn scan(&self, _: &str, limit: u32, from: Option<&str>) -> Result<Items, CloudError> {
            let (start, empty) = match from {
                None => (0, false),
                Some(token) => (token.trim_end_matches('!').parse().unwrap(), !token.ends_with('!')),
            };
            if empty {
                return Ok(Items { items: Vec::new(), next: Some(format!("{start}!")) });
            }
            let end = (start + limit as usize).min(self.0.len());
            let next = (end < self.0.len() || end == start + limit as usize).then(|| end.to_string());
            Ok(Items { items: self.0[start..end].to_vec(), next })
        }

        async fn item(&self, _: &str, key: &BTreeMap<String, KeyValue>) -> Result<Option<Item>, CloudError> {
            let KeyValue::Number(id) = &key["id"] else { panic!("the key is a number") };
            Ok(self.0.iter().find(|item| item["id"].as_i64() == id.parse().ok()).cloned())
        }
    }

    fn orders(count: i64) -> Vec<Item> {
        let order = |id: i64| {
            let at = format!("2026-01-01T00:00:{:02}Z", id % 60);
            let Value::Object(item) = json!({
                "id": id, "status": "paid", "at": at, "epoch_ms": 1_767_225_600_000_i64 + id, "to": { "city": "Ulm" },
            }) else {
                unreachable!()
            };
            item
        };
        (1..=count).map(order).collect()
    }

    async fn attempt(settings: Value, items: Vec<Item>) -> Outcome {
        let Value::Object(settings) = settings else { unreachable!() };
        DynamoDb.check(&settings).unwrap();
        let identifier = Some("drill-1-orders".to_owned());
        let target = Target { tables: Arc::new(Orders(items)), identifier, ..Target::for_tests() };
        DynamoDb.attempt(&settings, &target, Duration::from_secs(30)).await
    }

    #[tokio::test]
    async fn an_item_is_observed_beside_its_table() {
        let seen = attempt(json!({ "key": { "id": "2" } }), orders(3)).await.unwrap();
        for (name, value) in [
            ("found", json!(true)),
            ("id", json!(2)),
            ("json.status", json!("paid")),
            ("to.city", json!("Ulm")),
            ("status", json!("ACTIVE")),
            ("item_count", json!(0)),
            ("indexes", json!(1)),
        ] {
            assert_eq!(seen.values[name], value, "{name}");
        }
        assert!(!seen.values.contains_key("items"));
    }

    #[tokio::test]
    async fn a_scan_is_bounded_and_says_whether_it_saw_all() {
        for (count, most, items, complete) in
            [(0, 10, 0, true), (9, 10, 9, true), (10, 10, 10, true), (11, 10, 10, false), (2_500, 10_000, 2_500, true)]
        {
            let seen = attempt(json!({ "count": { "most": most } }), orders(count)).await.unwrap();
            assert_eq!((&seen.values["items"], &seen.values["complete"]), (&json!(items), &json!(complete)), "{count}");
        }
    }

    #[tokio::test]
    async fn the_newest_instant_of_the_scan_is_observed() {
        let newest = async |settings: Value| attempt(settings, orders(20)).await.unwrap().values["newest"].clone();
        assert_eq!(newest(json!({ "newest": "at" })).await, json!("2026-01-01T00:00:20Z"));
        assert_eq!(newest(json!({ "newest": "at", "count": { "most": 5 } })).await, json!("2026-01-01T00:00:05Z"));
        assert_eq!(newest(json!({ "newest": "epoch_ms" })).await, json!("2026-01-01T00:00:00.02Z"));
        assert_eq!(newest(json!({ "newest": "nothing" })).await, Value::Null);
    }

    #[tokio::test]
    async fn every_miss_has_its_reason() {
        for (settings, reason, missing) in [
            (json!({ "key": { "id": "99" } }), ProbeReason::Query, true),
            (json!({ "key": { "customer": "1" } }), ProbeReason::Query, false),
            (json!({ "table": "nowhere" }), ProbeReason::Query, true),
            (json!({ "table": "secret" }), ProbeReason::Authentication, false),
            (json!({ "table": "far" }), ProbeReason::Connection, false),
            (json!({ "table": "${{ run.id }}" }), ProbeReason::Setup, false),
        ] {
            let missed = attempt(settings.clone(), orders(3)).await.unwrap_err();
            assert_eq!((missed.reason, missed.missing_data), (reason, missing), "{settings}");
        }
    }
}
