//! The JSON Schema (draft 2020-12) of `report.json`, which `drill schema report` prints.
//!
//! Written by hand beside [`crate::report::json`] and [`crate::report::facts::Context`]; the tests hold real reports to
//! it, key by key. It allows keys that it does not name: a version only ever gains keys.

mod context;

use serde_json::{Map, Value, json};

use crate::report::json::VERSION;
use crate::words::kind::{Mode, ResourceKind, Verdict};

/// Words for the status of a step.
const STATUSES: [&str; 7] = ["passed", "failed", "skipped", "not_needed", "not_measured", "waiting", "running"];

/// The schema of `report.json`: of the summary, and of the context below `report`.
#[must_use]
pub fn report() -> Value {
    let mut schema = object(&[
        ("version", said("Version of this shape.", json!({ "const": VERSION }))),
        ("run", said("The run's id.", text())),
        ("drill", said("The drill's name.", text())),
        ("mode", said("What was talked to; only `aws` is evidence.", json!({ "enum": Mode::WORDS }))),
        ("verdict", said("How the run ended; null while it has not.", or_null(json!({ "enum": Verdict::WORDS })))),
        ("exit_code", said("The verdict's exit code.", or_null(integer()))),
        ("earlier_verdicts", said("Verdicts before that one: the teardown was opened again.", list(earlier()))),
        ("evidence", said("Always null: the report does not know where it lies.", or_null(text()))),
        ("measures", said("The worst over all restores.", measures())),
        ("steps", said("Every step, in the plan's order.", list(step()))),
        ("kept_until", said("Until when something is kept on purpose.", or_null(text()))),
        ("cost", said("Null unless the definition has rates.", or_null(cost()))),
        ("created", said("Everything that the run may have made.", list(created()))),
        ("gates", said("Answers of people, by gate.", map(gate()))),
        ("actions", said("What was done, by action.", map(action()))),
        ("failure", said("The failure that decided.", or_null(failure()))),
        ("failures", said("Every failure, the most important first.", list(failure()))),
        ("restores", said("By name.", map(restore()))),
        ("report", said("What the report's template gets: texts for people.", context::context())),
    ]);
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The report.json of a drill",
    });
    if let (Value::Object(schema), Value::Object(mut head)) = (&mut schema, head) {
        head.append(schema);
        return Value::Object(head);
    }
    schema
}

fn earlier() -> Value {
    object(&[("verdict", json!({ "enum": Verdict::WORDS })), ("at", text()), ("records", integer())])
}

fn measures() -> Value {
    let mut schema = four();
    // Only where restores must be consistent with each other.
    schema["properties"]["skew"] = measure();
    schema
}

fn four() -> Value {
    object(&[("rto", measure()), ("rpo", measure()), ("copy_lag", measure()), ("data_age", measure())])
}

fn measure() -> Value {
    object(&[
        ("seconds", or_null(number())),
        ("target_seconds", or_null(number())),
        ("met", said("Null without a target.", or_null(boolean()))),
    ])
}

fn step() -> Value {
    object(&[
        ("id", text()),
        ("kind", text()),
        ("status", json!({ "enum": STATUSES })),
        ("seconds", or_null(number())),
        ("attempts", integer()),
    ])
}

fn cost() -> Value {
    object(&[("spent_usd", number()), ("max_usd", or_null(number()))])
}

fn created() -> Value {
    object(&[
        ("arn", text()),
        ("type", or_null(json!({ "enum": ResourceKind::WORDS }))),
        ("removed", boolean()),
        ("state", json!({ "enum": ["gone", "kept", "present", "unknown"] })),
    ])
}

fn gate() -> Value {
    let mut schema = object(&[("approved", boolean()), ("by", text()), ("at", text())]);
    // Only where there is one.
    schema["properties"]["note"] = text();
    schema
}

fn action() -> Value {
    object(&[("attempts", integer()), ("undone", said("Null without an undo.", or_null(boolean())))])
}

fn failure() -> Value {
    object(&[
        ("step", said("Null where it is about the whole run.", or_null(text()))),
        ("class", text()),
        ("message", text()),
        ("request_id", said("AWS's.", or_null(text()))),
    ])
}

fn restore() -> Value {
    object(&[
        ("measures", or_null(four())),
        ("recovery_point", or_null(text())),
        ("job", or_null(text())),
        ("arn", or_null(text())),
    ])
}

/// An object with these keys, all of which are always there.
fn object(fields: &[(&str, Value)]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|(key, schema)| ((*key).to_owned(), schema.clone())).collect();
    let required: Vec<&str> = fields.iter().map(|(key, _)| *key).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn said(description: &str, mut schema: Value) -> Value {
    schema["description"] = description.into();
    schema
}

fn list(of: Value) -> Value {
    json!({ "type": "array", "items": of })
}

fn map(of: Value) -> Value {
    json!({ "type": "object", "additionalProperties": of })
}

fn or_null(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn number() -> Value {
    json!({ "type": "number" })
}

fn integer() -> Value {
    json!({ "type": "integer" })
}

fn boolean() -> Value {
    json!({ "type": "boolean" })
}
