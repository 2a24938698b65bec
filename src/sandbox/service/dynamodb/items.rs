//! Items: scan, query, get, put.

use std::ops::Bound;

use serde_json::{Value, json};

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::service::dynamodb::expression::{Condition, projection};
use crate::sandbox::service::dynamodb::{data, invalid, pages, refuse};
use crate::sandbox::thing::dynamodb::{Item, ItemKey, KeyValue};
use crate::sandbox::world::Site;

pub(super) fn scan(site: &mut Site, ask: &Ask) -> Result<Value, Failure> {
    refuse(ask, &["FilterExpression", "ScanFilter", "AttributesToGet", "Segment"])?;
    let table = &*data(site, ask)?;
    let index = pages::index(ask, table)?;
    let start = pages::start(ask, &table.contents.schema)?;
    let from = start.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
    let to: Bound<&ItemKey> = Bound::Unbounded;
    let all = table.contents.items.range::<ItemKey, _>((from, to)).map(|(_, item)| item);
    // What lacks an index's key is not in the index.
    let found = all.filter(|item| index.is_none_or(|index| index.schema.key(item).is_some()));
    pages::answer(ask, table, index, found)
}

pub(super) fn query(site: &mut Site, ask: &Ask) -> Result<Value, Failure> {
    refuse(ask, &["FilterExpression", "QueryFilter", "KeyConditions", "AttributesToGet"])?;
    let table = &*data(site, ask)?;
    let index = pages::index(ask, table)?;
    let schema = index.map_or(&table.contents.schema, |index| &index.schema);
    let condition = Condition::read(ask, schema)?;
    let start = pages::start(ask, &table.contents.schema)?;
    let fits = |(_, item): &(&ItemKey, &Item)| schema.key(item).is_some() && condition.fits(schema, item);
    let mut found: Vec<(&ItemKey, &Item)> = table.contents.items.iter().filter(fits).collect();
    let range = |item: &Item| -> Option<KeyValue> { schema.range.as_ref().and_then(|range| range.read(item)) };
    found.sort_by_cached_key(|(_, item)| range(item));
    if ask.body.get("ScanIndexForward").and_then(Value::as_bool) == Some(false) {
        found.reverse();
    }
    let position = start.and_then(|start| found.iter().position(|(key, _)| **key == start));
    let from = position.map_or(0, |position| position + 1);
    pages::answer(ask, table, index, found.into_iter().skip(from).map(|(_, item)| item))
}

pub(super) fn get(site: &mut Site, ask: &Ask) -> Result<Value, Failure> {
    refuse(ask, &["AttributesToGet"])?;
    let table = data(site, ask)?;
    let schema = &table.contents.schema;
    let asked = ask.body.get("Key").and_then(Value::as_object);
    let whole = asked.filter(|key| key.len() == schema.attributes().count());
    let key = whole.and_then(|key| schema.key(key));
    let key = key.ok_or_else(|| invalid("The provided key element does not match the schema"))?;
    let names = projection(ask)?;
    let found = table.contents.items.get(&key).map(|item| pages::shown(item, names.as_deref()));
    Ok(found.map_or_else(|| json!({}), |item| json!({ "Item": item })))
}

pub(super) fn put(site: &mut Site, ask: &Ask) -> Result<Value, Failure> {
    refuse(ask, &["ConditionExpression", "Expected", "ReturnValues"])?;
    let table = data(site, ask)?;
    let item = ask.body.get("Item").and_then(Value::as_object).cloned().unwrap_or_default();
    if table.contents.put(item) {
        return Ok(json!({}));
    }
    let missing = &table.contents.schema.hash.name;
    Err(invalid(format!("One or more parameter values were invalid: Missing the key {missing} in the item")))
}
