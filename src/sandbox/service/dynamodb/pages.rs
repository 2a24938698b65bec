//! One page of a scan or query: at most `Limit` items and at most 1 MB, with the key to go on from.

use serde_json::{Map, Value, json};

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::service::dynamodb::expression::projection;
use crate::sandbox::service::dynamodb::invalid;
use crate::sandbox::thing::dynamodb::{Index, Item, ItemKey, Schema, Table, item_bytes};

/// No answer reads more.
const MOST_BYTES: usize = 1024 * 1024;

/// The key that a page begins after.
pub(super) fn start(ask: &Ask, schema: &Schema) -> Result<Option<ItemKey>, Failure> {
    let Some(key) = ask.body.get("ExclusiveStartKey").and_then(Value::as_object) else { return Ok(None) };
    let key = schema.key(key).ok_or_else(|| invalid("The provided starting key is invalid"))?;
    Ok(Some(key))
}

/// The index that a request reads, if it reads one.
pub(super) fn index<'a>(ask: &Ask, table: &'a Table) -> Result<Option<&'a Index>, Failure> {
    let Some(name) = ask.text("IndexName") else { return Ok(None) };
    let found = table.contents.indexes.iter().find(|index| index.name == name);
    let index = found.ok_or_else(|| invalid(format!("The table does not have the specified index: {name}")))?;
    if !table.indexes_ready {
        return Err(invalid(format!("Cannot read from backfilling global secondary index: {name}")));
    }
    Ok(Some(index))
}

/// The answer with as many of `items` as fit.
pub(super) fn answer<'a>(
    ask: &Ask,
    table: &Table,
    index: Option<&Index>,
    items: impl Iterator<Item = &'a Item>,
) -> Result<Value, Failure> {
    let limit = limit(ask)?;
    let names = projection(ask)?;
    let (mut found, mut bytes, mut last) = (Vec::new(), 0, None);
    let mut items = items.peekable();
    while let Some(item) = items.next() {
        bytes += item_bytes(item);
        found.push(shown(item, names.as_deref()));
        // A page that `Limit` ends has a key to go on from, even if nothing follows.
        if Some(found.len()) == limit || (bytes >= MOST_BYTES && items.peek().is_some()) {
            last = Some(item);
            break;
        }
    }
    let mut answer = Map::new();
    answer.insert("Count".to_owned(), found.len().into());
    answer.insert("ScannedCount".to_owned(), found.len().into());
    if ask.text("Select") != Some("COUNT") {
        answer.insert("Items".to_owned(), found.into_iter().map(Value::Object).collect());
    }
    if let Some(item) = last {
        let mut key = table.contents.schema.part(item);
        key.extend(index.map(|index| index.schema.part(item)).unwrap_or_default());
        answer.insert("LastEvaluatedKey".to_owned(), json!(key));
    }
    Ok(Value::Object(answer))
}

fn limit(ask: &Ask) -> Result<Option<usize>, Failure> {
    let Some(limit) = ask.body.get("Limit").filter(|limit| !limit.is_null()) else { return Ok(None) };
    let limit = limit.as_u64().and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit >= 1);
    limit.map(Some).ok_or_else(|| {
        invalid(
            "1 validation error detected: Value at 'limit' failed to satisfy constraint: Member must have value greater \
             than or equal to 1",
        )
    })
}

/// An item, whole or with these attributes alone.
pub(super) fn shown(item: &Item, names: Option<&[String]>) -> Item {
    match names {
        None => item.clone(),
        Some(names) => names.iter().filter_map(|name| Some((name.clone(), item.get(name)?.clone()))).collect(),
    }
}
