//! Shapes → JSON Schema (draft 2020-12), for editors. What is not supported yet is left out.

use serde_json::{Map, Value, json};

use crate::yaml::shape::{Field, Need, Shape};

/// A duration as `words::time::parse_duration` reads it.
const DURATION: &str = r"^\s*([0-9]+(\.[0-9]+)?\s*[a-zA-Zµ]+[\s,]*)+$";

/// Where a secret can be; exactly one is written.
const SECRET_SOURCES: &[&str] = &["env", "file", "ssm", "secretsmanager", "rds_iam", "master_password_reset"];

/// The schema of a whole document that is a mapping with these keys.
#[must_use]
pub fn document(title: &str, fields: &[Field]) -> Value {
    let mut schema = object(fields, &[]);
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "$defs": { "variable": { "type": "string", "pattern": r"^\$\{\{\s*vars\.[A-Za-z_][A-Za-z0-9_-]*\s*\}\}$" } },
    });
    if let (Value::Object(schema), Value::Object(mut head)) = (&mut schema, head) {
        head.append(schema);
        return Value::Object(head);
    }
    schema
}

fn object(fields: &[Field], one_of: &[&str]) -> Value {
    let mut properties = Map::new();
    for field in fields.iter().filter(|field| field.need != Need::NotYet) {
        let mut schema = shape(&field.shape);
        if !field.doc.is_empty() {
            schema["description"] = field.doc.into();
        }
        properties.insert(field.key.to_owned(), schema);
    }
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| field.need == Need::Required && !one_of.contains(&field.key))
        .map(|field| field.key)
        .collect();
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if !one_of.is_empty() {
        schema["oneOf"] = one_of.iter().map(|key| json!({ "required": [key] })).collect();
    }
    schema
}

fn shape(shape: &Shape) -> Value {
    match shape {
        Shape::Text => json!({ "type": "string", "minLength": 1 }),
        Shape::Template => json!({ "type": ["string", "number", "boolean"], "minLength": 1 }),
        Shape::Parsed { format: Some(pattern), .. } => or_variable(json!({ "type": "string", "pattern": pattern })),
        Shape::Parsed { format: None, .. } => json!({ "type": "string", "minLength": 1 }),
        Shape::Bool => or_variable(json!({ "type": "boolean" })),
        Shape::Integer { min, max } if min == max => json!({ "const": min }),
        Shape::Integer { min, max } => {
            let mut schema = json!({ "type": "integer", "minimum": min });
            if *max != i64::MAX {
                schema["maximum"] = json!(max);
            }
            or_variable(schema)
        }
        Shape::Number => or_variable(json!({ "type": "number" })),
        Shape::Duration => or_variable(json!({ "type": "string", "pattern": DURATION })),
        Shape::Choice(words) => or_variable(json!({ "enum": words })),
        Shape::Any => json!({}),
        Shape::Scalar => json!({ "type": ["string", "number", "boolean", "null"] }),
        Shape::List { of, min } => json!({ "type": "array", "items": self::shape(of), "minItems": min }),
        Shape::Map(fields) => {
            let mut schema = object(fields, &[]);
            if fields.iter().all(|field| field.need != Need::Required) {
                schema["type"] = json!(["object", "null"]);
            }
            schema
        }
        Shape::Dictionary { key, of, min } => dictionary(key, of, *min),
        Shape::OneOf(fields) => {
            let keys: Vec<&str> = supported(fields).map(|field| field.key).collect();
            object(fields, &keys)
        }
        Shape::Tagged { fields, exactly_one_of } => {
            let keys: Vec<&str> =
                supported(fields).map(|field| field.key).filter(|key| exactly_one_of.contains(key)).collect();
            object(fields, &keys)
        }
        Shape::Kinds { key, cases } => kinds(key, cases),
        Shape::OneOrMore(of) => {
            let one = self::shape(of);
            json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
        }
        Shape::Either { text, map } => json!({ "anyOf": [self::shape(text), self::shape(map)] }),
        Shape::SecretRef => secret(),
    }
}

fn supported(fields: &[Field]) -> impl Iterator<Item = &Field> {
    fields.iter().filter(|field| field.need != Need::NotYet)
}

/// A variable may stand wherever a scalar may: it is replaced before the definition is checked.
fn or_variable(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "$ref": "#/$defs/variable" }] })
}

fn dictionary(key: &Shape, of: &Shape, min: usize) -> Value {
    let mut schema = json!({ "type": "object", "additionalProperties": shape(of) });
    if let Shape::Parsed { format: Some(pattern), .. } = key {
        schema["propertyNames"] = json!({ "pattern": pattern });
    }
    if min > 0 {
        schema["minProperties"] = json!(min);
    }
    schema
}

fn kinds(key: &str, cases: &[(&'static str, Vec<Field>)]) -> Value {
    let each: Vec<Value> = cases
        .iter()
        .map(|(word, fields)| {
            let mut schema = object(fields, &[]);
            schema["properties"][key] = json!({ "const": word, "description": "Which kind." });
            let mut required = vec![json!(key)];
            if let Some(Value::Array(more)) = schema.get("required") {
                required.extend(more.iter().cloned());
            }
            schema["required"] = Value::Array(required);
            schema
        })
        .collect();
    match each.as_slice() {
        [only] => only.clone(),
        _ => json!({ "oneOf": each }),
    }
}

fn secret() -> Value {
    let text = json!({ "type": "string", "minLength": 1 });
    json!({
        "description": "Where the secret is; never the secret itself.",
        "type": "object",
        "properties": {
            "env": { "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "description": "A variable of the environment." },
            "file": text,
            "ssm": { "type": "string", "minLength": 1, "description": "A parameter of SSM, decrypted." },
            "secretsmanager": text,
            "key": text,
            "rds_iam": { "const": true, "description": "Of a database: a token that IAM signs for the login." },
            "master_password_reset": {
                "const": true,
                "description": "Of a database: the run sets a new master password and logs in with it.",
            },
        },
        "additionalProperties": false,
        "oneOf": SECRET_SOURCES.iter().map(|source| json!({ "required": [source] })).collect::<Vec<Value>>(),
        "dependentRequired": { "key": ["secretsmanager"] },
    })
}

#[cfg(test)]
mod tests {
    use super::document;
    use crate::yaml::shape::{Field, Shape};

    #[test]
    fn a_secret_has_one_source() {
        let schema = document("a test", &[Field::optional("password", Shape::SecretRef, "A password.")]);
        let password = &schema["properties"]["password"];
        let sources = password["oneOf"].as_array().unwrap();
        let known = password["properties"].as_object().unwrap();
        assert_eq!(sources.len(), known.len() - 1, "all but `key`");
        assert!(sources.iter().all(|source| known.contains_key(source["required"][0].as_str().unwrap())));
    }

    #[test]
    fn keys_that_are_not_supported_yet_are_left_out() {
        let fields =
            vec![Field::required("name", Shape::Text, "The name."), Field::not_yet("schedule", Shape::Text, "later")];
        let schema = document("a test", &fields);
        assert_eq!(schema["properties"]["name"]["description"], "The name.");
        assert_eq!(schema["required"][0], "name");
        assert_eq!(schema["additionalProperties"], false);
        assert!(schema["properties"].get("schedule").is_none());
    }
}
