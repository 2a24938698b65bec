//! `dynamodb` against a made-up table.

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
        ("index_names", json!(["by_date"])),
        ("key_schema", json!(["id HASH"])),
        ("billing", json!("PAY_PER_REQUEST")),
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
        (json!({ "table": "far" }), ProbeReason::Unreachable, false),
        (json!({ "checksum": { "sample": 2 }, "count": { "most": 2 } }), ProbeReason::Setup, false),
        (json!({ "checksum": { "sample": 2, "by": "nothing" } }), ProbeReason::Query, true),
        (json!({ "table": "${{ run.id }}" }), ProbeReason::Setup, false),
    ] {
        let missed = attempt(settings.clone(), orders(3)).await.unwrap_err();
        assert_eq!((missed.reason, missed.missing_data), (reason, missing), "{settings}");
    }
}

#[tokio::test]
async fn a_checksum_is_of_the_items_and_of_no_page() {
    let of = async |settings: Value, items: Vec<Item>| attempt(settings, items).await.unwrap().values;
    let settings = || json!({ "checksum": { "sample": 10 }, "count": { "most": 5_000 } });
    let (few, many) = (of(settings(), orders(900)).await, of(settings(), orders(2_500)).await);
    assert_eq!((&few["checksum_items"], &few["items"]), (&json!(10), &json!(900)));
    let mut backwards = orders(900);
    backwards.reverse();
    assert_eq!(of(settings(), backwards).await["checksum"], few["checksum"]);
    assert_ne!(many["checksum"], few["checksum"]);
    assert_eq!(of(json!({ "checksum": { "sample": 10 } }), orders(3)).await["checksum_items"], json!(3));
}
