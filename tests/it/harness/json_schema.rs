//! A validator for JSON Schemas of draft 7 that others published. A schema with a keyword that nobody here looks at is
//! refused, so that nothing fits because it was not checked.

use std::collections::BTreeMap;

use jiff::Timestamp;
use regex::Regex;
use serde_json::{Map, Value};

/// Keywords that are looked at, besides those that hold schemas and `pattern`.
const CHECKED: &[&str] = &["$ref", "type", "enum", "required", "minItems", "minimum", "format"];

/// Keywords that only say something.
const SAYING: &[&str] = &["$schema", "$id", "$comment", "title", "description", "contentEncoding"];

/// A schema whose keywords are all known and whose patterns are compiled.
pub(crate) struct JsonSchema {
    root: Value,
    patterns: BTreeMap<String, Regex>,
}

impl JsonSchema {
    /// The schema in a text.
    pub(crate) fn read(text: &str) -> Self {
        let root: Value = serde_json::from_str(text).expect("a schema is JSON");
        let mut patterns = BTreeMap::new();
        collect(&root, "#", &mut patterns);
        Self { root, patterns }
    }

    /// Everything in which a value does not fit.
    pub(crate) fn problems(&self, value: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.check(&self.root, value, "", &mut found);
        found
    }

    /// What the schema calls itself.
    pub(crate) fn id(&self) -> &str {
        self.root["$id"].as_str().expect("a schema has an id")
    }

    fn check(&self, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
        let keywords = match schema {
            Value::Bool(true) => return,
            Value::Bool(false) => {
                found.push(format!("{place}: nothing may stand here"));
                return;
            }
            other => other.as_object().expect("a schema is an object"),
        };
        // In draft 7 nothing beside a reference counts.
        if let Some(reference) = keywords.get("$ref") {
            self.check(self.target(reference), value, place, found);
            return;
        }
        for (keyword, rule) in keywords {
            match keyword.as_str() {
                "anyOf" => {
                    let fits = |one: &Value| self.misfits(one, value, place).is_empty();
                    if !list(rule).iter().any(fits) {
                        found.push(format!("{place}: it fits none of the alternatives: {value}"));
                    }
                }
                "allOf" => list(rule).iter().for_each(|one| self.check(one, value, place, found)),
                "items" => {
                    for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(rule, inner, &format!("{place}/{index}"), found);
                    }
                }
                "properties" | "additionalProperties" => self.check_fields(keywords, keyword, value, place, found),
                _ if self.holds(keyword, rule, value) => {}
                _ => found.push(format!("{place}: {keyword} {rule} does not hold for {value}")),
            }
        }
    }

    fn misfits(&self, schema: &Value, value: &Value, place: &str) -> Vec<String> {
        let mut found = Vec::new();
        self.check(schema, value, place, &mut found);
        found
    }

    fn check_fields(
        &self,
        keywords: &Map<String, Value>,
        keyword: &str,
        value: &Value,
        place: &str,
        found: &mut Vec<String>,
    ) {
        for (key, inner) in value.as_object().into_iter().flatten() {
            let named = keywords.get("properties").and_then(|properties| properties.get(key));
            let rule = if keyword == "properties" { named } else { keywords.get(keyword).filter(|_| named.is_none()) };
            if let Some(rule) = rule {
                self.check(rule, inner, &format!("{place}/{key}"), found);
            }
        }
    }

    /// Whether a keyword that is about the value alone holds. One for another type of value says nothing about it.
    fn holds(&self, keyword: &str, rule: &Value, value: &Value) -> bool {
        match keyword {
            "type" => is_of(rule.as_str().expect("one type"), value),
            "enum" => list(rule).contains(value),
            "required" => list(rule).iter().all(|key| {
                let key = key.as_str().expect("a key");
                value.as_object().is_none_or(|fields| fields.contains_key(key))
            }),
            "minItems" => {
                let least = rule.as_u64().expect("a number");
                value.as_array().is_none_or(|items| u64::try_from(items.len()).expect("not so many") >= least)
            }
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().expect("a number")),
            "pattern" => {
                let pattern = &self.patterns[rule.as_str().expect("a pattern")];
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "format" => value.as_str().is_none_or(|text| has_form(rule.as_str().expect("a format"), text)),
            _ => true,
        }
    }

    fn target(&self, reference: &Value) -> &Value {
        let reference = reference.as_str().expect("a reference is a text");
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} is in another file"));
        self.root.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
    }
}

/// Looks at every keyword, and compiles the patterns.
fn collect(schema: &Value, place: &str, patterns: &mut BTreeMap<String, Regex>) {
    if schema.is_boolean() {
        return;
    }
    for (keyword, rule) in schema.as_object().unwrap_or_else(|| panic!("{place} is no schema")) {
        let place = format!("{place}/{keyword}");
        match keyword.as_str() {
            "properties" | "definitions" => {
                for (name, inner) in rule.as_object().unwrap_or_else(|| panic!("{place} has no names")) {
                    collect(inner, &format!("{place}/{name}"), patterns);
                }
            }
            "anyOf" | "allOf" => list(rule).iter().for_each(|inner| collect(inner, &place, patterns)),
            "items" | "additionalProperties" => collect(rule, &place, patterns),
            "pattern" => {
                let text = rule.as_str().unwrap_or_else(|| panic!("{place} is no text"));
                let compiled = Regex::new(text).unwrap_or_else(|error| panic!("{place}: {error}"));
                patterns.insert(text.to_owned(), compiled);
            }
            known => assert!(
                CHECKED.contains(&known) || SAYING.contains(&known),
                "{place}: nobody looks at the keyword {known}"
            ),
        }
    }
}

fn list(rule: &Value) -> &[Value] {
    rule.as_array().expect("the keyword has a list")
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the type {other}"),
    }
}

/// A format is stricter than its pattern in places, and looser in others: both must hold.
fn has_form(format: &str, text: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic() && !"<>\"{}|\\^`".contains(c);
    match format {
        "date-time" => text.parse::<Timestamp>().is_ok(),
        "uri" => text.chars().all(plain) && text.split_once(':').is_some_and(|(scheme, _)| !scheme.is_empty()),
        "uri-reference" => text.chars().all(plain),
        "email" => text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty()),
        other => panic!("the format {other}"),
    }
}

#[test]
fn each_keyword_of_a_schema_can_fail() {
    let schema = JsonSchema::read(
        r##"{
            "$schema": "http://json-schema.org/draft-07/schema#", "$id": "x", "type": "object",
            "definitions": {
                "token": { "type": "string", "pattern": "^(\\p{L}|_)(\\p{L}|\\p{N}|[.\\-_])*$" },
                "when": { "type": "string", "format": "date-time" }
            },
            "properties": {
                "token": { "$ref": "#/definitions/token", "enum": ["beside a reference"] },
                "when": { "$ref": "#/definitions/when" },
                "word": { "allOf": [{ "$ref": "#/definitions/token" }, { "enum": ["one", "two"] }] },
                "many": { "type": "array", "minItems": 1, "items": { "type": "integer", "minimum": 1 } },
                "either": { "anyOf": [
                    { "properties": { "a": { "type": "string" } }, "required": ["a"], "additionalProperties": false },
                    { "properties": { "b": { "type": "string" } }, "required": ["b"], "additionalProperties": false }
                ] }
            },
            "required": ["token"], "additionalProperties": false
        }"##,
    );
    let problems = |text: &str| schema.problems(&serde_json::from_str(text).expect("it is JSON"));
    let right =
        r#"{ "token": "übung-1", "when": "2026-11-21T03:00:00Z", "word": "two", "many": [1], "either": { "b": "x" } }"#;
    assert_eq!(problems(right), [""; 0]);
    for wrong in [
        "[]",
        "{}",
        r#"{ "token": 1 }"#,
        r#"{ "token": "1-übung" }"#,
        r#"{ "token": "a b" }"#,
        r#"{ "token": "a", "other": 1 }"#,
        r#"{ "token": "a", "when": "2026-11-21" }"#,
        r#"{ "token": "a", "word": "three" }"#,
        r#"{ "token": "a", "many": [] }"#,
        r#"{ "token": "a", "many": [1.5] }"#,
        r#"{ "token": "a", "many": [0] }"#,
        r#"{ "token": "a", "either": {} }"#,
        r#"{ "token": "a", "either": { "a": "x", "b": "x" } }"#,
    ] {
        assert!(!problems(wrong).is_empty(), "{wrong}");
    }
}
