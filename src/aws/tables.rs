//! Reading restored tables. Permissions: `dynamodb:DescribeTable`, `dynamodb:GetItem`, `dynamodb:Scan`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{
    AttributeValue, BillingMode, BillingModeSummary, IndexStatus, TableDescription, TableStatus,
};
use aws_smithy_types::{Blob, base64};
use serde_json::{Map, Value, json};

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::handle::Handle;
use crate::cloud::data::{Item, Items, KeyValue, Table, Tables};
use crate::cloud::error::{CloudError, ErrorKind};
use crate::words::text::tame;

/// Digits that a double holds whatever the number is.
const EXACT_DIGITS: usize = 15;

/// [`Tables`] over DynamoDB.
pub struct AwsTables {
    client: Handle<aws_sdk_dynamodb::Client>,
}

impl AwsTables {
    /// Over the destination's client.
    #[must_use]
    pub fn new(client: Handle<aws_sdk_dynamodb::Client>) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Tables for AwsTables {
    async fn table(&self, name: &str) -> Result<Table, CloudError> {
        const OPERATION: &str = "dynamodb:DescribeTable";
        let answer = self.client.describe_table().table_name(name).send().await;
        let answer = answer.map_err(|error| cloud_error(OPERATION, &error))?;
        let table = answer.table().ok_or_else(|| unreadable(OPERATION, "the answer holds no table and no error"))?;
        Ok(described(table))
    }

    async fn scan(&self, name: &str, limit: u32, from: Option<&str>) -> Result<Items, CloudError> {
        const OPERATION: &str = "dynamodb:Scan";
        let start =
            from.map(|token| start_key(token).ok_or_else(|| bad_key(OPERATION, "the page's token"))).transpose()?;
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let ask = self.client.scan().table_name(name).limit(limit).consistent_read(true).set_exclusive_start_key(start);
        let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
        let next = page.last_evaluated_key().filter(|key| !key.is_empty());
        let next =
            next.map(|key| token(key).ok_or_else(|| unreadable(OPERATION, "the page ends at a key of no key type")));
        Ok(Items { items: page.items().iter().map(item).collect(), next: next.transpose()? })
    }

    async fn item(&self, name: &str, key: &BTreeMap<String, KeyValue>) -> Result<Option<Item>, CloudError> {
        const OPERATION: &str = "dynamodb:GetItem";
        let mut wanted = HashMap::new();
        for (attribute, value) in key {
            let value = match value {
                KeyValue::Text(text) => AttributeValue::S(text.clone()),
                KeyValue::Number(number) => AttributeValue::N(number.clone()),
                KeyValue::Binary(text) => {
                    let bytes = base64::decode(text).map_err(|_| bad_key(OPERATION, &format!("`{attribute}`")))?;
                    AttributeValue::B(Blob::new(bytes))
                }
            };
            wanted.insert(attribute.clone(), value);
        }
        let answer = self.client.get_item().table_name(name).consistent_read(true).set_key(Some(wanted)).send().await;
        let answer = answer.map_err(|error| cloud_error(OPERATION, &error))?;
        Ok(answer.item().map(item))
    }
}

fn bad_key(operation: &str, what: &str) -> CloudError {
    CloudError::new(operation, ErrorKind::Invalid, "bad_key", &format!("{what} is no key of a table"), None)
}

fn described(table: &TableDescription) -> Table {
    let count = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
    // DynamoDB leaves the summary out for a table that was always provisioned.
    let billing = table.billing_mode_summary().and_then(BillingModeSummary::billing_mode);
    let keys = table.key_schema().iter().map(|key| (tame(key.attribute_name()), tame(key.key_type().as_str())));
    let types = table.attribute_definitions().iter();
    let types = types.map(|one| (tame(one.attribute_name()), tame(one.attribute_type().as_str())));
    let indexes = table.global_secondary_indexes().iter().map(|index| {
        let status = index.index_status().map_or("", IndexStatus::as_str);
        (tame(index.index_name().unwrap_or_default()), tame(status))
    });
    Table {
        status: tame(table.table_status().map_or("", TableStatus::as_str)),
        item_count: count(table.item_count()),
        size_bytes: count(table.table_size_bytes()),
        keys: keys.collect(),
        types: types.collect(),
        indexes: indexes.collect(),
        billing: tame(billing.map_or("PROVISIONED", BillingMode::as_str)),
    }
}

fn item(attributes: &HashMap<String, AttributeValue>) -> Item {
    // The map has no order of its own: sorted, the same item is the same text each time.
    let sorted: BTreeMap<&String, &AttributeValue> = attributes.iter().collect();
    sorted.into_iter().map(|(name, value)| (name.clone(), plain(value))).collect()
}

/// DynamoDB nests at most 32 levels.
fn plain(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => Value::from(text.as_str()),
        AttributeValue::N(number) => plain_number(number),
        AttributeValue::Bool(truth) => Value::from(*truth),
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::B(bytes) => Value::from(base64::encode(bytes)),
        AttributeValue::Ss(texts) => sorted(texts).map(|text| Value::from(text.as_str())).collect(),
        AttributeValue::Ns(numbers) => sorted(numbers).map(|number| plain_number(number)).collect(),
        AttributeValue::Bs(list) => {
            let texts: Vec<String> = list.iter().map(base64::encode).collect();
            sorted(&texts).map(|text| Value::from(text.as_str())).collect()
        }
        AttributeValue::L(list) => list.iter().map(plain).collect(),
        AttributeValue::M(members) => Value::Object(item(members)),
        // A kind that this version does not know is no `null`, which would be data.
        _ => Value::from("a value of an unknown type"),
    }
}

/// A set has no order: sorted, the same set is the same list each time.
fn sorted(members: &[String]) -> impl Iterator<Item = &String> {
    members.iter().collect::<BTreeSet<_>>().into_iter()
}

/// DynamoDB's numbers have 38 digits. One that a number of JSON cannot hold stays decimal text.
fn plain_number(text: &str) -> Value {
    if let Ok(whole) = text.parse::<i64>() {
        return Value::from(whole);
    }
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && digits <= EXACT_DIGITS => Value::from(number),
        _ => Value::from(text),
    }
}

/// The key that a page ended at, as text.
fn token(key: &HashMap<String, AttributeValue>) -> Option<String> {
    let mut members = Map::new();
    for (name, value) in key.iter().collect::<BTreeMap<_, _>>() {
        let typed = match value {
            AttributeValue::S(text) => json!({ "S": text }),
            AttributeValue::N(number) => json!({ "N": number }),
            AttributeValue::B(bytes) => json!({ "B": base64::encode(bytes) }),
            _ => return None,
        };
        members.insert(name.clone(), typed);
    }
    Some(Value::Object(members).to_string())
}

fn start_key(token: &str) -> Option<HashMap<String, AttributeValue>> {
    let Ok(Value::Object(members)) = serde_json::from_str(token) else { return None };
    let mut key = HashMap::new();
    for (name, typed) in members {
        let (kind, text) = typed.as_object()?.iter().next()?;
        let text = text.as_str()?;
        let value = match kind.as_str() {
            "S" => AttributeValue::S(text.to_owned()),
            "N" => AttributeValue::N(text.to_owned()),
            "B" => AttributeValue::B(Blob::new(base64::decode(text).ok()?)),
            _ => return None,
        };
        key.insert(name, value);
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use aws_sdk_dynamodb::types::AttributeValue;
    use aws_smithy_types::Blob;
    use serde_json::{Value, json};

    use super::{item, plain_number, start_key, token};

    #[test]
    fn attributes_become_plain_json() {
        let members = HashMap::from([("city".to_owned(), AttributeValue::S("Ulm".to_owned()))]);
        let attributes = HashMap::from([
            ("id".to_owned(), AttributeValue::S("o-1".to_owned())),
            ("total".to_owned(), AttributeValue::N("10.5".to_owned())),
            ("paid".to_owned(), AttributeValue::Bool(true)),
            ("note".to_owned(), AttributeValue::Null(true)),
            ("raw".to_owned(), AttributeValue::B(Blob::new(b"hi".to_vec()))),
            ("tags".to_owned(), AttributeValue::Ss(vec!["b".to_owned(), "a".to_owned()])),
            ("to".to_owned(), AttributeValue::M(members)),
        ]);
        let wanted = json!({
            "id": "o-1",
            "total": 10.5,
            "paid": true,
            "note": null,
            "raw": "aGk=",
            "tags": ["a", "b"],
            "to": { "city": "Ulm" },
        });
        assert_eq!(Value::Object(item(&attributes)), wanted);
    }

    #[test]
    fn a_number_that_does_not_fit_stays_text() {
        for (text, wanted) in [
            ("42", json!(42)),
            ("-7", json!(-7)),
            ("0.25", json!(0.25)),
            ("12345678901234567890123456789012345678", json!("12345678901234567890123456789012345678")),
            ("0.1234567890123456789", json!("0.1234567890123456789")),
        ] {
            assert_eq!(plain_number(text), wanted);
        }
    }

    #[test]
    fn the_place_where_a_page_ended_goes_there_and_back() {
        let key = HashMap::from([
            ("id".to_owned(), AttributeValue::S("o-1".to_owned())),
            ("at".to_owned(), AttributeValue::N("1767225600".to_owned())),
            ("raw".to_owned(), AttributeValue::B(Blob::new(vec![0, 255]))),
        ]);
        assert_eq!(start_key(&token(&key).unwrap()), Some(key));
        assert_eq!(start_key("not JSON"), None);
        assert_eq!(token(&HashMap::from([("x".to_owned(), AttributeValue::Bool(true))])), None);
    }
}
