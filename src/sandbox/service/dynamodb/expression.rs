//! The expressions that are simulated: a key condition, and a projection of whole attributes.

use std::cmp::Ordering;

use serde_json::Value;

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::service::dynamodb::invalid;
use crate::sandbox::thing::dynamodb::{Item, KeyValue, Schema};

/// `id = :v`, with or without a comparison of the range key.
pub(super) struct Condition {
    hash: KeyValue,
    range: Option<(Operator, KeyValue)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Is,
    Below,
    UpTo,
    Above,
    From,
}

/// The longer signs first: `<=` begins with `<`.
const OPERATORS: [(&str, Operator); 5] = [
    ("<=", Operator::UpTo),
    (">=", Operator::From),
    ("=", Operator::Is),
    ("<", Operator::Below),
    (">", Operator::Above),
];

impl Condition {
    /// Reads `KeyConditionExpression` for a table or index with this key.
    pub(super) fn read(ask: &Ask, schema: &Schema) -> Result<Self, Failure> {
        let text = ask.text("KeyConditionExpression").ok_or_else(|| {
            invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
        })?;
        let (mut hash, mut range) = (None, None);
        for clause in clauses(text) {
            let (name, operator, value) = clause_parts(ask, clause)?;
            let wrong_type = || {
                invalid(
                    "One or more parameter values were invalid: Condition parameter type does not match schema type",
                )
            };
            if name == schema.hash.name && operator == Operator::Is {
                hash = Some(KeyValue::read(schema.hash.kind, value).ok_or_else(wrong_type)?);
            } else if let Some(attribute) = schema.range.as_ref().filter(|attribute| attribute.name == name) {
                range = Some((operator, KeyValue::read(attribute.kind, value).ok_or_else(wrong_type)?));
            } else {
                return Err(invalid("Query key condition not supported"));
            }
        }
        let missed = || invalid(format!("Query condition missed key schema element: {}", schema.hash.name));
        Ok(Self { hash: hash.ok_or_else(missed)?, range })
    }

    /// Whether an item is found.
    pub(super) fn fits(&self, schema: &Schema, item: &Item) -> bool {
        let ranges = || match (&self.range, &schema.range) {
            (Some((operator, wanted)), Some(attribute)) => {
                attribute.read(item).is_some_and(|value| operator.holds(value.cmp(wanted)))
            }
            _ => true,
        };
        schema.hash.read(item).as_ref() == Some(&self.hash) && ranges()
    }
}

impl Operator {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Is => order.is_eq(),
            Self::Below => order.is_lt(),
            Self::UpTo => order.is_le(),
            Self::Above => order.is_gt(),
            Self::From => order.is_ge(),
        }
    }
}

/// The parts between `AND`s.
fn clauses(text: &str) -> Vec<&str> {
    let lower = text.to_ascii_lowercase();
    match lower.find(" and ").and_then(|at| Some((text.get(..at)?, text.get(at + 5..)?))) {
        Some((first, second)) => vec![first, second],
        None => vec![text],
    }
}

fn clause_parts<'a>(ask: &'a Ask, clause: &'a str) -> Result<(&'a str, Operator, &'a Value), Failure> {
    let clause = clause.trim().trim_start_matches('(').trim_end_matches(')');
    let cut = OPERATORS.iter().find_map(|(sign, operator)| Some((clause.split_once(sign)?, *operator)));
    let ((name, value), operator) = cut.ok_or_else(|| {
        invalid(format!("The simulated AWS knows key conditions with =, <, <=, > and >=, not `{clause}`"))
    })?;
    let value = value.trim();
    let unknown = || {
        invalid(format!(
            "Invalid KeyConditionExpression: An expression attribute value used in expression is not defined; attribute \
             value: {value}"
        ))
    };
    let value = ask.body.get("ExpressionAttributeValues").and_then(|values| values.get(value)).ok_or_else(unknown)?;
    Ok((resolve(ask, name.trim(), "KeyConditionExpression")?, operator, value))
}

/// An attribute's name, or what `#placeholder` stands for.
fn resolve<'a>(ask: &'a Ask, name: &'a str, what: &str) -> Result<&'a str, Failure> {
    if !name.starts_with('#') {
        return Ok(name);
    }
    let names = ask.body.get("ExpressionAttributeNames").and_then(|names| names.get(name)).and_then(Value::as_str);
    names.ok_or_else(|| {
        invalid(format!(
            "Invalid {what}: An expression attribute name used in the document path is not defined; attribute \
             name: {name}"
        ))
    })
}

/// The attributes that an answer shows; nothing for all.
pub(super) fn projection(ask: &Ask) -> Result<Option<Vec<String>>, Failure> {
    let Some(text) = ask.text("ProjectionExpression") else { return Ok(None) };
    text.split(',')
        .map(|name| {
            let name = name.trim();
            if name.contains(['.', '[']) {
                return Err(invalid("The simulated AWS projects whole attributes, no parts of them"));
            }
            resolve(ask, name, "ProjectionExpression").map(str::to_owned)
        })
        .collect::<Result<Vec<String>, Failure>>()
        .map(Some)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Condition, projection};
    use crate::sandbox::protocol::Ask;
    use crate::sandbox::thing::dynamodb::{Attribute, Item, KeyType, Schema};

    fn schema() -> Schema {
        let attribute = |name: &str| Attribute { name: name.to_owned(), kind: KeyType::Text };
        Schema { hash: attribute("id"), range: Some(attribute("at")) }
    }

    fn item(id: &str, at: &str) -> Item {
        Item::from_iter([("id".to_owned(), json!({ "S": id })), ("at".to_owned(), json!({ "S": at }))])
    }

    #[test]
    fn a_condition_finds_by_hash_and_range() {
        let body = json!({
            "KeyConditionExpression": "#i = :id AND at>=:from",
            "ExpressionAttributeNames": { "#i": "id" },
            "ExpressionAttributeValues": { ":id": { "S": "a" }, ":from": { "S": "2026" } },
            "ProjectionExpression": "#i, at",
        });
        let ask = Ask { body, ..Ask::default() };
        let condition = Condition::read(&ask, &schema()).ok().unwrap();
        let found = |id, at| condition.fits(&schema(), &item(id, at));
        assert!(found("a", "2026-01") && !found("a", "2025-12") && !found("b", "2026-01"));
        assert_eq!(projection(&ask).unwrap().unwrap(), ["id", "at"]);
    }

    #[test]
    fn a_condition_needs_the_hash_key_and_its_values() {
        for text in ["at = :x", "id > :x", "id = :missing", "begins_with(id, :x)", "other = :x"] {
            let body = json!({ "KeyConditionExpression": text, "ExpressionAttributeValues": { ":x": { "S": "a" } } });
            let ask = Ask { body, ..Ask::default() };
            assert_eq!(Condition::read(&ask, &schema()).err().unwrap().code, "ValidationException", "{text}");
        }
    }
}
