//! A report's context in which every field has a value and every list an element: what a template is checked against,
//! and the list of the fields that there are.
//!
//! It is read off the types themselves, so a field that is added is in it, too. Not a report of anything.

use std::fmt;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Deserialize, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use crate::report::facts::Context;

/// Every text of a sample: an instant, which some fields of a context are.
const TEXT: &str = "2026-11-21T12:00:00Z";

/// Every moment of a sample: a type that is written as text and is none asks for borrowed text.
const MOMENT: &str = "2024-01-01T00:00:00Z";

/// Lists in lists in lists: no context is deeper.
pub const DEEPEST: usize = 4;

/// A context whose lists have one element down to `depth` lists in each other, and none below that.
#[must_use]
pub fn sample(depth: usize) -> Context {
    made(Context::deserialize(Sample { lists: depth }))
}

/// Every field of a context, as a template names it: `scope.drill`, and `restores[].point.arn` for a field of each
/// element of a list.
#[must_use]
pub fn fields() -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(value) = serde_json::to_value(sample(DEEPEST)) {
        walk("", &value, &mut found);
    }
    found
}

fn walk(path: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                walk(&path, field, found);
            }
        }
        Value::Array(items) => match items.first() {
            Some(Value::Object(fields)) => walk(&format!("{path}[]"), &Value::Object(fields.clone()), found),
            _ => found.push(format!("{path}[]")),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => found.push(path.to_owned()),
    }
}

/// The types of a context ask for texts, numbers, truths, lists and each other: none of it is refused.
fn made<T>(read: Result<T, Unasked>) -> T {
    read.expect("a context holds nothing that a sample lacks")
}

/// Gives whatever it is asked for.
#[derive(Debug, Clone, Copy)]
struct Sample {
    /// Lists that still have an element.
    lists: usize,
}

/// Something that no context holds.
#[derive(Debug)]
struct Unasked(String);

impl fmt::Display for Unasked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unasked {}

impl serde::de::Error for Unasked {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl IntoDeserializer<'_, Unasked> for Sample {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Sample {
    type Error = Unasked;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unasked> {
        visitor.visit_str(TEXT)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unasked> {
        visitor.visit_bool(true)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unasked> {
        visitor.visit_u8(1)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unasked> {
        visitor.visit_u32(1)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unasked> {
        visitor.visit_u64(1)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unasked> {
        visitor.visit_i64(1)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unasked> {
        visitor.visit_f64(1.0)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unasked> {
        visitor.visit_str(MOMENT)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unasked> {
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unasked> {
        let inside = self.lists.checked_sub(1).map(|lists| Self { lists });
        visitor.visit_seq(SeqDeserializer::new(inside.into_iter()))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unasked> {
        let inside = self.lists.checked_sub(1).map(|lists| (TEXT, Self { lists }));
        visitor.visit_map(MapDeserializer::new(inside.into_iter()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unasked> {
        visitor.visit_map(MapDeserializer::new(fields.iter().map(|field| (*field, self))))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u16 u128 f32 char string bytes byte_buf unit unit_struct newtype_struct tuple tuple_struct
        enum identifier ignored_any
    }
}
