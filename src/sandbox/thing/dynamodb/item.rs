//! Items and their keys, in DynamoDB's JSON: an attribute is an object of its type and value, such as `{"S": "x"}`.

use serde_json::{Map, Value, json};

/// An item.
pub(crate) type Item = Map<String, Value>;

/// The types that a key attribute may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyType {
    Text,
    Number,
    Bytes,
}

impl KeyType {
    const ALL: [Self; 3] = [Self::Text, Self::Number, Self::Bytes];

    /// DynamoDB's letter.
    pub(crate) fn letter(self) -> &'static str {
        match self {
            Self::Text => "S",
            Self::Number => "N",
            Self::Bytes => "B",
        }
    }

    /// The type of an attribute's value, if a key may have it.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| value.get(kind.letter()).is_some_and(Value::is_string))
    }
}

/// An attribute of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    pub(crate) kind: KeyType,
}

/// The key of a table or of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schema {
    pub(crate) hash: Attribute,
    pub(crate) range: Option<Attribute>,
}

/// A key attribute's value, in DynamoDB's order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum KeyValue {
    /// The number's order, and its digits, which tell apart what a `f64` does not.
    Number(u64, String),
    Text(String),
    Bytes(String),
}

/// Where an item stands in its table. Partitions are scattered, as in DynamoDB: a scan is in no order of the hash key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ItemKey {
    scatter: u64,
    hash: KeyValue,
    range: Option<KeyValue>,
}

impl Schema {
    /// Every attribute.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        std::iter::once(&self.hash).chain(&self.range)
    }

    /// Where this item stands; nothing if a key attribute is missing or of another type.
    pub(crate) fn key(&self, item: &Item) -> Option<ItemKey> {
        let hash = self.hash.read(item)?;
        let range = match &self.range {
            Some(range) => Some(range.read(item)?),
            None => None,
        };
        Some(ItemKey { scatter: scatter(&hash), hash, range })
    }

    /// The key attributes of an item.
    pub(crate) fn part(&self, item: &Item) -> Item {
        self.attributes().filter_map(|one| Some((one.name.clone(), item.get(&one.name)?.clone()))).collect()
    }
}

impl Attribute {
    /// The value in this item.
    pub(crate) fn read(&self, item: &Item) -> Option<KeyValue> {
        KeyValue::read(self.kind, item.get(&self.name)?)
    }
}

impl KeyValue {
    /// A value of this type; an empty one is none.
    pub(crate) fn read(kind: KeyType, value: &Value) -> Option<Self> {
        let only = value.as_object().filter(|map| map.len() == 1)?;
        let text = only.get(kind.letter())?.as_str().filter(|text| !text.is_empty())?;
        Some(match kind {
            KeyType::Text => Self::Text(text.to_owned()),
            KeyType::Bytes => Self::Bytes(text.to_owned()),
            KeyType::Number => {
                let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite())?;
                // Adding zero makes one zero of the two.
                Self::Number(ordered(number + 0.0), digits(text))
            }
        })
    }
}

/// The bits of a number, so that they sort as the numbers do.
fn ordered(number: f64) -> u64 {
    let bits = number.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | (1 << 63) }
}

/// `1`, `1.0` and `+1` are one key.
fn digits(text: &str) -> String {
    let text = text.trim().trim_start_matches('+');
    if text.contains('.') && !text.contains(['e', 'E']) {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text.to_owned()
}

fn scatter(hash: &KeyValue) -> u64 {
    let (KeyValue::Number(_, text) | KeyValue::Text(text) | KeyValue::Bytes(text)) = hash;
    // FNV-1a, and a turn so that close names lie apart.
    let mixed = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// A value with its type: what has none yet gets it, as a document client would do.
pub(crate) fn typed(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(flag) => json!({ "BOOL": flag }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::String(text) => json!({ "S": text }),
        Value::Array(list) => json!({ "L": list.iter().map(typed).collect::<Vec<_>>() }),
        Value::Object(map) => match single(map) {
            Some(("N", Value::Number(number))) => json!({ "N": number.to_string() }),
            Some((letters, _)) if TYPES.contains(&letters) => value.clone(),
            _ => json!({ "M": map.iter().map(|(name, value)| (name.clone(), typed(value))).collect::<Item>() }),
        },
    }
}

const TYPES: &[&str] = &["S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"];

fn single(map: &Item) -> Option<(&str, &Value)> {
    let mut entries = map.iter();
    let (name, value) = entries.next()?;
    entries.next().is_none().then_some((name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Attribute, KeyType, KeyValue, Schema, typed};

    #[test]
    fn numbers_sort_as_numbers_and_are_one_however_written() {
        let number = |text: &str| KeyValue::read(KeyType::Number, &json!({ "N": text })).unwrap();
        assert!(number("-10") < number("-9.5") && number("-9.5") < number("2") && number("2") < number("10"));
        assert_eq!((number("1.0"), number("2.50")), (number("+1"), number("2.5")));
        assert_eq!(KeyValue::read(KeyType::Number, &json!({ "S": "1" })), None);
    }

    #[test]
    fn a_key_needs_all_its_attributes() {
        let attribute = |name: &str, kind| Attribute { name: name.to_owned(), kind };
        let schema = Schema { hash: attribute("id", KeyType::Text), range: Some(attribute("n", KeyType::Number)) };
        let item = |value: serde_json::Value| value.as_object().cloned().unwrap();
        assert!(schema.key(&item(json!({ "id": { "S": "a" } }))).is_none());
        let whole = item(json!({ "id": { "S": "a" }, "n": { "N": "3" }, "x": { "BOOL": true } }));
        assert!(schema.key(&whole).is_some());
        assert_eq!(schema.part(&whole).len(), 2);
    }

    #[test]
    fn values_without_a_type_get_one() {
        assert_eq!(typed(&json!({ "N": 5 })), json!({ "N": "5" }));
        assert_eq!(typed(&json!({ "S": "x" })), json!({ "S": "x" }));
        let map = json!({ "M": { "a": { "N": "1" }, "b": { "L": [{ "BOOL": true }] } } });
        assert_eq!(typed(&json!({ "a": 1, "b": [true] })), map);
    }
}
