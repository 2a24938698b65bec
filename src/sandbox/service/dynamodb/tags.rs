//! Tags of tables.

use serde_json::{Value, json};

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::service::dynamodb::{invalid, tables};
use crate::sandbox::thing::dynamodb::Table;
use crate::sandbox::world::Site;

/// No table carries more.
const MOST_TAGS: usize = 50;

pub(super) fn list(site: &mut Site, ask: &Ask) -> Result<Value, Failure> {
    let table = find(site, ask)?;
    let tags: Vec<Value> = table.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    Ok(json!({ "Tags": tags }))
}

pub(super) fn add(site: &mut Site, ask: &Ask) -> Result<Value, Failure> {
    let table = changeable(site, ask)?;
    for tag in ask.body.get("Tags").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| tag.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let key = part("Key");
        if key.is_empty() || key.starts_with("aws:") {
            return Err(invalid("One or more parameter values were invalid: the tag key is empty or starts with aws:"));
        }
        if table.tags.len() >= MOST_TAGS && !table.tags.contains_key(&key) {
            return Err(invalid("One or more parameter values were invalid: a table carries at most 50 tags"));
        }
        table.tags.insert(key, part("Value"));
    }
    Ok(json!({}))
}

pub(super) fn remove(site: &mut Site, ask: &Ask) -> Result<Value, Failure> {
    let table = changeable(site, ask)?;
    for key in ask.body.get("TagKeys").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        table.tags.remove(key);
    }
    Ok(json!({}))
}

fn changeable<'a>(site: &'a mut Site, ask: &Ask) -> Result<&'a mut Table, Failure> {
    let table = find(site, ask)?;
    if matches!(table.status, "CREATING" | "DELETING") { Err(tables::in_use(table)) } else { Ok(table) }
}

fn find<'a>(site: &'a mut Site, ask: &Ask) -> Result<&'a mut Table, Failure> {
    let arn = ask.text("ResourceArn").unwrap_or_default();
    let found = site.shelves.dynamodb.tables.values_mut().find(|table| table.arn == arn);
    // The misspelling is DynamoDB's.
    found.ok_or_else(|| Failure::not_found(format!("Requested resource not found: ResourcArn: {arn} not found")))
}
